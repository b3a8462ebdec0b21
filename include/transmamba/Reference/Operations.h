//===- Operations.h - What the operations compute ---------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// One function for each operation of the dialect, written as its description
// in TransMambaOps.td and section 1 of the semantics define it: sequential
// recurrences, one softmax a query, float64 throughout. Shapes are named with
// the letters of the dialect: B batch, T tokens, H heads, N key dimension,
// D value dimension, C channels. An operation with grouped heads lets head `h`
// of `H` read head `h / (H / Hx)` of an operand that has `Hx`.
//
// Optional operands are pointers, null where absent. Every function checks the
// sizes that it relies on and fails with a message; none reads outside of a
// tensor or a value that the operation does not define: keys beyond a row's
// length, free cache slots.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_REFERENCE_OPERATIONS_H
#define TRANSMAMBA_REFERENCE_OPERATIONS_H

#include "transmamba/Reference/Tensor.h"

#include <optional>

namespace transmamba::reference {

//===----------------------------------------------------------------------===//
// Around the mixer (Pointwise.cpp)
//===----------------------------------------------------------------------===//

enum class Function { Silu, Gelu, GeluTanh, Relu2, Sigmoid, Softplus };

double apply(Function function, double x);

/// y = f(x).
FloatTensor activate(Function function, const FloatTensor &x);

/// tokens [B,T], table [V,C] -> [B,T,C]. A token outside of the table gives
/// zeros.
llvm::Expected<FloatTensor> embedding(const IntTensor &tokens,
                                      const FloatTensor &table);

/// x [..., C], weight [C].
llvm::Expected<FloatTensor> rmsNorm(const FloatTensor &x,
                                    const FloatTensor &weight, double eps);

struct GatedRMSNorm {
  double eps = 0;
  int64_t groups = 1;
  bool normBeforeGate = false;
  /// Tokens before this position pass unchanged.
  std::optional<int64_t> transpoint;
};
/// x [B,T,C], gate [B,T,C], weight [C] or null, positions [B] or null.
llvm::Expected<FloatTensor> gatedRMSNorm(const FloatTensor &x,
                                         const FloatTensor &gate,
                                         const FloatTensor *weight,
                                         const IntTensor *positions,
                                         const GatedRMSNorm &options);

/// x [B,T,C], lengths [B] -> [B,C].
llvm::Expected<FloatTensor> lastToken(const FloatTensor &x,
                                      const IntTensor &lengths);

/// x [B,T,C], weight [C,W], bias [C] or null, window [B,W-1,C] or null,
/// lengths [B] or null -> y [B,T,C] and the next window.
struct Convolved {
  FloatTensor y;
  FloatTensor window;
};
llvm::Expected<Convolved> causalConv1D(const FloatTensor &x,
                                       const FloatTensor &weight,
                                       const FloatTensor *bias,
                                       const FloatTensor *window,
                                       const IntTensor *lengths);

/// Attention before the TransPoint, SSM from it on: both [B,T,...].
llvm::Expected<FloatTensor> selectReading(const FloatTensor &attention,
                                          const FloatTensor &ssm,
                                          const IntTensor &positions,
                                          int64_t transpoint);

//===----------------------------------------------------------------------===//
// The attention reading (Attention.cpp)
//===----------------------------------------------------------------------===//

struct Rope {
  double theta = 1e4;
  /// How many elements of a head rotate; all without it.
  std::optional<int64_t> rotaryDim;
  bool interleaved = false;
};
/// x [B,T,H,N], positions [B] or null.
llvm::Expected<FloatTensor>
rope(const FloatTensor &x, const IntTensor *positions, const Rope &options);

struct Attention {
  /// 1 / sqrt(N) without it.
  std::optional<double> scale;
  bool causal = false;
  std::optional<int64_t> window;
};
/// q [B,T,Hq,N], k [B,S,Hk,N], v [B,S,Hv,D], lengths [B] or null -> [B,T,H,D],
/// and where they are wanted the logarithms of the sums [B,T,H].
llvm::Expected<FloatTensor>
attention(const FloatTensor &q, const FloatTensor &k, const FloatTensor &v,
          const IntTensor *lengths, const Attention &options,
          FloatTensor *logarithms = nullptr);

/// cache [B,2,H,capacity,D], k, v [B,T,Hx,D] -> the cache with them.
llvm::Expected<FloatTensor> appendKV(const FloatTensor &cache,
                                     const FloatTensor &k, const FloatTensor &v,
                                     const IntTensor *positions,
                                     const IntTensor *lengths);

/// q [B,T,H,D], cache [B,2,Hc,capacity,D], positions [B] -> [B,T,H,D].
llvm::Expected<FloatTensor> cachedAttention(const FloatTensor &q,
                                            const FloatTensor &cache,
                                            const IntTensor &positions,
                                            const Attention &options);

//===----------------------------------------------------------------------===//
// The state-space reading (StateSpace.cpp)
//===----------------------------------------------------------------------===//

/// The Memory Converter: k [B,T,Hk,N], v [B,T,Hv,D], dt [B,T,H], A [H],
/// lengths [B] or null -> h [B,H,N,D].
llvm::Expected<FloatTensor>
convertMemory(const FloatTensor &k, const FloatTensor &v, const FloatTensor &dt,
              const FloatTensor &A, const IntTensor *lengths);

/// Outputs of tokens and the state after them.
struct Scanned {
  FloatTensor y;
  FloatTensor state;
};

/// q [B,T,Hq,N], k [B,T,Hk,N], v [B,T,Hv,D], dt [B,T,H], A [H], D [H] or null,
/// init [B,H,N,D] or null, lengths [B] or null; the first token stands at
/// `start`. y is [B,T,H,D].
llvm::Expected<Scanned> ssdScan(const FloatTensor &q, const FloatTensor &k,
                                const FloatTensor &v, const FloatTensor &dt,
                                const FloatTensor &A, const FloatTensor *D,
                                const FloatTensor *init, int64_t start,
                                const IntTensor *lengths);

/// u [B,T,C], dt [B,T,C], A [C,N], B [B,T,N], C [B,T,N], D [C] or null,
/// init [B,C,N] or null, lengths [B] or null. y is [B,T,C].
llvm::Expected<Scanned>
selectiveScan(const FloatTensor &u, const FloatTensor &dt, const FloatTensor &A,
              const FloatTensor &B, const FloatTensor &C, const FloatTensor *D,
              const FloatTensor *init, const IntTensor *lengths);

//===----------------------------------------------------------------------===//
// Both readings (Switch.cpp)
//===----------------------------------------------------------------------===//

struct Switch {
  int64_t transpoint = 0;
  std::optional<double> scale;
  std::optional<int64_t> window;
  /// No rotation without it.
  std::optional<Rope> rope;
};
struct Switched {
  FloatTensor y;
  FloatTensor state;
  /// Where there is a cache.
  std::optional<FloatTensor> cache;
};
/// Operands as in `ssdScan` and `cachedAttention`.
llvm::Expected<Switched>
switchReading(const FloatTensor &q, const FloatTensor &k, const FloatTensor &v,
              const FloatTensor &dt, const FloatTensor &A, const FloatTensor *D,
              const FloatTensor *init, const FloatTensor *cache,
              const IntTensor *positions, const IntTensor *lengths,
              const Switch &options);

} // namespace transmamba::reference

#endif // TRANSMAMBA_REFERENCE_OPERATIONS_H
