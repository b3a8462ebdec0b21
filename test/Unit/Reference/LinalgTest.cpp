//===- LinalgTest.cpp - linalg, tensor, arith -----------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Testing.h"

using namespace transmamba::reference;

namespace {

/// Runs the function @f of a module.
std::vector<Value> runF(llvm::StringRef text, llvm::ArrayRef<Value> arguments) {
  Context context;
  auto module = context.parse(text);
  EXPECT_TRUE(module);
  if (!module)
    return {};
  Interpreter interpreter = load(*module);
  return get(interpreter.call("f", arguments));
}

std::string runError(llvm::StringRef text, llvm::ArrayRef<Value> arguments) {
  Context context;
  auto module = context.parse(text);
  EXPECT_TRUE(module);
  if (!module)
    return "";
  Interpreter interpreter = load(*module);
  return errorOf(interpreter.call("f", arguments));
}

} // namespace

TEST(Linalg, Matmul) {
  llvm::StringRef text = R"(
    func.func @f(%a: tensor<?x3xf32>, %b: tensor<3x?xf32>, %c: tensor<?x?xf32>) -> tensor<?x?xf32> {
      %y = linalg.matmul ins(%a, %b : tensor<?x3xf32>, tensor<3x?xf32>) outs(%c : tensor<?x?xf32>) -> tensor<?x?xf32>
      return %y : tensor<?x?xf32>
    })";
  Value a(floats({2, 3}, {1, 2, 3, 4, 5, 6})),
      b(floats({3, 2}, {1, 10, 2, 20, 3, 30}));
  std::vector<Value> y = runF(text, {a, b, Value(FloatTensor({2, 2}, 0.5))});
  expectNear(y.at(0).floats(), {14.5, 140.5, 32.5, 320.5});
  EXPECT_TRUE(
      contains(runError(text, {a, b, Value(FloatTensor({3, 2}))}),
               "test.mlir:3:12: error: 'linalg.matmul': operand 2 has "
               "3 elements in dimension 0 where another operand has 2"));
  // No rows, and nothing to sum.
  EXPECT_EQ(
      runF(text, {Value(FloatTensor({0, 3})), b, Value(FloatTensor({0, 2}))})
          .at(0)
          .floats()
          .size(),
      0);
}

TEST(Linalg, TransposedAndBatchedContractionsAgreeWithTheirDefinition) {
  llvm::StringRef text = R"(
    #a = affine_map<(b, i, j, k) -> (b, k, i)>
    #b = affine_map<(b, i, j, k) -> (j, b, k)>
    #c = affine_map<(b, i, j, k) -> (b, j, i)>
    func.func @f(%a: tensor<2x5x3xbf16>, %b: tensor<4x2x5xbf16>, %c: tensor<2x4x3xf32>) -> tensor<2x4x3xf32> {
      %y = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
          ins(%a, %b : tensor<2x5x3xbf16>, tensor<4x2x5xbf16>) outs(%c : tensor<2x4x3xf32>) {
      ^bb0(%x: bf16, %z: bf16, %sum: f32):
        %xw = arith.extf %x : bf16 to f32
        %zw = arith.extf %z : bf16 to f32
        %p = arith.mulf %xw, %zw : f32
        %s = arith.addf %sum, %p : f32
        linalg.yield %s : f32
      } -> tensor<2x4x3xf32>
      return %y : tensor<2x4x3xf32>
    })";
  FloatTensor a = randomFloats({2, 5, 3}, 1), b = randomFloats({4, 2, 5}, 2),
              c = randomFloats({2, 4, 3}, 3), expected = c;
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 4; ++j)
        for (int64_t k = 0; k < 5; ++k)
          expected(n, j, i) += a(n, k, i) * b(j, n, k);
  std::vector<Value> y = runF(text, {Value(a), Value(b), Value(c)});
  EXPECT_TRUE(sameBits(y.at(0).floats(), expected));
}

