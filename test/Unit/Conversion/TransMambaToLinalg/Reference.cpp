//===- Reference.cpp - The operations, as they are written ----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Reference.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace testing_linalg;

static int64_t sizeOf(const std::vector<int64_t> &shape) {
  int64_t size = 1;
  for (int64_t dim : shape)
    size *= dim;
  return size;
}

static int64_t offsetOf(const std::vector<int64_t> &shape,
                        std::initializer_list<int64_t> indices) {
  int64_t offset = 0, dim = 0;
  for (int64_t index : indices)
    offset = offset * shape[dim++] + index;
  return offset;
}

Values::Values(std::vector<int64_t> sizes)
    : shape(std::move(sizes)), data(sizeOf(shape), 0.0) {}

Values::Values(const Tensor &tensor) : Values(tensor.shape()) {
  for (int64_t index = 0; index < tensor.size(); ++index)
    data[index] = tensor.at(index);
}

double &Values::operator()(std::initializer_list<int64_t> indices) {
  return data[offsetOf(shape, indices)];
}

double Values::operator()(std::initializer_list<int64_t> indices) const {
  return data[offsetOf(shape, indices)];
}

Tensor testing_linalg::randomTensor(std::mt19937 &random,
                                    std::vector<int64_t> shape, Element element,
                                    double low, double high) {
  Tensor tensor(std::move(shape), element);
  std::uniform_real_distribution<double> distribution(low, high);
  for (int64_t index = 0; index < tensor.size(); ++index)
    tensor.put(index, distribution(random));
  return tensor;
}

Tensor testing_linalg::ints(std::vector<int> values) {
  Tensor tensor({static_cast<int64_t>(values.size())}, Element::I32);
  for (size_t index = 0; index < values.size(); ++index)
    tensor.put(index, values[index]);
  return tensor;
}

void testing_linalg::poisonPadding(Tensor &tensor,
                                   const std::vector<int> &lengths) {
  int64_t tokens = tensor.dim(1);
  int64_t inner = tensor.size() / std::max<int64_t>(tensor.dim(0) * tokens, 1);
  for (int64_t row = 0; row < tensor.dim(0); ++row)
    for (int64_t token = lengths[row]; token < tokens; ++token)
      for (int64_t index = 0; index < inner; ++index)
        tensor.put((row * tokens + token) * inner + index, kNaN);
}

static double roundTo(double value, Element element) {
  Tensor scalar({1}, element, value);
  return scalar.at(0);
}

void testing_linalg::rotate(std::vector<double> &head, int64_t position,
                            double theta, int64_t rotaryDim, bool interleaved,
                            Element element) {
  int64_t half = rotaryDim / 2;
  for (int64_t pair = 0; pair < half; ++pair) {
    int64_t first = interleaved ? 2 * pair : pair;
    int64_t second = interleaved ? 2 * pair + 1 : pair + half;
    double angle = position * std::pow(theta, -2.0 * pair / rotaryDim);
    double x = head[first], y = head[second];
    head[first] = roundTo(x * std::cos(angle) - y * std::sin(angle), element);
    head[second] = roundTo(y * std::cos(angle) + x * std::sin(angle), element);
  }
}

std::vector<double>
testing_linalg::attend(const std::vector<double> &query,
                       const std::vector<std::vector<double>> &keys,
                       const std::vector<std::vector<double>> &values,
                       double scale, double *logarithm) {
  std::vector<double> scores;
  for (const std::vector<double> &key : keys) {
    double score = 0;
    for (size_t index = 0; index < key.size(); ++index)
      score += query[index] * key[index];
    scores.push_back(score * scale);
  }
  double largest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  std::vector<double> result(values[0].size(), 0.0);
  for (size_t key = 0; key < keys.size(); ++key) {
    double weight = std::exp(scores[key] - largest);
    sum += weight;
    for (size_t index = 0; index < result.size(); ++index)
      result[index] += weight * values[key][index];
  }
  for (double &value : result)
    value /= sum;
  if (logarithm)
    *logarithm = largest + std::log(sum);
  return result;
}

