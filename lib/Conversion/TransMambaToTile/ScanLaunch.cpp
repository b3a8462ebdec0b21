//===- ScanLaunch.cpp - Scans that become launches ------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Launches.h"
#include "SplitHeads.h"
#include "SplitSwitch.h"
#include "Tile/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "transmamba/Conversion/TransMambaToTile/ScanKernels.h"

#include <map>

using namespace mlir;
using namespace transmamba;
using Operand = ScanOperand;

//===----------------------------------------------------------------------===//
// What fits
//===----------------------------------------------------------------------===//

static RankedTensorType getType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

static SmallVector<ReassociationIndices> getHeadGroups() {
  return {{0}, {1}, {2, 3}};
}

/// The shape of a scan whose keys, values and steps `op` has. Where the heads
/// are, and what else there is, is not filled in.
template <typename Op> static std::optional<ScanShape> matchState(Op op) {
  auto state = cast<SSMStateType>(op.getState().getType());
  RankedTensorType k = getType(op.getK()), v = getType(op.getV());
  ScanShape shape{};
  shape.heads = getType(op.getDt()).getDimSize(2);
  shape.stateDim = k.getDimSize(3);
  shape.headDim = v.getDimSize(3);
  shape.dt = getType(op.getDt());
  shape.state = RankedTensorType::get(
      {k.getDimSize(0), shape.heads, shape.stateDim, shape.headDim},
      state.getElementType());
  if (op.getLengths())
    shape.lengths = getType(op.getLengths());
  auto fits = [&](RankedTensorType type) {
    return type.getElementType() == v.getElementType() &&
           type.getDimSize(2) > 0 && shape.heads % type.getDimSize(2) == 0;
  };
  auto isSize = [](int64_t size) {
    return llvm::is_contained({32, 64, 96, 128}, size);
  };
  bool isMatch = isHalf(v.getElementType()) && shape.heads > 0 && fits(k) &&
                 fits(v) && isSize(shape.stateDim) && isSize(shape.headDim) &&
                 // A decode step is not worth a chunk.
                 k.getDimSize(1) != 1;
  return isMatch ? std::optional(shape) : std::nullopt;
}

/// Likewise of a scan or a switch.
template <typename Op> static std::optional<ScanShape> matchScan(Op op) {
  std::optional<ScanShape> shape = matchState(op);
  RankedTensorType q = getType(op.getQ()), result = getType(op.getResult());
  if (!shape || q.getElementType() != getType(op.getV()).getElementType() ||
      result.getElementType() != q.getElementType() || q.getDimSize(2) == 0 ||
      shape->heads % q.getDimSize(2) != 0)
    return std::nullopt;
  shape->hasSkip = bool(op.getSkip());
  shape->hasInit = bool(op.getInit());
  return shape;
}

/// `y silu(z)` of a result `y` whose tokens from `point` on are scanned, where
/// nobody else reads `y`. Without a norm, which needs a row of all heads.
static GatedRMSNormOp findGate(Value result, uint64_t point) {
  if (!result.hasOneUse())
    return nullptr;
  auto joined = dyn_cast<tensor::CollapseShapeOp>(*result.user_begin());
  if (!joined || joined.getReassociationIndices() != getHeadGroups() ||
      !joined->hasOneUse())
    return nullptr;
  auto gate = dyn_cast<GatedRMSNormOp>(*joined->user_begin());
  if (!gate || gate.getInput() != joined.getResult() || gate.getWeight() ||
      gate.getPositions() || gate.getPoint().value_or(0) != point)
    return nullptr;
  return gate;
}

/// Moves `op` and its result to the gate, if z comes after it. Fails where
/// somebody reads another result before.
static LogicalResult moveBehindGate(Operation *op, GatedRMSNormOp gate) {
  Operation *z = gate.getGate().getDefiningOp();
  if (gate->getBlock() != op->getBlock())
    return failure();
  if (!z || z->getBlock() != op->getBlock() || z->isBeforeInBlock(op))
    return success();
  Operation *joined = gate.getInput().getDefiningOp();
  for (Operation *user : op->getUsers()) {
    Operation *own = op->getBlock()->findAncestorOpInBlock(*user);
    if (user != joined && (!own || own->isBeforeInBlock(gate)))
      return failure();
  }
  op->moveBefore(gate);
  joined->moveBefore(gate);
  return success();
}

