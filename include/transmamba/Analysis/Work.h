//===- Work.h - What a kernel has to do at least ----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The numbers that a package gives for a command (docs/package.md, "work"):
// floating-point operations, and bytes that must be read and written once,
// whatever the kernel does. They are index values of the host, made where the
// sizes of the tensors are known, and travel with the loop, launch or dispatch.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_ANALYSIS_WORK_H
#define TRANSMAMBA_ANALYSIS_WORK_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include <optional>

namespace transmamba {

/// Null where it is not known.
struct Work {
  mlir::OpFoldResult flop, bytes;
};

/// Softmax attention of `queries` tokens to `keys`. In causal attention the
/// last query sees the last key.
struct AttentionWork {
  mlir::OpFoldResult batch, queries, keys;
  int64_t heads, keyDim, valueDim;
  bool causal;
  std::optional<int64_t> window;
};

/// A state-space recurrence over `tokens`, of which `outputs` are read out.
struct ScanWork {
  mlir::OpFoldResult batch, tokens, outputs;
  int64_t heads, stateDim, headDim;
};

/// Arithmetic on sizes. What is constant is folded.
class WorkBuilder {
public:
  using Index = mlir::OpFoldResult;

  WorkBuilder(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  Index constant(int64_t value) { return builder.getIndexAttr(value); }
  Index add(Index a, Index b);
  /// a - b, which is not negative.
  Index sub(Index a, Index b);
  Index mul(Index a, Index b);
  Index mul(Index a, int64_t b) { return mul(a, constant(b)); }
  Index min(Index a, Index b);

  /// The sizes of a tensor or buffer, from where it is made: the value itself
  /// gets no new use where that can be avoided, which would keep it alive.
  llvm::SmallVector<Index> getSizes(mlir::Value shaped);
  Index countElements(mlir::Value shaped);
  Index countBytes(mlir::Value shaped);
  /// Of several; what is no tensor or buffer counts nothing.
  Index countBytes(mlir::ValueRange shaped);

  /// Two products of matrices over the pairs of a query and a key that it sees:
  ///   2 (N + D) B H pairs,
  ///   pairs = T S, or T (T + 1) / 2 where causal, or with a window w and
  ///   m = min(T, w): m (m + 1) / 2 + (T - m) w.
  /// Exponentials are not counted.
  Index countFlop(const AttentionWork &work);
  /// h = a h + k v^T for each token, y = q h for each output:
  ///   2 N D B H (T + outputs).
  /// The decay of a state can be shared by the tokens of a chunk.
  Index countFlop(const ScanWork &work);

  mlir::Value toValue(Index index);

private:
  mlir::OpBuilder &builder;
  mlir::Location loc;
};

/// The bytes of an element, rounded up.
int64_t countElementBytes(mlir::Type shaped);

} // namespace transmamba

#endif // TRANSMAMBA_ANALYSIS_WORK_H
