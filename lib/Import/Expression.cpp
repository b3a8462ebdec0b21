//===- Expression.cpp - Arithmetic of a graph -----------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Expression.h"
#include "Limits.h"
#include "Source.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CheckedArithmetic.h"
#include <cmath>

using namespace transmamba::graph;
using llvm::StringRef;

bool transmamba::graph::isIdentifier(StringRef text) {
  if (text.empty() || text.size() > kMaxNameLength ||
      !(llvm::isAlpha(text.front()) || text.front() == '_'))
    return false;
  return llvm::all_of(text,
                      [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

namespace {
enum class Operator { Add, Sub, Mul, Div, FloorDiv, Mod };

/// Recursive descent: sum of products of signed atoms.
class Evaluator {
public:
  Evaluator(StringRef text, Lookup lookup, std::string &error)
      : rest(text), lookup(lookup), error(error) {}

  std::optional<Number> run() {
    std::optional<Number> value = sum(0);
    if (!value)
      return std::nullopt;
    if (!skipSpace().empty())
      return fail("unexpected '" + printable(rest) + "'");
    return value;
  }

private:
  std::nullopt_t fail(const llvm::Twine &why) {
    error = why.str();
    return std::nullopt;
  }

  StringRef skipSpace() { return rest = rest.ltrim(' '); }

  bool consume(StringRef token) {
    skipSpace();
    return rest.consume_front(token);
  }

  std::optional<Number> sum(size_t depth) {
    std::optional<Number> left = product(depth);
    while (left) {
      Operator op;
      if (consume("+"))
        op = Operator::Add;
      else if (consume("-"))
        op = Operator::Sub;
      else
        return left;
      left = apply(op, *left, product(depth));
    }
    return left;
  }

  std::optional<Number> product(size_t depth) {
    std::optional<Number> left = atom(depth);
    while (left) {
      Operator op;
      if (consume("*"))
        op = Operator::Mul;
      else if (consume("//"))
        op = Operator::FloorDiv;
      else if (consume("/"))
        op = Operator::Div;
      else if (consume("%"))
        op = Operator::Mod;
      else
        return left;
      left = apply(op, *left, atom(depth));
    }
    return left;
  }

  std::optional<Number> atom(size_t depth) {
    if (depth > kMaxExpressionDepth)
      return fail("it is nested too deeply");
    if (consume("-"))
      return apply(Operator::Sub, Number::of(int64_t(0)), atom(depth + 1));
    if (consume("(")) {
      std::optional<Number> value = sum(depth + 1);
      if (value && !consume(")"))
        return fail("a ')' is missing");
      return value;
    }
    skipSpace();
    if (!rest.empty() && (llvm::isDigit(rest.front()) || rest.front() == '.'))
      return literal();
    StringRef name =
        rest.take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
    if (name.empty())
      return rest.empty() ? fail("a value is missing at the end")
                          : fail("unexpected '" + printable(rest) + "'");
    rest = rest.drop_front(name.size());
    return lookup(name, error);
  }

  std::optional<Number> literal() {
    StringRef digits =
        rest.take_while([](char c) { return llvm::isDigit(c) || c == '.'; });
    size_t size = digits.size();
    // An exponent, with its sign.
    if (size < rest.size() && (rest[size] == 'e' || rest[size] == 'E')) {
      ++size;
      if (size < rest.size() && (rest[size] == '+' || rest[size] == '-'))
        ++size;
      while (size < rest.size() && llvm::isDigit(rest[size]))
        ++size;
    }
    StringRef text = rest.take_front(size);
    rest = rest.drop_front(size);
    int64_t integer;
    if (llvm::all_of(text, llvm::isDigit)) {
      if (text.getAsInteger(10, integer))
        return fail("the number " + text + " is out of range");
      return Number::of(integer);
    }
    double real;
    if (text.getAsDouble(real, /*AllowInexact=*/true) || !std::isfinite(real))
      return fail("'" + text + "' is not a number");
    return Number::of(real);
  }

  std::optional<Number> apply(Operator op, Number left,
                              std::optional<Number> right) {
    if (!right)
      return std::nullopt;
    if (left.isInteger && right->isInteger)
      return applyInteger(op, left.integer, right->integer);
    double value = 0;
    switch (op) {
    case Operator::Add:
      value = left.real + right->real;
      break;
    case Operator::Sub:
      value = left.real - right->real;
      break;
    case Operator::Mul:
      value = left.real * right->real;
      break;
    case Operator::Div:
      value = left.real / right->real;
      break;
    case Operator::FloorDiv:
    case Operator::Mod:
      return fail("'//' and '%' are for integers only");
    }
    if (!std::isfinite(value))
      return fail("the result is not finite");
    return Number::of(value);
  }

  std::optional<Number> applyInteger(Operator op, int64_t left, int64_t right) {
    std::optional<int64_t> value;
    switch (op) {
    case Operator::Add:
      value = llvm::checkedAdd(left, right);
      break;
    case Operator::Sub:
      value = llvm::checkedSub(left, right);
      break;
    case Operator::Mul:
      value = llvm::checkedMul(left, right);
      break;
    case Operator::Div:
    case Operator::FloorDiv:
    case Operator::Mod:
      if (left < 0 || right <= 0)
        return fail("integers are divided only if the left one is not "
                    "negative and the right one is positive");
      if (op == Operator::Div && left % right != 0)
        return fail(llvm::Twine(left) + " / " + llvm::Twine(right) +
                    " is not a whole number ('//' rounds down)");
      value = op == Operator::Mod ? left % right : left / right;
      break;
    }
    if (!value)
      return fail("the result overflows 64 bits");
    return Number::of(*value);
  }

  StringRef rest;
  Lookup lookup;
  std::string &error;
};
} // namespace

std::optional<Number> transmamba::graph::evaluate(StringRef text, Lookup lookup,
                                                  std::string &error) {
  if (text.size() > kMaxExpressionLength) {
    error = "it is too long";
    return std::nullopt;
  }
  return Evaluator(text, lookup, error).run();
}