/// Makes a gate part of a scan, if it can be one.
static GatedRMSNormOp takeGate(Operation *op, uint64_t point,
                               const tile::Target &target, ScanShape &shape) {
  GatedRMSNormOp gate = findGate(op->getResult(0), point);
  if (!gate || !hasRoomForGate(target, shape) ||
      failed(moveBehindGate(op, gate)))
    return nullptr;
  SplitHeads columns = findColumns(gate.getGate());
  shape.gate = {getType(columns.tensor), columns.first, shape.heads};
  return gate;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

namespace {
/// Makes the launches of one scan.
class ScanLauncher {
public:
  /// `gate`, which may be null, becomes part of the scan.
  ScanLauncher(Operation *op, Launches &launches, const ScanShape &shape,
               GatedRMSNormOp gate = nullptr)
      : op(op), builder(op), launches(launches), shape(shape), gate(gate) {}

  /// Fails where the operation asks for what cannot be.
  LogicalResult chooseConfig();
  /// Makes the launches parts of a group, if that is what is best for a switch
  /// at `point`.
  LogicalResult chooseGroup(int64_t point);
  /// Makes attention part of it, if there is one.
  void addToGroup(AttentionOp attention, int64_t point);

  template <typename Op> void takeState(Op scan);
  template <typename Op> void takeScan(Op scan);

  /// Cuts the tokens into segments, the first `prefix` of them (none if null)
  /// on their own.
  void cut(Value prefix);
  void launchStates(Value segments);
  void launchCombination();
  /// [B, T, heads * headDim], what is before the first token as in `output`,
  /// which may be null.
  Value launchScan(Value output);
  void launchFold();
  /// What a launch has to do at least: `tokens` of each row, `outputs` of them
  /// with a result.
  void setScanWork(tile::LaunchOp launch, OpFoldResult tokens,
                   OpFoldResult outputs, int64_t stateBytes);

  /// Replaces what reads the result and the state of `scan`, and erases it.
  template <typename Op> void replace(Op scan, Value output);
  /// The final state, as an operand of `type`.
  Value getState(Type type);

  /// Segments of the prefix, and of what is scanned.
  Value prefixSegments, scanSegments;
  OpBuilder &getBuilder() { return builder; }

private:
  using Build = function_ref<tile::KernelOp(OpBuilder &, StringRef name)>;
  tile::LaunchOp launch(StringRef prefix, Build build,
                        ArrayRef<Operand> operands, size_t outputs,
                        Value blocks, Value segments);
  /// Blocks that share a row.
  int64_t getBlocks() const {
    return shape.heads * config.parts / config.warpgroups;
  }
  template <typename Op> Value create(Value a, Value b) {
    return builder.createOrFold<Op>(op->getLoc(), a, b);
  }
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(builder, op->getLoc(), value);
  }
  Value makeEmpty(Operand operand, ArrayRef<Value> sizes) {
    auto type = cast<RankedTensorType>(getOperandType(operand, shape));
    SmallVector<Value> dynamic;
    for (auto [dim, size] : llvm::enumerate(sizes))
      if (type.isDynamicDim(dim))
        dynamic.push_back(size);
    return tensor::EmptyOp::create(builder, op->getLoc(), type, dynamic);
  }

  void setTurns(tile::LaunchOp launch, ArrayRef<int64_t> turns);

  Operation *op;
  OpBuilder builder;
  Launches &launches;
  ScanShape shape;
  GatedRMSNormOp gate;
  ScanConfig config;
  std::optional<MixerConfig> mixer;
  IntegerAttr group;
  ScanSources sources;
  std::map<Operand, Value> values;
  /// `capacity` segments are enough.
  Value rows, tokens, capacity;
};
} // namespace

LogicalResult ScanLauncher::chooseGroup(int64_t point) {
  if (!launches.groups)
    return success();
  mixer =
      chooseMixerConfig(launches.target, shape, point, launches.maxSequence);
  FailureOr<DictionaryAttr> wanted = getConfig(op);
  if (failed(wanted))
    return failure();
  if (!mixer)
    return success();
  if (failed(overrideConfig(*wanted, shape, *mixer,
                            [&] { return op->emitOpError(); })))
    return failure();
  group = builder.getI64IntegerAttr(launches.numGroups++);
  return success();
}

