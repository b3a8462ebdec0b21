//===- ScanKernel.h - What the kernels of a scan share ----------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_SCANKERNEL_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_SCANKERNEL_H

#include "KernelBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "transmamba/Conversion/TransMambaToTile/ScanKernels.h"

namespace transmamba {

/// A kernel with a state of one head in registers.
class ScanKernel {
protected:
  using Value = mlir::Value;
  using Type = mlir::Type;
  using ValueRange = mlir::ValueRange;

  ScanKernel(mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef name,
             const ScanShape &shape, const ScanConfig &config,
             llvm::ArrayRef<ScanOperand> operands);

  bool has(ScanOperand operand) const {
    return llvm::is_contained(operands, operand);
  }
  Value argument(ScanOperand operand) {
    return kernel.argument(llvm::find(operands, operand) - operands.begin());
  }

  // Types.
  Type fragment(int64_t rows, int64_t columns) {
    return tile::FragmentType::get(kernel.getContext(), {rows, columns}, f32);
  }
  Type operand(int64_t rows, int64_t columns) {
    return tile::FragmentType::get(kernel.getContext(), {rows, columns},
                                   element, /*operand=*/true);
  }
  Type vector() {
    return tile::VecType::get(kernel.getContext(), kScanChunk, f32);
  }
  Type rows() {
    return tile::RowsType::get(kernel.getContext(), kScanChunk, f32);
  }
  Type columns() {
    return tile::ColumnsType::get(kernel.getContext(), kScanChunk, f32);
  }
  Type stateType() { return fragment(stateRows, width); }

  Value exp2(Value x) { return kernel.create<mlir::math::Exp2Op>(x); }
  Value mulf(Value a, Value b) {
    return kernel.create<mlir::arith::MulFOp>(a, b);
  }
  Value addf(Value a, Value b) {
    return kernel.create<mlir::arith::AddFOp>(a, b);
  }
  Value isBelow(Value a, Value b) {
    return kernel.create<mlir::arith::CmpIOp>(mlir::arith::CmpIPredicate::slt,
                                              a, b);
  }
  Value choose(Value condition, Value a, Value b) {
    return kernel.create<mlir::arith::SelectOp>(condition, a, b);
  }

  /// With the consumers', all that there are. It has places of its own for each
  /// of the tensors and warpgroups.
  int64_t getProducerRegisters() const {
    return config.warpgroups > 1 ? 40 : 24;
  }
  static constexpr int64_t kConsumerRegisters = 232;

  // Where a block works.
  /// From here on `head` and `part` are those of a warpgroup of the block.
  void enterUnit(Value warpgroup);
  /// Rings for the chunks of all warpgroups, one below the other.
  Value makeKeyRing();
  Value makeValueRing();
  void load(Value source, Value token, bool areKeys, const HeadColumns &columns,
            Value ring);
  /// This warpgroup's rows of such a tile.
  Value ownTile(Value tile);
  /// Zeros instead of what lies from `end` on, in tiles of the chunk at
  /// `token`: it is weighed with zeros, but may be no number.
  void clearFrom(Value end, Value token, ValueRange tiles);
  /// The first column of queries or keys of this head.
  Value keyColumn(const HeadColumns &columns);
  /// The first column of values or results of this part of the head.
  Value valueColumn(const HeadColumns &columns);
  /// Of a tensor with states at [..., N, D]: this head's, of row `batch`.
  llvm::SmallVector<Value> stateAt(Value segment = {});
  /// The number of segments of the prefix.
  Value prefixSegments();

  // The steps of a chunk.
  struct Decay {
    /// Of each token: A dt log2(e) summed over the tokens of the chunk up to
    /// it, and log2(dt) minus that.
    Value sum, weight;
  };
  /// dt of the tokens from `token` on.
  Value readSteps(Value token);
  /// Those of tokens from `end` on are left out.
  Decay emitDecay(Value steps, Value token, Value end);
  /// The sum over the chunk.
  Value getTotal(const Decay &decay);

  /// Keys as a left operand, and what each is multiplied with.
  struct Keys {
    Value transposed, factors;
  };
  /// Each is multiplied with 2^(weight + scale).
  Keys loadKeys(Value keys, Value weight, Value scale);
  /// What values are multiplied with.
  Value weigh(const Keys &keys);

  void loadRate();
  /// Tokens of this block's row.
  Value loadLength() {
    return kernel.loadLength(
        llvm::find(operands, ScanOperand::Lengths) - operands.begin(), batch);
  }

  KernelBuilder kernel;
  const ScanShape &shape;
  const ScanConfig &config;
  llvm::SmallVector<ScanOperand> operands;
  Type element, f32;
  /// Columns of values of this block; rows of the fragment that holds the
  /// state.
  int64_t width, stateRows;
  Value zero, one, batch, unit, warpgroup, head, part;
  /// A log2(e).
  Value rate;
};

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_SCANKERNEL_H
