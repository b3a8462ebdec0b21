//===- IndexExpressionsTest.cpp - Index arithmetic as expressions ---------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "IndexExpressions.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace transmamba;
using package::Expression;

namespace {
/// Translates an index `%r` of a function on `%x : memref<?x?xf32>`, whose
/// sizes are the symbols B and T.
class Program {
public:
  explicit Program(StringRef body) {
    context.loadDialect<affine::AffineDialect, arith::ArithDialect,
                        func::FuncDialect, memref::MemRefDialect>();
    context.getDiagEngine().registerHandler(
        [this](Diagnostic &diagnostic) { message = diagnostic.str(); });
    std::string text = (R"mlir(
      func.func @f(%x: memref<?x?xf32>, %i: index) -> index {
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        %c7 = arith.constant 7 : index
        %c64 = arith.constant 64 : index
        %B = memref.dim %x, %c0 : memref<?x?xf32>
        %T = memref.dim %x, %c1 : memref<?x?xf32>
        )mlir" + body + R"mlir(
        return %r : index
      })mlir")
                           .str();
    module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return;
    auto function = *module->getOps<func::FuncOp>().begin();
    expressions.bind(function.getArgument(0), 0, "B");
    expressions.bind(function.getArgument(0), 1, "T");
    result = function.getBody().front().getTerminator()->getOperand(0);
  }

  /// The translation, or the error in its place.
  std::string translate() {
    if (!module)
      return "does not parse: " + message;
    FailureOr<Expression> expression = expressions.translate(result);
    return succeeded(expression) ? expression->str() : message;
  }

  /// Bytes of the buffer whose dimension the program asks for.
  std::string bytes() {
    if (!module)
      return "does not parse: " + message;
    auto dim = result.getDefiningOp<memref::DimOp>();
    FailureOr<Expression> expression = expressions.bytes(dim.getSource());
    return succeeded(expression) ? expression->str() : message;
  }

private:
  MLIRContext context;
  std::string message;
  OwningOpRef<ModuleOp> module;
  IndexExpressions expressions;
  Value result;
};
} // namespace

static std::string translate(StringRef body) {
  return Program(body).translate();
}

static std::string apply(StringRef map, StringRef operands) {
  return translate(
      ("%r = affine.apply affine_map<" + map + ">" + operands).str());
}

TEST(IndexExpressions, Leaves) {
  EXPECT_EQ(translate("%r = arith.constant 12 : index"), "12");
  EXPECT_EQ(translate("%r = memref.dim %x, %c0 : memref<?x?xf32>"), "B");
  EXPECT_EQ(translate("%r = memref.dim %x, %c1 : memref<?x?xf32>"), "T");
}

TEST(IndexExpressions, AffineMaps) {
  EXPECT_EQ(apply("(d0)[s0] -> (d0 * 3 + s0)", "(%B)[%T]"), "B * 3 + T");
  EXPECT_EQ(apply("()[s0] -> (s0 ceildiv 64)", "()[%T]"), "ceildiv(T, 64)");
  EXPECT_EQ(apply("()[s0] -> (s0 floordiv 64)", "()[%T]"), "div(T, 64)");
  EXPECT_EQ(apply("()[s0] -> (s0 mod 64)", "()[%T]"), "mod(T, 64)");
  EXPECT_EQ(translate("%r = affine.min affine_map<()[s0] -> (s0, 512)>()[%T]"),
            "min(T, 512)");
  EXPECT_EQ(translate("%r = affine.max affine_map<()[s0] -> (s0, 4)>()[%T]"),
            "max(T, 4)");
}

/// Affine maps write a - b as a + b * -1; a plan subtracts.
TEST(IndexExpressions, Subtraction) {
  EXPECT_EQ(apply("()[s0, s1] -> (s0 - s1)", "()[%T, %B]"), "T - B");
  EXPECT_EQ(apply("()[s0, s1] -> (-s1 + s0)", "()[%T, %B]"), "T - B");
  EXPECT_EQ(apply("()[s0, s1] -> (s0 - s1 * 2)", "()[%T, %B]"), "T - B * 2");
  EXPECT_EQ(apply("()[s0] -> (s0 - 1)", "()[%T]"), "T - 1");
}

