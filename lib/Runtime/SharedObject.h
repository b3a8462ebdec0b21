//===- SharedObject.h - CPU code from memory -------------------*- C++ -*-===//
//
// Part of the TransMamba compiler.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_RUNTIME_SHAREDOBJECT_H
#define TRANSMAMBA_LIB_RUNTIME_SHAREDOBJECT_H

#include "transmamba/Package/Bytes.h"

#include <string>

namespace transmamba::runtime {

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
  void *handle = nullptr;
};

} // namespace transmamba::runtime

#endif // TRANSMAMBA_LIB_RUNTIME_SHAREDOBJECT_H
