//===- Config.h - How the kernels are cut -----------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_CONFIG_H
#define TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_CONFIG_H

#include "Tile/IR/Target.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include <functional>
#include <optional>

namespace transmamba {

/// Dictionary attribute of an operation that becomes a kernel, and of the
/// kernel: its configuration. What an operation leaves out is chosen.
inline constexpr llvm::StringLiteral kTileConfigAttrName = "tile.config";

//===----------------------------------------------------------------------===//
// Matrix multiplication
//===----------------------------------------------------------------------===//

/// What an element of a result depends on besides the sums: a number of its own
/// (a tensor of M x N), one of its row (M x 1) or one of its column (1 x N).
struct GemmOperand {
  enum Kind { Matrix, Rows, Columns } kind;
  /// f32 or a 16-bit float.
  mlir::Type elementType;
};

/// What follows a product, element by element, before the result is rounded.
struct GemmEpilogue {
  llvm::SmallVector<GemmOperand> operands;
  /// An element of the result from the sums of all products and the elements of
  /// all operands, in f32; null where it is the sum itself.
  std::function<mlir::Value(mlir::OpBuilder &, mlir::Location,
                            mlir::ValueRange)>
      compute;
};

/// The `n` columns from `first` on of a tensor of `columns`.
struct GemmColumns {
  int64_t columns, first;
};

/// C[M, N] = epilogue(A[M, K] B[K, N]), row after row, or of the products of A
/// with several B.
struct GemmShape {
  /// May be dynamic.
  int64_t m;
  int64_t n, k;
  /// Of A and B; C has this type or f32.
  mlir::Type operandType, resultType;
  GemmEpilogue epilogue = {};
  /// Where each B lies; none means one tensor of `n` columns.
  llvm::SmallVector<GemmColumns> rights = {};

  int64_t getProducts() const {
    return rights.empty() ? 1 : static_cast<int64_t>(rights.size());
  }
  /// The operand that comes by bulk copy to where the result leaves from.
  std::optional<size_t> getStagedOperand() const;
};

/// A block computes tiles of `blockM` x `blockN`, `blockK` columns of A and
/// rows of B at a time, of which `stages` are on their way. Two warpgroups
/// share the rows. Of fewer than 128 rows there is one tile down and one
/// warpgroup: the kernel for few rows.
struct GemmConfig {
  int64_t blockM = 128, blockN = 128, stages = 4;
  /// Tiles that follow one another share columns of B for `group` tiles of
  /// rows, so that both operands stay in the second-level cache.
  int64_t group = 8;
  int64_t blockK = 64;
  /// 1: the warpgroups take turns at what follows their products, so that one
  /// multiplies meanwhile.
  int64_t alternate = 0;
  /// Blocks that share a multiprocessor; of few rows only.
  int64_t occupancy = 1;
  /// 1: results leave by way of shared memory, where an operand of their size
  /// comes to; of many rows only. Else from registers.
  int64_t staging = 1;

  bool isForFewRows() const { return blockM < 128; }
};

/// Rows that the kernel for few rows can have.
inline constexpr int64_t kMaxFewRows = 64;

/// What `chooseGemmConfig` chooses from.
llvm::SmallVector<GemmConfig> getGemmCandidates(const tile::Target &target,
                                                const GemmShape &shape);
/// Those for at most `rows` rows; none where that are too many.
llvm::SmallVector<GemmConfig> getFewRowsCandidates(const tile::Target &target,
                                                   const GemmShape &shape,
                                                   int64_t rows);

/// Clock cycles that the device needs, about.
double estimateGemmCycles(const tile::Target &target, const GemmShape &shape,
                          const GemmConfig &config, int64_t rows);

/// The fastest candidate for that many rows. Where `isBound` there are never
/// more, which the kernel for few rows needs.
GemmConfig chooseGemmConfig(const tile::Target &target, const GemmShape &shape,
                            int64_t rows, bool isBound = false);

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// Columns of a tensor [B, T, columns] that hold heads side by side; or the
/// keys of a cache [B, 2, heads, capacity, D].
struct HeadColumns {
  mlir::RankedTensorType tensor;
  /// The column where head 0 starts.
  int64_t first;
  int64_t heads;

