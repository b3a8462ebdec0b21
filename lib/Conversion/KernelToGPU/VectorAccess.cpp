//===- VectorAccess.cpp - What one instruction may move -------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "VectorAccess.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace transmamba {

/// Divisors above this say nothing new: it is what buffers are aligned to.
static constexpr int64_t kMaxDivisor = 64;

/// Every buffer that a launch passes, see docs/package.md.
static constexpr int64_t kArgumentAlignment = 64;

/// Every buffer in shared memory, see SharedMemory.cpp.
static constexpr int64_t kSharedAlignment = 16;

int64_t getElementBytes(Type type) {
  if (type.isIndex())
    return 8;
  return llvm::divideCeil(type.getIntOrFloatBitWidth(), 8);
}

//===----------------------------------------------------------------------===//
// Divisors
//===----------------------------------------------------------------------===//

/// The power of two in `value`.
static int64_t getDivisor(int64_t value) {
  if (value == 0)
    return kMaxDivisor;
  return std::min<int64_t>(kMaxDivisor, value & -value);
}

static int64_t multiplyDivisors(int64_t a, int64_t b) {
  return std::min(kMaxDivisor, a * b);
}

int64_t getKnownDivisor(OpFoldResult value) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return getDivisor(*constant);
  Operation *op = cast<Value>(value).getDefiningOp();
  if (!op)
    return 1;
  auto both = [&] {
    return std::min(getKnownDivisor(op->getOperand(0)),
                    getKnownDivisor(op->getOperand(1)));
  };
  return llvm::TypeSwitch<Operation *, int64_t>(op)
      .Case<arith::MulIOp>([&](auto) {
        return multiplyDivisors(getKnownDivisor(op->getOperand(0)),
                                getKnownDivisor(op->getOperand(1)));
      })
      // A remainder is a difference of the two, times something.
      .Case<arith::AddIOp, arith::SubIOp, arith::MinSIOp, arith::MaxSIOp,
            arith::MinUIOp, arith::MaxUIOp, arith::RemSIOp, arith::RemUIOp>(
          [&](auto) { return both(); })
      .Case<arith::SelectOp>([&](auto select) {
        return std::min(getKnownDivisor(select.getTrueValue()),
                        getKnownDivisor(select.getFalseValue()));
      })
      .Case<arith::IndexCastOp, arith::IndexCastUIOp>(
          [&](auto) { return getKnownDivisor(op->getOperand(0)); })
      .Default([](Operation *) { return 1; });
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

namespace {
/// What divides the parts of an address: that of the buffer in bytes, the
/// offset from it and the strides in elements.
struct AddressDivisors {
  int64_t base = 1, offset = 1;
  SmallVector<int64_t> strides;
};
} // namespace

static AddressDivisors getAddressDivisors(Value memref);

/// Constants in the type are known whatever made the value.
static AddressDivisors refineByType(AddressDivisors divisors, MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return divisors;
  divisors.strides.resize(strides.size(), 1);
  for (auto [divisor, stride] : llvm::zip(divisors.strides, strides))
    if (!ShapedType::isDynamic(stride))
      divisor = getDivisor(stride);
  if (!ShapedType::isDynamic(offset))
    divisors.offset = getDivisor(offset);
  return divisors;
}

static AddressDivisors getSubviewDivisors(memref::SubViewOp op) {
  AddressDivisors source = getAddressDivisors(op.getSource());
  AddressDivisors result{source.base, source.offset, {}};
  llvm::SmallBitVector dropped = op.getDroppedDims();
  for (auto [dim, offset, step] :
       llvm::enumerate(op.getMixedOffsets(), op.getMixedStrides())) {
    int64_t stride = source.strides[dim];
    result.offset = std::min(result.offset,
                             multiplyDivisors(getKnownDivisor(offset), stride));
    if (!dropped.test(dim))
      result.strides.push_back(multiplyDivisors(getKnownDivisor(step), stride));
  }
  return result;
}

