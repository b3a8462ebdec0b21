//===- TileVerifiers.cpp - Constraints of the tile operations -------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Tile/IR/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace transmamba::tile;

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

LogicalResult KernelOp::verify() {
  if (getNumResults() != 0)
    return emitOpError("(K1) has no results");
  for (Type type : getArgumentTypes()) {
    auto memref = dyn_cast<MemRefType>(type);
    if (memref ? !memref.getLayout().isIdentity()
               : !type.isIndex() && !type.isF32())
      return emitOpError("(K1) arguments are contiguous memrefs, index or f32, "
                         "not ")
             << type;
  }
  return success();
}

LogicalResult KernelOp::verifyRegions() {
  Block &block = getBody().front();
  auto consumers = block.getOps<ConsumersOp>();
  auto producers = block.getOps<ProducerOp>();
  if (!llvm::hasSingleElement(consumers))
    return emitOpError("(K2) has one tile.consumers");
  if (!producers.empty() && !llvm::hasSingleElement(producers))
    return emitOpError("(K2) has one tile.producer at most");

  auto tickets = block.getOps<TicketsOp>();
  if (!tickets.empty() && !llvm::hasSingleElement(tickets))
    return emitOpError("(K5) has one tile.tickets at most");
  if (!tickets.empty())
    for (Operation *role :
         {getProducer().getOperation(), getConsumers().getOperation()})
      if (!role || !llvm::hasSingleElement(
                       role->getRegion(0).front().getOps<WorkLoopOp>()))
        return emitOpError("(K5) draws items: its producer and its consumers "
                           "have one tile.work_loop each");

  int64_t registers =
      (*consumers.begin()).getCount() * (*consumers.begin()).getRegisters();
  if (ProducerOp producer = getProducer())
    registers += producer.getRegisters();
  int64_t blocks = getOccupancy();
  if (blocks < 1 || blocks > 8)
    return emitOpError("(K3) 1 to 8 blocks share a multiprocessor, not ")
           << blocks;
  registers *= kWarpgroupThreads;
  int64_t most = getRegistersOfBlock(getThreads(), blocks);
  if (registers > most)
    return emitOpError("(K3) needs ") << registers << " registers of " << most;
  int64_t bytes = blocks * (getSharedBytes() + kBlockSharedBytes);
  if (bytes > kMultiprocessorSharedBytes)
    return emitOpError("(K4) needs ") << bytes << " bytes of shared memory of "
                                      << kMultiprocessorSharedBytes;
  return success();
}

static LogicalResult verifyRegisters(Operation *op, int64_t registers) {
  if (registers < 24 || registers > 240 || registers % 8 != 0)
    return op->emitOpError(
               "(R1) registers are a multiple of 8 from 24 to 240, not ")
           << registers;
  return success();
}

LogicalResult ProducerOp::verify() {
  return verifyRegisters(*this, getRegisters());
}

LogicalResult ConsumersOp::verify() {
  if (getCount() < 1 || getCount() > 3)
    return emitOpError("(R2) has 1 to 3 warpgroups, not ") << getCount();
  if (getBody().getNumArguments() != 1 || !getWarpgroup().getType().isIndex())
    return emitOpError("(R3) the body has one argument, an index");
  return verifyRegisters(*this, getRegisters());
}

/// The argument that an operand of a launch fits.
static Type getArgumentType(Type operand) {
  if (auto tensor = dyn_cast<RankedTensorType>(operand))
    return MemRefType::get(tensor.getShape(), tensor.getElementType());
  return operand;
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel =
      symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError("(L1) ") << getKernelAttr() << " is not a tile.kernel";
  SmallVector<Type> types;
  for (Value operand : getKernelOperands())
    types.push_back(getArgumentType(operand.getType()));
  if (TypeRange(types) != TypeRange(kernel.getArgumentTypes()))
    return emitOpError(
               "(L2) operands do not have the types of the arguments of ")
           << getKernelAttr();
  return success();
}