TEST(Linalg, NamedOperations) {
  std::vector<Value> y =
      runF(R"(
    func.func @f(%x: tensor<2x3xf32>, %v: f32) -> (tensor<3x2xf32>, tensor<2x2x3xf32>, tensor<2xf32>, tensor<2x3xf32>, tensor<2x3xf32>) {
      %e = tensor.empty() : tensor<3x2xf32>
      %t = linalg.transpose ins(%x : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
      %e1 = tensor.empty() : tensor<2x2x3xf32>
      %b = linalg.broadcast ins(%x : tensor<2x3xf32>) outs(%e1 : tensor<2x2x3xf32>) dimensions = [1]
      %e2 = tensor.empty() : tensor<2xf32>
      %f = linalg.fill ins(%v : f32) outs(%e2 : tensor<2xf32>) -> tensor<2xf32>
      %r = linalg.reduce {arith.addf} ins(%x : tensor<2x3xf32>) outs(%f : tensor<2xf32>) dimensions = [1]
      %e3 = tensor.empty() : tensor<2x3xf32>
      %m = linalg.mul ins(%x, %x : tensor<2x3xf32>, tensor<2x3xf32>) outs(%e3 : tensor<2x3xf32>) -> tensor<2x3xf32>
      %a = linalg.map {math.exp2} ins(%x : tensor<2x3xf32>) outs(%e3 : tensor<2x3xf32>)
      return %t, %b, %r, %m, %a : tensor<3x2xf32>, tensor<2x2x3xf32>, tensor<2xf32>, tensor<2x3xf32>, tensor<2x3xf32>
    })",
           {Value(floats({2, 3}, {1, 2, 3, 4, 5, 6})), Value(0.5)});
  expectNear(y.at(0).floats(), {1, 4, 2, 5, 3, 6});
  expectNear(y.at(1).floats(), {1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6});
  expectNear(y.at(2).floats(), {6.5, 15.5});
  expectNear(y.at(3).floats(), {1, 4, 9, 16, 25, 36});
  expectNear(y.at(4).floats(), {2, 4, 8, 16, 32, 64});
}

TEST(Linalg, BodiesSeeIndicesAndOtherTensors) {
  llvm::StringRef text = R"(
    #id = affine_map<(i) -> (i)>
    func.func @f(%order: tensor<?xi32>, %table: tensor<?xf32>) -> tensor<?xf32> {
      %c0 = arith.constant 0 : index
      %n = tensor.dim %order, %c0 : tensor<?xi32>
      %e = tensor.empty(%n) : tensor<?xf32>
      %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%order : tensor<?xi32>) outs(%e : tensor<?xf32>) {
      ^bb0(%o: i32, %out: f32):
        %at = arith.index_cast %o : i32 to index
        %x = tensor.extract %table[%at] : tensor<?xf32>
        %i = linalg.index 0 : index
        %w = arith.index_cast %i : index to i32
        %f = arith.sitofp %w : i32 to f32
        %s = arith.addf %x, %f : f32
        linalg.yield %s : f32
      } -> tensor<?xf32>
      return %y : tensor<?xf32>
    })";
  Value table(floats({3}, {10, 20, 30}));
  expectNear(runF(text, {Value(integers({2}, {2, 0})), table}).at(0).floats(),
             {30, 11});
  EXPECT_TRUE(contains(runError(text, {Value(integers({1}, {3})), table}),
                       "tensor.extract reads outside of the tensor"));
}

TEST(Linalg, MapsWithSumsStayInside) {
  llvm::StringRef text = R"(
    func.func @f(%x: tensor<?xf32>, %k: tensor<2xf32>, %out: tensor<3xf32>) -> tensor<3xf32> {
      %y = linalg.generic {indexing_maps = [affine_map<(i, w) -> (i + w)>, affine_map<(i, w) -> (w)>, affine_map<(i, w) -> (i)>],
                           iterator_types = ["parallel", "reduction"]} ins(%x, %k : tensor<?xf32>, tensor<2xf32>) outs(%out : tensor<3xf32>) {
      ^bb0(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %s = arith.addf %c, %p : f32
        linalg.yield %s : f32
      } -> tensor<3xf32>
      return %y : tensor<3xf32>
    })";
  Value kernel(floats({2}, {10, 1})), zero(FloatTensor({3}));
  expectNear(runF(text, {Value(floats({4}, {1, 2, 3, 4})), kernel, zero})
                 .at(0)
                 .floats(),
             {12, 23, 34});
  EXPECT_TRUE(contains(
      runError(text, {Value(floats({3}, {1, 2, 3})), kernel, zero}),
      "the loops reach the indices 0 to 3 of a dimension of 3 elements"));
}

