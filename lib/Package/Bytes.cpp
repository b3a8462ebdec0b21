//===- Bytes.cpp - Mapped files -------------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Package/Bytes.h"

#include "transmamba/Package/CheckedMath.h"
#include "transmamba/Package/Manifest.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace transmamba::package {

MappedFile::MappedFile(MappedFile &&other) noexcept {
  *this = std::move(other);
}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(name, other.name);
  std::swap(base, other.base);
  std::swap(length, other.length);
  std::swap(mapped, other.mapped);
  return *this;
}

MappedFile::~MappedFile() {
  if (mapped)
    ::munmap(base, length);
  else
    std::free(base);
}

/// Maps the open file `descriptor`.
static Result<void *> mapDescriptor(int descriptor, const std::string &path,
                                    uint64_t &length) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0)
    return Error(path,
                 std::string("cannot be examined: ") + std::strerror(errno));
  if (!S_ISREG(status.st_mode))
    return Error(path, "is not a regular file, so it cannot be mapped");
  length = static_cast<uint64_t>(status.st_size);
  if (length == 0)
    return Error(path, "is empty");
  void *base = ::mmap(nullptr, length, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (base == MAP_FAILED)
    return Error(path,
                 std::string("cannot be mapped: ") + std::strerror(errno));
  return base;
}

Result<MappedFile> MappedFile::open(const std::string &path) {
  if (path.empty())
    return Error("''", "the name of a file is empty");
  // Without O_NONBLOCK a pipe that nobody writes to would never open.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return Error(path,
                 std::string("cannot be opened: ") + std::strerror(errno));
  MappedFile file;
  file.name = path;
  Result<void *> base = mapDescriptor(descriptor, path, file.length);
  ::close(descriptor);
  if (!base)
    return base.takeError();
  file.base = *base;
  file.mapped = true;
  return file;
}

Result<MappedFile> MappedFile::copy(ByteView bytes, std::string name) {
  MappedFile file;
  std::optional<uint64_t> size =
      checkedAlignTo<uint64_t>(bytes.size() + 1, dataAlignment);
  file.base = size ? std::aligned_alloc(dataAlignment, *size) : nullptr;
  if (!file.base)
    return Error(std::move(name), "out of memory");
  file.name = std::move(name);
  file.length = bytes.size();
  if (!bytes.empty())
    std::memcpy(file.base, bytes.data(), bytes.size());
  return file;
}

} // namespace transmamba::package