  bool isCache() const { return tensor.getRank() == 5; }
};

/// Heads are grouped: query head h reads head h / (q.heads / k.heads) of the
/// keys, and likewise of the values.
struct AttentionShape {
  HeadColumns q, k, v, result;
  int64_t headDim;
  double scale;
  /// The type of lengths, where rows have their own: i32 or i64 tensor.
  mlir::RankedTensorType lengths;
  /// Query t sees the keys up to t, and of those the last `window` (all where
  /// it is 0).
  bool causal = true;
  int64_t window = 0;
  /// Queries are rotated by tables [positions, pairs] of cosines and sines, if
  /// there are any: the type of each.
  mlir::RankedTensorType rotation = {};
  bool interleaved = false;
  /// The logarithms of the sums of weights are a result too, [B, T, heads].
  mlir::RankedTensorType logarithms = {};
  /// Results of tokens from here on belong to others, if not 0.
  int64_t end = 0;
};

/// Queries of a warpgroup.
inline constexpr int64_t kAttentionRows = 64;

/// A block takes `blockM` queries, which two or three warpgroups share, and
/// walks the keys `blockN` at a time.
struct AttentionConfig {
  int64_t blockM = 128, blockN = 128, stages = 2;
};

/// The fastest first, as they were measured.
llvm::SmallVector<AttentionConfig>
getAttentionCandidates(const tile::Target &target, const AttentionShape &shape);

AttentionConfig chooseAttentionConfig(const tile::Target &target,
                                      const AttentionShape &shape);

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
  /// z, with heads as the values have; no tensor where results have no gate.
  HeadColumns gate;
  mlir::RankedTensorType lengths;
  /// Room for states of segments, where it is known.
  int64_t segments = mlir::ShapedType::kDynamic;
};

/// A warpgroup scans a segment of one head. `parts` of them share a head: each
/// has some of the columns of its values and of its state. A block has
/// `warpgroups`, of neighbouring heads or parts, with `stages` chunks on their
/// way; `occupancy` blocks share a multiprocessor.
struct ScanConfig {
  int64_t stages = 2, occupancy = 2, parts = 1, warpgroups = 1;

  /// Parts of one head have the same keys and queries.
  bool sharesKeys() const { return parts > 1 && warpgroups > 1; }
};

/// Nothing where the state and a chunk do not fit in registers.
std::optional<ScanConfig> chooseScanConfig(const tile::Target &target,
                                           const ScanShape &shape,
                                           bool mayPair = true);

/// Whether a head with a gate has no more parts than without: each part reads
/// all queries and keys, which costs more than a launch for the gate.
bool hasRoomForGate(const tile::Target &target, const ScanShape &shape);

/// A kernel that computes states only has no queries, and no result to keep.
ScanConfig chooseStateConfig(const tile::Target &target, const ScanShape &shape,
                             const ScanConfig &scan);

/// Tokens of a segment, at least: each costs a state that is written and read.
inline constexpr int64_t kMinSegment = 512;
/// States of so many segments are combined by a kernel of its own. Measured:
/// for 8 states its launch takes longer than what it saves, for 15 it does not.
inline constexpr int64_t kMinCombined = 12;

//===----------------------------------------------------------------------===//
// The hybrid mixer as one launch
//===----------------------------------------------------------------------===//

/// Attention and scan of a switch as items of one persistent kernel, whose
/// blocks have `warpgroups` consumers: each has 64 queries, or a head (one of
/// the `parts` of one) of the scan.
struct MixerConfig {
  int64_t warpgroups = 2, blockN = 128, keyStages = 2, stages = 2, parts = 1;
  /// Tokens of a segment, where that is not for the host to say.
  int64_t segment = 0;
  /// Items of attention that are drawn between states and scans.
  int64_t fill = 0;
  /// Of long sequences in one segment: scans that are drawn before others of
  /// attention, and how many those are; 0: all scans first.
  int64_t scans = 0, between = 0;
};

/// Of a switch at `point` in models of up to `tokens` tokens; nothing where
/// launches of their own are faster.
std::optional<MixerConfig> chooseMixerConfig(const tile::Target &target,
                                             const ScanShape &shape,
                                             int64_t point, int64_t tokens);

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
                                   const tile::Target &target,
                                   const GemmShape &shape, GemmConfig &config,
                                   EmitError emitError);
mlir::LogicalResult overrideConfig(mlir::DictionaryAttr attribute,
                                   const tile::Target &target,
                                   const AttentionShape &shape,
                                   AttentionConfig &config,
                                   EmitError emitError);
mlir::LogicalResult overrideConfig(mlir::DictionaryAttr attribute,
                                   const tile::Target &target,
                                   const ScanShape &shape, ScanConfig &config,
                                   EmitError emitError);
mlir::LogicalResult overrideConfig(mlir::DictionaryAttr attribute,
                                   const ScanShape &shape, MixerConfig &config,
                                   EmitError emitError);

} // namespace transmamba

#endif // TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_CONFIG_H