TEST(Tensor, SlicesAndShapes) {
  llvm::StringRef text = R"(
    func.func @f(%x: tensor<?x4xf32>, %i: index, %n: index) -> (tensor<?xf32>, tensor<?x4xf32>, tensor<?x8xf32>, tensor<?xf32>, tensor<?x2x2xf32>) {
      %s = tensor.extract_slice %x[%i, 1] [%n, 1] [1, 1] : tensor<?x4xf32> to tensor<?xf32>
      %y = tensor.insert_slice %s into %x[%i, 3] [%n, 1] [1, 1] : tensor<?xf32> into tensor<?x4xf32>
      %c = tensor.concat dim(1) %x, %y : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
      %f = tensor.collapse_shape %x [[0, 1]] : tensor<?x4xf32> into tensor<?xf32>
      %c0 = arith.constant 0 : index
      %b = tensor.dim %x, %c0 : tensor<?x4xf32>
      %e = tensor.expand_shape %x [[0], [1, 2]] output_shape [%b, 2, 2] : tensor<?x4xf32> into tensor<?x2x2xf32>
      return %s, %y, %c, %f, %e : tensor<?xf32>, tensor<?x4xf32>, tensor<?x8xf32>, tensor<?xf32>, tensor<?x2x2xf32>
    })";
  Value x(floats({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}));
  std::vector<Value> y = runF(text, {x, Value(int64_t(1)), Value(int64_t(1))});
  expectNear(y.at(0).floats(), {6});
  expectNear(y.at(1).floats(), {1, 2, 3, 4, 5, 6, 7, 6});
  expectNear(y.at(2).floats(),
             {1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 5, 6, 7, 6});
  EXPECT_EQ(y.at(3).floats().shape(), llvm::ArrayRef<int64_t>({8}));
  EXPECT_EQ(y.at(4).floats().shape(), llvm::ArrayRef<int64_t>({2, 2, 2}));
  for (auto [at, count] : {std::pair<int64_t, int64_t>{1, 2},
                           {-1, 1},
                           {0, -1},
                           {3, 0},
                           {INT64_MAX, 1},
                           {0, INT64_MAX}})
    EXPECT_TRUE(contains(runError(text, {x, Value(at), Value(count)}),
                         "test.mlir:3:12: error: 'tensor.extract_slice': the "
                         "slice at"));
}

TEST(Tensor, PadsWithWhatTheBodySays) {
  llvm::StringRef text = R"(
    func.func @f(%x: tensor<?xf32>, %low: index) -> tensor<?xf32> {
      %y = tensor.pad %x low[%low] high[1] {
      ^bb0(%i: index):
        %w = arith.index_cast %i : index to i32
        %f = arith.sitofp %w : i32 to f32
        tensor.yield %f : f32
      } : tensor<?xf32> to tensor<?xf32>
      return %y : tensor<?xf32>
    })";
  Value x(floats({2}, {7, 8}));
  expectNear(runF(text, {x, Value(int64_t(2))}).at(0).floats(),
             {0, 1, 7, 8, 4});
  EXPECT_TRUE(contains(runError(text, {x, Value(int64_t(-1))}), "negative"));
}

