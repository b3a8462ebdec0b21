//===- ExpressionTest.cpp - Symbolic sizes --------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Package/Expression.h"

#include <gtest/gtest.h>

#include <limits>

using namespace transmamba::package;

static constexpr int64_t largest = std::numeric_limits<int64_t>::max();
static constexpr int64_t smallest = std::numeric_limits<int64_t>::min();
static const Bindings sizes = {{"B", 3}, {"T", 100}};

/// The value of the JSON text.
static int64_t valueOf(const std::string &text) {
  Result<Expression> expression = Expression::parse(text);
  EXPECT_TRUE(expression) << text;
  Result<int64_t> value = expression->evaluate(sizes);
  EXPECT_TRUE(value) << text;
  return value ? *value : -1;
}

TEST(Expression, Evaluates) {
  EXPECT_EQ(valueOf("7"), 7);
  EXPECT_EQ(valueOf("\"T\""), 100);
  EXPECT_EQ(valueOf(R"(["add", 1, 2, "B"])"), 6);
  EXPECT_EQ(valueOf(R"(["mul", "B", "T", 2])"), 600);
  EXPECT_EQ(valueOf(R"(["sub", "B", "T"])"), -97);
  EXPECT_EQ(valueOf(R"(["div", "T", 64])"), 1);
  EXPECT_EQ(valueOf(R"(["ceildiv", "T", 64])"), 2);
  EXPECT_EQ(valueOf(R"(["ceildiv", 128, 64])"), 2);
  EXPECT_EQ(valueOf(R"(["ceildiv", 0, 64])"), 0);
  EXPECT_EQ(valueOf(R"(["mod", "T", 64])"), 36);
  EXPECT_EQ(valueOf(R"(["min", "T", 64, "B"])"), 3);
  EXPECT_EQ(valueOf(R"(["max", "T", 64, "B"])"), 100);
  EXPECT_EQ(valueOf(R"(["ceildiv", ["mul", "B", "T"], ["add", 60, 4]])"), 5);
}

TEST(Expression, CeilDivNearTheTopDoesNotOverflow) {
  Result<int64_t> value =
      Expression::ceilDiv(Expression(largest), 2).evaluate({});
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, largest / 2 + 1);
}

TEST(Expression, OverflowIsAnError) {
  EXPECT_FALSE(Expression::add(Expression(largest), 1).evaluate({}));
  EXPECT_FALSE(Expression::sub(Expression(smallest), 1).evaluate({}));
  EXPECT_FALSE(Expression::mul(Expression(largest), 2).evaluate({}));
  EXPECT_FALSE(Expression::mul(Expression(smallest), -1).evaluate({}));
  Result<int64_t> value = Expression::mul(Expression(int64_t(1) << 32),
                                          Expression(int64_t(1) << 31))
                              .evaluate({});
  ASSERT_FALSE(value);
  EXPECT_NE(value.error().what().find("64 bits"), std::string::npos);
}

TEST(Expression, BadDivisionsAreErrors) {
  for (auto make : {Expression::div, Expression::ceilDiv, Expression::mod}) {
    Result<int64_t> byZero = make(Expression(1), Expression(0)).evaluate({});
    ASSERT_FALSE(byZero);
    EXPECT_EQ(byZero.error().what(), "division by zero");
    EXPECT_FALSE(make(Expression(-1), Expression(2)).evaluate({}));
    EXPECT_FALSE(make(Expression(1), Expression(-2)).evaluate({}));
  }
}

TEST(Expression, NegativeSizesAndUnboundSymbolsAreErrors) {
  Expression difference = Expression::sub("B", "T");
  EXPECT_TRUE(difference.evaluate(sizes));
  EXPECT_FALSE(difference.evaluateSize(sizes));
  Result<int64_t> unbound = Expression("N").evaluate(sizes);
  ASSERT_FALSE(unbound);
  EXPECT_EQ(unbound.error().where(), "expression N");
}

