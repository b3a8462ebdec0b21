//===- Expression.h - Arithmetic of a graph ---------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_IMPORT_EXPRESSION_H
#define TRANSMAMBA_LIB_IMPORT_EXPRESSION_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>

namespace transmamba::graph {

/// A 64-bit integer or a float.
struct Number {
  bool isInteger = true;
  int64_t integer = 0;
  double real = 0;

  static Number of(int64_t value) {
    return {true, value, static_cast<double>(value)};
  }
  static Number of(double value) { return {false, 0, value}; }
};

/// The value of a name; without one, `error` says why.
using Lookup = llvm::function_ref<std::optional<Number>(llvm::StringRef name,
                                                        std::string &error)>;

/// Evaluates `+ - * / // % ( )` over numbers and names. Integers stay integers
/// and are checked: overflow is an error, `/` must come out even (`//` rounds
/// down). Without a value, `error` says why.
std::optional<Number> evaluate(llvm::StringRef text, Lookup lookup,
                               std::string &error);

/// Whether a text is a name that expressions can use.
bool isIdentifier(llvm::StringRef text);

} // namespace transmamba::graph

#endif // TRANSMAMBA_LIB_IMPORT_EXPRESSION_H