template <typename Role>
static LogicalResult verifyInside(Operation *op, StringRef constraint) {
  if (!op->getParentOfType<Role>())
    return op->emitOpError()
           << constraint << " stands inside " << Role::getOperationName();
  return success();
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

static LogicalResult verifyIndices(Operation *op, Type tensor,
                                   ValueRange indices) {
  int64_t rank = cast<MemRefType>(tensor).getRank();
  if (int64_t(indices.size()) != rank)
    return op->emitOpError("(D1) has ")
           << indices.size() << " indices for " << rank << " dimensions";
  return success();
}

/// What a bulk copy asks of a tensor: (D2), (D5).
static LogicalResult verifyBulkCopy(Operation *op, Type tensor, Type element) {
  auto memref = cast<MemRefType>(tensor);
  if (memref.getElementType() != element)
    return op->emitOpError("(D2) copies ")
           << memref.getElementType() << " to " << element;
  int64_t columns = memref.getShape().back();
  if (ShapedType::isDynamic(columns) ||
      columns * memref.getElementTypeBitWidth() % 128 != 0)
    return op->emitOpError(
        "(D5) a row of the tensor is a static multiple of 16 "
        "bytes");
  return success();
}

static LogicalResult verifyRing(Operation *op, Value ring) {
  if (!ring.getDefiningOp<RingOp>())
    return op->emitOpError("(D4) the ring is the result of a tile.ring");
  return success();
}

LogicalResult LoadOp::verify() {
  int64_t rank = getSource().getType().getRank();
  if (failed(verifyInside<ProducerOp>(*this, "(D3)")))
    return failure();
  if (getIndices().empty() || getIndices().size() % rank != 0)
    return emitOpError("(D1) has ")
           << getIndices().size() << " indices for " << rank << " dimensions";
  if (getNumBoxes() > 1 &&
      getRing().getType().getRows() % (8 * getNumBoxes()) != 0)
    return emitOpError("(D8) ") << getNumBoxes() << " boxes do not make "
                                << getRing().getType().getTile();
  if (failed(verifyBulkCopy(*this, getSource().getType(),
                            getRing().getType().getElementType())))
    return failure();
  return verifyRing(*this, getRing());
}

LogicalResult ConsumerWaitOp::verify() {
  if (failed(verifyInside<ConsumersOp>(*this, "(D6)")))
    return failure();
  return verifyRing(*this, getRing());
}

LogicalResult ConsumerReleaseOp::verify() {
  if (failed(verifyInside<ConsumersOp>(*this, "(D6)")))
    return failure();
  return verifyRing(*this, getRing());
}

LogicalResult RowSliceOp::verify() {
  SharedType source = getSource().getType(), result = getType();
  if (source.getElementType() != result.getElementType() ||
      source.getColumns() != result.getColumns() ||
      source.getRows() < result.getRows() || result.getRows() % 8 != 0)
    return emitOpError("(D7) ") << result << " is not rows of " << source;
  return success();
}

LogicalResult ClearRowsOp::verify() {
  if (!getTile().getType().isSwizzled())
    return emitOpError("(M6) ") << getTile().getType() << " is not swizzled";
  return verifyInside<ConsumersOp>(*this, "(D6)");
}

LogicalResult RotateOp::verify() {
  SharedType tile = getTile().getType();
  FragmentType cos = getCos().getType();
  if (failed(verifyInside<ConsumersOp>(*this, "(D6)")))
    return failure();
  if (cos.getRows() != tile.getRows() ||
      2 * cos.getColumns() > tile.getColumns())
    return emitOpError("(F1) ") << cos << " does not rotate " << tile;
  if (cos.getOperand())
    return emitOpError("(F3) the fragments are accumulators");
  if (!tile.isSwizzled() || !isHalf(tile.getElementType()))
    return emitOpError("(M6) ") << tile << " is not swizzled";
  return success();
}

LogicalResult SkipOp::verify() {
  if (failed(verifyInside<ConsumersOp>(*this, "(D6)")))
    return failure();
  for (Value ring : getRings())
    if (failed(verifyRing(*this, ring)))
      return failure();
  return success();
}

LogicalResult StoreOp::verify() {
  if (failed(verifyInside<ConsumersOp>(*this, "(D6)")) ||
      failed(verifyIndices(*this, getDestination().getType(), getIndices())))
    return failure();
  return verifyBulkCopy(*this, getDestination().getType(),
                        getTile().getType().getElementType());
}

//===----------------------------------------------------------------------===//
// Multiplication
//===----------------------------------------------------------------------===//

LogicalResult MmaOp::verify() {
  if (failed(verifyInside<ConsumersOp>(*this, "(M5)")))
    return failure();
  SharedType b = getB().getType();
  PendingType result = getType();
  ArrayRef<int64_t> aShape;
  Type aElement;
  if (auto fragment = dyn_cast<FragmentType>(getA().getType())) {
    if (!fragment.getOperand())
      return emitOpError("(M3) 'a' in registers is an operand fragment, not ")
             << fragment;
    aShape = fragment.getShape();
    aElement = fragment.getElementType();
  } else {
    auto tile = cast<SharedType>(getA().getType());
    if (!tile.isSwizzled())
      return emitOpError("(M6) ") << tile << " is not swizzled";
    aShape = tile.getShape();
    aElement = tile.getElementType();
  }
  if (!b.isSwizzled())
    return emitOpError("(M6) ") << b << " is not swizzled";
  int64_t bK = getTransposeB() ? b.getColumns() : b.getRows();
  int64_t bN = getTransposeB() ? b.getRows() : b.getColumns();
  if (aShape[1] != bK || aShape[0] != result.getRows() ||
      bN != result.getColumns() || bK % 16 != 0 || bN > 256)
    return emitOpError("(M1) the shapes ")
           << getA().getType() << " and " << b << " do not make " << result;
  if (aElement != b.getElementType() || !isHalf(aElement))
    return emitOpError("(M2) multiplies ")
           << aElement << " by " << b.getElementType();
  if (Value acc = getAcc()) {
    auto pending = dyn_cast<PendingType>(acc.getType());
    FragmentType fragment =
        pending ? pending.getFragment() : cast<FragmentType>(acc.getType());
    if (fragment != result.getFragment())
      return emitOpError("(M4) 'acc' is ")
             << acc.getType() << " for " << result;
  }
  return success();
}

LogicalResult AwaitOp::verify() {
  return verifyInside<ConsumersOp>(*this, "(M5)");
}

LogicalResult DrainOp::verify() {
  if (getKeep() > 7)
    return emitOpError("(M7) keeps 0 to 7 multiplications, not ") << getKeep();
  return verifyInside<ConsumersOp>(*this, "(M5)");
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

static bool isPartial(Type type) {
  auto rows = dyn_cast<RowsType>(type);
  return rows && rows.getPartial();
}

LogicalResult FillOp::verify() {
  if (getValue().getType() != getNumberType(getType()))
    return emitOpError("(E1) fills ")
           << getType() << " with " << getValue().getType();
  return success();
}

/// Whether a map to `result` may read elements of `input`.
static bool fits(Type input, Type result) {
  auto fragment = dyn_cast<FragmentType>(result);
  if (!fragment) {
    auto from = dyn_cast<RowsType>(input), to = dyn_cast<RowsType>(result);
    return from && to ? from.getSize() == to.getSize() : input == result;
  }
  if (auto other = dyn_cast<FragmentType>(input))
    return other.getShape() == fragment.getShape();
  if (auto rows = dyn_cast<RowsType>(input))
    return rows.getSize() == fragment.getRows();
  auto columns = dyn_cast<ColumnsType>(input);
  return columns && columns.getSize() == fragment.getColumns();
}

LogicalResult MapOp::verify() {
  bool partial = false;
  for (Type type : getInputs().getTypes()) {
    partial |= isPartial(type);
    if (!fits(type, getType()))
      return emitOpError("(E2) ") << type << " does not fit " << getType();
  }
  auto result = dyn_cast<FragmentType>(getType());
  if (result && result.getOperand())
    return emitOpError("(E2) an operand fragment is not computed");
  if (partial != isPartial(getType()))
    return emitOpError("(E5) a partial sum makes a partial sum, and only that");
  return success();
}

LogicalResult MapOp::verifyRegions() {
  Block *block = getBlock();
  size_t count = getInputs().size();
  if (block->getNumArguments() != count + 2)
    return emitOpError(
        "(E3) the body has an argument for each operand, the row "
        "and the column");
  for (auto [index, argument] : llvm::enumerate(block->getArguments())) {
    Type expected = index < count ? getNumberType(getInputs()[index].getType())
                                  : IndexType::get(getContext());
    if (argument.getType() != expected)
      return emitOpError("(E3) argument ")
             << index << " of the body is " << argument.getType() << ", not "
             << expected;
  }
  for (Operation &op : block->without_terminator())
    if (!isa<arith::ArithDialect, math::MathDialect>(op.getDialect()) ||
        op.getNumRegions() != 0 || op.getNumResults() != 1 ||
        !op.getResult(0).getType().isIntOrIndexOrFloat())
      return op.emitOpError("(E3) is not scalar arithmetic");
  auto yield = dyn_cast<YieldOp>(block->getTerminator());
  if (!yield || yield.getValue().getType() != getNumberType(getType()))
    return emitOpError("(E4) the body yields one ") << getNumberType(getType());
  bool hasRow = !isa<ColumnsType>(getType());
  bool hasColumn = isa<FragmentType, ColumnsType>(getType());
  if ((!hasRow && !getRow().use_empty()) ||
      (!hasColumn && !getColumn().use_empty()))
    return emitOpError("(E11) the body reads a position that ")
           << getType() << " does not have";
  return success();
}

LogicalResult Exp2Op::verify() {
  if (!fits(getTop().getType(), getType()))
    return emitOpError("(E2) ")
           << getTop().getType() << " does not fit " << getType();
  auto fragment = dyn_cast<FragmentType>(getType());
  if ((fragment && fragment.getOperand()) || isPartial(getType()) ||
      isPartial(getTop().getType()))
    return emitOpError("(E3) takes accumulators and whole numbers of rows");
  return success();
}

LogicalResult MaskOp::verify() {
  if (bool(getQueries()) == bool(getEnd()))
    return emitOpError("(E12) there are either queries or an end");
  if (getWindowAttr() && (!getQueries() || getWindowAttr().getInt() <= 0))
    return emitOpError("(E13) a window is positive and needs queries");
  if (getType().getOperand())
    return emitOpError("(E3) the fragment is an accumulator");
  return success();
}

LogicalResult RowReduceOp::verify() {
  FragmentType source = getSource().getType();
  if (source.getOperand() || getType().getSize() != source.getRows())
    return emitOpError("(E2) ")
           << getType() << " are not the rows of " << source;
  if (getType().getPartial() && getKind() != Reduction::Sum)
    return emitOpError("(E6) only a sum is partial");
  return success();
}

LogicalResult CompleteOp::verify() {
  if (!getSource().getType().getPartial())
    return emitOpError("(E7) the operand is not partial");
  return success();
}

LogicalResult CastOp::verify() {
  FragmentType source = getSource().getType(), result = getType();
  if (source.getShape() != result.getShape())
    return emitOpError("(E2) ")
           << source << " and " << result << " differ in shape";
  if (source.getOperand() || !result.getOperand())
    return emitOpError("(E8) goes from an accumulator to an operand");
  return success();
}

LogicalResult ScaleColumnsOp::verify() {
  FragmentType source = getSource().getType();
  if (!source.getOperand())
    return emitOpError("(E9) the fragment is an operand");
  if (getFactors().getType().getSize() != source.getColumns())
    return emitOpError("(E2) ")
           << getFactors().getType() << " are not the columns of " << source;
  return success();
}

LogicalResult SpreadOp::verify() {
  auto rows = dyn_cast<RowsType>(getType());
  int64_t size = rows ? rows.getSize() : cast<ColumnsType>(getType()).getSize();
  if (size != getSource().getType().getSize() || (rows && rows.getPartial()))
    return emitOpError("(E2) ")
           << getSource().getType() << " does not make " << getType();
  return success();
}

LogicalResult ElementOp::verify() {
  if (getPosition() >= getSource().getType().getSize())
    return emitOpError("(E10) ")
           << getSource().getType() << " has no number " << getPosition();
  return success();
}

//===----------------------------------------------------------------------===//
// Registers from and to memory
//===----------------------------------------------------------------------===//

/// (F1), (F6): a fragment is a tile whose rows are rounded up.
static LogicalResult verifyPaddedShape(Operation *op, FragmentType fragment,
                                       Type tile, int64_t rows,
                                       int64_t columns) {
  if (rows % 16 != 0)
    return op->emitOpError("(F6) ")
           << tile << " has " << rows << " rows, not a multiple of 16";
  if (fragment.getRows() != int64_t(llvm::alignTo(rows, 64)) ||
      fragment.getColumns() != columns)
    return op->emitOpError("(F1) ")
           << fragment << " does not have the shape of " << tile;
  return success();
}

LogicalResult LoadFragmentOp::verify() {
  SharedType tile = getTile().getType();
  FragmentType result = getType();
  int64_t rows = tile.getRows(), columns = tile.getColumns();
  if (getTranspose())
    std::swap(rows, columns);
  if (failed(verifyPaddedShape(*this, result, tile, rows, columns)))
    return failure();
  if (!result.getOperand() || result.getElementType() != tile.getElementType())
    return emitOpError("(F2) ")
           << result << " is not an operand of " << tile.getElementType();
  return success();
}

LogicalResult StoreFragmentOp::verify() {
  SharedType tile = getTile().getType();
  FragmentType source = getSource().getType();
  if (failed(verifyPaddedShape(*this, source, tile, tile.getRows(),
                               tile.getColumns())))
    return failure();
  if (source.getOperand())
    return emitOpError("(F3) the fragment is an accumulator");
  if (!tile.isSwizzled() || !isHalf(tile.getElementType()))
    return emitOpError("(M6) ") << tile << " is not swizzled";
  return success();
}

/// (F3), (F4), (F5): what is read from a tensor or written to it.
static LogicalResult verifyElements(Operation *op, Type value, Type tensor) {
  auto fragment = dyn_cast<FragmentType>(value);
  if (fragment && fragment.getOperand())
    return op->emitOpError("(F3) the fragment is an accumulator");
  if (isPartial(value))
    return op->emitOpError("(F5) a partial sum is neither read nor written");
  Type element = cast<MemRefType>(tensor).getElementType();
  if (!element.isF32() && !isHalf(element))
    return op->emitOpError("(F4) the tensor holds f32, bf16 or f16, not ")
           << element;
  return success();
}

LogicalResult ReadOp::verify() {
  if (failed(verifyIndices(*this, getSource().getType(), getIndices())))
    return failure();
  return verifyElements(*this, getType(), getSource().getType());
}

LogicalResult WriteOp::verify() {
  if (failed(verifyIndices(*this, getDestination().getType(), getIndices())))
    return failure();
  return verifyElements(*this, getValue().getType(),
                        getDestination().getType());
}