TEST(Expression, PrintsForPeople) {
  Expression sum = Expression::add("B", "T");
  EXPECT_EQ(Expression::mul(sum, 2).str(), "(B + T) * 2");
  EXPECT_EQ(Expression::add(Expression::mul("B", 2), 1).str(), "B * 2 + 1");
  EXPECT_EQ(Expression::sub("B", sum).str(), "B - (B + T)");
  EXPECT_EQ(Expression::sub(sum, "B").str(), "B + T - B");
  EXPECT_EQ(Expression::ceilDiv(sum, 64).str(), "ceildiv(B + T, 64)");
}

TEST(Expression, LongSumsDoNotNest) {
  Expression sum = "B", product = "T";
  for (int i = 0; i < 1000; ++i) {
    sum = Expression::add(std::move(sum), i);
    product = Expression::mul(1, std::move(product));
  }
  EXPECT_EQ(sum.operands().size(), 1001u);
  Result<Expression> parsed = Expression::parse(sum.json());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed->evaluate(sizes), 3 + 999 * 1000 / 2);
  EXPECT_EQ(*product.evaluate(sizes), 100);
}

TEST(Expression, JsonRoundTrip) {
  for (const char *text :
       {"7", "-3", "\"T\"", R"(["mul","B",["add","T",1]])",
        R"(["min",["ceildiv","T",64],["mod","B",2],["max","B",1,2]])"}) {
    Result<Expression> expression = Expression::parse(text);
    ASSERT_TRUE(expression) << text;
    EXPECT_EQ(expression->json(), text);
    Result<Expression> again = Expression::parse(expression->json());
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, *expression);
  }
}

/// A text that is not an expression, and what the error says about it.
struct BadExpression {
  const char *text;
  const char *message;
};

class BadExpressions : public testing::TestWithParam<BadExpression> {};

TEST_P(BadExpressions, AreRejected) {
  Result<Expression> expression = Expression::parse(GetParam().text);
  ASSERT_FALSE(expression);
  EXPECT_NE(expression.error().str().find(GetParam().message),
            std::string::npos)
      << expression.error().str();
}

INSTANTIATE_TEST_SUITE_P(
    Texts, BadExpressions,
    testing::Values(
        BadExpression{"", "line 1, column 1"},
        BadExpression{"[\"add\", 1,", "line 1, column 11"},
        BadExpression{"1.5", "expected an expression"},
        BadExpression{"true", "expected an expression"},
        BadExpression{"{\"add\": 1}", "expected an expression"},
        BadExpression{"9223372036854775808", "expected an integer"},
        BadExpression{"\"a b\"", "is not the name of a symbol"},
        BadExpression{"\"\"", "is not the name of a symbol"},
        BadExpression{"[]", "empty array"},
        BadExpression{"[1, 2, 3]", "at /0: expected a string"},
        BadExpression{"[\"add\", 1]", "found 1"},
        BadExpression{"[\"div\", 1, 2, 3]", "takes two operands, found 3"},
        BadExpression{"[\"pow\", 1, 2]", "there is no operator 'pow'"},
        BadExpression{"[\"add\", 1, [\"add\", 1, null]]", "at /2/2"},
        BadExpression{"1 2", "line 1, column 3"}));

TEST(Expression, DeepNestingIsRejected) {
  auto nested = [](unsigned depth) {
    std::string text;
    for (unsigned i = 0; i < depth; ++i)
      text += "[\"add\", 1, ";
    text += "1" + std::string(depth, ']');
    return text;
  };
  EXPECT_TRUE(Expression::parse(nested(Expression::maxDepth)));
  EXPECT_FALSE(Expression::parse(nested(Expression::maxDepth + 1)));
  EXPECT_FALSE(Expression::parse(nested(100000)));
  EXPECT_FALSE(Expression::parse(std::string(1000000, '[')));
}
