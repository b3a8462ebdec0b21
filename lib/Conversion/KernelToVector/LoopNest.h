//===- LoopNest.h - A linalg op as a nest over flat buffers -----*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The view of a linalg op that all strategies share. Indexing maps and memref
// layouts are folded into one stride per operand and loop dimension, so that a
// transposed operand, a subview, a broadcast and a convolution window all look
// alike: an address is a base plus the sum of index times stride.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_KERNELTOVECTOR_LOOPNEST_H
#define TRANSMAMBA_LIB_CONVERSION_KERNELTOVECTOR_LOOPNEST_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <optional>

namespace transmamba {

/// The buffer of `memref` as a view of rank 1 and stride 1 that starts at its
/// first element, and the sizes and strides of `memref` in it.
mlir::Value flatten(mlir::OpBuilder &builder, mlir::Location loc,
                    mlir::Value memref,
                    llvm::SmallVector<mlir::OpFoldResult> &sizes,
                    llvm::SmallVector<mlir::OpFoldResult> &strides);

/// What the code is made for.
struct VectorTarget {
  unsigned vectorBits = 256;
  bool useFma = true;

  unsigned numRegisters() const { return vectorBits == 512 ? 32 : 16; }
  int64_t lanes(unsigned elementBits) const { return vectorBits / elementBits; }
};

/// Index arithmetic that folds constants while it builds, so that the loops of
/// static tiles come out free of dead code.
class IndexBuilder {
public:
  IndexBuilder(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  mlir::Value value(mlir::OpFoldResult v);
  mlir::OpFoldResult add(mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult sub(mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult mul(mlir::OpFoldResult a, mlir::OpFoldResult b);
  /// `a` rounded down to a multiple of the constant `m`.
  mlir::OpFoldResult roundDown(mlir::OpFoldResult a, int64_t m);
  mlir::OpFoldResult min(mlir::OpFoldResult a, mlir::OpFoldResult b);
  mlir::OpFoldResult cst(int64_t c) { return builder.getIndexAttr(c); }

private:
  mlir::OpBuilder &builder;
  mlir::Location loc;
};

/// An operand of a nest.
struct FlatOperand {
  /// Rank 1, stride 1; null for a scalar operand.
  mlir::Value buffer;
  /// The value of a scalar operand.
  mlir::Value scalar;
  mlir::Type elementType;
  /// Elements from one iteration of a loop dimension to the next.
  llvm::SmallVector<mlir::OpFoldResult> strides;
  /// Constant part of the address, from constants in the indexing map.
  mlir::OpFoldResult start;
  /// The payload does not read an output whose argument has no use.
  bool isRead = true;
  bool isOutput = false;

  std::optional<int64_t> stride(unsigned dim) const {
    return mlir::getConstantIntValue(strides[dim]);
  }
  bool isInvariant(unsigned dim) const { return stride(dim) == 0; }
  bool isContiguous(unsigned dim) const { return stride(dim) == 1; }
};

/// A loop dimension, perhaps made of several of the op.
struct LoopDim {
  mlir::OpFoldResult extent;
  bool isParallel;
  /// The dimension of the op; set where the payload may ask for its index.
  std::optional<unsigned> original;

  std::optional<int64_t> size() const {
    return mlir::getConstantIntValue(extent);
  }
};

/// A generic op on memrefs, ready for emission.
struct LoopNest {
  /// A handle: its accessors are not const, which says nothing about the nest.
  mutable mlir::linalg::GenericOp op;
  llvm::SmallVector<LoopDim> dims;
  llvm::SmallVector<FlatOperand> operands;

  /// Builds the nest of `op`, or says why it has none (indexing maps that are
  /// not linear, layouts without strides). Emits the shape arithmetic.
  static mlir::FailureOr<LoopNest> create(mlir::OpBuilder &builder,
                                          mlir::linalg::GenericOp op,
                                          std::string &reason);

  unsigned numInputs() const { return op.getNumDpsInputs(); }
  bool hasReduction() const;

private:
  /// Drops dimensions of extent 1 and merges what is contiguous in all
  /// operands.
  void simplify(IndexBuilder &index);
};

/// A point of the iteration space during emission: the index of every entered
/// dimension, and the address of each operand so far. Addresses are summed up
/// loop by loop, which leaves nothing to hoist.
struct Cursor {
  llvm::SmallVector<mlir::OpFoldResult> indices;
  llvm::SmallVector<mlir::OpFoldResult> addresses;

  explicit Cursor(const LoopNest &nest);

  /// The cursor at index `iv` of `dim`.
  Cursor at(IndexBuilder &index, const LoopNest &nest, unsigned dim,
            mlir::OpFoldResult iv) const;
};

/// Emits a loop over each of `dims`, outermost first, around `body`.
void emitLoops(mlir::OpBuilder &builder, mlir::Location loc,
               const LoopNest &nest, llvm::ArrayRef<unsigned> dims,
               const Cursor &cursor,
               llvm::function_ref<void(const Cursor &)> body);

/// As above with loop-carried values.
llvm::SmallVector<mlir::Value>
emitLoops(mlir::OpBuilder &builder, mlir::Location loc, const LoopNest &nest,
          llvm::ArrayRef<unsigned> dims, const Cursor &cursor,
          mlir::ValueRange init,
          llvm::function_ref<llvm::SmallVector<mlir::Value>(const Cursor &,
                                                            mlir::ValueRange)>
              body);

/// Splits [0, extent) into steps of `unitSizes` units of `unit` elements, the
/// largest first, and, where `allowPartial`, one partial unit. `body` emits the
/// step that starts at `iv`; `valid` is the number of elements left in a
/// partial unit and null otherwise. Steps that cannot happen are not emitted.
llvm::SmallVector<mlir::Value> emitChunks(
    mlir::OpBuilder &builder, mlir::Location loc, mlir::OpFoldResult extent,
    int64_t unit, llvm::ArrayRef<int64_t> unitSizes, bool allowPartial,
    mlir::ValueRange init,
    llvm::function_ref<
        llvm::SmallVector<mlir::Value>(mlir::OpFoldResult iv, int64_t units,
                                       mlir::Value valid, mlir::ValueRange)>
        body);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_KERNELTOVECTOR_LOOPNEST_H
