//===- TileBuilder.h - Workgroups on static tiles ---------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The vocabulary of the kernels in this folder: index arithmetic that folds,
// slices, tiles, and the few shapes of linalg.generic that they are made of.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_TILEBUILDER_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_TILEBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "transmamba/Analysis/Work.h"

namespace transmamba {

/// An index known now (an attribute) or when the program runs (a value).
using Index = mlir::OpFoldResult;

/// What a workgroup writes: `tile` into its place of a shared output.
struct TileStore {
  mlir::Value tile;
  mlir::Value output;
  llvm::SmallVector<Index> offsets;
  llvm::SmallVector<Index> sizes;
};

class TileBuilder {
public:
  using Body = llvm::function_ref<mlir::Value(mlir::ValueRange)>;

  TileBuilder(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  mlir::OpBuilder &getBuilder() { return builder; }
  mlir::Location getLoc() const { return loc; }

  //===--- Index arithmetic; operands are not negative unless said
  //---------===//

  Index constant(int64_t value);
  Index add(Index a, Index b);
  Index sub(Index a, Index b);
  Index mul(Index a, int64_t b);
  Index floorDiv(Index a, int64_t b);
  Index ceilDiv(Index a, int64_t b);
  /// Signed minimum and maximum.
  Index min(Index a, Index b);
  Index max(Index a, Index b);
  /// `value` moved into [0, upper].
  Index clamp(Index value, Index upper);
  /// Where block number `block` starts: 0 if there is but one.
  Index blockStart(Index block, int64_t size, Index total);
  /// Whether a < b, as an i1.
  mlir::Value less(Index a, Index b);
  mlir::Value value(Index index);
  /// The dimensions of a tensor, from where it is made if that is known.
  Index dim(mlir::Value tensor, int64_t dim);
  llvm::SmallVector<Index> dims(mlir::Value tensor);

  //===--- Scalars
  //---------------------------------------------------------===//

  mlir::Value f32(double value);
  mlir::Value floatOf(mlir::Type type, double value);
  mlir::Value extract(mlir::Value tensor, llvm::ArrayRef<Index> indices);
  /// An integer as an index, with its sign.
  Index asIndex(mlir::Value integer);
  /// Element `row` of a tensor of i32 (lengths, positions), as an index.
  Index perRow(mlir::Value tensor, Index row);
  /// A float in the type that arithmetic is done in: f32, or f64 for an f64.
  mlir::Value widen(mlir::Value scalar);
  /// A float in exactly the given type.
  mlir::Value convert(mlir::Value scalar, mlir::Type type);
  mlir::Value mulf(mlir::Value a, mlir::Value b);
  mlir::Value addf(mlir::Value a, mlir::Value b);
  mlir::Value subf(mlir::Value a, mlir::Value b);
  mlir::Value divf(mlir::Value a, mlir::Value b);
  mlir::Value exp(mlir::Value a);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);

  //===--- Tiles
  //-----------------------------------------------------------===//

  /// A new tensor on the host.
  mlir::Value empty(llvm::ArrayRef<Index> sizes, mlir::Type type);
  /// A new tile of a workgroup. An allocation and not a tensor.empty, so that
  /// equal tiles (two of zeros, say) are not taken for one and then copied.
  mlir::Value scratch(llvm::ArrayRef<int64_t> shape, mlir::Type type);
  mlir::Value fill(mlir::Value tensor, double value);
  /// A new tile of zeros.
  mlir::Value zeros(llvm::ArrayRef<int64_t> shape, mlir::Type type);

  /// `source[offsets][sizes]` with unit strides, reduced to the dimensions
  /// `keep`; the others must have size 1.
  mlir::Value slice(mlir::Value source, llvm::ArrayRef<Index> offsets,
                    llvm::ArrayRef<Index> sizes, llvm::ArrayRef<int64_t> keep);
  /// A slice that keeps all dimensions.
  mlir::Value slice(mlir::Value source, llvm::ArrayRef<Index> offsets,
                    llvm::ArrayRef<Index> sizes);
  mlir::Value insert(mlir::Value tile, mlir::Value dest,
                     llvm::ArrayRef<Index> offsets,
                     llvm::ArrayRef<Index> sizes);

