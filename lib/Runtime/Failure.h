//===- Failure.h - Errors inside the runtime --------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Inside the runtime an error is an exception; the C interface turns it into a
// status and a message. No exception leaves the library.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_RUNTIME_FAILURE_H
#define TRANSMAMBA_LIB_RUNTIME_FAILURE_H

#include "transmamba/Package/Error.h"
#include "transmamba/Runtime/runtime.h"

#include <string>
#include <utility>

namespace transmamba::runtime {

/// What a call could not do.
struct Failure {
  tm_status status;
  package::Error error;

  Failure(tm_status status, package::Error error)
      : status(status), error(std::move(error)) {}
  Failure(tm_status status, std::string where, std::string what)
      : status(status), error(std::move(where), std::move(what)) {}
};

/// The value of `result`; throws a Failure with `status` where there is none.
template <typename T> T unwrap(package::Result<T> result, tm_status status) {
  if (!result)
    throw Failure(status, result.takeError());
  return std::move(*result);
}

inline void check(const package::Error &error, tm_status status) {
  if (error)
    throw Failure(status, error);
}

inline std::string inQuotes(std::string_view text) {
  return "'" + std::string(text) + "'";
}

} // namespace transmamba::runtime

#endif // TRANSMAMBA_LIB_RUNTIME_FAILURE_H