TEST(IndexExpressions, Arithmetic) {
  EXPECT_EQ(translate("%r = arith.addi %B, %T : index"), "B + T");
  EXPECT_EQ(translate("%r = arith.subi %T, %B : index"), "T - B");
  EXPECT_EQ(translate("%r = arith.muli %B, %T : index"), "B * T");
  EXPECT_EQ(translate("%r = arith.divsi %T, %c7 : index"), "div(T, 7)");
  EXPECT_EQ(translate("%r = arith.divui %T, %c7 : index"), "div(T, 7)");
  EXPECT_EQ(translate("%r = arith.floordivsi %T, %c7 : index"), "div(T, 7)");
  EXPECT_EQ(translate("%r = arith.ceildivsi %T, %c7 : index"), "ceildiv(T, 7)");
  EXPECT_EQ(translate("%r = arith.ceildivui %T, %c7 : index"), "ceildiv(T, 7)");
  EXPECT_EQ(translate("%r = arith.remsi %T, %c7 : index"), "mod(T, 7)");
  EXPECT_EQ(translate("%r = arith.remui %T, %c7 : index"), "mod(T, 7)");
  EXPECT_EQ(translate("%r = arith.minsi %T, %B : index"), "min(T, B)");
  EXPECT_EQ(translate("%r = arith.minui %T, %B : index"), "min(T, B)");
  EXPECT_EQ(translate("%r = arith.maxsi %T, %B : index"), "max(T, B)");
  EXPECT_EQ(translate("%r = arith.maxui %T, %B : index"), "max(T, B)");
}

TEST(IndexExpressions, Folding) {
  EXPECT_EQ(translate("%r = arith.addi %T, %c0 : index"), "T");
  EXPECT_EQ(translate("%r = arith.subi %T, %c0 : index"), "T");
  EXPECT_EQ(translate("%r = arith.muli %c1, %T : index"), "T");
  EXPECT_EQ(translate("%r = arith.divsi %T, %c1 : index"), "T");
  EXPECT_EQ(translate("%r = arith.minsi %T, %T : index"), "T");
  EXPECT_EQ(translate("%r = arith.ceildivsi %c64, %c7 : index"), "10");
}

TEST(IndexExpressions, SizesOfBuffers) {
  EXPECT_EQ(translate(R"mlir(
    %a = memref.alloc(%T) : memref<4x?xf32>
    %r = memref.dim %a, %c1 : memref<4x?xf32>)mlir"),
            "T");
  EXPECT_EQ(translate(R"mlir(
    %a = memref.collapse_shape %x [[0, 1]] : memref<?x?xf32> into memref<?xf32>
    %r = memref.dim %a, %c0 : memref<?xf32>)mlir"),
            "B * T");
  EXPECT_EQ(translate(R"mlir(
    %n = arith.ceildivsi %T, %c64 : index
    %a = memref.expand_shape %x [[0], [1, 2]] output_shape [%B, %n, 64] : memref<?x?xf32> into memref<?x?x64xf32>
    %r = memref.dim %a, %c1 : memref<?x?x64xf32>)mlir"),
            "ceildiv(T, 64)");
  EXPECT_EQ(translate(R"mlir(
    %a = memref.alloc() : memref<4x8xf32>
    %c = memref.cast %a : memref<4x8xf32> to memref<?x8xf32>
    %r = memref.dim %c, %c0 : memref<?x8xf32>)mlir"),
            "4");
}

TEST(IndexExpressions, Bytes) {
  EXPECT_EQ(Program("%r = memref.dim %x, %c0 : memref<?x?xf32>").bytes(),
            "4 * B * T");
  EXPECT_EQ(Program(R"mlir(
    %a = memref.alloc(%T) : memref<3x?xbf16>
    %r = memref.dim %a, %c1 : memref<3x?xbf16>)mlir")
                .bytes(),
            "6 * T");
  EXPECT_EQ(Program(R"mlir(
    %a = memref.alloc() : memref<5xi1>
    %r = memref.dim %a, %c0 : memref<5xi1>)mlir")
                .bytes(),
            "5");
}

TEST(IndexExpressions, Refused) {
  EXPECT_EQ(translate("%r = arith.addi %i, %c1 : index"),
            "a launch plan cannot use an index argument");
  EXPECT_EQ(translate("%r = memref.dim %x, %T : memref<?x?xf32>"),
            "a launch plan needs a constant dimension");
  EXPECT_EQ(translate("%r = memref.dim %x, %c7 : memref<?x?xf32>"),
            "there is no dimension 7");
  EXPECT_EQ(translate("%r = arith.xori %T, %B : index"),
            "a launch plan cannot express this operation");
  EXPECT_EQ(translate(R"mlir(
    %s = memref.subview %x[0, 0] [%T, 4] [1, 1] : memref<?x?xf32> to memref<?x4xf32, strided<[?, 1]>>
    %r = memref.dim %s, %c0 : memref<?x4xf32, strided<[?, 1]>>)mlir"),
            "a launch plan cannot tell the size of this buffer");
}
