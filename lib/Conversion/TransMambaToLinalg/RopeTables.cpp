//===- RopeTables.cpp - Cosines and sines of positions --------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "RopeTables.h"
#include "TransMamba/IR/TransMambaOps.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// Declaration
//===----------------------------------------------------------------------===//

LogicalResult RopeTables::declare(ModuleOp module, const StateLayout &layout) {
  SymbolTable symbols(module);
  WalkResult result = module.walk([&](Operation *op) {
    double theta;
    int64_t rotaryDim;
    std::optional<int64_t> positions = layout.getMaxSequence();
    bool interleaved;
    if (auto rope = dyn_cast<RopeOp>(op)) {
      theta = rope.getTheta().convertToDouble();
      ArrayRef<int64_t> shape = shapeOf(rope.getInput());
      rotaryDim = rope.getRotaryDim().value_or(shape[3]);
      interleaved = rope.getInterleaved();
      // Without positions the first token stands at 0.
      if (!positions && !rope.getPositions() &&
          !ShapedType::isDynamic(shape[1]))
        positions = shape[1];
    } else if (auto sw = dyn_cast<SwitchOp>(op); sw && sw.getRopeTheta()) {
      theta = sw.getRopeTheta()->convertToDouble();
      rotaryDim = sw.getRotaryDim().value_or(shapeOf(sw.getQ())[3]);
      interleaved = sw.getInterleaved();
      // Only tokens before the TransPoint are rotated.
      if (!positions)
        positions = sw.getPoint();
    } else if (auto append = dyn_cast<AppendKVOp>(op);
               append && append.getRopeTheta()) {
      theta = append.getRopeTheta()->convertToDouble();
      rotaryDim = append.getRotaryDim().value_or(shapeOf(append.getK())[3]);
      interleaved = append.getInterleaved();
      // Only keys that have a slot are rotated.
      if (!positions)
        positions = layout.getCapacity(append.getCache().getType().getLayer());
    } else {
      return WalkResult::advance();
    }
    if (!positions) {
      op->emitOpError("needs tables of positions, whose number is not known: "
                      "give the module a ")
          << TransMambaDialect::kMaxSequenceAttr;
      return WalkResult::interrupt();
    }
    // A table of no positions cannot be declared; nothing would read it.
    positions = std::max<int64_t>(*positions, 1);
    Key key(llvm::bit_cast<uint64_t>(theta), rotaryDim, *positions);
    if (!tables.count(key))
      tables[key] = declareRotaryTables(symbols, op->getLoc(), theta,
                                        *positions, rotaryDim);
    uses[op] = {key, interleaved};
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

std::optional<Rotation> RopeTables::get(OpBuilder &builder,
                                        Operation *op) const {
  auto use = uses.find(op);
  if (use == uses.end())
    return std::nullopt;
  auto [theta, rotaryDim, positions] = use->second.key;
  const RotaryTables &names = tables.at(use->second.key);
  Value cos = readRotaryTable(builder, op->getLoc(), names, /*sine=*/false);
  Value sin = readRotaryTable(builder, op->getLoc(), names, /*sine=*/true);
  return Rotation{cos, sin, positions, rotaryDim, use->second.interleaved};
}

//===----------------------------------------------------------------------===//
// Rotation
//===----------------------------------------------------------------------===//

/// Of the first `count` rows of `tensor`: `size` elements of every head from
/// `first` on, `stride` apart.
static Value sliceHeads(TileBuilder &tile, Value tensor, Index count,
                        int64_t first, int64_t size, int64_t stride) {
  OpBuilder &builder = tile.getBuilder();
  SmallVector<Index> sizes = tile.dims(tensor);
  SmallVector<Index> offsets(sizes.size(), tile.constant(0));
  SmallVector<Index> strides(sizes.size(), tile.constant(1));
  sizes.front() = count;
  sizes.back() = tile.constant(size);
  offsets.back() = tile.constant(first);
  strides.back() = tile.constant(stride);
  return tensor::ExtractSliceOp::create(builder, tile.getLoc(), tensor, offsets,
                                        sizes, strides);
}

static Value insertHeads(TileBuilder &tile, Value part, Value tensor,
                         int64_t first, int64_t stride) {
  SmallVector<Index> sizes = tile.dims(part);
  SmallVector<Index> offsets(sizes.size(), tile.constant(0));
  SmallVector<Index> strides(sizes.size(), tile.constant(1));
  offsets.back() = tile.constant(first);
  strides.back() = tile.constant(stride);
  return tensor::InsertSliceOp::create(tile.getBuilder(), tile.getLoc(), part,
                                       tensor, offsets, sizes, strides);
}

Value transmamba::rotateRows(TileBuilder &tile, const Rotation &rotation,
                             Value source, Value dest, Index first,
                             Index count) {
  int64_t half = rotation.rotaryDim / 2;
  int64_t headDim = shapeOf(source).back();
  // A pair is (x1, x2), at (i, i + half) or at (2 i, 2 i + 1).
  int64_t stride = rotation.interleaved ? 2 : 1;
  int64_t second = rotation.interleaved ? 1 : half;
  Value x1 = sliceHeads(tile, source, count, 0, half, stride);
  Value x2 = sliceHeads(tile, source, count, second, half, stride);
  SmallVector<Index> sizes = {count, tile.constant(half)};
  Value cos = tile.slice(rotation.cos, {first, tile.constant(0)}, sizes);
  Value sin = tile.slice(rotation.sin, {first, tile.constant(0)}, sizes);

  unsigned rank = shapeOf(source).size();
  AffineMap identity = tile.getBuilder().getMultiDimIdentityMap(rank);
  AffineMap angle = tile.map(rank, {0, rank - 1});
  SmallVector<AffineMap> maps = {identity, identity, angle, angle};
  // (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin)
  Value y1 = tile.pointwise(
      {x1, x2, cos, sin}, maps, sliceHeads(tile, dest, count, 0, half, stride),
      [&](ValueRange args) {
        return tile.subf(
            tile.mulf(tile.convert(args[0], args[2].getType()), args[2]),
            tile.mulf(tile.convert(args[1], args[2].getType()), args[3]));
      });
  dest = insertHeads(tile, y1, dest, 0, stride);
  Value y2 = tile.pointwise(
      {x1, x2, cos, sin}, maps,
      sliceHeads(tile, dest, count, second, half, stride),
      [&](ValueRange args) {
        return tile.addf(
            tile.mulf(tile.convert(args[1], args[2].getType()), args[2]),
            tile.mulf(tile.convert(args[0], args[2].getType()), args[3]));
      });
  dest = insertHeads(tile, y2, dest, second, stride);
  if (rotation.rotaryDim == headDim)
    return dest;
  Value rest = sliceHeads(tile, source, count, rotation.rotaryDim,
                          headDim - rotation.rotaryDim, 1);
  return insertHeads(tile, rest, dest, rotation.rotaryDim, 1);
}
