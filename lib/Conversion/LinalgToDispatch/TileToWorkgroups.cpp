//===- TileToWorkgroups.cpp - Tile linalg into workgroup loops ------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelWork.h"
#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "transmamba/Conversion/LinalgToDispatch/LinalgToDispatch.h"
#include "llvm/Support/MathExtras.h"

namespace transmamba {
#define GEN_PASS_DEF_TILETOWORKGROUPS
#include "transmamba/Conversion/LinalgToDispatch/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

namespace {
/// An operation and the producers that move into its loop.
struct Group {
  linalg::LinalgOp root;
  /// Tile size of each loop of the root, 0 where it is not tiled.
  SmallVector<int64_t> tileSizes;
  DenseSet<Operation *> producers;
};
} // namespace

static bool isContraction(linalg::LinalgOp op) {
  return op.getNumReductionLoops() > 0 && linalg::isaContractionOpInterface(op);
}

/// The loops that index the output, outermost first.
static SmallVector<unsigned> outputLoops(linalg::LinalgOp op) {
  AffineMap map = op.getIndexingMapsArray()[op.getNumDpsInputs()];
  SmallVector<unsigned> loops;
  for (AffineExpr result : map.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(result))
      loops.push_back(dim.getPosition());
  return loops;
}

//===----------------------------------------------------------------------===//
// Which producers move along
//===----------------------------------------------------------------------===//

/// Adds the producers of `consumer` that may be computed tile by tile inside
/// its loop. `tiled` are the loops of the consumer that are cut into tiles.
/// A producer may move if nothing else uses it, and if its tile depends on
/// every tiled loop: else the same tile would be computed more than once.
static void collectProducers(Group &group, linalg::LinalgOp consumer,
                             const DenseSet<unsigned> &tiled) {
  for (OpOperand *operand : consumer.getDpsInputOperands()) {
    auto producer = operand->get().getDefiningOp<linalg::LinalgOp>();
    if (!producer || producer->getNumResults() != 1 ||
        producer->getParentOp() != group.root->getParentOp())
      continue;
    if (!llvm::all_of(producer->getUsers(), [&](Operation *user) {
          return user == consumer.getOperation();
        }))
      continue;
    AffineMap map = consumer.getMatchingIndexingMap(operand);
    AffineMap producerMap =
        producer.getIndexingMapsArray()[producer.getNumDpsInputs()];
    if (!map.isProjectedPermutation() || !producerMap.isProjectedPermutation())
      continue;
    DenseSet<unsigned> producerTiled;
    unsigned covered = 0;
    for (auto [result, producerResult] :
         llvm::zip(map.getResults(), producerMap.getResults())) {
      unsigned loop = cast<AffineDimExpr>(result).getPosition();
      if (!tiled.contains(loop))
        continue;
      ++covered;
      producerTiled.insert(cast<AffineDimExpr>(producerResult).getPosition());
    }
    if (covered != tiled.size())
      continue;
    group.producers.insert(producer);
    collectProducers(group, producer, producerTiled);
  }
}

//===----------------------------------------------------------------------===//
// Tile sizes
//===----------------------------------------------------------------------===//

/// A tile no larger than its dimension.
static int64_t clampTile(int64_t tile, int64_t size) {
  if (ShapedType::isDynamic(size))
    return tile;
  return std::min(tile, std::max<int64_t>(size, 1));
}

/// The columns of a tile: the largest divisor of `size` that is at least half
/// of `columns`, so that no tile is ragged; else `columns`.
static int64_t columnTile(int64_t columns, int64_t size) {
  if (ShapedType::isDynamic(size))
    return columns;
  for (int64_t tile = std::min(columns, size); 2 * tile >= columns; --tile)
    if (tile > 0 && size % tile == 0)
      return tile;
  return clampTile(columns, size);
}

/// Matmul-like: rows by columns, one tile of everything further out.
static SmallVector<int64_t> contractionTiles(linalg::LinalgOp op, int64_t rows,
                                             int64_t columns) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<int64_t> tiles(op.getNumLoops(), 0);
  SmallVector<unsigned> loops = outputLoops(op);
  for (auto [depth, loop] : llvm::enumerate(llvm::reverse(loops)))
    tiles[loop] = depth == 0 ? columnTile(columns, ranges[loop])
                             : clampTile(depth == 1 ? rows : 1, ranges[loop]);
  return tiles;
}

