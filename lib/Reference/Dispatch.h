//===- Dispatch.h - From operations to functions ----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
// Each function takes the operands out of the frame and returns the results;
// messages carry no place, which the interpreter adds.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_REFERENCE_DISPATCH_H
#define TRANSMAMBA_REFERENCE_DISPATCH_H

#include "Frame.h"
#include "TransMamba/IR/TransMambaOps.h"

namespace transmamba::reference {

/// What an operation may ask of the model that it belongs to.
class ModelContext {
public:
  virtual ~ModelContext() = default;
  /// The value of a parameter.
  virtual llvm::Expected<Value> parameter(llvm::StringRef name) = 0;
  /// The TransPoint of a layer, of the module's schedule.
  virtual llvm::Expected<int64_t> transpoint(int64_t layer) const = 0;
};

/// An operation of the dialect `transmamba`.
llvm::Expected<Values> evaluateTransMamba(mlir::Operation *op,
                                          const Frame &frame,
                                          ModelContext &model);
/// An operation of the dialect `tensor`.
llvm::Expected<Values> evaluateTensor(mlir::Operation *op, const Frame &frame);

/// A structured operation of the dialect `linalg`.
llvm::Expected<Values> evaluateLinalg(mlir::Operation *op, const Frame &frame);

} // namespace transmamba::reference

#endif // TRANSMAMBA_REFERENCE_DISPATCH_H
