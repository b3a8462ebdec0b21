//===- VectorPayload.h - Vector form of a linalg body -----------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Vector loads and stores of operands along one dimension of a nest, and the
// body of a linalg op on vectors. What is the same for all lanes stays scalar.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_KERNELTOVECTOR_VECTORPAYLOAD_H
#define TRANSMAMBA_LIB_CONVERSION_KERNELTOVECTOR_VECTORPAYLOAD_H

#include "LoopNest.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace transmamba {

/// Which lanes exist. A null mask means all of them.
struct Lanes {
  int64_t count;
  mlir::Value mask;

  /// All of `count` lanes, or the first `valid` ones where that is not null.
  static Lanes get(mlir::OpBuilder &builder, mlir::Location loc, int64_t count,
                   mlir::Value valid);
};

/// `value` in every lane; vectors are returned as they are.
mlir::Value splat(mlir::OpBuilder &builder, mlir::Location loc,
                  mlir::Value value, int64_t lanes);

/// Loads `lanes` elements from `address` on, `stride` apart; a single scalar
/// for stride 0. Lanes that do not exist are zero and never read.
mlir::Value loadLanes(mlir::OpBuilder &builder, mlir::Location loc,
                      mlir::Value buffer, mlir::OpFoldResult address,
                      mlir::OpFoldResult stride, const Lanes &lanes);

/// The counterpart of `loadLanes`; `value` may be a scalar.
void storeLanes(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value,
                mlir::Value buffer, mlir::OpFoldResult address,
                mlir::OpFoldResult stride, const Lanes &lanes);

/// Emits the body of the op of a nest for several neighbouring indices of one
/// dimension at once.
class VectorPayload {
public:
  VectorPayload(const LoopNest &nest, unsigned dim) : nest(nest), dim(dim) {}

  /// Whether the body has a vector form along the dimension; says why not.
  bool isVectorizable(std::string &reason) const;

  /// Loads an operand at `cursor`; null if the body does not read it.
  mlir::Value load(mlir::OpBuilder &builder, unsigned operand,
                   const Cursor &cursor, const Lanes &lanes) const;
  void store(mlir::OpBuilder &builder, unsigned operand, mlir::Value value,
             const Cursor &cursor, const Lanes &lanes) const;

  /// Emits the body on `arguments` (one an operand; null where not read) and
  /// returns what it yields, scalars where all lanes agree.
  llvm::SmallVector<mlir::Value> emit(mlir::OpBuilder &builder,
                                      llvm::ArrayRef<mlir::Value> arguments,
                                      const Cursor &cursor,
                                      const Lanes &lanes) const;

  /// Bits of the widest type that is computed with.
  static unsigned widestElementBits(mlir::linalg::GenericOp op);
  /// Lanes of a vector: what the target has for the widest type that is
  /// computed with, and no more than the dimension needs.
  int64_t laneCount(const VectorTarget &target) const;

  /// The dimensions of the nest but the one with the vectors.
  struct OtherDims {
    llvm::SmallVector<unsigned> parallel, reduced;
  };
  OtherDims otherDims() const;

  /// Number of operations in the body.
  int64_t numOps() const;

private:
  const LoopNest &nest;
  unsigned dim;
};

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_KERNELTOVECTOR_VECTORPAYLOAD_H
