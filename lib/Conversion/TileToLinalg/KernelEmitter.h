//===- KernelEmitter.h - The body of a kernel, role by role -----*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TILETOLINALG_KERNELEMITTER_H
#define TRANSMAMBA_LIB_CONVERSION_TILETOLINALG_KERNELEMITTER_H

#include "Tile/IR/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "transmamba/Conversion/TileToLinalg/TileToLinalg.h"
#include "llvm/ADT/MapVector.h"

namespace transmamba::tile {

/// What a value of a kernel is in the function:
///   frag, rows, cols, vec    a tensor
///   partial rows             a tensor with the sums of the four threads
///   pending                  a tensor, and the number of the multiplication
///   smem                     a strided memref, the number of the tile, and of
///                            the wait that gave it (from 1; 0: an alloc)
/// Everything else is what it was. A ring is known by its operation.
mlir::LogicalResult convertType(mlir::Type type,
                                mlir::SmallVectorImpl<mlir::Type> &types);

/// Who runs, and what the values of the kernel are to them.
class Role {
public:
  enum Kind { Block, CountingProducer, RecordingProducer, Warpgroup };

  explicit Role(Kind kind, const Role *around = nullptr)
      : kind(kind), around(around) {}

  void map(mlir::Value from, mlir::ValueRange to) {
    values[from].assign(to.begin(), to.end());
  }
  mlir::SmallVector<mlir::Value, 2> lookup(mlir::Value value) const;
  /// For values that are one value in the function too.
  mlir::Value get(mlir::Value value) const { return lookup(value).front(); }
  mlir::SmallVector<mlir::Value> flatten(mlir::ValueRange range) const;

  const Kind kind;

  // The state of a warpgroup, in memory because loops need not carry it then.
  // By ring: tiles waited for, tiles released, how many every warpgroup must
  // have released for what this one got, and the tiles themselves.
  mlir::Value waited, released, needed;
  mlir::SmallVector<mlir::Value> ringTiles;
  // By tile: the last multiplication that reads it; 1 while a store reads it;
  // 1 from the writing of a fragment to the next barrier; the wait that gave
  // it, 0 while it is free.
  mlir::Value readers, stores, writes, holders;
  // Multiplications started and known to have ended; turns begun and ended.
  enum Counter { Started, Ended, TurnsBegun, TurnsEnded };
  mlir::Value counters;

private:
  const Role *around;
  llvm::DenseMap<mlir::Value, mlir::SmallVector<mlir::Value, 2>> values;
};

/// Emits the function of one kernel.
class KernelEmitter {
public:
  KernelEmitter(KernelOp kernel, mlir::func::FuncOp function);

  /// Fails with a message at the operation that has no counterpart.
  mlir::LogicalResult emit();

private:
  /// A ring, and the loads to it that the producer recorded: one row a load
  /// with the number of the operation, the indices, and how many tiles of each
  /// ring were loaded until then, this one among them.
  struct Ring {
    int64_t number, firstTile;
    RingType type;
    mlir::SmallVector<LoadOp> loads;
    mlir::Value records;

    int64_t getNumIndices() const;
  };
  /// The part of a box that is inside of a tensor, in rows and columns of the
  /// box.
  struct Box {
    mlir::SmallVector<mlir::Value> start;
    mlir::Value firstRow, endRow, firstColumn, endColumn;
  };

  // Roles.cpp
  mlir::LogicalResult checkProducer(ProducerOp producer);
  void collectTiles();
  void emitWarpgroupState(Role &role);
  mlir::LogicalResult emitRoles();
  mlir::LogicalResult emitBlock(mlir::Block &block,
                                mlir::ArrayRef<Role *> group);
  mlir::LogicalResult emitMeetingLoop(mlir::scf::ForOp loop,
                                      mlir::ArrayRef<Role *> group);
  mlir::LogicalResult emitMeetingCondition(mlir::scf::IfOp condition,
                                           mlir::ArrayRef<Role *> group);
  // KernelEmitter.cpp
  mlir::LogicalResult emitOperation(mlir::Operation *op, Role &role);
  mlir::LogicalResult emitTileOperation(mlir::Operation *op, Role &role);
  mlir::LogicalResult emitOther(mlir::Operation *op, Role &role);
  mlir::LogicalResult emitRegion(mlir::Region &from, mlir::Region &to,
                                 Role &role);

  // Rings.cpp
  void emitQueues(ProducerOp producer);
  void emitCount(LoadOp op, Role &role);
  void emitRecord(LoadOp op, Role &role);
  void emitWait(ConsumerWaitOp op, Role &role);
  void emitRelease(ConsumerReleaseOp op, Role &role);
  void emitEndChecks(mlir::MutableArrayRef<Role> warpgroups);
  mlir::Value canBeLoaded(const Ring &ring, mlir::Value number, Role &role);
  void emitMeetingChecks(mlir::ArrayRef<Role *> group);

