//===- Attention.cpp - The attention reading ------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
// Section 1, t < P: y_t = softmax_causal(rope(q) rope(k)^T / sqrt(dh)) v.
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "Softmax.h"
#include "transmamba/Reference/Operations.h"

using namespace transmamba::reference;
using llvm::Error;
using llvm::Expected;

//===----------------------------------------------------------------------===//
// The softmax of one query
//===----------------------------------------------------------------------===//

/// sum_i a[i] b[i]
static double dot(const double *a, const double *b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += a[i] * b[i];
  return sum;
}

double transmamba::reference::attendOne(const double *query, int64_t N,
                                        double scale, int64_t first,
                                        int64_t last, RowOf keyOf,
                                        RowOf valueOf, double *y, int64_t D) {
  if (first > last) // no key: y stays zero
    return -std::numeric_limits<double>::infinity();
  std::vector<double> weights;
  weights.reserve(static_cast<size_t>(last - first + 1));
  double largest = -std::numeric_limits<double>::infinity();
  for (int64_t j = first; j <= last; ++j) {
    weights.push_back(scale * dot(query, keyOf(j), N));
    largest = std::max(largest, weights.back());
  }
  double sum = 0;
  for (double &weight : weights) {
    weight = std::exp(weight - largest);
    sum += weight;
  }
  for (int64_t j = first; j <= last; ++j) {
    const double *value = valueOf(j);
    double probability = weights[j - first] / sum;
    for (int64_t d = 0; d < D; ++d)
      y[d] += probability * value[d];
  }
  return largest + std::log(sum);
}

//===----------------------------------------------------------------------===//
// transmamba.rope
//===----------------------------------------------------------------------===//

void transmamba::reference::rotate(double *head, int64_t position,
                                   int64_t rotaryDim, const Rope &options) {
  for (int64_t i = 0; i < rotaryDim / 2; ++i) {
    double frequency =
        std::pow(options.theta, -2.0 * static_cast<double>(i) /
                                    static_cast<double>(rotaryDim));
    double angle = static_cast<double>(position) * frequency;
    double &a = head[options.interleaved ? 2 * i : i];
    double &b = head[options.interleaved ? 2 * i + 1 : i + rotaryDim / 2];
    double rotated = a * std::cos(angle) - b * std::sin(angle);
    b = a * std::sin(angle) + b * std::cos(angle);
    a = rotated;
  }
}

Expected<FloatTensor> transmamba::reference::rope(const FloatTensor &x,
                                                  const IntTensor *positions,
                                                  const Rope &options) {
  const int64_t B = x.dim(0), T = x.dim(1), H = x.dim(2), N = x.dim(3);
  if (Error error = requireRows("positions", positions, B))
    return error;
  const int64_t rotaryDim = options.rotaryDim.value_or(N);
  if (rotaryDim < 2 || rotaryDim % 2 != 0 || rotaryDim > N)
    return fail("rotary dimension " + llvm::Twine(rotaryDim) +
                " is not even or not in [2, " + llvm::Twine(N) + "]");
  FloatTensor y = x;
  for (int64_t b = 0; b < B; ++b)
    for (int64_t t = 0; t < T; ++t)
      for (int64_t h = 0; h < H; ++h)
        rotate(y.data() + ((b * T + t) * H + h) * N,
               firstPosition(positions, b) + t, rotaryDim, options);
  return y;
}

//===----------------------------------------------------------------------===//
// transmamba.attention
//===----------------------------------------------------------------------===//

