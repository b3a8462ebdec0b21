//===- Testing.h - Helpers of the interpreter's tests -----------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TEST_UNIT_REFERENCE_TESTING_H
#define TRANSMAMBA_TEST_UNIT_REFERENCE_TESTING_H

#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "transmamba/Reference/Session.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <random>

namespace transmamba::reference {

/// The value of an Expected, or a failed test and a default value.
template <typename T> T get(llvm::Expected<T> value) {
  if (value)
    return std::move(*value);
  ADD_FAILURE() << llvm::toString(value.takeError());
  return T();
}

/// The message of an Expected that must be an error.
template <typename T> std::string errorOf(llvm::Expected<T> value) {
  if (!value)
    return llvm::toString(value.takeError());
  ADD_FAILURE() << "an error was expected";
  return "";
}

inline bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

/// An interpreter of a module without weights.
inline Interpreter load(mlir::ModuleOp module,
                        InterpreterOptions options = {}) {
  llvm::Expected<Interpreter> interpreter =
      Interpreter::load(module, nullptr, options);
  return std::move(*interpreter);
}

/// A context with the dialects that the interpreter knows.
class Context {
public:
  Context() : context(mlir::MLIRContext::Threading::DISABLED) {
    context.loadDialect<TransMambaDialect, mlir::arith::ArithDialect,
                        mlir::func::FuncDialect, mlir::linalg::LinalgDialect,
                        mlir::math::MathDialect, mlir::scf::SCFDialect,
                        mlir::tensor::TensorDialect>();
  }
  mlir::OwningOpRef<mlir::ModuleOp> parse(llvm::StringRef text) {
    return mlir::parseSourceString<mlir::ModuleOp>(text, &context, "test.mlir");
  }
  mlir::OwningOpRef<mlir::ModuleOp> parseFile(const std::string &path) {
    return mlir::parseSourceFile<mlir::ModuleOp>(path, &context);
  }
  mlir::MLIRContext *operator&() { return &context; }

private:
  mlir::MLIRContext context;
};

/// A tensor of these elements.
inline FloatTensor floats(Shape shape, std::vector<double> values) {
  return FloatTensor(shape, std::move(values));
}
inline IntTensor integers(Shape shape, std::vector<int64_t> values) {
  return IntTensor(shape, std::move(values));
}

/// Uniform elements in [low, high), the same for the same seed.
inline FloatTensor randomFloats(Shape shape, unsigned seed, double low = -1,
                                double high = 1) {
  std::mt19937_64 generator(seed);
  FloatTensor tensor(shape);
  for (double &element : tensor.values())
    element =
        low + (high - low) * static_cast<double>(generator() >> 11) * 0x1p-53;
  return tensor;
}

/// |a - b| / |b| in the Frobenius norm.
inline double relativeError(const FloatTensor &a, const FloatTensor &b) {
  EXPECT_EQ(a.shape(), b.shape());
  if (a.shape() != b.shape())
    return INFINITY;
  double difference = 0, norm = 0;
  for (int64_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  return difference == 0 ? 0 : std::sqrt(difference) / std::sqrt(norm);
}

/// The same shape and the same bits, NaN included.
inline bool sameBits(const FloatTensor &a, const FloatTensor &b) {
  return a.shape() == b.shape() &&
         std::equal(a.values().begin(), a.values().end(), b.values().begin(),
                    [](double x, double y) {
                      return std::memcmp(&x, &y, sizeof(double)) == 0;
                    });
}

inline void expectNear(const FloatTensor &actual,
                       const std::vector<double> &expected,
                       double tolerance = 1e-14) {
  ASSERT_EQ(actual.values().size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(actual[i], expected[i], tolerance) << "element " << i;
}

} // namespace transmamba::reference

#endif // TRANSMAMBA_TEST_UNIT_REFERENCE_TESTING_H
