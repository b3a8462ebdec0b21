//===- Emitter.cpp - What the patterns emit again and again ---------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Emitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace transmamba::tile {

Value Emitter::constant(int64_t value) {
  return arith::ConstantIntOp::create(builder, loc, i32, value);
}

Value Emitter::constant64(int64_t value) {
  return arith::ConstantIntOp::create(builder, loc, i64, value);
}

Value Emitter::constantF32(double value) {
  return arith::ConstantFloatOp::create(builder, loc, builder.getF32Type(),
                                        APFloat(float(value)));
}

Value Emitter::add(Value x, Value y) {
  return arith::AddIOp::create(builder, loc, x, y);
}

Value Emitter::add(Value x, int64_t y) {
  return y == 0 ? x : add(x, constant(y));
}

Value Emitter::mul(Value x, int64_t y) {
  return y == 1 ? x : arith::MulIOp::create(builder, loc, x, constant(y));
}

Value Emitter::sub(Value x, Value y) {
  return arith::SubIOp::create(builder, loc, x, y);
}

Value Emitter::shiftRight(Value x, int64_t bits) {
  return arith::ShRUIOp::create(builder, loc, x, constant(bits));
}

Value Emitter::mask(Value x, int64_t bits) {
  return arith::AndIOp::create(builder, loc, x, constant(bits));
}

Value Emitter::exclusiveOr(Value x, Value y) {
  return arith::XOrIOp::create(builder, loc, x, y);
}

Value Emitter::equal(Value x, int64_t y) {
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, x,
                               constant(y));
}

Value Emitter::select(Value condition, Value x, Value y) {
  return arith::SelectOp::create(builder, loc, condition, x, y);
}

Value Emitter::atMost(Value x, int64_t bound) {
  return arith::MinSIOp::create(builder, loc, x, constant(bound));
}

Value Emitter::extend(Value x) {
  return arith::ExtSIOp::create(builder, loc, i64, x);
}

/// The item of the work loop around `block`, or null.
static Value findItem(Block *block) {
  for (Operation *op = block->getParentOp(); op;
       block = op->getBlock(), op = block ? block->getParentOp() : nullptr)
    if (auto loop = dyn_cast<scf::WhileOp>(op))
      return block->getParent() == &loop.getAfter()
                 ? loop.getAfterArguments().back()
                 : Value();
  return nullptr;
}

Value Emitter::hideInItem(Value x) {
  Value item = findItem(builder.getInsertionBlock());
  return item ? add(x, shiftRight(item, 31)) : x;
}

static Value readThreadId(Emitter &emit) {
  return NVVM::ThreadIdXOp::create(emit.builder, emit.loc, emit.i32);
}

// The places of fragments follow from it: different ones for each kind of
// items.
Value Emitter::threadId() { return hideInItem(readThreadId(*this)); }

// All kinds of items need it.
Value Emitter::lane() { return mask(readThreadId(*this), 31); }

Value Emitter::warp() {
  Value all = constant(-1), first = constant(0), clamp = constant(31);
  return NVVM::ShflOp::create(builder, loc, i32, all,
                              shiftRight(readThreadId(*this), 5), first, clamp,
                              NVVM::ShflKind::idx, UnitAttr());
}

Value Emitter::warpOfWarpgroup() { return mask(warp(), 3); }

Value Emitter::warpgroup(bool hasProducer) {
  Value number = shiftRight(warp(), 2);
  return hasProducer ? add(number, -1) : number;
}

Value Emitter::threadOfWarpgroup() {
  return mask(threadId(), kWarpgroupThreads - 1);
}

Value Emitter::isFirstOfWarpgroup() { return equal(threadOfWarpgroup(), 0); }

Value Emitter::isFirstOfWarp() { return equal(lane(), 0); }

void Emitter::warpgroupBarrier() {
  // One barrier of the hardware for each warpgroup of the block.
  // The number of a consumer, which is there already.
  Value id = add(hideInItem(warpgroup(/*hasProducer=*/true)), 9);
  assembly("bar.sync $0, $1;", "r,r", {id, constant(kWarpgroupThreads)});
}

void Emitter::publishShared(bool hasAsyncProxy) {
  if (hasAsyncProxy)
    assembly("fence.proxy.async.shared::cta;", "", {});
  warpgroupBarrier();
}

Value Emitter::fragmentRow() {
  return add(mul(mask(shiftRight(threadId(), 5), 3), 16),
             shiftRight(lane(), 2));
}

Value Emitter::fragmentColumn() { return mul(mask(threadId(), 3), 2); }

