//===- RandomWeights.h - Reproducible weights from a seed -------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// `--weights=random:SEED`: weights for a model that has none, the same for
// every tool and machine. A tensor depends on the seed, its name and its shape
// only, and an element on its index besides, so tensors can be made one by one
// and in any order. Only exact operations are used (64-bit integers, sums and
// products of doubles): no result depends on a mathematical library.
//
// A tensor is made as the weights file would hold it: before the parameter's
// transform, under the name of its source, in float32.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_PACKAGE_RANDOMWEIGHTS_H
#define TRANSMAMBA_PACKAGE_RANDOMWEIGHTS_H

#include "transmamba/Package/Error.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace transmamba::package {

/// What a tensor is for, as its name says; it decides the distribution.
enum class WeightRole : uint8_t {
  /// `*norm*.weight`: uniform in [0.9, 1.1).
  Norm,
  /// `A_log`: uniform in [0, log 16), so that A = -exp(A_log) lies in (-16,
  /// -1].
  DecayLog,
  /// `dt*bias` with one element a head: uniform in [-4, -1), so that
  /// softplus(bias), the step, lies between 0.02 and 0.31.
  StepBias,
  /// `D`: uniform in [0.5, 1.5).
  Skip,
  /// `*embedding*.weight`: normal with standard deviation 1.
  Embedding,
  /// Other tensors of rank 1: normal with standard deviation 0.1.
  Bias,
  /// All else, `[out, in...]`: normal with standard deviation 1 / sqrt(fan-in),
  /// where fan-in is the product of all dimensions but the first.
  Matrix,
};

/// The role of the tensor `name` with `rank` dimensions. Letters' case does not
/// matter; the last component of the name, between dots, decides first.
WeightRole weightRole(std::string_view name, size_t rank);

/// The elements of one random tensor, each on its own: large ones need not be
/// in memory.
class RandomTensor {
public:
  /// Element `index`, row-major.
  float operator[](uint64_t index) const;
  uint64_t size() const { return count; }

private:
  friend class RandomWeights;

  uint64_t key = 0;
  uint64_t count = 0;
  WeightRole role = WeightRole::Bias;
  double matrixScale = 1;
};

/// Random weights of one seed.
class RandomWeights {
public:
  explicit RandomWeights(uint64_t seed) : seed(seed) {}

  /// The tensor of that name and shape; an error where the shape is not one.
  Result<RandomTensor> open(std::string_view name,
                            const std::vector<int64_t> &shape) const;
  /// All of its elements, row-major.
  Result<std::vector<float>> tensor(std::string_view name,
                                    const std::vector<int64_t> &shape) const;

private:
  uint64_t seed;
};

/// The seed of "random:SEED" (decimal, 64 bits); nothing for any other text. A
/// text that begins with "random:" is never a file name.
std::optional<uint64_t> parseRandomWeights(std::string_view text);

} // namespace transmamba::package

#endif // TRANSMAMBA_PACKAGE_RANDOMWEIGHTS_H