static AddressDivisors getAddressDivisors(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  Operation *op = memref.getDefiningOp();
  if (!op)
    return refineByType({kArgumentAlignment, kMaxDivisor, {}}, type);
  AddressDivisors divisors =
      llvm::TypeSwitch<Operation *, AddressDivisors>(op)
          .Case<memref::ReinterpretCastOp>([&](auto cast) {
            // The offset counts from the buffer, not from the source.
            AddressDivisors result{
                getAddressDivisors(cast.getSource()).base,
                getKnownDivisor(cast.getMixedOffsets().front()),
                {}};
            for (OpFoldResult stride : cast.getMixedStrides())
              result.strides.push_back(getKnownDivisor(stride));
            return result;
          })
          .Case<memref::SubViewOp>(getSubviewDivisors)
          .Case<memref::ViewOp>([&](auto view) {
            int64_t shift = getKnownDivisor(view.getByteShift());
            return AddressDivisors{
                std::min(kSharedAlignment, shift), kMaxDivisor, {}};
          })
          .Case<memref::CastOp, memref::AssumeAlignmentOp>(
              [&](auto) { return getAddressDivisors(op->getOperand(0)); })
          .Case<memref::ExpandShapeOp, memref::CollapseShapeOp>([&](auto) {
            AddressDivisors source = getAddressDivisors(op->getOperand(0));
            return AddressDivisors{source.base, source.offset, {}};
          })
          .Default([](Operation *) { return AddressDivisors(); });
  return refineByType(std::move(divisors), type);
}

int64_t getRowAlignment(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  AddressDivisors divisors = getAddressDivisors(memref);
  int64_t bytes = getElementBytes(type.getElementType());
  int64_t alignment =
      std::min(divisors.base, multiplyDivisors(divisors.offset, bytes));
  for (int64_t dim = 0; dim + 1 < type.getRank(); ++dim)
    if (type.getDimSize(dim) != 1)
      alignment =
          std::min(alignment, multiplyDivisors(divisors.strides[dim], bytes));
  return alignment;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

bool isContiguousAlong(OpOperand &operand, unsigned dim) {
  auto op = cast<linalg::GenericOp>(operand.getOwner());
  auto type = dyn_cast<MemRefType>(operand.get().getType());
  AffineMap map = op.getMatchingIndexingMap(&operand);
  if (!type || map.getNumResults() == 0)
    return false;
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)) || strides.back() != 1)
    return false;
  AffineExpr along = getAffineDimExpr(dim, op.getContext());
  return map.getResults().back() == along &&
         llvm::none_of(map.getResults().drop_back(), [&](AffineExpr result) {
           return result.isFunctionOfDim(dim);
         });
}

int64_t getVectorWidth(linalg::GenericOp op, unsigned dim, int64_t size) {
  constexpr int64_t kMaxAccesses = 2;
  if (ShapedType::isDynamic(size) || size == 0)
    return 1;
  int64_t narrowest = kMaxAccessBytes;
  SmallVector<std::pair<int64_t, int64_t>> accesses; // Bytes, alignment.
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isContiguousAlong(operand, dim)) {
      if (op.isDpsInit(&operand) &&
          op.getMatchingIndexingMap(&operand).isFunctionOfDim(dim))
        return 1;
      continue;
    }
    int64_t bytes = getElementBytes(getElementTypeOrSelf(operand.get()));
    narrowest = std::min(narrowest, bytes);
    accesses.push_back({bytes, getRowAlignment(operand.get())});
  }
  int64_t width = kMaxAccessBytes / narrowest;
  while (width > 1 &&
         (size % width != 0 || llvm::any_of(accesses, [&](auto access) {
            auto [bytes, alignment] = access;
            return width * bytes > kMaxAccesses * kMaxAccessBytes ||
                   alignment < std::min(width * bytes, kMaxAccessBytes);
          })))
    width /= 2;
  return width;
}

} // namespace transmamba