Value Emitter::sharedPointer(Value address) {
  auto type = LLVM::LLVMPointerType::get(builder.getContext(), 3);
  return LLVM::IntToPtrOp::create(builder, loc, type, address);
}

Value Emitter::offset(Value pointer, int64_t bytes) {
  if (bytes == 0)
    return pointer;
  return LLVM::GEPOp::create(builder, loc, pointer.getType(),
                             builder.getI8Type(), pointer, constant64(bytes));
}

// The swizzle exchanges 16-byte pieces: bits 4.. of the address with bits 7.. ,
// as many as tell the pieces of a row apart.
Value Emitter::swizzleBits(Value offset, int64_t rowBytes) {
  int64_t pieces = (rowBytes / 16 - 1) << 4;
  return mask(shiftRight(offset, 3), pieces);
}

Value Emitter::swizzle(Value offset, int64_t rowBytes) {
  return exclusiveOr(offset, swizzleBits(offset, rowBytes));
}

Value Emitter::shuffleXor(Value x, int64_t mask) {
  Value all = constant(-1), lanes = constant(mask), clamp = constant(31);
  return NVVM::ShflOp::create(builder, loc, x.getType(), all, x, lanes, clamp,
                              NVVM::ShflKind::bfly, UnitAttr());
}

Value Emitter::shuffle(Value x, Value lane) {
  Value all = constant(-1), clamp = constant(31);
  return NVVM::ShflOp::create(builder, loc, x.getType(), all, x, lane, clamp,
                              NVVM::ShflKind::idx, UnitAttr());
}

// PTX ISA, shfl.sync: bits of the lane that the segment mask (from bit 8 on)
// has come from the lane itself, the others from the operand, here a constant.
Value Emitter::shuffleFours(Value x, int64_t first) {
  Value all = constant(-1), lanes = constant(first), clamp = constant(0x31F);
  return NVVM::ShflOp::create(builder, loc, x.getType(), all, x, lanes, clamp,
                              NVVM::ShflKind::idx, UnitAttr());
}

Value Emitter::shuffleUp(Value x, int64_t distance) {
  Value all = constant(-1), lanes = constant(distance), clamp = constant(0);
  return NVVM::ShflOp::create(builder, loc, x.getType(), all, x, lanes, clamp,
                              NVVM::ShflKind::up, UnitAttr());
}

Value Emitter::load(Value pointer) {
  return LLVM::LoadOp::create(builder, loc, i32, pointer);
}

void Emitter::store(Value value, Value pointer) {
  LLVM::StoreOp::create(builder, loc, value, pointer);
}

Value Emitter::pack(Value low, Value high, Type elementType) {
  // cvt.rn.T.f32 d, a, b puts a into the upper half.
  StringRef text = elementType.isBF16() ? "cvt.rn.bf16x2.f32 $0, $1, $2;"
                                        : "cvt.rn.f16x2.f32 $0, $1, $2;";
  return assembly(text, "=r,f,f", {high, low}, i32, /*sideEffects=*/false)
      .front();
}

Value Emitter::unpack(Value pair, bool high, Type elementType) {
  Type half = builder.getI16Type();
  if (high)
    pair = shiftRight(pair, 16);
  Value bits = arith::TruncIOp::create(builder, loc, half, pair);
  return LLVM::BitcastOp::create(builder, loc, elementType, bits);
}

SmallVector<Value> Emitter::assembly(StringRef text, StringRef constraints,
                                     ValueRange operands, TypeRange results,
                                     bool sideEffects) {
  Type type;
  if (results.size() == 1)
    type = results.front();
  else if (!results.empty())
    type = LLVM::LLVMStructType::getLiteral(builder.getContext(),
                                            llvm::to_vector(results));
  auto dialect =
      LLVM::AsmDialectAttr::get(builder.getContext(), LLVM::AsmDialect::AD_ATT);
  auto op = LLVM::InlineAsmOp::create(
      builder, loc, type, operands, text, constraints, sideEffects,
      /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None, dialect,
      ArrayAttr());
  if (results.size() < 2)
    return llvm::to_vector_of<Value>(op->getResults());
  SmallVector<Value> values;
  for (int64_t i = 0, e = results.size(); i < e; ++i)
    values.push_back(
        LLVM::ExtractValueOp::create(builder, loc, op->getResult(0), i));
  return values;
}

void Emitter::assembly(StringRef text, StringRef constraints,
                       ValueRange operands) {
  assembly(text, constraints, operands, {}, /*sideEffects=*/true);
}

} // namespace transmamba::tile
