//===- ExpressionTest.cpp - Arithmetic of a graph -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Expression.h"
#include <gtest/gtest.h>

using namespace transmamba::graph;

static std::optional<Number> run(llvm::StringRef text, std::string &error) {
  return evaluate(
      text,
      [](llvm::StringRef name, std::string &why) -> std::optional<Number> {
        if (name == "n")
          return Number::of(int64_t(12));
        if (name == "eps")
          return Number::of(1e-5);
        why = "no " + name.str();
        return std::nullopt;
      },
      error);
}

static void expectInteger(llvm::StringRef text, int64_t expected) {
  std::string error;
  std::optional<Number> value = run(text, error);
  ASSERT_TRUE(value) << text.str() << ": " << error;
  EXPECT_TRUE(value->isInteger) << text.str();
  EXPECT_EQ(value->integer, expected) << text.str();
}

static void expectError(llvm::StringRef text, llvm::StringRef expected) {
  std::string error;
  EXPECT_FALSE(run(text, error)) << text.str();
  EXPECT_NE(error.find(expected.str()), std::string::npos)
      << text.str() << ": " << error;
}

TEST(Expression, Integers) {
  expectInteger("3", 3);
  expectInteger(" 3 * n ", 36);
  expectInteger("2 + 3 * 4", 14);
  expectInteger("(2 + 3) * 4", 20);
  expectInteger("10 - 4 - 3", 3);
  expectInteger("-n + 13", 1);
  expectInteger("n / 4", 3);
  expectInteger("7 // 2", 3);
  expectInteger("7 % 4 * 2", 6);
  expectInteger("9223372036854775807", INT64_MAX);
}

TEST(Expression, Floats) {
  std::string error;
  std::optional<Number> value = run("2 * eps", error);
  ASSERT_TRUE(value) << error;
  EXPECT_FALSE(value->isInteger);
  EXPECT_DOUBLE_EQ(value->real, 2e-5);
  value = run("1.5e+2 / n", error);
  ASSERT_TRUE(value) << error;
  EXPECT_DOUBLE_EQ(value->real, 12.5);
}

TEST(Expression, Errors) {
  expectError("", "a value is missing");
  expectError("3 +", "a value is missing");
  expectError("3 3", "unexpected '3'");
  expectError("(3", "a ')' is missing");
  expectError("3 ^ 2", "unexpected '^ 2'");
  expectError("m", "no m");
  expectError("7 / 2", "not a whole number");
  expectError("7 // 0", "positive");
  expectError("-7 // 2", "not negative");
  expectError("eps % 2", "integers only");
  expectError("1.5 / 0", "not finite");
  expectError("1e999", "not a number");
  expectError("1.2.3", "not a number");
  expectError("9223372036854775808", "out of range");
  expectError("9223372036854775807 + 1", "overflows");
  expectError(std::string(300, '1'), "too long");
  expectError(std::string(100, '('), "too deeply");
  expectError(std::string(100, '-') + "1", "too deeply");
}
