//===- SharedObject.h - CPU code from memory --------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_RUNTIME_SHAREDOBJECT_H
#define TRANSMAMBA_LIB_RUNTIME_SHAREDOBJECT_H

#include "transmamba/Package/Bytes.h"

#include <string>

namespace transmamba::runtime {

/// An anonymous file in memory.
class MemoryFile {
public:
  /// Makes a file of `bytes`; `where` is named in errors. Throws Failure.
  MemoryFile(package::ByteView bytes, const std::string &where);
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;
  ~MemoryFile();

  /// A path under which the file can be opened.
  std::string path() const;

private:
  int descriptor;
};

/// A shared object that was loaded from memory, through an anonymous file.
class SharedObject {
public:
  /// Loads `bytes`; `where` is named in errors. Throws Failure.
  SharedObject(package::ByteView bytes, const std::string &where);
  SharedObject(const SharedObject &) = delete;
  SharedObject &operator=(const SharedObject &) = delete;
  ~SharedObject();

  /// The address of a function, or null.
  void *find(const std::string &symbol) const;

private:
  /// Open as long as the object is loaded: the dynamic linker takes two objects
  /// with the same path for one, and the path is the number of the descriptor.
  MemoryFile file;
  void *handle = nullptr;
};

} // namespace transmamba::runtime

#endif // TRANSMAMBA_LIB_RUNTIME_SHAREDOBJECT_H