std::vector<double> testing_linalg::headOf(const Tensor &tensor, int64_t row,
                                           int64_t token, int64_t head,
                                           int64_t heads) {
  int64_t own = tensor.dim(2);
  std::vector<double> result;
  for (int64_t index = 0; index < tensor.dim(3); ++index)
    result.push_back(tensor.get({row, token, head / (heads / own), index}));
  return result;
}

Values testing_linalg::attention(const Tensor &q, const Tensor &k,
                                 const Tensor &v,
                                 const std::vector<int> &lengths,
                                 AttentionCase options, Values *logarithms) {
  int64_t heads = std::max({q.dim(2), k.dim(2), v.dim(2)});
  Values result({q.dim(0), q.dim(1), heads, v.dim(3)});
  double scale = options.scale.value_or(1.0 / std::sqrt(double(q.dim(3))));
  for (int64_t row = 0; row < q.dim(0); ++row)
    for (int64_t token = 0; token < q.dim(1); ++token) {
      if (options.causal && token >= lengths[row])
        continue;
      for (int64_t head = 0; head < heads; ++head) {
        std::vector<std::vector<double>> keys, values;
        for (int64_t key = 0; key < lengths[row]; ++key) {
          if (options.causal &&
              (key > token ||
               (options.window && token - key >= *options.window)))
            continue;
          keys.push_back(headOf(k, row, key, head, heads));
          values.push_back(headOf(v, row, key, head, heads));
        }
        if (keys.empty())
          continue;
        double logarithm;
        std::vector<double> y = attend(headOf(q, row, token, head, heads), keys,
                                       values, scale, &logarithm);
        if (logarithms)
          (*logarithms)({row, token, head}) = logarithm;
        for (int64_t index = 0; index < v.dim(3); ++index)
          result({row, token, head, index}) = y[index];
      }
    }
  return result;
}

void testing_linalg::step(std::vector<std::vector<double>> &state, double dt,
                          double a, const std::vector<double> &k,
                          const std::vector<double> &v) {
  for (size_t n = 0; n < k.size(); ++n)
    for (size_t d = 0; d < v.size(); ++d)
      state[n][d] = std::exp(dt * a) * state[n][d] + dt * k[n] * v[d];
}

std::vector<double>
testing_linalg::readState(const std::vector<std::vector<double>> &state,
                          const std::vector<double> &q, double skip,
                          const std::vector<double> &v) {
  std::vector<double> result;
  for (size_t d = 0; d < v.size(); ++d) {
    double sum = skip * v[d];
    for (size_t n = 0; n < q.size(); ++n)
      sum += q[n] * state[n][d];
    result.push_back(sum);
  }
  return result;
}

double testing_linalg::toleranceOf(Element element) {
  return element == Element::BF16 ? 1.0 / 128 : 3e-5;
}

void testing_linalg::expectClose(const Tensor &actual, const Values &expected,
                                 double tolerance, const std::string &what) {
  ASSERT_EQ(actual.shape(), expected.shape) << what;
  int failures = 0;
  for (int64_t index = 0; index < actual.size(); ++index) {
    double got = actual.at(index), want = expected.data[index];
    if (std::abs(got - want) <= tolerance * std::max(1.0, std::abs(want)))
      continue;
    if (std::isnan(got) && std::isnan(want))
      continue;
    std::string place;
    int64_t rest = index;
    for (size_t dim = actual.shape().size(); dim-- > 0;) {
      place = std::to_string(rest % actual.dim(dim)) + " " + place;
      rest /= actual.dim(dim);
    }
    ADD_FAILURE() << what << " at [ " << place << "]: " << got << " instead of "
                  << want;
    if (++failures == 5)
      return;
  }
}