// Some of attention fills the time until all states are there; scans come
// before the bulk of it, for a long one that begins late is the end of all.
void ScanLauncher::addToGroup(AttentionOp attention, int64_t point) {
  if (!mixer)
    return;
  auto field = [&](StringRef name, int64_t value) {
    return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
  };
  attention->setAttr(kTileConfigAttrName,
                     builder.getDictionaryAttr(
                         {field("block_m", kAttentionRows * mixer->warpgroups),
                          field("block_n", mixer->blockN),
                          field("stages", mixer->keyStages)}));
  attention->setAttr(kTileGroupAttrName, group);
  attention->setAttr(kAttentionEndAttrName, builder.getI64IntegerAttr(point));
  SmallVector<int64_t> turns = {1, mixer->fill, 6};
  if (mixer->scans)
    turns = {1, mixer->fill, 4, mixer->between, 6};
  attention->setAttr(kTileTurnsAttrName, builder.getDenseI64ArrayAttr(turns));
}

void ScanLauncher::setTurns(tile::LaunchOp launch, ArrayRef<int64_t> turns) {
  if (!mixer)
    return;
  launch->setAttr(kTileGroupAttrName, group);
  launch->setAttr(kTileTurnsAttrName, builder.getDenseI64ArrayAttr(turns));
}

LogicalResult ScanLauncher::chooseConfig() {
  // One head a block: the merged kernel pairs them.
  if (mixer) {
    config = {mixer->stages, /*occupancy=*/1, mixer->parts};
    return success();
  }
  config = *chooseScanConfig(launches.target, shape);
  FailureOr<DictionaryAttr> wanted = getConfig(op);
  if (failed(wanted))
    return failure();
  return overrideConfig(*wanted, launches.target, shape, config,
                        [&] { return op->emitOpError(); });
}

template <typename Op> void ScanLauncher::takeState(Op scan) {
  SplitHeads k = findColumns(scan.getK(), builder),
             v = findColumns(scan.getV(), builder);
  shape.k = describe(k, scan.getK());
  shape.v = describe(v, scan.getV());
  values[Operand::Keys] = k.tensor;
  values[Operand::Values] = v.tensor;
  values[Operand::Steps] = scan.getDt();
  values[Operand::Rates] = scan.getA();
  values[Operand::Lengths] = scan.getLengths();
  auto getSize = [&](int64_t dim) {
    return builder.createOrFold<tensor::DimOp>(scan.getLoc(), scan.getK(), dim);
  };
  rows = getSize(0);
  tokens = getSize(1);
}

template <typename Op> void ScanLauncher::takeScan(Op scan) {
  takeState(scan);
  SplitHeads q = findColumns(scan.getQ(), builder);
  shape.q = describe(q, scan.getQ());
  values[Operand::Queries] = q.tensor;
  values[Operand::Skip] = scan.getSkip();
  if (gate)
    values[Operand::Gate] = findColumns(gate.getGate()).tensor;
  if (scan.getInit())
    values[Operand::Init] =
        UnrealizedConversionCastOp::create(builder, scan.getLoc(), shape.state,
                                           scan.getInit())
            .getResult(0);
  RankedTensorType result = getType(scan.getResult());
  auto joined = RankedTensorType::get(
      {result.getDimSize(0), result.getDimSize(1), shape.heads * shape.headDim},
      result.getElementType());
  shape.result = {joined, 0, shape.heads};
}

// As many segments as there is room for blocks, none of them too short. What a
// row gives must not depend on other rows where that is asked for.
void ScanLauncher::cut(Value prefix) {
  Location loc = op->getLoc();
  Value most = launches.batchInvariant ? index(launches.maxBatch) : rows;
  Value chains = create<arith::MulIOp>(most, index(getBlocks()));
  Value blocks = create<arith::MulIOp>(
      tile::MultiprocessorsOp::create(builder, loc),
      index(mixer ? mixer->warpgroups : config.occupancy));
  if (mixer && mixer->segment)
    capacity = create<arith::CeilDivUIOp>(tokens, index(mixer->segment));
  else
    capacity = create<arith::MaxUIOp>(
        create<arith::MinUIOp>(
            create<arith::DivUIOp>(blocks, chains),
            create<arith::DivUIOp>(tokens, index(kMinSegment))),
        index(1));
  if (std::optional<int64_t> known = getConstantIntValue(capacity))
    shape.segments = *known;
  Value segment = create<arith::MulIOp>(
      create<arith::CeilDivUIOp>(
          tokens, create<arith::MulIOp>(capacity, index(kScanChunk))),
      index(kScanChunk));
  Value first = prefix ? prefix : index(0);
  prefixSegments =
      prefix ? create<arith::CeilDivUIOp>(prefix, segment) : index(0);
  scanSegments = create<arith::MaxUIOp>(
      create<arith::CeilDivUIOp>(create<arith::SubIOp>(tokens, first), segment),
      index(1));
  values[Operand::First] = first;
  values[Operand::Segment] = segment;
}

