//===- ThreadCode.h - Indices, elements and bodies --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// What the code of one thread is made of, whatever iterations it takes.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_THREADCODE_H
#define TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_THREADCODE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"

namespace transmamba {

/// Writes the code of a thread for iterations of linalg ops. An iteration is
/// the values of the loop dimensions, `dims`.
class ThreadCode {
public:
  ThreadCode(mlir::RewriterBase &rewriter, mlir::Location loc)
      : b(rewriter), loc(loc) {}

  mlir::Value constant(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value getProduct(llvm::ArrayRef<mlir::Value> factors);

  /// The sizes of the loop dimensions of `op`.
  llvm::SmallVector<mlir::Value> getSizes(mlir::linalg::GenericOp op);

  /// Puts the index of each of `dims` in a linear index, whose last dimension
  /// is the fastest, into `result`; `extents` are by dimension.
  void delinearize(mlir::Value linear, llvm::ArrayRef<unsigned> dims,
                   llvm::ArrayRef<mlir::Value> extents,
                   llvm::MutableArrayRef<mlir::Value> result);

  /// The element of an operand, or the operand itself if it is a scalar.
  mlir::Value load(mlir::OpOperand &operand, llvm::ArrayRef<mlir::Value> dims);
  void store(mlir::OpOperand &output, llvm::ArrayRef<mlir::Value> dims,
             mlir::Value value);

  /// The elements of an operand in `width` iterations: those at `dims` and the
  /// next along dimension `along`. One instruction moves them where they are
  /// adjacent, and one loads them where they are the same.
  llvm::SmallVector<mlir::Value> loadVector(mlir::OpOperand &operand,
                                            llvm::ArrayRef<mlir::Value> dims,
                                            unsigned along, int64_t width);
  /// Stores them; the output is contiguous along `along`.
  void storeVector(mlir::OpOperand &output, llvm::ArrayRef<mlir::Value> dims,
                   llvm::ArrayRef<mlir::Value> values);

  /// `dims` a constant further along one dimension.
  llvm::SmallVector<mlir::Value> moved(llvm::ArrayRef<mlir::Value> dims,
                                       unsigned along, int64_t distance);

  /// A copy of the body of `op`; returns what it yields.
  llvm::SmallVector<mlir::Value>
  inlineBody(mlir::linalg::GenericOp op, llvm::ArrayRef<mlir::Value> arguments,
             llvm::ArrayRef<mlir::Value> dims);

protected:
  mlir::RewriterBase &b;
  mlir::Location loc;

private:
  llvm::SmallVector<mlir::Value> getIndices(mlir::OpOperand &operand,
                                            llvm::ArrayRef<mlir::Value> dims);
};

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_THREADCODE_H
