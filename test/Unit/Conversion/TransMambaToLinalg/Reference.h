//===- Reference.h - The operations, as they are written --------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Equations of the dialect in double, token by token: attention in O(T^2), the
// recurrences one step at a time.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TEST_UNIT_CONVERSION_TRANSMAMBATOLINALG_REFERENCE_H
#define TRANSMAMBA_TEST_UNIT_CONVERSION_TRANSMAMBATOLINALG_REFERENCE_H

#include "Executor.h"
#include <limits>
#include <optional>
#include <random>

namespace testing_linalg {

/// Values of a reference: a tensor without rounding.
struct Values {
  std::vector<int64_t> shape;
  std::vector<double> data;

  explicit Values(std::vector<int64_t> sizes);
  explicit Values(const Tensor &tensor);
  double &operator()(std::initializer_list<int64_t> indices);
  double operator()(std::initializer_list<int64_t> indices) const;
};

inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Uniform in [low, high), rounded to the element type.
Tensor randomTensor(std::mt19937 &random, std::vector<int64_t> shape,
                    Element element = Element::F32, double low = -1.0,
                    double high = 1.0);
Tensor ints(std::vector<int> values);
/// NaN in the tokens (dimension 1) from lengths[b] on.
void poisonPadding(Tensor &tensor, const std::vector<int> &lengths);

/// Rotates one head at a position, in place; rounds to the element type.
void rotate(std::vector<double> &head, int64_t position, double theta,
            int64_t rotaryDim, bool interleaved, Element element);

struct AttentionCase {
  bool causal = true;
  std::optional<int64_t> window;
  std::optional<double> scale;
};
/// Softmax attention of one query over keys and values, and the logarithm of
/// the sum of exponentials where it is wanted.
std::vector<double> attend(const std::vector<double> &query,
                           const std::vector<std::vector<double>> &keys,
                           const std::vector<std::vector<double>> &values,
                           double scale, double *logarithm = nullptr);
Values attention(const Tensor &q, const Tensor &k, const Tensor &v,
                 const std::vector<int> &lengths, AttentionCase options,
                 Values *logarithms = nullptr);

/// One step of the recurrence of a head: h = exp(dt A) h + dt k v^T.
void step(std::vector<std::vector<double>> &state, double dt, double a,
          const std::vector<double> &k, const std::vector<double> &v);
std::vector<double> readState(const std::vector<std::vector<double>> &state,
                              const std::vector<double> &q, double skip,
                              const std::vector<double> &v);

/// The elements of one head of a tensor [B, T, Hx, E], where the operation has
/// `heads` heads.
std::vector<double> headOf(const Tensor &tensor, int64_t row, int64_t token,
                           int64_t head, int64_t heads);

/// Expects equality up to `tolerance`, relative to 1 and to the value.
void expectClose(const Tensor &actual, const Values &expected, double tolerance,
                 const std::string &what);
/// Rounding of a result in the element type.
double toleranceOf(Element element);

} // namespace testing_linalg

#endif // TRANSMAMBA_TEST_UNIT_CONVERSION_TRANSMAMBATOLINALG_REFERENCE_H
