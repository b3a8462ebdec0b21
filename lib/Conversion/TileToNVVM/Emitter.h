//===- Emitter.h - What the patterns emit again and again -------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TILETONVVM_EMITTER_H
#define TRANSMAMBA_LIB_CONVERSION_TILETONVVM_EMITTER_H

#include "Tile/IR/TileOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace transmamba::tile {

/// Integers of 32 bits, addresses of shared memory as such integers, and PTX.
class Emitter {
public:
  Emitter(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc), i1(builder.getI1Type()),
        i32(builder.getI32Type()), i64(builder.getI64Type()),
        f32(builder.getF32Type()) {}

  mlir::Value constant(int64_t value);
  mlir::Value constant64(int64_t value);
  mlir::Value constantF32(double value);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value add(mlir::Value x, int64_t y);
  mlir::Value mul(mlir::Value x, int64_t y);
  mlir::Value sub(mlir::Value x, mlir::Value y);
  mlir::Value shiftRight(mlir::Value x, int64_t bits);
  mlir::Value mask(mlir::Value x, int64_t bits);
  mlir::Value exclusiveOr(mlir::Value x, mlir::Value y);
  mlir::Value equal(mlir::Value x, int64_t y);
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y);
  mlir::Value atMost(mlir::Value x, int64_t bound);
  mlir::Value extend(mlir::Value x);

  /// `x`, which LLVM and ptxas take for something new in each item of a work
  /// loop: what follows from it would otherwise keep registers from the first
  /// item to the last, for each kind of items. Adds a bit that is never set:
  /// there are fewer items than 2^31.
  mlir::Value hideInItem(mlir::Value x);
  mlir::Value threadId();
  mlir::Value lane();
  /// The warp of the block, the same register in all lanes, so that branches
  /// on it are known to be uniform.
  mlir::Value warp();
  mlir::Value warpOfWarpgroup();
  /// Number of this consumer warpgroup.
  mlir::Value warpgroup(bool hasProducer);
  mlir::Value threadOfWarpgroup();
  /// True for one thread of the warpgroup, and for one of the warp.
  mlir::Value isFirstOfWarpgroup();
  mlir::Value isFirstOfWarp();

  /// Waits for the threads of this warpgroup; a barrier beside tile.barrier's.
  void warpgroupBarrier();
  /// What this warpgroup has written to shared memory is seen by its threads,
  /// and by the matrix units and the copy engine where those see it through a
  /// proxy of their own.
  void publishShared(bool hasAsyncProxy);

  /// Rows `row`, `row + 8` and columns `column`, `column + 1` of each 64 x 8
  /// block of a fragment belong to this thread.
  mlir::Value fragmentRow();
  mlir::Value fragmentColumn();

  mlir::Value sharedPointer(mlir::Value address);
  /// Some bytes on, which can be part of the instruction that uses the pointer.
  mlir::Value offset(mlir::Value pointer, int64_t bytes);
  /// Address in the panel layout of a tile: byte `offset` of a panel whose rows
  /// have `rowBytes`, after the swizzle.
  mlir::Value swizzle(mlir::Value offset, int64_t rowBytes);
  /// What the swizzle changes: bits that the row alone decides.
  mlir::Value swizzleBits(mlir::Value offset, int64_t rowBytes);

  mlir::Value shuffleXor(mlir::Value x, int64_t mask);
  /// The number of another lane; of the lane in the same place of four as this
  /// one, from lane `first` on; of the lane `distance` below.
  mlir::Value shuffle(mlir::Value x, mlir::Value lane);
  mlir::Value shuffleFours(mlir::Value x, int64_t first);
  mlir::Value shuffleUp(mlir::Value x, int64_t distance);
  mlir::Value load(mlir::Value pointer);
  void store(mlir::Value value, mlir::Value pointer);
  /// Two f32 as one register of two halves, the first in the low bits.
  mlir::Value pack(mlir::Value low, mlir::Value high, mlir::Type elementType);

  /// One of two halves.
  mlir::Value unpack(mlir::Value pair, bool high, mlir::Type elementType);

  /// PTX with `$n` operands and LLVM constraints; the results of the given
  /// types. What has side effects stays where it is.
  mlir::SmallVector<mlir::Value> assembly(llvm::StringRef text,
                                          llvm::StringRef constraints,
                                          mlir::ValueRange operands,
                                          mlir::TypeRange results,
                                          bool sideEffects);
  void assembly(llvm::StringRef text, llvm::StringRef constraints,
                mlir::ValueRange operands);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  mlir::Type i1, i32, i64, f32;
};

} // namespace transmamba::tile

#endif // TRANSMAMBA_LIB_CONVERSION_TILETONVVM_EMITTER_H
