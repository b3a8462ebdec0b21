//===- VectorAccess.h - What one instruction may move -----------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// A thread moves up to 16 bytes with one instruction where they are adjacent
// and their address is a multiple of as many. Both have to be known when the
// kernel is compiled: from the alignment of buffers, and from the constants
// that sizes, strides and offsets are multiples of.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_VECTORACCESS_H
#define TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_VECTORACCESS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace transmamba {

/// The most that one instruction moves.
inline constexpr int64_t kMaxAccessBytes = 16;

/// Bytes of an element in memory.
int64_t getElementBytes(mlir::Type type);

/// The largest power of two (up to 64) that is known to divide `value`.
int64_t getKnownDivisor(mlir::OpFoldResult value);

/// The largest power of two (up to 64) that divides the address of every first
/// element along the last dimension of `memref`, a value of a kernel.
int64_t getRowAlignment(mlir::Value memref);

/// Whether neighbours along loop dimension `dim` are neighbours in memory, and
/// `dim` moves nothing else of the operand's address.
bool isContiguousAlong(mlir::OpOperand &operand, unsigned dim);

/// The most neighbours along `dim`, whose size is `size`, that one thread can
/// load and store at once, a power of two: each contiguous operand of `op` in
/// at most two instructions. 1 where an output is not contiguous, or nothing is
/// known of an address.
int64_t getVectorWidth(mlir::linalg::GenericOp op, unsigned dim, int64_t size);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_KERNELTOGPU_VECTORACCESS_H