/// Anything else: whole rows, as many as make a tile of about `elements`. With
/// `minRows` above 1 that many at least, and a power of two.
static SmallVector<int64_t> rowTiles(linalg::LinalgOp op, int64_t elements,
                                     int64_t minRows = 1) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<int64_t> tiles(op.getNumLoops(), 0);
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  int64_t budget = elements;
  for (auto [range, iterator] : llvm::zip(ranges, iterators))
    if (iterator == utils::IteratorType::reduction &&
        !ShapedType::isDynamic(range))
      budget = std::max<int64_t>(budget / std::max<int64_t>(range, 1), 1);
  SmallVector<unsigned> loops = outputLoops(op);
  for (auto [depth, loop] : llvm::enumerate(llvm::reverse(loops))) {
    int64_t range = ranges[loop];
    // Rows stay whole, so that a reduction over them can move along.
    bool whole = depth == 0 && !ShapedType::isDynamic(range) &&
                 (op.getNumLoops() > 1 || range <= elements);
    if (!whole && minRows > 1) {
      budget = llvm::bit_floor<uint64_t>(std::max(budget, minRows));
      minRows = 1;
    }
    int64_t tile = whole ? 0 : clampTile(budget, range);
    tiles[loop] = tile;
    int64_t used = whole ? range : tile;
    budget = std::max<int64_t>(budget / std::max<int64_t>(used, 1), 1);
  }
  return tiles;
}

/// Loops that are really cut: with a tile size, and more than one tile.
static DenseSet<unsigned> tiledLoops(linalg::LinalgOp op,
                                     ArrayRef<int64_t> tiles) {
  DenseSet<unsigned> loops;
  for (auto [loop, tile, range] :
       llvm::enumerate(tiles, op.getStaticLoopRanges()))
    if (tile != 0 && tile != range)
      loops.insert(loop);
  return loops;
}

static Group formGroup(linalg::LinalgOp root,
                       const TileToWorkgroupsOptions &options) {
  Group group{root, {}, {}};
  auto form = [&](SmallVector<int64_t> tiles) {
    group.tileSizes = std::move(tiles);
    group.producers.clear();
    collectProducers(group, root, tiledLoops(root, group.tileSizes));
  };
  auto matmulTiles = [&] {
    return contractionTiles(root, options.matmulRows, options.matmulColumns);
  };
  if (isContraction(root)) {
    form(matmulTiles());
    return group;
  }
  form(rowTiles(root, options.tileElements));
  auto reduces = [](Operation *op) {
    return cast<linalg::LinalgOp>(op).getNumReductionLoops() > 0;
  };
  if (reduces(root) || llvm::any_of(group.producers, reduces))
    form(rowTiles(root, options.tileElements, options.reducedRows));
  // A matmul under a pointwise epilogue decides the tiles of both.
  if (llvm::any_of(group.producers, [](Operation *op) {
        return isContraction(cast<linalg::LinalgOp>(op));
      }))
    form(matmulTiles());
  return group;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// What a profile calls the kernel.
static std::string kernelName(const Group &group) {
  SmallVector<linalg::LinalgOp> ops{group.root};
  for (Operation *op : group.producers)
    ops.push_back(cast<linalg::LinalgOp>(op));
  for (linalg::LinalgOp op : ops)
    if (isContraction(op))
      return "matmul";
  for (linalg::LinalgOp op : ops)
    if (op.getNumReductionLoops() > 0)
      return "reduce";
  return isa<linalg::FillOp>(group.root) ? "fill" : "pointwise";
}

namespace {
struct TileToWorkgroupsPass
    : public transmamba::impl::TileToWorkgroupsBase<TileToWorkgroupsPass> {
  using Base::Base;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr(TransMambaDialect::kEntryAttr) &&
          failed(tileEntry(function)))
        return signalPassFailure();
  }

  LogicalResult tileEntry(func::FuncOp entry);
  LogicalResult tileGroup(IRRewriter &rewriter, const Group &group);
};
} // namespace

