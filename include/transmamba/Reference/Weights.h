//===- Weights.h - Where parameters come from -------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// A parameter is its source after its transform, computed in float64, rounded
// to the parameter's declared type: exactly the weights that the package of a
// compiled model holds. What is computed with them is not rounded.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_REFERENCE_WEIGHTS_H
#define TRANSMAMBA_REFERENCE_WEIGHTS_H

#include "TransMamba/IR/TransMambaOps.h"
#include "transmamba/Reference/Tensor.h"
#include "llvm/ADT/StringMap.h"

#include <memory>

namespace transmamba::reference {

/// Tensors by name, as a weights file holds them.
class WeightSource {
public:
  virtual ~WeightSource();
  /// The tensor `name`, which has to have this shape.
  virtual llvm::Expected<FloatTensor> load(llvm::StringRef name,
                                           llvm::ArrayRef<int64_t> shape) = 0;
};

/// "FILE.safetensors" or "random:SEED"; every load fails where the text is
/// empty.
llvm::Expected<std::unique_ptr<WeightSource>>
openWeights(llvm::StringRef specification);

/// Random weights (transmamba/Package/RandomWeights.h).
std::unique_ptr<WeightSource> randomWeights(uint64_t seed);

/// These tensors.
std::unique_ptr<WeightSource>
givenWeights(llvm::StringMap<FloatTensor> tensors);

/// The value of a parameter.
llvm::Expected<FloatTensor> materialize(ParameterOp parameter,
                                        WeightSource &weights);

} // namespace transmamba::reference

#endif // TRANSMAMBA_REFERENCE_WEIGHTS_H
