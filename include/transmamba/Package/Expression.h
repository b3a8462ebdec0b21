//===- Expression.h - Symbolic sizes ----------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Grids, buffer sizes and offsets of a launch plan are small expressions over
// the symbols that the shapes of the inputs bind (docs/package.md). They are
// evaluated in checked 64-bit arithmetic.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_PACKAGE_EXPRESSION_H
#define TRANSMAMBA_PACKAGE_EXPRESSION_H

#include "transmamba/Package/Error.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace transmamba::package {

/// Values of the symbols of an entry point; a handful, so searched in order.
using Bindings = std::vector<std::pair<std::string, int64_t>>;

/// The symbol that the device binds: the number of a GPU's multiprocessors, 1
/// on a processor. No input can have this name.
inline constexpr const char *multiprocessorsSymbol = "$multiprocessors";

/// An integer, a symbol, or an operator applied to expressions. A value type.
class Expression {
public:
  enum class Op : uint8_t {
    Constant,
    Symbol,
    Add,     // two or more operands
    Mul,     // two or more operands
    Min,     // two or more operands
    Max,     // two or more operands
    Sub,     // two operands
    Div,     // two non-negative operands, rounds down
    CeilDiv, // two non-negative operands, rounds up
    Mod,     // two non-negative operands
  };

  /// Operators nest at most this deep.
  static constexpr unsigned maxDepth = 32;

  Expression() = default;
  Expression(int64_t value) : value(value) {}
  Expression(int value) : value(value) {}
  Expression(std::string symbol) : op(Op::Symbol), name(std::move(symbol)) {}
  Expression(const char *symbol) : op(Op::Symbol), name(symbol) {}
  /// Operator `op` applied to `operands`; see Op for how many it takes.
  Expression(Op op, std::vector<Expression> operands)
      : op(op), children(std::move(operands)) {}

  /// The operators. Operands of add, mul, min and max that are the same
  /// operator are merged, so that long sums do not nest.
  static Expression add(Expression a, Expression b);
  static Expression sub(Expression a, Expression b);
  static Expression mul(Expression a, Expression b);
  static Expression div(Expression a, Expression b);
  static Expression ceilDiv(Expression a, Expression b);
  static Expression mod(Expression a, Expression b);
  static Expression min(Expression a, Expression b);
  static Expression max(Expression a, Expression b);

  /// Parses the JSON form: `7`, `"T"` or `["mul", "B", ["add", "T", 1]]`. The
  /// error's place is a JSON pointer into `json`.
  static Result<Expression> parse(std::string_view json);

  Op kind() const { return op; }
  bool isConstant() const { return op == Op::Constant; }
  bool isSymbol() const { return op == Op::Symbol; }
  /// The value of a constant.
  int64_t constant() const { return value; }
  /// The name of a symbol.
  const std::string &symbol() const { return name; }
  const std::vector<Expression> &operands() const { return children; }

  /// The value under `bindings`. Overflow, division by zero, a negative operand
  /// of a division and an unbound symbol are errors.
  Result<int64_t> evaluate(const Bindings &bindings) const;

  /// As evaluate; a negative value is an error too.
  Result<int64_t> evaluateSize(const Bindings &bindings) const;

  /// Calls `visit(const std::string &)` for every symbol that occurs.
  template <typename Visitor> void forEachSymbol(Visitor &&visit) const {
    if (op == Op::Symbol)
      visit(name);
    for (const Expression &child : children)
      child.forEachSymbol(visit);
  }

  /// The form that people read: `ceildiv(B * T, 64)`.
  std::string str() const;

  /// The form that parse reads.
  std::string json() const;

  bool operator==(const Expression &other) const;
  bool operator!=(const Expression &other) const { return !(*this == other); }

private:
  Op op = Op::Constant;
  int64_t value = 0;
  std::string name;
  std::vector<Expression> children;
};

/// "add", "ceildiv", ...; empty for constants and symbols.
std::string_view operatorName(Expression::Op op);

} // namespace transmamba::package

#endif // TRANSMAMBA_PACKAGE_EXPRESSION_H