tile::LaunchOp ScanLauncher::launch(StringRef prefix, Build build,
                                    ArrayRef<Operand> operands, size_t outputs,
                                    Value blocks, Value segments) {
  std::string name;
  llvm::raw_string_ostream(name) << prefix << "_h" << shape.heads << "_n"
                                 << shape.stateDim << "_d" << shape.headDim;
  OpBuilder detached(op->getContext());
  StringAttr kernel = launches.insert(build(detached, name));
  SmallVector<Value> arguments;
  for (Operand operand : operands)
    arguments.push_back(values.at(operand));
  ValueRange all(arguments), written = all.take_back(outputs);
  auto made = tile::LaunchOp::create(
      builder, op->getLoc(), TypeRange(written), FlatSymbolRefAttr::get(kernel),
      blocks, rows, segments, all.drop_back(outputs), written);
  // States are combined in place, and a scan leaves what is before its first
  // token.
  made.setPartial(true);
  for (auto [operand, result] :
       llvm::zip(operands.take_back(outputs), made.getResults()))
    values[operand] = result;
  ++launches.numLaunches;
  return made;
}

void ScanLauncher::launchStates(Value segments) {
  values[Operand::States] = makeEmpty(Operand::States, {rows, capacity});
  values[Operand::Decays] = makeEmpty(Operand::Decays, {rows, capacity});
  values[Operand::Count] = segments;
  auto build = [&](OpBuilder &builder, StringRef name) {
    return buildScanState(
        builder, op->getLoc(), name, shape,
        mixer ? config : chooseStateConfig(launches.target, shape, config));
  };
  tile::LaunchOp states = launch("scan_state", build, getStateOperands(shape),
                                 2, index(getBlocks()), segments);
  sources.states = mixer ? states.getKernelAttr().getAttr() : StringAttr();
  setTurns(states, {0});
  // Of a prefix. What is scanned as well has to be read once only.
  if (!isZeroInteger(values[Operand::First]))
    setScanWork(states, values[Operand::First], builder.getIndexAttr(0),
                /*stateBytes=*/0);
}

void ScanLauncher::setScanWork(tile::LaunchOp launch, OpFoldResult tokens,
                               OpFoldResult outputs, int64_t stateBytes) {
  OpBuilder before(launch);
  WorkBuilder work(before, op->getLoc());
  // Keys, values and steps; queries and results.
  int64_t perToken =
      2 * (shape.k.heads * shape.stateDim + shape.v.heads * shape.headDim) +
      4 * shape.heads;
  int64_t perOutput = 2 * (shape.q.heads * shape.stateDim +
                           (gate ? 2 : 1) * shape.heads * shape.headDim);
  OpFoldResult bytes =
      work.add(work.mul(tokens, perToken), work.constant(stateBytes));
  if (!isZeroInteger(outputs))
    bytes = work.add(bytes, work.mul(outputs, perOutput));
  setWork(launch,
          {work.countFlop(ScanWork{rows, tokens, outputs, shape.heads,
                                   shape.stateDim, shape.headDim}),
           work.mul(rows, bytes)},
          work);
}

// Few states are combined by those who start from them.
void ScanLauncher::launchCombination() {
  Value combined = create<arith::MinUIOp>(
      create<arith::DivUIOp>(values[Operand::Count], index(kMinCombined)),
      index(1));
  values[Operand::Combined] = combined;
  auto build = [&](OpBuilder &builder, StringRef name) {
    return buildScanCombine(builder, op->getLoc(), name, shape, config,
                            sources);
  };
  tile::LaunchOp combination =
      launch("scan_combine", build, getCombineOperands(shape), 1,
             index(shape.heads * getCombineSlices(shape)), combined);
  if (mixer)
    sources.combination = combination.getKernelAttr().getAttr();
  setTurns(combination, {2});
}

