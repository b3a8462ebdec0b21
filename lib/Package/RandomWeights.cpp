//===- RandomWeights.cpp - Reproducible weights from a seed ---------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Package/RandomWeights.h"

#include "transmamba/Package/CheckedMath.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

namespace transmamba::package {

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

/// splitmix64's increment, the golden ratio.
static constexpr uint64_t golden = 0x9e3779b97f4a7c15;

/// The output function of splitmix64: a bijection that spreads every bit.
static uint64_t mix(uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

/// The start of the sequence of one tensor: everything that it depends on.
static uint64_t tensorKey(uint64_t seed, std::string_view name,
                          const std::vector<int64_t> &shape) {
  uint64_t key = mix(seed + golden);
  for (char letter : name)
    key = mix((key ^ static_cast<unsigned char>(letter)) + golden);
  for (int64_t extent : shape)
    key = mix((key ^ static_cast<uint64_t>(extent)) + golden);
  return key;
}

/// Element `index` of splitmix64's sequence from `key`.
static uint64_t bitsAt(uint64_t key, uint64_t index) {
  return mix(key + (index + 1) * golden);
}

/// Uniform in [0, 1), a multiple of 2^-53.
static double uniform(uint64_t bits) {
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

/// Nearly normal with mean 0 and variance 1: the sum of four uniform numbers of
/// 16 bits (variance 1/3), centred and scaled. Bounded by 2 sqrt(3), and exact
/// up to the last product, which a logarithm and a cosine would not be.
static double normal(uint64_t bits) {
  int64_t sum = 0;
  for (int part = 0; part < 4; ++part)
    sum += static_cast<int64_t>((bits >> (16 * part)) & 0xffff);
  constexpr double squareRootOf3 = 1.7320508075688772;
  return static_cast<double>(sum - 2 * 0xffff) * 0x1p-16 * squareRootOf3;
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

static bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

WeightRole weightRole(std::string_view name, size_t rank) {
  std::string lower(name);
  for (char &letter : lower)
    if (letter >= 'A' && letter <= 'Z')
      letter = static_cast<char>(letter - 'A' + 'a');
  std::string_view text = lower;
  std::string_view last = text.substr(text.rfind('.') + 1);
  // The component before the last one, empty where there is none.
  std::string_view owner =
      text.substr(0, text.size() - std::min(text.size(), last.size() + 1));
  owner = owner.substr(owner.rfind('.') + 1);

  if (last == "a_log")
    return WeightRole::DecayLog;
  if (rank == 1 && last == "d")
    return WeightRole::Skip;
  if (rank == 1 && (last == "dt_bias" ||
                    (last == "bias" && (owner == "dt" || owner == "dt_proj"))))
    return WeightRole::StepBias;
  if (rank == 1 && last != "bias" &&
      (contains(owner, "norm") || contains(last, "norm")))
    return WeightRole::Norm;
  if (rank == 2 && (contains(owner, "embed") || contains(last, "embed")))
    return WeightRole::Embedding;
  return rank <= 1 ? WeightRole::Bias : WeightRole::Matrix;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

/// A distribution: center + scale * (normal or uniform).
static double draw(WeightRole role, double matrixScale, uint64_t bits) {
  constexpr double logarithmOf16 = 2.772588722239781;
  switch (role) {
  case WeightRole::Norm:
    return 0.9 + 0.2 * uniform(bits);
  case WeightRole::DecayLog:
    return logarithmOf16 * uniform(bits);
  case WeightRole::StepBias:
    return -4.0 + 3.0 * uniform(bits);
  case WeightRole::Skip:
    return 0.5 + uniform(bits);
  case WeightRole::Embedding:
    return normal(bits);
  case WeightRole::Bias:
    return 0.1 * normal(bits);
  case WeightRole::Matrix:
    return matrixScale * normal(bits);
  }
  return 0;
}

float RandomTensor::operator[](uint64_t index) const {
  return static_cast<float>(draw(role, matrixScale, bitsAt(key, index)));
}

Result<RandomTensor>
RandomWeights::open(std::string_view name,
                    const std::vector<int64_t> &shape) const {
  // 2^40 elements are 4 TiB: a shape that nobody means.
  std::optional<int64_t> count = checkedElementCount(shape);
  if (!count || *count > (int64_t(1) << 40))
    return Error(std::string(name), "the shape is negative or too large for "
                                    "random weights");
  RandomTensor tensor;
  tensor.count = static_cast<uint64_t>(*count);
  tensor.role = weightRole(name, shape.size());
  double fanIn = 1;
  for (size_t dim = 1; dim < shape.size(); ++dim)
    fanIn *= static_cast<double>(shape[dim]);
  // std::sqrt is correctly rounded (IEEE 754), unlike the functions that the
  // header rules out.
  tensor.matrixScale = fanIn > 0 ? 1 / std::sqrt(fanIn) : 1;
  tensor.key = tensorKey(seed, name, shape);
  return tensor;
}

Result<std::vector<float>>
RandomWeights::tensor(std::string_view name,
                      const std::vector<int64_t> &shape) const {
  Result<RandomTensor> tensor = open(name, shape);
  if (!tensor)
    return tensor.takeError();
  std::vector<float> values(static_cast<size_t>(tensor->size()));
  for (size_t index = 0; index < values.size(); ++index)
    values[index] = (*tensor)[index];
  return values;
}

std::optional<uint64_t> parseRandomWeights(std::string_view text) {
  constexpr std::string_view prefix = "random:";
  if (text.substr(0, prefix.size()) != prefix)
    return std::nullopt;
  text.remove_prefix(prefix.size());
  uint64_t seed = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return seed;
}

} // namespace transmamba::package
