//===- InterpreterTest.cpp - Functions, control flow, errors --------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Testing.h"

using namespace transmamba;
using namespace transmamba::reference;

namespace {

class InterpreterTest : public testing::Test {
protected:
  void load(llvm::StringRef text, InterpreterOptions options = {}) {
    module = context.parse(text);
    ASSERT_TRUE(module);
    interpreter.emplace(reference::load(*module, options));
  }
  std::vector<Value> call(llvm::ArrayRef<Value> arguments) {
    return get(interpreter->call("f", arguments));
  }
  std::string error(llvm::ArrayRef<Value> arguments) {
    return errorOf(interpreter->call("f", arguments));
  }

private:
  Context context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::optional<Interpreter> interpreter;
};

} // namespace

TEST_F(InterpreterTest, LoopsBranchesAndCalls) {
  load(R"(
    func.func @square(%x: f32) -> f32 {
      %y = arith.mulf %x, %x : f32
      return %y : f32
    }
    func.func @f(%n: index, %x: f32) -> f32 {
      %c0 = arith.constant 0 : index
      %c2 = arith.constant 2 : index
      %y = scf.for %i = %c0 to %n step %c2 iter_args(%v = %x) -> f32 {
        %last = arith.cmpi eq, %i, %c2 : index
        %w = scf.if %last -> f32 {
          %s = func.call @square(%v) : (f32) -> f32
          scf.yield %s : f32
        } else {
          %a = arith.addf %v, %v : f32
          scf.yield %a : f32
        }
        scf.yield %w : f32
      }
      return %y : f32
    })");
  EXPECT_EQ(call({Value(int64_t(0)), Value(3.0)}).at(0).real(), 3);
  EXPECT_EQ(call({Value(int64_t(5)), Value(3.0)}).at(0).real(), 72);
}

TEST_F(InterpreterTest, ReportsThePlaceOfTheInnermostOperation) {
  load(R"(
    func.func @g(%x: tensor<?xf32>) -> tensor<3xf32> {
      %y = tensor.cast %x : tensor<?xf32> to tensor<3xf32>
      return %y : tensor<3xf32>
    }
    func.func @f(%x: tensor<?xf32>) -> tensor<3xf32> {
      %y = func.call @g(%x) : (tensor<?xf32>) -> tensor<3xf32>
      return %y : tensor<3xf32>
    })");
  EXPECT_EQ(error({Value(FloatTensor({2}))}),
            "test.mlir:3:12: error: 'tensor.cast': the value is 2, which its "
            "type tensor<3xf32> does not allow");
}

TEST_F(InterpreterTest, RefusesWhatItDoesNotKnow) {
  load(R"(
    func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
      %y = tensor.bitcast %x : tensor<4xf32> to tensor<4xf32>
      return %y : tensor<4xf32>
    })");
  EXPECT_TRUE(contains(error({Value(FloatTensor({4}))}),
                       "'tensor.bitcast': the interpreter does not know"));
  EXPECT_TRUE(contains(error({}), "takes 1 arguments, not 0"));
  EXPECT_TRUE(contains(error({Value(1.0)}), "argument 0: the value is not a "
                                            "tensor<4xf32>"));
}

TEST_F(InterpreterTest, StopsEndlessRecursion) {
  load(R"(
    func.func @f(%x: f32) -> f32 {
      %y = func.call @f(%x) : (f32) -> f32
      return %y : f32
    })");
  EXPECT_TRUE(contains(error({Value(1.0)}), "calls nest more than 64 deep"));
}

TEST_F(InterpreterTest, RefusesLoopsWithoutStep) {
  load(R"(
    func.func @f(%n: index) -> index {
      %c0 = arith.constant 0 : index
      %y = scf.for %i = %c0 to %n step %c0 iter_args(%v = %n) -> index {
        scf.yield %v : index
      }
      return %y : index
    })");
  EXPECT_TRUE(
      contains(error({Value(int64_t(1))}), "the step of the loop is 0"));
}

TEST_F(InterpreterTest, NeedsASchedule) {
  load(R"(
    func.func @f(%n: index) -> index {
      %y = transmamba.transpoint %n layer 1
      return %y : index
    })");
  EXPECT_TRUE(contains(error({Value(int64_t(1))}), "'transmamba.schedule'"));
}

TEST_F(InterpreterTest, TakesTransPointsFromTheScheduleAndFromOperations) {
  load(R"(
    module attributes {transmamba.schedule = #transmamba.schedule<[0, 4]>} {
      func.func @f(%n: index) -> (index, index, index) {
        %a = transmamba.transpoint %n layer 2
        %b = transmamba.transpoint %n layer 3
        %c = transmamba.transpoint %n layer 3 at 5
        return %a, %b, %c : index, index, index
      }
    })");
  std::vector<Value> y = call({Value(int64_t(9))});
  EXPECT_EQ(y.at(0).integer(), 0);
  EXPECT_EQ(y.at(1).integer(), 4);
  EXPECT_EQ(y.at(2).integer(), 5);
  EXPECT_EQ(call({Value(int64_t(3))}).at(1).integer(), 3);
}

TEST_F(InterpreterTest, RoundsOnDemandOnly) {
  llvm::StringRef text = R"(
    func.func @f(%x: tensor<1xf32>) -> (tensor<1xbf16>, tensor<1xf32>) {
      %y = arith.addf %x, %x : tensor<1xf32>
      %z = arith.truncf %y : tensor<1xf32> to tensor<1xbf16>
      return %z, %y : tensor<1xbf16>, tensor<1xf32>
    })";
  const double x = 1 + 0x1p-30;
  load(text);
  std::vector<Value> y = call({Value(FloatTensor({1}, x))});
  EXPECT_EQ(y.at(0).floats()[0], 2 * x);
  InterpreterOptions options;
  options.round = true;
  load(text, options);
  y = call({Value(FloatTensor({1}, 1 + 0x1p-8 + 0x1p-30))});
  EXPECT_EQ(y.at(1).floats()[0], 2 + 0x1p-7); // to float32
  EXPECT_EQ(y.at(0).floats()[0], 2);          // then to even in bfloat16
}
