//===- Failure.h - How the tool ends ----------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_TRANSMAMBA_RUN_FAILURE_H
#define TRANSMAMBA_TOOLS_TRANSMAMBA_RUN_FAILURE_H

#include "transmamba/Package/Error.h"

#include <string>
#include <utility>

namespace transmamba::run {

/// Exit codes, as --help lists them.
enum ExitCode { Success = 0, BadInput = 1, Mismatch = 2 };

/// Thrown where the tool cannot go on; the message is a whole line.
struct Failure {
  std::string line;

  explicit Failure(std::string line) : line(std::move(line)) {}
  explicit Failure(const package::Error &error) : line(error.str()) {}
};

/// A Failure for what the user has typed.
[[noreturn]] inline void failUsage(const std::string &what) {
  throw Failure(std::string(TRANSMAMBA_TOOL_NAME ": error: ") + what);
}

template <typename T> T unwrap(package::Result<T> result) {
  if (!result)
    throw Failure(result.error());
  return std::move(*result);
}

inline void check(const package::Error &error) {
  if (error)
    throw Failure(error);
}

} // namespace transmamba::run

#endif // TRANSMAMBA_TOOLS_TRANSMAMBA_RUN_FAILURE_H
