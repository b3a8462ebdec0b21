//===- Expression.cpp - Symbolic sizes ------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Package/Expression.h"

#include "ExpressionJson.h"
#include "transmamba/Package/CheckedMath.h"

#include <algorithm>

namespace transmamba::package {

using Op = Expression::Op;

namespace {
struct OpInfo {
  Op op;
  std::string_view name;
  /// Takes two or more operands; the others take exactly two.
  bool variadic;
};
} // namespace

static constexpr OpInfo opTable[] = {
    {Op::Add, "add", true},          {Op::Mul, "mul", true},
    {Op::Min, "min", true},          {Op::Max, "max", true},
    {Op::Sub, "sub", false},         {Op::Div, "div", false},
    {Op::CeilDiv, "ceildiv", false}, {Op::Mod, "mod", false},
};

static const OpInfo *findOp(Op op) {
  for (const OpInfo &info : opTable)
    if (info.op == op)
      return &info;
  return nullptr;
}

std::string_view operatorName(Op op) {
  const OpInfo *info = findOp(op);
  return info ? info->name : std::string_view();
}

static Expression binary(Op op, Expression a, Expression b) {
  std::vector<Expression> operands;
  operands.push_back(std::move(a));
  operands.push_back(std::move(b));
  return Expression(op, std::move(operands));
}

/// op(op(a, b), c) is op(a, b, c): long sums do not nest.
static Expression associative(Op op, Expression a, Expression b) {
  std::vector<Expression> operands;
  for (Expression *side : {&a, &b}) {
    if (side->kind() == op)
      operands.insert(operands.end(), side->operands().begin(),
                      side->operands().end());
    else
      operands.push_back(std::move(*side));
  }
  return Expression(op, std::move(operands));
}

Expression Expression::add(Expression a, Expression b) {
  return associative(Op::Add, std::move(a), std::move(b));
}
Expression Expression::sub(Expression a, Expression b) {
  return binary(Op::Sub, std::move(a), std::move(b));
}
Expression Expression::mul(Expression a, Expression b) {
  return associative(Op::Mul, std::move(a), std::move(b));
}
Expression Expression::div(Expression a, Expression b) {
  return binary(Op::Div, std::move(a), std::move(b));
}
Expression Expression::ceilDiv(Expression a, Expression b) {
  return binary(Op::CeilDiv, std::move(a), std::move(b));
}
Expression Expression::mod(Expression a, Expression b) {
  return binary(Op::Mod, std::move(a), std::move(b));
}
Expression Expression::min(Expression a, Expression b) {
  return associative(Op::Min, std::move(a), std::move(b));
}
Expression Expression::max(Expression a, Expression b) {
  return associative(Op::Max, std::move(a), std::move(b));
}

bool Expression::operator==(const Expression &other) const {
  return op == other.op && value == other.value && name == other.name &&
         children == other.children;
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

static Error expressionError(const Expression &expression, std::string what) {
  return Error("expression " + expression.str(), std::move(what));
}

/// `a op b`; nothing where it overflows. Division has been checked.
static std::optional<int64_t> apply(Op op, int64_t a, int64_t b) {
  switch (op) {
  case Op::Add:
    return checkedAdd(a, b);
  case Op::Mul:
    return checkedMul(a, b);
  case Op::Sub:
    return checkedSub(a, b);
  case Op::Min:
    return std::min(a, b);
  case Op::Max:
    return std::max(a, b);
  case Op::Div:
    return a / b;
  case Op::CeilDiv:
    return a / b + (a % b != 0);
  case Op::Mod:
    return a % b;
  case Op::Constant:
  case Op::Symbol:
    break;
  }
  return std::nullopt;
}

Result<int64_t> Expression::evaluate(const Bindings &bindings) const {
  if (op == Op::Constant)
    return value;
  if (op == Op::Symbol) {
    for (const auto &[symbol, bound] : bindings)
      if (symbol == name)
        return bound;
    return expressionError(*this, "the symbol has no value");
  }
  if (children.size() < 2)
    return expressionError(*this, "an operator needs two operands");
  Result<int64_t> left = children.front().evaluate(bindings);
  if (!left)
    return left;
  int64_t result = *left;
  bool divides = op == Op::Div || op == Op::CeilDiv || op == Op::Mod;
  for (size_t i = 1; i < children.size(); ++i) {
    Result<int64_t> right = children[i].evaluate(bindings);
    if (!right)
      return right;
    if (divides && *right == 0)
      return expressionError(*this, "division by zero");
    if (divides && (result < 0 || *right < 0))
      return expressionError(*this, "division with a negative operand");
    std::optional<int64_t> next = apply(op, result, *right);
    if (!next)
      return expressionError(*this, "the value does not fit into 64 bits");
    result = *next;
  }
  return result;
}

Result<int64_t> Expression::evaluateSize(const Bindings &bindings) const {
  Result<int64_t> result = evaluate(bindings);
  if (result && *result < 0)
    return expressionError(*this,
                           "the size is negative: " + std::to_string(*result));
  return result;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// Binding strength of the infix operators; 3 for what needs no parentheses.
static int precedence(Op op) {
  switch (op) {
  case Op::Add:
  case Op::Sub:
    return 1;
  case Op::Mul:
    return 2;
  default:
    return 3;
  }
}

std::string Expression::str() const {
  if (op == Op::Constant)
    return std::to_string(value);
  if (op == Op::Symbol)
    return name;
  bool infix = precedence(op) < 3;
  std::string separator = op == Op::Add   ? " + "
                          : op == Op::Sub ? " - "
                          : op == Op::Mul ? " * "
                                          : ", ";
  std::string result;
  for (size_t i = 0; i < children.size(); ++i) {
    const Expression &child = children[i];
    // a - (b + c) needs its parentheses; (a - b) + c does not.
    int needed = precedence(op) + (op == Op::Sub && i > 0 ? 1 : 0);
    bool wrap = infix && precedence(child.op) < needed;
    result += (i ? separator : "") + (wrap ? "(" : "") + child.str() +
              (wrap ? ")" : "");
  }
  return infix ? result : std::string(operatorName(op)) + "(" + result + ")";
}

nlohmann::ordered_json expressionToJson(const Expression &expression) {
  if (expression.isConstant())
    return expression.constant();
  if (expression.isSymbol())
    return expression.symbol();
  nlohmann::ordered_json result = nlohmann::ordered_json::array();
  result.push_back(std::string(operatorName(expression.kind())));
  for (const Expression &operand : expression.operands())
    result.push_back(expressionToJson(operand));
  return result;
}

std::string Expression::json() const { return expressionToJson(*this).dump(); }

static Expression parseNode(const JsonNode &node, unsigned depth) {
  if (node.isInteger())
    return Expression(node.integer());
  if (node.isString()) {
    if (!isIdentifier(node.text()) && node.text() != multiprocessorsSymbol)
      node.fail("'" + node.text() + "' is not the name of a symbol");
    return Expression(node.text());
  }
  if (!node.isArray())
    node.fail("expected an expression: an integer, the name of a symbol or "
              "[operator, operand, operand...]");
  if (depth == Expression::maxDepth)
    node.fail("operators nest deeper than " +
              std::to_string(Expression::maxDepth) + " levels");
  if (node.size() == 0)
    node.fail("expected [operator, operand, operand...], found an empty array");
  const std::string &opName = node.at(0).text();
  for (const OpInfo &info : opTable) {
    if (info.name != opName)
      continue;
    if (node.size() < 3 || (!info.variadic && node.size() != 3))
      node.fail("'" + opName + "' takes two " +
                (info.variadic ? "or more " : "") + "operands, found " +
                std::to_string(node.size() - 1));
    std::vector<Expression> operands;
    for (size_t i = 1; i < node.size(); ++i)
      operands.push_back(parseNode(node.at(i), depth + 1));
    return Expression(info.op, std::move(operands));
  }
  node.fail("there is no operator '" + opName +
            "'; there are add, mul, min, max, sub, div, ceildiv and mod");
}

Expression parseExpression(const JsonNode &node) { return parseNode(node, 0); }

Result<Expression> Expression::parse(std::string_view text) {
  try {
    nlohmann::json document = parseJson(text);
    return parseExpression(JsonNode(document));
  } catch (const JsonFailure &failure) {
    return Error("expression", failure.message);
  }
}

bool isIdentifier(std::string_view name) {
  auto isLetter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && name.size() <= 64 && isLetter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return isLetter(c) || isDigit(c); });
}

} // namespace transmamba::package
