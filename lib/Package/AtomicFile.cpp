//===- AtomicFile.cpp - Files that appear when complete -------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "AtomicFile.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace transmamba::package {

AtomicFile::~AtomicFile() {
  if (descriptor >= 0)
    ::close(descriptor);
  if (!temporary.empty())
    ::unlink(temporary.c_str());
}

Error AtomicFile::systemError(const char *what) const {
  return Error(target, std::string(what) + ": " + std::strerror(errno));
}

Error AtomicFile::open() {
  struct stat status;
  bool exists = ::stat(target.c_str(), &status) == 0;
  if (exists && !S_ISREG(status.st_mode))
    return Error(target, "cannot be replaced: it is not a regular file");
  std::string name = target + ".tmp-XXXXXX";
  descriptor = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor < 0)
    return systemError("cannot be created");
  temporary = name;
  // mkostemp makes private files; give it the mode of the file it replaces, or
  // that of any new file.
  mode_t mask = ::umask(0);
  ::umask(mask);
  mode_t mode = exists ? status.st_mode & 0777 : 0666 & ~mask;
  if (::fchmod(descriptor, mode) != 0)
    return systemError("cannot be given its mode");
  return Error::success();
}

Error AtomicFile::reserve(uint64_t bytes) {
  if (::fallocate(descriptor, 0, 0, static_cast<off_t>(bytes)) == 0 ||
      (errno != ENOSPC && errno != EFBIG && errno != EDQUOT))
    return Error::success(); // or the file system cannot tell
  return systemError("cannot be written");
}

Error AtomicFile::writeAt(uint64_t offset, ByteView bytes) {
  const uint8_t *data = bytes.data();
  uint64_t left = bytes.size();
  while (left > 0) {
    // Linux moves at most 2 GiB at a time.
    size_t piece = left < (1u << 30) ? left : (1u << 30);
    ssize_t written =
        ::pwrite(descriptor, data, piece, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return systemError("cannot be written");
    data += written;
    offset += static_cast<uint64_t>(written);
    left -= static_cast<uint64_t>(written);
  }
  return Error::success();
}

Error AtomicFile::append(ByteView bytes) {
  if (Error error = writeAt(length, bytes))
    return error;
  length += bytes.size();
  return Error::success();
}

Error AtomicFile::overwrite(uint64_t offset, ByteView bytes) {
  if (offset > length || bytes.size() > length - offset)
    return Error(target, "internal error: overwriting beyond the end");
  return writeAt(offset, bytes);
}

Error AtomicFile::commit() {
  // What was reserved may be more.
  if (::ftruncate(descriptor, static_cast<off_t>(length)) != 0 ||
      ::fsync(descriptor) != 0)
    return systemError("cannot be written");
  int closed = ::close(descriptor);
  descriptor = -1;
  if (closed != 0)
    return systemError("cannot be written");
  if (std::rename(temporary.c_str(), target.c_str()) != 0)
    return systemError("cannot be put in place");
  temporary.clear();
  return Error::success();
}

} // namespace transmamba::package
