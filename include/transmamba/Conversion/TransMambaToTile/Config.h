//===- Config.h - How the kernels are cut -----------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_CONFIG_H
#define TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_CONFIG_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include <optional>

namespace transmamba {

/// Dictionary attribute of an operation that becomes a kernel, and of the
/// kernel: its configuration. What an operation leaves out is chosen.
inline constexpr llvm::StringLiteral kTileConfigAttrName = "tile.config";

//===----------------------------------------------------------------------===//
// Matrix multiplication
//===----------------------------------------------------------------------===//

/// C[M, N] = A[M, K] B[K, N], row after row.
struct GemmShape {
  /// May be dynamic.
  int64_t m;
  int64_t n, k;
  /// Of A and B; C has this type or f32.
  mlir::Type operandType, resultType;
};

/// A block computes tiles of `blockM` x `blockN`, 64 columns of A and rows of B
/// at a time, of which `stages` are on their way. Two warpgroups share the
/// rows.
struct GemmConfig {
  int64_t blockM = 128, blockN = 128, stages = 4;
  /// Tiles that follow one another share columns of B for `group` tiles of
  /// rows, so that both operands stay in the second-level cache.
  int64_t group = 8;
};

/// Columns of A and rows of B that are multiplied at once.
inline constexpr int64_t kGemmBlockK = 64;
/// Shared memory of a block, less what barriers take.
inline constexpr int64_t kUsableSharedBytes = 226 * 1024;

/// What `chooseGemmConfig` chooses from.
llvm::SmallVector<GemmConfig> getGemmCandidates(const GemmShape &shape);

/// Clock cycles that a device of 132 multiprocessors needs, about.
double estimateGemmCycles(const GemmShape &shape, const GemmConfig &config,
                          int64_t rows);

/// The fastest candidate for that many rows.
GemmConfig chooseGemmConfig(const GemmShape &shape, int64_t rows);

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// Columns of a tensor [B, T, columns] that hold heads side by side.
struct HeadColumns {
  mlir::RankedTensorType tensor;
  /// The column where head 0 starts.
  int64_t first;
  int64_t heads;
};

/// Causal attention. Heads are grouped: query head h reads head
/// h / (q.heads / k.heads) of the keys, and likewise of the values.
struct AttentionShape {
  HeadColumns q, k, v, result;
  int64_t headDim;
  double scale;
  /// The type of lengths, where rows have their own: i32 or i64 tensor.
  mlir::RankedTensorType lengths;
};

/// A block takes `blockM` queries, two warpgroups half of them each, and walks
/// the keys `blockN` at a time.
struct AttentionConfig {
  int64_t blockM = 128, blockN = 128, stages = 2;
};

AttentionConfig chooseAttentionConfig(const AttentionShape &shape);

//===----------------------------------------------------------------------===//
// The SSD scan
//===----------------------------------------------------------------------===//

/// Tokens of a chunk.
inline constexpr int64_t kScanChunk = 64;

/// Queries and keys of `stateDim` columns a head, values of `headDim`. Heads
/// are grouped as those of attention are.
struct ScanShape {
  HeadColumns q, k, v, result;
  int64_t heads, stateDim, headDim;
  /// [B, T, heads] and [B, heads, stateDim, headDim], both f32.
  mlir::RankedTensorType dt, state;
  bool hasSkip, hasInit;
  mlir::RankedTensorType lengths;
};

/// A block scans one head, with `stages` chunks on their way; `occupancy`
/// blocks share a multiprocessor.
struct ScanConfig {
  int64_t stages = 2, occupancy = 2;
};

/// Nothing where the state and a chunk do not fit in registers.
std::optional<ScanConfig> chooseScanConfig(const ScanShape &shape);

//===----------------------------------------------------------------------===//
// As attributes
//===----------------------------------------------------------------------===//

mlir::DictionaryAttr toAttribute(mlir::MLIRContext *context,
                                 const GemmConfig &config);
mlir::DictionaryAttr toAttribute(mlir::MLIRContext *context,
                                 const AttentionConfig &config);
mlir::DictionaryAttr toAttribute(mlir::MLIRContext *context,
                                 const ScanConfig &config);

/// Replaces what `attribute` names, and says what it cannot mean.
using EmitError = llvm::function_ref<mlir::InFlightDiagnostic()>;
mlir::LogicalResult overrideConfig(mlir::DictionaryAttr attribute,
                                   const GemmShape &shape, GemmConfig &config,
                                   EmitError emitError);
mlir::LogicalResult overrideConfig(mlir::DictionaryAttr attribute,
                                   const AttentionShape &shape,
                                   AttentionConfig &config,
                                   EmitError emitError);
mlir::LogicalResult overrideConfig(mlir::DictionaryAttr attribute,
                                   const ScanShape &shape, ScanConfig &config,
                                   EmitError emitError);

} // namespace transmamba

#endif // TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_CONFIG_H
