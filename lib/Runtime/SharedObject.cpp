//===- SharedObject.cpp - CPU code from memory -----------------*- C++ -*-===//
//
// Part of the TransMamba compiler.
//
//===----------------------------------------------------------------------===//

#include "SharedObject.h"

#include "Elf.h"
#include "Failure.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

namespace transmamba::runtime {

#if defined(__x86_64__)
static constexpr unsigned hostMachine = EM_X86_64;
#elif defined(__aarch64__)
static constexpr unsigned hostMachine = EM_AARCH64;
#else
static constexpr unsigned hostMachine = EM_NONE;
#endif

namespace {
/// An anonymous file in memory.
class MemoryFile {
public:
  MemoryFile() : descriptor(::memfd_create("transmamba-code", MFD_CLOEXEC)) {}
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;
  ~MemoryFile() {
    if (descriptor >= 0)
      ::close(descriptor);
  }

  /// Writes all bytes; false, with errno set, where that fails.
  bool write(package::ByteView bytes) const {
    if (descriptor < 0)
      return false;
    uint64_t done = 0;
    while (done < bytes.size()) {
      ssize_t count =
          ::write(descriptor, bytes.data() + done, bytes.size() - done);
      if (count < 0 && errno == EINTR)
        continue;
      if (count < 0)
        return false;
      done += static_cast<uint64_t>(count);
    }
    return true;
  }
  std::string path() const {
    return "/proc/self/fd/" + std::to_string(descriptor);
  }

private:
  int descriptor;
};
} // namespace

SharedObject::SharedObject(package::ByteView bytes, const std::string &where) {
  std::string reason = checkElf(bytes, hostMachine);
  if (!reason.empty())
    throw Failure(TM_BAD_PACKAGE, where, "the CPU code " + reason);
  MemoryFile file;
  if (!file.write(bytes))
    throw Failure(TM_DEVICE_ERROR, where,
                  std::string("the CPU code cannot be put into a memory "
                              "file: ") +
                      std::strerror(errno));
  handle = ::dlopen(file.path().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *message = ::dlerror();
    throw Failure(TM_BAD_PACKAGE, where,
                  std::string("the CPU code cannot be loaded: ") +
                      (message ? message : "dlopen gives no reason"));
  }
}

SharedObject::~SharedObject() {
  if (handle)
    ::dlclose(handle);
}

void *SharedObject::find(const std::string &symbol) const {
  return ::dlsym(handle, symbol.c_str());
}

} // namespace transmamba::runtime