LogicalResult TileToWorkgroupsPass::tileGroup(IRRewriter &rewriter,
                                              const Group &group) {
  linalg::LinalgOp root = group.root;
  // The tiling of a loop that never runs divides by zero.
  if (llvm::is_contained(root.getStaticLoopRanges(), 0))
    return root.emitError("cannot be tiled: a dimension is 0");
  std::string name = kernelName(group);
  scf::SCFTileAndFuseOptions options;
  options.tilingOptions.setLoopType(scf::SCFTilingOptions::LoopType::ForallOp);
  SmallVector<int64_t> tiles = group.tileSizes;
  // A loop is needed even where one tile covers everything: it is the kernel.
  if (llvm::all_of(tiles, [](int64_t tile) { return tile == 0; })) {
    SmallVector<unsigned> loops = outputLoops(root);
    if (loops.empty())
      return root.emitError("cannot be tiled: it has no parallel loop");
    int64_t range = root.getStaticLoopRanges()[loops.front()];
    tiles[loops.front()] =
        ShapedType::isDynamic(range) ? 1 : std::max<int64_t>(range, 1);
  }
  SmallVector<OpFoldResult> sizes =
      getAsIndexOpFoldResult(rewriter.getContext(), tiles);
  options.tilingOptions.setTileSizes(sizes);
  options.setFusionControlFn(
      [&](tensor::ExtractSliceOp, OpResult producer,
          bool) -> std::optional<scf::SCFTileAndFuseOptions::ControlFnResult> {
        Operation *op = producer.getOwner();
        // A constant costs nothing to write again.
        if (!isa<linalg::FillOp>(op) && !group.producers.contains(op))
          return std::nullopt;
        ++numFused;
        return scf::SCFTileAndFuseOptions::ControlFnResult{};
      });
  rewriter.setInsertionPoint(root);
  WorkBuilder host(rewriter, root.getLoc());
  Work work = countGroupWork(host, root, group.producers);
  Value flop = work.flop ? host.toValue(work.flop) : Value();
  Value bytes = work.bytes ? host.toValue(work.bytes) : Value();
  FailureOr<scf::SCFTileAndFuseResult> result =
      scf::tileConsumerAndFuseProducersUsingSCF(
          rewriter, cast<TilingInterface>(root.getOperation()), options);
  // No loop is made where there is nothing to do.
  if (failed(result) || result->loops.empty() ||
      llvm::any_of(root->getResults(), [&](OpResult value) {
        return !result->replacements.lookup(value);
      }))
    return root.emitError("cannot be tiled into workgroups");
  for (LoopLikeOpInterface loop : result->loops)
    loop->setAttr(TransMambaDialect::kKernelNameAttr,
                  rewriter.getStringAttr(name));
  rewriter.setInsertionPointToStart(
      cast<scf::ForallOp>(result->loops.front()).getBody());
  WorkOp::create(rewriter, root.getLoc(), flop, bytes);
  for (OpResult value : root->getResults())
    rewriter.replaceAllUsesWith(value, result->replacements.lookup(value));
  rewriter.eraseOp(root);
  ++numKernels;
  return success();
}

/// Loops that nothing needs. What they have to do (transmamba.work) would keep
/// them.
static void eraseUnusedLoops(func::FuncOp entry) {
  if (entry.isExternal())
    return;
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(entry.getBody().front())))
    if (isa<scf::ForallOp>(op) && op.getNumResults() != 0 && op.use_empty())
      op.erase();
}

/// What has moved into the loop of its consumer may still be asked for its
/// size, which its destination has too, or be sliced in vain.
static void dropSpuriousUses(linalg::LinalgOp op) {
  for (OpResult result : op->getResults())
    for (Operation *user : llvm::make_early_inc_range(result.getUsers()))
      if (auto dim = dyn_cast<tensor::DimOp>(user))
        dim.getSourceMutable().assign(op.getTiedOpOperand(result)->get());
      else if (isOpTriviallyDead(user))
        user->erase();
}

LogicalResult TileToWorkgroupsPass::tileEntry(func::FuncOp entry) {
  IRRewriter rewriter(&getContext());
  eraseUnusedLoops(entry);
  SmallVector<linalg::LinalgOp> ops;
  for (Operation &op : entry.getBody().getOps())
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
      ops.push_back(linalgOp);
  TileToWorkgroupsOptions options{matmulRows, matmulColumns, tileElements,
                                  reducedRows};
  // Consumers before producers: what has moved into a consumer's loop is dead
  // when its turn comes.
  for (linalg::LinalgOp op : llvm::reverse(ops)) {
    dropSpuriousUses(op);
    if (op->use_empty()) {
      rewriter.eraseOp(op);
      continue;
    }
    if (failed(tileGroup(rewriter, formGroup(op, options))))
      return failure();
  }
  // slice of an empty tensor -> an empty tensor of the tile: what stays inside
  // a workgroup becomes its scratch memory, not a buffer of the whole tensor.
  RewritePatternSet patterns(&getContext());
  tensor::populateFoldTensorEmptyPatterns(patterns);
  return applyPatternsGreedily(entry, std::move(patterns));
}
