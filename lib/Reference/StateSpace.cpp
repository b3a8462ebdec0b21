//===- StateSpace.cpp - The state-space reading ---------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
// Section 1. The converter is written as the sum that defines it and the scan
// as the recurrence, so that their agreement (identity 2) says something.
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "transmamba/Reference/Operations.h"

#include <cmath>

using namespace transmamba::reference;
using llvm::Error;
using llvm::Expected;

//===----------------------------------------------------------------------===//
// transmamba.convert_memory:
//   h = sum_{j < n} (prod_{i = j+1}^{n-1} a_i) dt_j k_j v_j^T,  a_i = exp(dt_i
//   A)
//===----------------------------------------------------------------------===//

Expected<FloatTensor> transmamba::reference::convertMemory(
    const FloatTensor &k, const FloatTensor &v, const FloatTensor &dt,
    const FloatTensor &A, const IntTensor *lengths) {
  const int64_t B = k.dim(0), T = k.dim(1), N = k.dim(3), D = v.dim(3);
  const int64_t H = A.dim(0);
  if (Error error = requireShape("v", v, {B, T, -1, D}))
    return error;
  if (Error error = requireShape("dt", dt, {B, T, H}))
    return error;
  if (Expected<int64_t> heads = groupedHeads({H, k.dim(2), v.dim(2)}); !heads)
    return heads.takeError();
  else if (*heads != H)
    return fail("dt and A have fewer heads than the keys or the values");
  if (Error error = requireRows("lengths", lengths, B))
    return error;

  Expected<FloatTensor> state = FloatTensor::create({B, H, N, D});
  if (!state)
    return state;
  for (int64_t b = 0; b < B; ++b)
    for (int64_t h = 0; h < H; ++h) {
      const int64_t hk = headOf(h, H, k.dim(2)), hv = headOf(h, H, v.dim(2));
      double product = 1; // of a_i over i = j+1 .. n-1
      for (int64_t j = validTokens(lengths, b, T) - 1; j >= 0; --j) {
        for (int64_t n = 0; n < N; ++n)
          for (int64_t d = 0; d < D; ++d)
            (*state)(b, h, n, d) +=
                product * dt(b, j, h) * k(b, j, hk, n) * v(b, j, hv, d);
        product *= std::exp(dt(b, j, h) * A[h]);
      }
    }
  return state;
}

//===----------------------------------------------------------------------===//
// transmamba.ssd_scan:
//   h_t = a_t h_{t-1} + dt_t k_t v_t^T,  y_t = q_t h_t + D v_t
//===----------------------------------------------------------------------===//

Expected<Scanned> transmamba::reference::ssdScan(
    const FloatTensor &q, const FloatTensor &k, const FloatTensor &v,
    const FloatTensor &dt, const FloatTensor &A, const FloatTensor *skip,
    const FloatTensor *init, int64_t start, const IntTensor *lengths) {
  const int64_t B = q.dim(0), T = q.dim(1), N = q.dim(3), D = v.dim(3);
  Expected<int64_t> heads =
      groupedHeads({q.dim(2), k.dim(2), v.dim(2), dt.dim(2)});
  if (!heads)
    return heads.takeError();
  const int64_t H = *heads;
  if (Error error = requireShape("k", k, {B, T, -1, N}))
    return error;
  if (Error error = requireShape("v", v, {B, T, -1, D}))
    return error;
  if (Error error = requireShape("dt", dt, {B, T, H}))
    return error;
  if (Error error = requireShape("A", A, {H}))
    return error;
  if (Error error = requireShape("D", skip, {H}))
    return error;
  if (Error error = requireShape("the state", init, {B, H, N, D}))
    return error;
  if (Error error = requireRows("lengths", lengths, B))
    return error;
  if (start < 0)
    return fail("the scan starts at the negative position " +
                llvm::Twine(start));

  Expected<FloatTensor> y = FloatTensor::create({B, T, H, D});
  if (!y)
    return y.takeError();
  Expected<FloatTensor> state = FloatTensor::create({B, H, N, D});
  if (!state)
    return state.takeError();
  if (init)
    state = *init;
  for (int64_t b = 0; b < B; ++b) {
    // Lengths count from position 0, tokens from `start`.
    const int64_t valid =
        lengths ? std::clamp<int64_t>((*lengths)[b] - start, 0, T) : T;
    for (int64_t h = 0; h < H; ++h) {
      const int64_t hq = headOf(h, H, q.dim(2)), hk = headOf(h, H, k.dim(2)),
                    hv = headOf(h, H, v.dim(2));
      for (int64_t t = 0; t < valid; ++t) {
        const double a = std::exp(dt(b, t, h) * A[h]);
        for (int64_t n = 0; n < N; ++n)
          for (int64_t d = 0; d < D; ++d) {
            double &element = (*state)(b, h, n, d);
            element =
                a * element + dt(b, t, h) * k(b, t, hk, n) * v(b, t, hv, d);
            (*y)(b, t, h, d) += q(b, t, hq, n) * element;
          }
        if (skip)
          for (int64_t d = 0; d < D; ++d)
            (*y)(b, t, h, d) += (*skip)[h] * v(b, t, hv, d);
      }
    }
  }
  return Scanned{std::move(*y), std::move(*state)};
}

//===----------------------------------------------------------------------===//
// transmamba.selective_scan (Mamba's S6):
//   h_t[c, n] = exp(dt_t[c] A[c, n]) h_{t-1}[c, n] + dt_t[c] B_t[n] u_t[c]
//   y_t[c] = sum_n C_t[n] h_t[c, n] + D[c] u_t[c]
//===----------------------------------------------------------------------===//

Expected<Scanned> transmamba::reference::selectiveScan(
    const FloatTensor &u, const FloatTensor &dt, const FloatTensor &A,
    const FloatTensor &B, const FloatTensor &C, const FloatTensor *skip,
    const FloatTensor *init, const IntTensor *lengths) {
  const int64_t rows = u.dim(0), T = u.dim(1), channels = u.dim(2);
  const int64_t N = A.dim(1);
  if (Error error = requireShape("dt", dt, {rows, T, channels}))
    return error;
  if (Error error = requireShape("A", A, {channels, N}))
    return error;
  if (Error error = requireShape("B", B, {rows, T, N}))
    return error;
  if (Error error = requireShape("C", C, {rows, T, N}))
    return error;
  if (Error error = requireShape("D", skip, {channels}))
    return error;
  if (Error error = requireShape("the state", init, {rows, channels, N}))
    return error;
  if (Error error = requireRows("lengths", lengths, rows))
    return error;

  FloatTensor y(u.shape());
  Expected<FloatTensor> state = FloatTensor::create({rows, channels, N});
  if (!state)
    return state.takeError();
  if (init)
    state = *init;
  for (int64_t b = 0; b < rows; ++b)
    for (int64_t t = 0; t < validTokens(lengths, b, T); ++t)
      for (int64_t c = 0; c < channels; ++c) {
        for (int64_t n = 0; n < N; ++n) {
          double &element = (*state)(b, c, n);
          element = std::exp(dt(b, t, c) * A(c, n)) * element +
                    dt(b, t, c) * B(b, t, n) * u(b, t, c);
          y(b, t, c) += C(b, t, n) * element;
        }
        if (skip)
          y(b, t, c) += (*skip)[c] * u(b, t, c);
      }
  return Scanned{std::move(y), std::move(*state)};
}
