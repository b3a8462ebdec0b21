//===- Error.h - Errors as values -------------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Errors of the LLVM-free libraries are values, so that code built with and
// without exceptions can call them. The conventions are those of llvm::Error
// and llvm::Expected: an Error is true when something went wrong, a Result is
// true when it holds a value.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_PACKAGE_ERROR_H
#define TRANSMAMBA_PACKAGE_ERROR_H

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace transmamba::package {

/// Success, or what went wrong, why, and where.
class [[nodiscard]] Error {
public:
  /// Success.
  Error() = default;
  /// A failure. `where` is the file (or other origin) that is at fault, `what`
  /// says what is wrong, why, and what to do about it.
  Error(std::string where, std::string what)
      : contents(Contents{std::move(where), std::move(what)}) {}

  static Error success() { return Error(); }

  /// True for a failure.
  explicit operator bool() const { return contents.has_value(); }

  const std::string &where() const { return contents->where; }
  const std::string &what() const { return contents->what; }

  /// `where: error: what`, the form in which every tool prints it.
  std::string str() const {
    return contents ? contents->where + ": error: " + contents->what
                    : std::string("success");
  }

private:
  struct Contents {
    std::string where;
    std::string what;
  };
  std::optional<Contents> contents;
};

/// A value or the Error that kept it from being computed.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : storage(std::in_place_index<0>, std::move(value)) {}
  /// `error` must be a failure.
  Result(Error error) : storage(std::in_place_index<1>, std::move(error)) {}

  /// True when there is a value.
  explicit operator bool() const { return storage.index() == 0; }

  T &operator*() { return *std::get_if<0>(&storage); }
  const T &operator*() const { return *std::get_if<0>(&storage); }
  T *operator->() { return std::get_if<0>(&storage); }
  const T *operator->() const { return std::get_if<0>(&storage); }

  /// The failure; only where there is no value.
  const Error &error() const { return *std::get_if<1>(&storage); }
  Error takeError() { return std::move(*std::get_if<1>(&storage)); }

private:
  std::variant<T, Error> storage;
};

} // namespace transmamba::package

#endif // TRANSMAMBA_PACKAGE_ERROR_H