Value ScanLauncher::launchScan(Value output) {
  values[Operand::Output] =
      output ? output : makeEmpty(Operand::Output, {rows, tokens});
  values[Operand::FinalState] = makeEmpty(Operand::FinalState, {rows});
  auto build = [&](OpBuilder &builder, StringRef name) {
    return buildScan(builder, op->getLoc(), name, shape, config, sources);
  };
  Value count = create<arith::SubIOp>(tokens, values[Operand::First]);
  tile::LaunchOp scan = launch("scan", build, getScanOperands(shape), 2,
                               index(getBlocks()), scanSegments);
  // The state is written, and read where there is one before.
  setScanWork(scan, count, count,
              4 * shape.heads * shape.stateDim * shape.headDim *
                  (shape.hasInit ? 2 : 1));
  if (mixer && mixer->scans)
    setTurns(scan, {3, mixer->scans, 5});
  else
    setTurns(scan, {3});
  return values[Operand::Output];
}

void ScanLauncher::launchFold() {
  values[Operand::FinalState] = makeEmpty(Operand::FinalState, {rows});
  auto build = [&](OpBuilder &builder, StringRef name) {
    return buildScanFold(builder, op->getLoc(), name, shape);
  };
  launch("scan_fold", build, getFoldOperands(shape), 1,
         index(shape.heads * getCombineSlices(shape)), index(1));
}

Value ScanLauncher::getState(Type type) {
  return UnrealizedConversionCastOp::create(builder, op->getLoc(), type,
                                            values.at(Operand::FinalState))
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

static constexpr int64_t kTokens = 1;

/// [B, T, heads * headDim] as a result of four dimensions.
static Value splitHeads(OpBuilder &builder, Location loc, Value joined,
                        RankedTensorType type) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, joined);
  sizes.pop_back();
  for (int64_t dim : {2, 3})
    sizes.push_back(builder.getIndexAttr(type.getDimSize(dim)));
  return tensor::ExpandShapeOp::create(builder, loc, type, joined,
                                       getHeadGroups(), sizes);
}

template <typename Op> void ScanLauncher::replace(Op scan, Value output) {
  if (gate) {
    gate.getResult().replaceAllUsesWith(gate.getInput());
    gate.erase();
  }
  scan.getResult().replaceAllUsesWith(
      splitHeads(builder, scan.getLoc(), output, getType(scan.getResult())));
  scan.getState().replaceAllUsesWith(getState(scan.getState().getType()));
  scan.erase();
}

// %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A
//   -> %s, %d = tile.launch @scan_state_... grid(heads, rows, segments - 1)
//                  ins(%k, %v, %dt, %A) outs(empty, empty)
//      %c = tile.launch @scan_combine_... grid(slices or 0, rows, 1)
//                  ins(%d) outs(%s)
//      %x, %g = tile.launch @scan_... grid(heads, rows, segments)
//                  ins(%q, %k, %v, %dt, %A, %c, %d) outs(empty, empty)
//      %y = tensor.expand_shape %x; %h = %g as a state
LogicalResult transmamba::convertScan(SSDScanOp op, Launches &launches) {
  std::optional<ScanShape> shape = matchScan(op);
  if (!shape || op.getStart() || !chooseScanConfig(launches.target, *shape))
    return success();
  GatedRMSNormOp gate = takeGate(op, /*point=*/0, launches.target, *shape);
  ScanLauncher launcher(op, launches, *shape, gate);
  if (failed(launcher.chooseConfig()))
    return failure();
  OpBuilder &builder = launcher.getBuilder();
  Location loc = op.getLoc();
  launcher.takeScan(op);
  launcher.cut(/*prefix=*/Value());
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  launcher.launchStates(
      builder.createOrFold<arith::SubIOp>(loc, launcher.scanSegments, one));
  launcher.launchCombination();
  launcher.replace(op, launcher.launchScan(/*output=*/Value()));
  return success();
}

// %h = transmamba.convert_memory %k, %v, %dt, %A
//   -> %s:2 = tile.launch @scan_state_... grid(heads, rows, segments)
//                  ins(%k, %v, %dt, %A) outs(empty, empty)
//      %g = tile.launch @scan_fold_... grid(slices, rows, 1)
//                  ins(%s#0, %s#1) outs(empty)
//      %h = %g as a state
LogicalResult transmamba::convertMemory(ConvertMemoryOp op,
                                        Launches &launches) {
  std::optional<ScanShape> shape = matchState(op);
  if (!shape || !chooseScanConfig(launches.target, *shape))
    return success();
  ScanLauncher launcher(op, launches, *shape);
  if (failed(launcher.chooseConfig()))
    return failure();
  launcher.takeState(op);
  launcher.cut(launcher.getBuilder().createOrFold<tensor::DimOp>(
      op.getLoc(), op.getK(), kTokens));
  launcher.launchStates(launcher.prefixSegments);
  launcher.launchFold();
  op.getState().replaceAllUsesWith(launcher.getState(op.getState().getType()));
  op.erase();
  return success();
}