TEST(Tensor, MakesTensors) {
  std::vector<Value> y = runF(R"(
    func.func @f(%n: index, %v: i32) -> (tensor<?xi32>, tensor<2xi32>, tensor<?xi32>, tensor<2xi32>, i32, tensor<?xf32>) {
      %s = tensor.splat %v[%n] : tensor<?xi32>
      %e = tensor.from_elements %v, %v : tensor<2xi32>
      %g = tensor.generate %n {
      ^bb0(%i: index):
        %w = arith.index_cast %i : index to i32
        tensor.yield %w : i32
      } : tensor<?xi32>
      %c1 = arith.constant 1 : index
      %c9 = arith.constant 9 : i32
      %i = tensor.insert %c9 into %e[%c1] : tensor<2xi32>
      %x = tensor.extract %i[%c1] : tensor<2xi32>
      %u = tensor.empty(%n) : tensor<?xf32>
      return %s, %e, %g, %i, %x, %u : tensor<?xi32>, tensor<2xi32>, tensor<?xi32>, tensor<2xi32>, i32, tensor<?xf32>
    })",
                              {Value(int64_t(3)), Value(int64_t(-4))});
  EXPECT_EQ(y.at(0).integers().values(), std::vector<int64_t>({-4, -4, -4}));
  EXPECT_EQ(y.at(1).integers().values(), std::vector<int64_t>({-4, -4}));
  EXPECT_EQ(y.at(2).integers().values(), std::vector<int64_t>({0, 1, 2}));
  EXPECT_EQ(y.at(3).integers().values(), std::vector<int64_t>({-4, 9}));
  EXPECT_EQ(y.at(4).integer(), 9);
  // What nothing has written spoils what reads it.
  EXPECT_TRUE(std::isnan(y.at(5).floats()[0]));
}

TEST(Tensor, RefusesSizesThatNoTensorHas) {
  llvm::StringRef text = R"(
    func.func @f(%n: index) -> tensor<?x?xf32> {
      %e = tensor.empty(%n, %n) : tensor<?x?xf32>
      return %e : tensor<?x?xf32>
    })";
  EXPECT_TRUE(contains(runError(text, {Value(int64_t(-1))}), "negative size"));
  EXPECT_TRUE(contains(runError(text, {Value(int64_t(1) << 40)}),
                       "larger than the interpreter's limit"));
}

TEST(Arith, IntegersWrapAndRefuseToDivideByZero) {
  llvm::StringRef text = R"(
    func.func @f(%a: i8, %b: i8) -> (i8, i8, i8, i16, i16, i1) {
      %s = arith.addi %a, %b : i8
      %d = arith.divsi %a, %b : i8
      %m = arith.remui %a, %b : i8
      %x = arith.extsi %a : i8 to i16
      %u = arith.extui %a : i8 to i16
      %c = arith.cmpi ult, %a, %b : i8
      return %s, %d, %m, %x, %u, %c : i8, i8, i8, i16, i16, i1
    })";
  std::vector<Value> y = runF(text, {Value(int64_t(-128)), Value(int64_t(-3))});
  EXPECT_EQ(y.at(0).integer(), 125);
  EXPECT_EQ(y.at(1).integer(), 42);
  EXPECT_EQ(y.at(2).integer(), -128); // 128 mod 253
  EXPECT_EQ(y.at(3).integer(), -128);
  EXPECT_EQ(y.at(4).integer(), 128);
  EXPECT_EQ(y.at(5).integer(), 1); // 128 < 253
  EXPECT_TRUE(contains(runError(text, {Value(int64_t(1)), Value(int64_t(0))}),
                       "test.mlir:4:12: error: 'arith.divsi': integer division "
                       "by zero"));
  EXPECT_TRUE(contains(
      runError(text, {Value(int64_t(-128)), Value(int64_t(-1))}), "overflows"));
}

TEST(Arith, TensorsElementByElement) {
  std::vector<Value> y = runF(R"(
    func.func @f(%a: tensor<?xf32>, %c: i1) -> (tensor<?xf32>, tensor<?xi1>, tensor<?xf32>, tensor<2xf32>) {
      %n = arith.negf %a : tensor<?xf32>
      %m = arith.cmpf olt, %a, %n : tensor<?xf32>
      %s = arith.select %c, %a, %n : tensor<?xf32>
      %k = arith.constant dense<[0.5, 2.0]> : tensor<2xf32>
      %q = math.sqrt %k : tensor<2xf32>
      return %n, %m, %s, %q : tensor<?xf32>, tensor<?xi1>, tensor<?xf32>, tensor<2xf32>
    })",
                              {Value(floats({2}, {1, -2})), Value(int64_t(0))});
  expectNear(y.at(0).floats(), {-1, 2});
  EXPECT_EQ(y.at(1).integers().values(), std::vector<int64_t>({0, 1}));
  expectNear(y.at(2).floats(), {-1, 2});
  expectNear(y.at(3).floats(), {std::sqrt(0.5), std::sqrt(2.0)});
}
