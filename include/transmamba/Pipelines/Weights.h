//===- Weights.h - Where parameters come from -------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_PIPELINES_WEIGHTS_H
#define TRANSMAMBA_PIPELINES_WEIGHTS_H

#include "TransMamba/IR/TransMambaOps.h"
#include "transmamba/Package/PackageWriter.h"
#include "transmamba/Package/RandomWeights.h"
#include "transmamba/Package/SafeTensors.h"

namespace transmamba {

/// The data of parameters: a safetensors file, or random numbers from a seed.
class WeightSource {
public:
  /// `spec` is the path of a safetensors file or "random:SEED".
  static package::Result<WeightSource> open(const std::string &spec);

  /// Reports, at the parameter, a tensor that is missing or has another shape
  /// or a type that is no float.
  mlir::LogicalResult check(ParameterOp parameter) const;

  /// Adds the parameter's data, transformed and rounded to its element type, to
  /// a package. `check` has succeeded (tables need no source). The op and this
  /// source must outlive the writing of the package.
  static uint64_t add(ParameterOp parameter, const WeightSource *source,
                      package::WeightsBuilder &weights);

private:
  package::Error write(ParameterOp parameter, package::ElementType type,
                       const package::ByteSink &sink) const;

  std::string spec;
  std::shared_ptr<const package::SafeTensorsFile> file;
  std::optional<package::RandomWeights> random;
};

} // namespace transmamba

#endif // TRANSMAMBA_PIPELINES_WEIGHTS_H