  /// The first `count` rows (dimension 0), and writing them.
  mlir::Value rows(mlir::Value source, Index from, Index count);
  mlir::Value insertRows(mlir::Value tile, mlir::Value dest, Index from);
  /// Zeros in the rows [from, to) of `dest`, none if to <= from.
  mlir::Value zeroRows(mlir::Value dest, Index from, Index to);

  /// A static tile of `rows` rows whose first ones are those of `part`, the
  /// others zero. Nothing beyond `part` is read.
  mlir::Value padRows(mlir::Value part, int64_t rows);

  //===--- Operations
  //------------------------------------------------------===//

  /// Every dimension of `out` parallel; `maps` from them to those of `ins`
  /// (the identity where `maps` is empty). The body gets the inputs.
  mlir::Value pointwise(mlir::ValueRange ins,
                        llvm::ArrayRef<mlir::AffineMap> maps, mlir::Value out,
                        Body body);
  /// As pointwise, in place: the body gets the inputs and `out`'s element.
  mlir::Value update(mlir::ValueRange ins, llvm::ArrayRef<mlir::AffineMap> maps,
                     mlir::Value out, Body body);
  /// Reduces the last of `loops` dimensions: `out` has the ones before. The
  /// body gets the inputs and the accumulator.
  mlir::Value reduceLast(mlir::ValueRange ins,
                         llvm::ArrayRef<mlir::AffineMap> maps, mlir::Value out,
                         Body body);
  /// acc[dims of `accMap`] += lhs * rhs over `loops` dimensions, the last one
  /// reduced; in f32 whatever the operands are.
  mlir::Value contract(mlir::Value lhs, llvm::ArrayRef<unsigned> lhsDims,
                       mlir::Value rhs, llvm::ArrayRef<unsigned> rhsDims,
                       mlir::Value acc);
  /// The index of a loop of the enclosing linalg op.
  mlir::Value loopIndex(int64_t dim);

  /// A map from `loops` dimensions to the given ones.
  mlir::AffineMap map(unsigned loops, llvm::ArrayRef<unsigned> dims);

  //===--- Control
  //---------------------------------------------------------===//

  /// One scf.forall: a kernel, by that name in profiles, with what it has to
  /// do at least. The body gets the point of the grid and the shared outputs.
  mlir::ResultRange
  forall(llvm::StringRef name, llvm::ArrayRef<Index> grid, const Work &work,
         mlir::ValueRange outputs,
         llvm::function_ref<llvm::SmallVector<TileStore>(mlir::ValueRange,
                                                         mlir::ValueRange)>
             body);
  /// for (i = from; i < to; i += step)
  mlir::ValueRange
  loop(Index from, Index to, int64_t step, mlir::ValueRange inits,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value,
                                                         mlir::ValueRange)>
           body);

private:
  mlir::Value generic(mlir::ValueRange ins, mlir::Value out,
                      llvm::ArrayRef<mlir::AffineMap> maps,
                      llvm::ArrayRef<mlir::utils::IteratorType> iterators,
                      Body body);

  mlir::OpBuilder &builder;
  mlir::Location loc;
};

/// A block size for a dimension that is cut into equal blocks: the largest
/// divisor of `size` up to `bound`, or all of it where that would be small.
int64_t chooseDivisor(int64_t size, int64_t bound);

/// The static shape of a tensor value.
llvm::ArrayRef<int64_t> shapeOf(mlir::Value value);
/// The element type of a tensor value.
mlir::Type elementOf(mlir::Value value);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOLINALG_TILEBUILDER_H