Expected<FloatTensor>
transmamba::reference::attention(const FloatTensor &q, const FloatTensor &k,
                                 const FloatTensor &v, const IntTensor *lengths,
                                 const Attention &options,
                                 FloatTensor *logarithms) {
  const int64_t B = q.dim(0), T = q.dim(1), N = q.dim(3);
  const int64_t S = k.dim(1), D = v.dim(3);
  Expected<int64_t> H = groupedHeads({q.dim(2), k.dim(2), v.dim(2)});
  if (!H)
    return H.takeError();
  if (Error error = requireShape("k", k, {B, S, -1, N}))
    return error;
  if (Error error = requireShape("v", v, {B, S, -1, D}))
    return error;
  if (Error error = requireRows("lengths", lengths, B))
    return error;
  if (options.causal && T != S)
    return fail("causal attention with " + llvm::Twine(T) + " queries and " +
                llvm::Twine(S) + " keys");
  const double scale = scaleOrDefault(options.scale, N);

  Expected<FloatTensor> y = FloatTensor::create({B, T, *H, D});
  if (!y)
    return y;
  if (logarithms) {
    Expected<FloatTensor> none = FloatTensor::create({B, T, *H});
    if (!none)
      return none.takeError();
    *logarithms = std::move(*none);
    std::fill_n(logarithms->data(), B * T * *H,
                -std::numeric_limits<double>::infinity());
  }
  for (int64_t b = 0; b < B; ++b) {
    const int64_t keys = validTokens(lengths, b, S);
    const int64_t queries = options.causal ? keys : T;
    for (int64_t h = 0; h < *H; ++h) {
      const int64_t hq = headOf(h, *H, q.dim(2)), hk = headOf(h, *H, k.dim(2)),
                    hv = headOf(h, *H, v.dim(2));
      for (int64_t t = 0; t < queries; ++t) {
        const int64_t last = options.causal ? t : keys - 1;
        double logarithm = attendOne(
            &q(b, t, hq, 0), N, scale, firstVisible(t, options.window), last,
            [&](int64_t j) { return &k(b, j, hk, 0); },
            [&](int64_t j) { return &v(b, j, hv, 0); }, &(*y)(b, t, h, 0), D);
        if (logarithms)
          (*logarithms)(b, t, h) = logarithm;
      }
    }
  }
  return y;
}

//===----------------------------------------------------------------------===//
// transmamba.append_kv, transmamba.cached_attention (section 4, t < P)
//===----------------------------------------------------------------------===//

Expected<FloatTensor> transmamba::reference::appendKV(
    const FloatTensor &cache, const FloatTensor &k, const FloatTensor &v,
    const IntTensor *positions, const IntTensor *lengths) {
  const int64_t B = k.dim(0), T = k.dim(1), D = k.dim(3);
  const int64_t H = cache.dim(2), capacity = cache.dim(3);
  if (Error error = requireShape("v", v, {B, T, -1, D}))
    return error;
  if (Error error = requireShape("the cache", cache, {B, 2, -1, -1, D}))
    return error;
  if (Expected<int64_t> heads = groupedHeads({H, k.dim(2), v.dim(2)}); !heads)
    return heads.takeError();
  else if (*heads != H)
    return fail("the cache has fewer heads than the keys or the values");
  if (Error error = requireRows("positions", positions, B))
    return error;
  if (Error error = requireRows("lengths", lengths, B))
    return error;

  FloatTensor next = cache;
  for (int64_t b = 0; b < B; ++b)
    for (int64_t t = 0; t < validTokens(lengths, b, T); ++t) {
      const int64_t slot = firstPosition(positions, b) + t;
      if (slot >= capacity)
        break; // at or beyond the TransPoint
      for (int64_t h = 0; h < H; ++h)
        for (int64_t d = 0; d < D; ++d) {
          next(b, 0, h, slot, d) = k(b, t, headOf(h, H, k.dim(2)), d);
          next(b, 1, h, slot, d) = v(b, t, headOf(h, H, v.dim(2)), d);
        }
    }
  return next;
}

Expected<FloatTensor> transmamba::reference::cachedAttention(
    const FloatTensor &q, const FloatTensor &cache, const IntTensor &positions,
    const Attention &options) {
  const int64_t B = q.dim(0), T = q.dim(1), H = q.dim(2), D = q.dim(3);
  const int64_t cacheHeads = cache.dim(2), capacity = cache.dim(3);
  if (Error error = requireShape("the cache", cache, {B, 2, -1, -1, D}))
    return error;
  if (Expected<int64_t> heads = groupedHeads({H, cacheHeads}); !heads)
    return heads.takeError();
  if (Error error = requireRows("positions", &positions, B))
    return error;
  const double scale = scaleOrDefault(options.scale, D);

  FloatTensor y(q.shape());
  for (int64_t b = 0; b < B; ++b)
    for (int64_t t = 0; t < T; ++t) {
      const int64_t p = positions[b] + t;
      if (p >= capacity)
        break; // zeros
      for (int64_t h = 0; h < H; ++h) {
        const int64_t hc = headOf(h, H, cacheHeads);
        attendOne(
            &q(b, t, h, 0), D, scale, firstVisible(p, options.window), p,
            [&](int64_t j) { return &cache(b, 0, hc, j, 0); },
            [&](int64_t j) { return &cache(b, 1, hc, j, 0); }, &y(b, t, h, 0),
            D);
      }
    }
  return y;
}