  // Tickets.cpp
  void emitDraw(TicketsOp op);
  void emitSignOut();
  mlir::LogicalResult emitWorkLoop(WorkLoopOp loop,
                                   mlir::ArrayRef<Role *> group);
  void emitPublish(PublishOp op, Role &role);
  void emitLookBack(LookBackOp op, Role &role);

  // Arithmetic.cpp
  mlir::LogicalResult emitMap(MapOp op, Role &role);
  void emitFill(FillOp op, Role &role);
  void emitRowReduce(RowReduceOp op, Role &role);
  void emitComplete(CompleteOp op, Role &role);
  void emitCast(CastOp op, Role &role);
  void emitScaleColumns(ScaleColumnsOp op, Role &role);
  void emitPrefixSum(PrefixSumOp op, Role &role);
  void emitElement(ElementOp op, Role &role);
  void emitMma(MmaOp op, Role &role);
  void emitAwait(AwaitOp op, Role &role);
  void emitDrain(DrainOp op, Role &role);
  mlir::Value convertElements(mlir::Value tensor, mlir::Type element);

  // Memory.cpp
  void emitAlloc(AllocOp op, Role &role);
  void emitSlice(RowSliceOp op, Role &role);
  void emitClearRows(ClearRowsOp op, Role &role);
  void emitRotate(RotateOp op, Role &role);
  void emitLoadFragment(LoadFragmentOp op, Role &role);
  void emitStoreFragment(StoreFragmentOp op, Role &role);
  void emitStore(StoreOp op, Role &role);
  void emitRead(ReadOp op, Role &role);
  void emitWrite(WriteOp op, Role &role);
  mlir::Value emitTensor(mlir::RankedTensorType type, mlir::Value initial,
                         mlir::function_ref<void(mlir::Value)> fill);
  mlir::Value emitReadTile(mlir::Value tile, bool transpose, int64_t rows,
                           mlir::Type element);
  Box emitBox(mlir::Value tensor, mlir::ValueRange start, int64_t rows,
              int64_t columns);
  Box getWholeTile(SharedType type);
  /// Calls `body` with the row and the column of the box, and the indices.
  void
  emitLoops(const Box &box,
            mlir::function_ref<void(mlir::Value, mlir::Value, mlir::ValueRange)>
                body);
  void emitInUseCheck(mlir::Value tile, Role &role);
  void emitBarrierCheck(mlir::Value tile, Role &role);
  void emitHeldCheck(mlir::ValueRange tile, Role &role);
  void emitFaultIf(mlir::Value condition, TileFault fault);
  mlir::Value getPoison(mlir::Type element);

  // Scalars: Values.cpp
  mlir::Value constant(int64_t value);
  mlir::Value zero(mlir::Type element);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value sub(mlir::Value x, mlir::Value y);
  mlir::Value min(mlir::Value x, mlir::Value y);
  mlir::Value max(mlir::Value x, mlir::Value y);
  mlir::Value both(mlir::Value x, mlir::Value y);
  mlir::Value either(mlir::Value x, mlir::Value y);
  mlir::Value less(mlir::Value x, mlir::Value y);
  mlir::Value differs(mlir::Value x, mlir::Value y);
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y);
  mlir::Value convertFloat(mlir::Value x, mlir::Type type);
  mlir::Value load(mlir::Value memory, mlir::ValueRange indices);
  void store(mlir::Value value, mlir::Value memory, mlir::ValueRange indices);
  mlir::Value getCounter(Role &role, Role::Counter counter);
  void setCounter(Role &role, Role::Counter counter, mlir::Value value);
  /// A buffer of indices, all 0.
  mlir::Value allocIndices(int64_t count);

  KernelOp kernel;
  mlir::func::FuncOp function;
  mlir::OpBuilder builder;
  /// Of the operation that is emitted.
  mlir::Location loc;
  Role block;
  mlir::Value faults;
  llvm::MapVector<mlir::Operation *, Ring> rings;
  llvm::DenseMap<mlir::Operation *, int64_t> allocs;
  int64_t tiles = 0;
  /// By ring: loads so far of the producer.
  mlir::Value loaded;
  /// The control buffer of tickets, the items that this block draws, and the
  /// number of the launch.
  struct Work {
    mlir::Value control, first, end, launch;
  } work;
};

} // namespace transmamba::tile

#endif // TRANSMAMBA_LIB_CONVERSION_TILETOLINALG_KERNELEMITTER_H
