//===- KernelBuilder.h - The vocabulary of the kernels ----------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_KERNELBUILDER_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_KERNELBUILDER_H

#include "Tile/IR/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"

namespace transmamba {

/// Writes one kernel. Constants stand at its start, each once.
class KernelBuilder {
public:
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;

  KernelBuilder(mlir::OpBuilder &builder, mlir::Location loc,
                llvm::StringRef name, mlir::TypeRange arguments);

  tile::KernelOp getKernel() { return kernel; }
  Value argument(unsigned number) { return kernel.getArgument(number); }
  mlir::OpBuilder &getBuilder() { return builder; }
  mlir::Location getLoc() const { return loc; }
  mlir::MLIRContext *getContext() { return builder.getContext(); }

  template <typename Op, typename... Args> Op create(Args &&...args) {
    return Op::create(builder, loc, std::forward<Args>(args)...);
  }

  // Indices.
  Value index(int64_t value);
  Value number(double value);
  Value add(Value a, Value b) { return create<mlir::arith::AddIOp>(a, b); }
  Value add(Value a, int64_t b) { return b ? add(a, index(b)) : a; }
  Value sub(Value a, Value b) { return create<mlir::arith::SubIOp>(a, b); }
  Value mul(Value a, int64_t b) {
    return b == 1 ? a : create<mlir::arith::MulIOp>(a, index(b));
  }
  Value div(Value a, Value b) { return create<mlir::arith::DivUIOp>(a, b); }
  Value div(Value a, int64_t b) { return b == 1 ? a : div(a, index(b)); }
  Value rem(Value a, Value b) { return create<mlir::arith::RemUIOp>(a, b); }
  /// Of numbers that may be negative.
  Value min(Value a, Value b) { return create<mlir::arith::MinSIOp>(a, b); }
  Value max(Value a, Value b) { return create<mlir::arith::MaxSIOp>(a, b); }
  Value compare(mlir::arith::CmpIPredicate predicate, Value a, Value b) {
    return create<mlir::arith::CmpIOp>(predicate, a, b);
  }
  Value less(Value a, Value b) {
    return compare(mlir::arith::CmpIPredicate::slt, a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return create<mlir::arith::SelectOp>(condition, a, b);
  }
  Value ceilDiv(Value a, int64_t b) {
    return create<mlir::arith::CeilDivUIOp>(a, index(b));
  }
  Value blockId(tile::Dimension dimension);
  Value gridDim(tile::Dimension dimension);
  /// Size of an argument in a dimension.
  Value dim(Value tensor, int64_t dimension);

  /// Tokens of a row of the batch, of an argument that has one number a row.
  Value loadLength(unsigned number, Value batch);

  // Structure.
  void producer(int64_t registers, llvm::function_ref<void()> body);
  void consumers(int64_t count, int64_t registers,
                 llvm::function_ref<void(Value warpgroup)> body);
  mlir::SmallVector<Value>
  loop(Value lower, Value upper, Value step, ValueRange inits,
       llvm::function_ref<mlir::SmallVector<Value>(Value, ValueRange)> body);
  void loop(Value lower, Value upper, Value step,
            llvm::function_ref<void(Value)> body);

  void ifLess(Value a, Value b, llvm::function_ref<void()> body);

  // Tiles.
  Value ring(int64_t rows, int64_t columns, mlir::Type element, int64_t stages);
  void load(Value source, ValueRange indices, Value ring);
  Value wait(Value ring) { return create<tile::ConsumerWaitOp>(ring); }
  void release(Value ring) { create<tile::ConsumerReleaseOp>(ring); }
  Value rowSlice(Value tile, Value offset, int64_t rows);
  /// `acc + a b`, or `acc + a b^T`.
  Value mma(Value a, Value b, bool transposeB, Value acc = {});

  /// Sums of products over `steps` tiles along K. `multiply` starts the
  /// products of one step on top of the sums before (none at first), `release`
  /// gives back the tiles of a step, and `afterFirst` runs while the first
  /// products are under way.
  mlir::SmallVector<Value> sumProducts(
      Value steps,
      llvm::function_ref<mlir::SmallVector<Value>(ValueRange)> multiply,
      llvm::function_ref<void()> release,
      llvm::function_ref<void()> afterFirst = [] {});

  /// Each element of a result of type `type`.
  Value
  map(ValueRange inputs, mlir::Type type,
      llvm::function_ref<Value(ValueRange arguments, Value row, Value column)>
          body);

private:
  mlir::OpBuilder builder;
  mlir::Location loc;
  tile::KernelOp kernel;
  llvm::MapVector<mlir::Attribute, Value> constants;

  Value constant(mlir::TypedAttr value);
};

/// The buffer that a tensor is handed over in.
inline mlir::MemRefType getBuffer(mlir::RankedTensorType tensor) {
  return mlir::MemRefType::get(tensor.getShape(), tensor.getElementType());
}

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_KERNELBUILDER_H
