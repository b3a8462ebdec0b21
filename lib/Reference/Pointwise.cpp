//===- Pointwise.cpp - Around the mixer -----------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "transmamba/Reference/Operations.h"

#include <cmath>

using namespace transmamba::reference;
using llvm::Error;
using llvm::Expected;

//===----------------------------------------------------------------------===//
// transmamba.activate
//===----------------------------------------------------------------------===//

/// x / (1 + exp(-x))
static double silu(double x) { return x / (1 + std::exp(-x)); }

/// x Phi(x), Phi the normal distribution function
static double gelu(double x) {
  return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
}

/// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
static double geluTanh(double x) {
  const double pi = std::acos(-1.0);
  double inner = std::sqrt(2 / pi) * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1 + std::tanh(inner));
}

/// max(x, 0)^2
static double relu2(double x) { return x > 0 ? x * x : 0 * x; }

static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// log(1 + exp(x)), without the overflow of exp.
static double softplus(double x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

double transmamba::reference::apply(Function function, double x) {
  switch (function) {
  case Function::Silu:
    return silu(x);
  case Function::Gelu:
    return gelu(x);
  case Function::GeluTanh:
    return geluTanh(x);
  case Function::Relu2:
    return relu2(x);
  case Function::Sigmoid:
    return sigmoid(x);
  case Function::Softplus:
    return softplus(x);
  }
  return undefinedFloat;
}

FloatTensor transmamba::reference::activate(Function function,
                                            const FloatTensor &x) {
  FloatTensor y(x.shape());
  for (int64_t i = 0; i < x.size(); ++i)
    y[i] = apply(function, x[i]);
  return y;
}

//===----------------------------------------------------------------------===//
// transmamba.embedding: y[b, t, :] = table[tokens[b, t], :]
//===----------------------------------------------------------------------===//

Expected<FloatTensor>
transmamba::reference::embedding(const IntTensor &tokens,
                                 const FloatTensor &table) {
  const int64_t B = tokens.dim(0), T = tokens.dim(1);
  const int64_t vocabulary = table.dim(0), C = table.dim(1);
  Expected<FloatTensor> y = FloatTensor::create({B, T, C});
  if (!y)
    return y;
  for (int64_t b = 0; b < B; ++b)
    for (int64_t t = 0; t < T; ++t) {
      int64_t token = tokens(b, t);
      if (token < 0 || token >= vocabulary)
        continue; // zeros
      for (int64_t c = 0; c < C; ++c)
        (*y)(b, t, c) = table(token, c);
    }
  return y;
}

//===----------------------------------------------------------------------===//
// transmamba.rms_norm: y = x / sqrt(mean(x^2) + eps) * weight
//===----------------------------------------------------------------------===//

/// 1 / sqrt(mean(x^2) + eps) over `count` elements.
static double inverseRootMeanSquare(const double *x, int64_t count,
                                    double eps) {
  double sum = 0;
  for (int64_t c = 0; c < count; ++c)
    sum += x[c] * x[c];
  return 1 / std::sqrt(sum / static_cast<double>(count) + eps);
}

Expected<FloatTensor> transmamba::reference::rmsNorm(const FloatTensor &x,
                                                     const FloatTensor &weight,
                                                     double eps) {
  const int64_t C = x.shape().back();
  if (Error error = requireShape("the weight", weight, {C}))
    return error;
  FloatTensor y(x.shape());
  for (int64_t row = 0; row < x.size(); row += C) {
    double factor = inverseRootMeanSquare(x.data() + row, C, eps);
    for (int64_t c = 0; c < C; ++c)
      y[row + c] = x[row + c] * factor * weight[c];
  }
  return y;
}

//===----------------------------------------------------------------------===//
// transmamba.gated_rms_norm (section 1: y_t = gated_rms_norm(y_t, silu(z_t)))
//===----------------------------------------------------------------------===//

/// One token: the RMS norm of every group, times the weight.
static void normaliseGroups(double *y, int64_t C, const FloatTensor &weight,
                            const GatedRMSNorm &options) {
  const int64_t groupSize = C / options.groups;
  for (int64_t first = 0; first < C; first += groupSize) {
    double factor = inverseRootMeanSquare(y + first, groupSize, options.eps);
    for (int64_t c = first; c < first + groupSize; ++c)
      y[c] *= factor * weight[c];
  }
}

Expected<FloatTensor> transmamba::reference::gatedRMSNorm(
    const FloatTensor &x, const FloatTensor &gate, const FloatTensor *weight,
    const IntTensor *positions, const GatedRMSNorm &options) {
  const int64_t B = x.dim(0), T = x.dim(1), C = x.dim(2);
  if (Error error = requireShape("the gate", gate, x.shape()))
    return error;
  if (Error error = requireShape("the weight", weight, {C}))
    return error;
  if (Error error = requireRows("positions", positions, B))
    return error;
  if (options.groups <= 0 || C % options.groups != 0)
    return fail(llvm::Twine(options.groups) + " groups do not divide " +
                llvm::Twine(C) + " channels");

  FloatTensor y = x;
  for (int64_t b = 0; b < B; ++b)
    for (int64_t t = 0; t < T; ++t) {
      if (options.transpoint &&
          firstPosition(positions, b) + t < *options.transpoint)
        continue; // an attention token: unchanged
      double *token = y.data() + (b * T + t) * C;
      if (weight && options.normBeforeGate)
        normaliseGroups(token, C, *weight, options);
      for (int64_t c = 0; c < C; ++c)
        token[c] *= silu(gate(b, t, c));
      if (weight && !options.normBeforeGate)
        normaliseGroups(token, C, *weight, options);
    }
  return y;
}

//===----------------------------------------------------------------------===//
// transmamba.last_token: y[b, :] = x[b, lengths[b] - 1, :]
//===----------------------------------------------------------------------===//

Expected<FloatTensor>
transmamba::reference::lastToken(const FloatTensor &x,
                                 const IntTensor &lengths) {
  const int64_t B = x.dim(0), T = x.dim(1), C = x.dim(2);
  if (Error error = requireShape("lengths", lengths, {B}))
    return error;
  FloatTensor y({B, C});
  for (int64_t b = 0; b < B; ++b) {
    if (lengths[b] < 1 || lengths[b] > T)
      return fail("lengths[" + llvm::Twine(b) + "] is " +
                  llvm::Twine(lengths[b]) + ", which is not in [1, " +
                  llvm::Twine(T) + "]");
    for (int64_t c = 0; c < C; ++c)
      y(b, c) = x(b, lengths[b] - 1, c);
  }
  return y;
}

//===----------------------------------------------------------------------===//
// transmamba.causal_conv1d:
//   y[b, t, c] = bias[c] + sum_w weight[c, w] x[b, t - (W-1) + w, c]
//===----------------------------------------------------------------------===//

Expected<Convolved> transmamba::reference::causalConv1D(
    const FloatTensor &x, const FloatTensor &weight, const FloatTensor *bias,
    const FloatTensor *window, const IntTensor *lengths) {
  const int64_t B = x.dim(0), T = x.dim(1), C = x.dim(2);
  const int64_t W = weight.dim(1);
  if (Error error = requireShape("the weight", weight, {C, W}))
    return error;
  if (Error error = requireShape("the bias", bias, {C}))
    return error;
  if (Error error = requireShape("the window", window, {B, W - 1, C}))
    return error;
  if (Error error = requireRows("lengths", lengths, B))
    return error;

  // The input at time t, where times before 0 lie in the window.
  auto input = [&](int64_t b, int64_t t, int64_t c) {
    if (t >= 0)
      return x(b, t, c);
    return window ? (*window)(b, W - 1 + t, c) : 0.0;
  };
  Convolved result{FloatTensor(x.shape()), FloatTensor({B, W - 1, C})};
  for (int64_t b = 0; b < B; ++b) {
    for (int64_t t = 0; t < T; ++t)
      for (int64_t c = 0; c < C; ++c) {
        double sum = bias ? (*bias)[c] : 0;
        for (int64_t w = 0; w < W; ++w)
          sum += weight(c, w) * input(b, t - (W - 1) + w, c);
        result.y(b, t, c) = sum;
      }
    // The W - 1 inputs before the token that comes next.
    int64_t valid = validTokens(lengths, b, T);
    for (int64_t w = 0; w < W - 1; ++w)
      for (int64_t c = 0; c < C; ++c)
        result.window(b, w, c) = input(b, valid - (W - 1) + w, c);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// transmamba.select_reading (section 4: the mode is per layer and sequence)
//===----------------------------------------------------------------------===//

Expected<FloatTensor> transmamba::reference::selectReading(
    const FloatTensor &attention, const FloatTensor &ssm,
    const IntTensor &positions, int64_t transpoint) {
  const int64_t B = attention.dim(0), T = attention.dim(1);
  if (Error error = requireShape("the SSM reading", ssm, attention.shape()))
    return error;
  if (Error error = requireRows("positions", &positions, B))
    return error;
  FloatTensor y = attention;
  const int64_t tokenSize = attention.strides()[1];
  for (int64_t b = 0; b < B; ++b)
    for (int64_t t = 0; t < T; ++t)
      if (positions[b] + t >= transpoint)
        std::copy_n(ssm.data() + (b * T + t) * tokenSize, tokenSize,
                    y.data() + (b * T + t) * tokenSize);
  return y;
}
