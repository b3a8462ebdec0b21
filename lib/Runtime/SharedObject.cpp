//===- SharedObject.cpp - CPU code from memory ----------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
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

/// Writes all bytes; false, with errno set, where that fails.
static bool writeAll(int descriptor, package::ByteView bytes) {
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

MemoryFile::MemoryFile(package::ByteView bytes, const std::string &where)
    : descriptor(::memfd_create("transmamba-code", MFD_CLOEXEC)) {
  if (descriptor >= 0 && writeAll(descriptor, bytes))
    return;
  std::string reason = std::strerror(errno);
  if (descriptor >= 0)
    ::close(descriptor);
  throw Failure(TM_DEVICE_ERROR, where,
                "the CPU code cannot be put into a memory file: " + reason);
}

MemoryFile::~MemoryFile() { ::close(descriptor); }

std::string MemoryFile::path() const {
  return "/proc/self/fd/" + std::to_string(descriptor);
}

/// `bytes`, once they have passed checkElf.
static package::ByteView checkedObject(package::ByteView bytes,
                                       const std::string &where) {
  std::string reason = checkElf(bytes, hostMachine);
  if (!reason.empty())
    throw Failure(TM_BAD_PACKAGE, where, "the CPU code " + reason);
  return bytes;
}

SharedObject::SharedObject(package::ByteView bytes, const std::string &where)
    : file(checkedObject(bytes, where), where) {
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
