//===- Scalars.h - arith and math, one element at a time --------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_REFERENCE_SCALARS_H
#define TRANSMAMBA_REFERENCE_SCALARS_H

#include "Frame.h"

#include <functional>

namespace transmamba::reference {

/// An element: of the two, the one that its type says.
struct Scalar {
  double real = 0;
  int64_t integer = 0;
};

/// Computes the result of an operation from its operands. Returns what is wrong
/// (a division by zero), or null.
using ScalarFunction =
    std::function<const char *(const Scalar *operands, Scalar &result)>;

/// What an operation of `arith` or `math` computes on elements, an empty
/// function for one that is not known. Results of integer types are wrapped to
/// their width; of the floating-point operations only `arith.truncf` rounds,
/// and only if `round` says so.
ScalarFunction scalarFunction(mlir::Operation *op, bool round);

/// The value of an operation of `arith` or `math` on scalars or tensors.
llvm::Expected<Values> evaluateElementwise(mlir::Operation *op,
                                           const Frame &frame);

/// The body of a linalg, tensor.generate or tensor.pad operation, made ready to
/// be run many times.
class ScalarProgram {
public:
  /// Values from outside of the body come from `frame`, which has to outlive
  /// the program.
  static llvm::Expected<ScalarProgram> compile(mlir::Block &body,
                                               const Frame &frame);

  /// Argument `index` of the body, to be set before a run.
  Scalar &argument(unsigned index) { return slots[index]; }
  /// Operand `index` of the terminator, after a run.
  const Scalar &result(unsigned index) const { return slots[results[index]]; }
  /// Runs the body at the point `indices` of the iteration space. Returns what
  /// is wrong, or null.
  const char *run(llvm::ArrayRef<int64_t> indices);

private:
  struct Step {
    ScalarFunction function;
    llvm::SmallVector<unsigned, 3> operands;
    unsigned result = 0;
    /// linalg.index: the loop.
    int64_t loop = -1;
    /// tensor.extract: the tensor, whose indices are the operands.
    std::optional<Value> tensor;
  };
  const char *runStep(const Step &step, llvm::ArrayRef<int64_t> indices);
  llvm::Error addStep(mlir::Operation &op, const Frame &frame);
  unsigned newSlot(mlir::Value value);
  llvm::Expected<unsigned> operandSlot(mlir::Value value, const Frame &frame);

  llvm::DenseMap<mlir::Value, unsigned> slotOf;
  std::vector<Scalar> slots;
  std::vector<Step> steps;
  std::vector<unsigned> results;
  llvm::SmallVector<Scalar, 4> scratch;
};

} // namespace transmamba::reference

#endif // TRANSMAMBA_REFERENCE_SCALARS_H