//===----------------------------------------------------------------------===//
// The hybrid mixer
//===----------------------------------------------------------------------===//

/// Both parts of a switch from the start of a sequence fit kernels.
bool transmamba::matchesSwitch(SwitchOp op, const tile::Target &target) {
  if (op.getInit() || op.getPositions() || op.getWindow())
    return false;
  std::optional<ScanShape> shape = matchScan(op);
  return shape && shape->stateDim == shape->headDim &&
         chooseScanConfig(target, *shape);
}

/// [B, T, H, D] whose first `count` tokens are those of causal attention among
/// them; the others are anything.
static Value attendToPrefix(OpBuilder &builder, SwitchOp op, Value count,
                            ScanLauncher &launcher) {
  Location loc = op.getLoc();
  PrefixHeads prefix = takePrefix(builder, op, count);
  auto whole = getType(op.getResult());
  SmallVector<int64_t> shape(whole.getShape());
  shape[kTokens] = ShapedType::kDynamic;
  SmallVector<OpFoldResult> offsets(4, builder.getIndexAttr(0)),
      strides(4, builder.getIndexAttr(1)),
      sizes = tensor::getMixedSizes(builder, loc, op.getK());
  SmallVector<Value> dynamic;
  for (int64_t dim : {0, 1})
    if (whole.isDynamicDim(dim))
      dynamic.push_back(
          getValueOrCreateConstantIndexOp(builder, loc, sizes[dim]));
  sizes[kTokens] = count;
  sizes[2] = builder.getIndexAttr(whole.getDimSize(2));
  Value empty = tensor::EmptyOp::create(builder, loc, whole, dynamic);
  auto attention = AttentionOp::create(
      builder, loc, RankedTensorType::get(shape, whole.getElementType()),
      prefix.q, prefix.k, prefix.v, op.getLengths(), op.getScaleAttr(),
      builder.getUnitAttr(), /*window=*/IntegerAttr());
  launcher.addToGroup(attention, op.getPoint());
  return tensor::InsertSliceOp::create(builder, loc, attention.getResult(),
                                       empty, offsets, sizes, strides);
}

// %y, %h, %c1 = transmamba.switch %q, %k, %v, %dt, %A transpoint P cache(%c0)
// ->
// n = min(T, P);  %q0, %k0, %v0 = the first n tokens, q and k rotated
// %c1 = transmamba.append_kv %c0, %k0, %v0
// %y0 = tensor.insert_slice (transmamba.attention %q0, %k0, %v0 {causal})
//       into empty, at the first n tokens
// %s:2 = tile.launch @scan_state_..., the states of all segments but the last,
//        combined
// %y, %h = tile.launch @scan_... of the tokens from n on, outs(%y0, empty)
LogicalResult transmamba::convertSwitch(SwitchOp op, Launches &launches) {
  if (!matchesSwitch(op, launches.target))
    return success();
  std::optional<ScanShape> shape = matchScan(op);
  GatedRMSNormOp gate = takeGate(op, op.getPoint(), launches.target, *shape);
  ScanLauncher launcher(op, launches, *shape, gate);
  if (failed(launcher.chooseGroup(op.getPoint())) ||
      failed(launcher.chooseConfig()))
    return failure();
  OpBuilder &builder = launcher.getBuilder();
  Location loc = op.getLoc();
  Value tokens = builder.createOrFold<tensor::DimOp>(loc, op.getK(), kTokens);
  Value point = arith::ConstantIndexOp::create(builder, loc, op.getPoint());
  Value count = builder.createOrFold<arith::MinUIOp>(loc, tokens, point);
  Value output = tensor::CollapseShapeOp::create(
      builder, loc, attendToPrefix(builder, op, count, launcher),
      getHeadGroups());
  launcher.takeScan(op);
  launcher.cut(count);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value segments = builder.createOrFold<arith::AddIOp>(
      loc, launcher.prefixSegments,
      builder.createOrFold<arith::SubIOp>(loc, launcher.scanSegments, one));
  launcher.launchStates(segments);
  launcher.launchCombination();
  launcher.replace(op, launcher.launchScan(output));
  return success();
}
