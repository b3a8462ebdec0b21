//===- HostMixerTest.cpp - The kernels of a mixer as one, on the host -----===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Attention of the tokens before a TransPoint, states of segments, what
// combines them and the scan of all other tokens, as tile-merge-launches makes
// one kernel of them: the same bits as from the four kernels, one after the
// other.
//
//===----------------------------------------------------------------------===//

#include "HostTest.h"
#include "Tile/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/PassManager.h"
#include "transmamba/Conversion/TransMambaToTile/ScanKernels.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <map>

using namespace mlir;
using namespace transmamba;
using namespace testing_tile;
using Operand = ScanOperand;

namespace {

/// Tokens, those of a segment, whether states are combined by a kernel of their
/// own, and blocks that draw.
struct MixerCase {
  int64_t tokens, segment, combined, workers;
};

/// When items are drawn.
struct Turns {
  std::vector<int64_t> attention, scan;
};

class HostMixerTest : public HostTest {
protected:
  static constexpr int64_t kBatches = 2;

  HostMixerTest() {
    context.loadDialect<func::FuncDialect, tensor::TensorDialect>();
  }

  void describe(int64_t heads, int64_t size, int64_t point);
  void buildMixer(ModuleOp module, const MixerConfig &config,
                  const Turns &turns);
  void check(int64_t heads, int64_t size, int64_t point, const Turns &turns,
             ArrayRef<MixerCase> cases);
  std::vector<testing_tile::Argument> getArguments(tile::LaunchOp launch);
  int64_t evaluate(Value value);

  ScanConfig getScanConfig(const MixerConfig &config) {
    return {config.stages, /*occupancy=*/1, config.parts};
  }
  AttentionConfig getAttentionConfig(const MixerConfig &config) {
    return {kAttentionRows * config.warpgroups, config.blockN,
            config.keyStages};
  }

  ScanShape shape;
  AttentionShape attention;
  /// Tensors and sizes of a run, by the argument of the function that launches.
  std::vector<Buffer> buffers;
  std::vector<int64_t> sizes;
  Buffer control{{256}, Element::I32, 0};
};

/// Arguments of the function: tensors, then sizes.
enum Tensor { X, Steps, Rates, Skip, Lengths, States, Decays, Output, Final };
enum Size { Rows, Blocks, StateCount, ScanCount, First, Segment, Combined };
constexpr int64_t kTensors = Final + 1, kSizes = Combined + 1;

} // namespace

void HostMixerTest::describe(int64_t heads, int64_t size, int64_t point) {
  const int64_t any = ShapedType::kDynamic, width = heads * size;
  auto fused = RankedTensorType::get({any, any, 3 * width}, bf16());
  auto result = RankedTensorType::get({any, any, width}, bf16());
  auto list = RankedTensorType::get({any}, IntegerType::get(&context, 32));
  shape = {};
  shape.q = {fused, 0, heads};
  shape.k = {fused, width, heads};
  shape.v = {fused, 2 * width, heads};
  shape.result = {result, 0, heads};
  shape.heads = heads;
  shape.stateDim = shape.headDim = size;
  shape.dt = RankedTensorType::get({any, any, heads}, f32());
  shape.state = RankedTensorType::get({any, heads, size, size}, f32());
  shape.hasSkip = true;
  shape.lengths = list;
  attention = {shape.q, shape.k, shape.v, shape.result, size, 0.125, list};
  attention.end = point;
}

void HostMixerTest::buildMixer(ModuleOp module, const MixerConfig &config,
                               const Turns &turns) {
  auto builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = module.getLoc();
  ScanSources sources;
  ScanConfig scanConfig = getScanConfig(config);
  buildAttention(builder, loc, "attention", attention,
                 getAttentionConfig(config));
  sources.states = buildScanState(builder, loc, "states", shape, scanConfig)
                       .getSymNameAttr();
  sources.combination =
      buildScanCombine(builder, loc, "combine", shape, scanConfig, sources)
          .getSymNameAttr();
  buildScan(builder, loc, "scan", shape, scanConfig, sources);

  SmallVector<Type> types = {shape.q.tensor,
                             shape.dt,
                             getOperandType(Operand::Rates, shape),
                             getOperandType(Operand::Skip, shape),
                             shape.lengths,
                             getOperandType(Operand::States, shape),
                             getOperandType(Operand::Decays, shape),
                             shape.result.tensor,
                             shape.state};
  types.append(kSizes, builder.getIndexType());
  auto function = func::FuncOp::create(
      builder, loc, "mixer",
      builder.getFunctionType(types, {types[Output], types[Final]}));
  Block *block = function.addEntryBlock();
  builder.setInsertionPointToEnd(block);
  auto size = [&](Size number) -> Value {
    return block->getArgument(kTensors + number);
  };
  std::map<Operand, Value> values = {
      {Operand::Queries, block->getArgument(X)},
      {Operand::Keys, block->getArgument(X)},
      {Operand::Values, block->getArgument(X)},
      {Operand::Steps, block->getArgument(Steps)},
      {Operand::Rates, block->getArgument(Rates)},
      {Operand::Skip, block->getArgument(Skip)},
      {Operand::Lengths, block->getArgument(Lengths)},
      {Operand::States, block->getArgument(States)},
      {Operand::Decays, block->getArgument(Decays)},
      {Operand::Output, block->getArgument(Output)},
      {Operand::FinalState, block->getArgument(Final)},
      {Operand::Count, size(StateCount)},
      {Operand::First, size(First)},
      {Operand::Segment, size(Segment)},
      {Operand::Combined, size(Combined)}};
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  auto launch = [&](StringRef kernel, std::array<Value, 3> grid,
                    ArrayRef<Operand> operands, size_t outputs,
                    const std::vector<int64_t> &turns) {
    SmallVector<Value> all;
    for (Operand operand : operands)
      all.push_back(values.at(operand));
    ValueRange written = ValueRange(all).take_back(outputs);
    auto made = tile::LaunchOp::create(
        builder, loc, TypeRange(written),
        FlatSymbolRefAttr::get(&context, kernel), grid[0], grid[1], grid[2],
        ValueRange(all).drop_back(outputs), written, /*partial=*/true);
    made->setAttr(kTileGroupAttrName, builder.getI64IntegerAttr(0));
    if (!turns.empty())
      made->setAttr(kTileTurnsAttrName, builder.getDenseI64ArrayAttr(turns));
    for (auto [operand, result] :
         llvm::zip(operands.take_back(outputs), made.getResults()))
      values[operand] = result;
  };
  int64_t blocks = shape.heads * scanConfig.parts;
  launch("attention", {index(shape.heads), size(Blocks), size(Rows)},
         {Operand::Queries, Operand::Keys, Operand::Values, Operand::Lengths,
          Operand::Output},
         1, turns.attention);
  launch("states", {index(blocks), size(Rows), size(StateCount)},
         getStateOperands(shape), 2, {});
  launch("combine",
         {index(shape.heads * getCombineSlices(shape)), size(Rows),
          size(Combined)},
         getCombineOperands(shape), 1, {});
  launch("scan", {index(blocks), size(Rows), size(ScanCount)},
         getScanOperands(shape), 2, turns.scan);
  func::ReturnOp::create(
      builder, loc,
      ValueRange{values[Operand::Output], values[Operand::FinalState]});
}

/// An operand of the launch, as the program of the host computes it.
int64_t HostMixerTest::evaluate(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return sizes[argument.getArgNumber() - kTensors];
  Operation *op = value.getDefiningOp();
  if (auto constant = dyn_cast<arith::ConstantIndexOp>(op))
    return constant.value();
  int64_t a = evaluate(op->getOperand(0)), b = evaluate(op->getOperand(1));
  return llvm::TypeSwitch<Operation *, int64_t>(op)
      .Case<arith::AddIOp>([&](auto) { return a + b; })
      .Case<arith::SubIOp>([&](auto) { return a - b; })
      .Case<arith::MulIOp>([&](auto) { return a * b; })
      .Case<arith::DivUIOp>([&](auto) { return a / b; })
      .Case<arith::MinUIOp>([&](auto) { return std::min(a, b); });
}

std::vector<testing_tile::Argument>
HostMixerTest::getArguments(tile::LaunchOp launch) {
  std::vector<testing_tile::Argument> arguments;
  for (Value operand : launch.getKernelOperands())
    if (operand.getType().isIndex())
      arguments.push_back(evaluate(operand));
    else if (auto argument = dyn_cast<BlockArgument>(operand))
      arguments.push_back(&buffers[argument.getArgNumber()]);
    else
      arguments.push_back(&control);
  return arguments;
}

void HostMixerTest::check(int64_t heads, int64_t size, int64_t point,
                          const Turns &turns, ArrayRef<MixerCase> cases) {
  MixerConfig config;
  config.blockN = 64;
  describe(heads, size, point);
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  buildMixer(*module, config, turns);
  PassManager passes(&context);
  passes.addPass(createTileMergeLaunches());
  ASSERT_TRUE(succeeded(passes.run(*module)));
  auto function = *module->getOps<func::FuncOp>().begin();
  auto launches = function.getOps<tile::LaunchOp>();
  auto kernels = module->getOps<tile::KernelOp>();
  ASSERT_TRUE(llvm::hasSingleElement(launches));
  ASSERT_TRUE(llvm::hasSingleElement(kernels));
  std::string text, name = (*kernels.begin()).getName().str();
  llvm::raw_string_ostream(text) << **kernels.begin();
  TileKernel merged(text, name);

  auto make = [&](auto build, const auto &...config) {
    return compile([&](OpBuilder &builder) {
      build(builder, builder.getUnknownLoc(), "kernel", config...);
    });
  };
  ScanConfig scanConfig = getScanConfig(config);
  const TileKernel alone[] = {
      make(buildAttention, attention, getAttentionConfig(config)),
      make(buildScanState, shape, scanConfig),
      make(buildScanCombine, shape, scanConfig, ScanSources()),
      make(buildScan, shape, scanConfig, ScanSources())};

  for (const MixerCase &mixer : cases) {
    SCOPED_TRACE("T=" + std::to_string(mixer.tokens) +
                 " P=" + std::to_string(point) + " by " +
                 std::to_string(mixer.segment));
    int64_t tokens = mixer.tokens, first = std::min(tokens, point),
            before = llvm::divideCeil(first, mixer.segment),
            scanned = std::max<int64_t>(
                1, llvm::divideCeil(tokens - first, mixer.segment)),
            states = before + scanned - 1,
            blockM = kAttentionRows * config.warpgroups,
            blocks = llvm::divideCeil(first, blockM);
    sizes = {kBatches, blocks,        states,        scanned,
             first,    mixer.segment, mixer.combined};
    std::uniform_real_distribution<double> uniform(0.001, 0.1);
    int64_t lengths[] = {tokens, std::max<int64_t>(1, tokens / 3)};
    buffers = {
        drawn({kBatches, tokens, 3 * heads * size}),
        Buffer({kBatches, tokens, heads}, Element::F32,
               [&](const auto &) { return uniform(random); }),
        Buffer({heads}, Element::F32,
               [](const auto &at) { return -1.0 - at[0]; }),
        drawn({heads}, Element::F32),
        Buffer({kBatches}, Element::I32,
               [&](const auto &at) { return double(lengths[at[0]]); }),
        Buffer({kBatches, states + 1, heads, size, size}, Element::F32, NAN),
        Buffer({kBatches, states + 1, heads}, Element::F32, NAN),
        Buffer({kBatches, tokens, heads * size}, Element::BF16, NAN),
        Buffer({kBatches, heads, size, size}, Element::F32, NAN)};
    const std::vector<Buffer> untouched = buffers;

    // One after the other.
    std::map<Operand, testing_tile::Argument> values = {
        {Operand::Queries, &buffers[X]},
        {Operand::Keys, &buffers[X]},
        {Operand::Values, &buffers[X]},
        {Operand::Steps, &buffers[Steps]},
        {Operand::Rates, &buffers[Rates]},
        {Operand::Skip, &buffers[Skip]},
        {Operand::Lengths, &buffers[Lengths]},
        {Operand::States, &buffers[States]},
        {Operand::Decays, &buffers[Decays]},
        {Operand::Output, &buffers[Output]},
        {Operand::FinalState, &buffers[Final]},
        {Operand::Count, states},
        {Operand::First, first},
        {Operand::Segment, mixer.segment},
        {Operand::Combined, mixer.combined}};
    auto run = [&](const TileKernel &kernel, ArrayRef<Operand> operands,
                   int64_t x, int64_t y, int64_t z) {
      std::vector<testing_tile::Argument> arguments;
      for (Operand operand : operands)
        arguments.push_back(values.at(operand));
      if (y > 0 && z > 0)
        ASSERT_EQ(kernel.run(arguments, {x, y, z}), 0);
    };
    run(alone[0],
        {Operand::Queries, Operand::Keys, Operand::Values, Operand::Lengths,
         Operand::Output},
        heads, blocks, kBatches);
    run(alone[1], getStateOperands(shape), heads * scanConfig.parts, kBatches,
        states);
    run(alone[2], getCombineOperands(shape), heads * getCombineSlices(shape),
        kBatches, mixer.combined);
    run(alone[3], getScanOperands(shape), heads * scanConfig.parts, kBatches,
        scanned);
    const std::vector<Buffer> expected = buffers;

    // Twice: nothing of a launch disturbs the next.
    for (int launch = 0; launch < 2; ++launch) {
      buffers = untouched;
      ASSERT_EQ(merged.run(getArguments(*launches.begin()), {mixer.workers}),
                0);
      for (Tensor tensor : {Output, Final}) {
        expected[tensor].forEach([&](const std::vector<int64_t> &at) {
          double a = expected[tensor].at(at), b = buffers[tensor].at(at);
          ASSERT_FALSE(std::isnan(a));
          ASSERT_EQ(a, b);
        });
        EXPECT_TRUE(buffers[tensor].marginsAreWhole());
      }
    }
  }
}

/// Two heads are an item. As many tokens before the TransPoint as blocks of
/// attention take, and all tokens before it.
TEST_F(HostMixerTest, WholeBlocks) {
  check(2, 32, 128, {}, {{200, 64, 0, 1}, {200, 64, 1, 3}, {100, 128, 0, 2}});
}

/// Some tokens of a block, with items of attention between the others.
TEST_F(HostMixerTest, SomeWarpgroups) {
  check(4, 32, 64, {{1, 3, 6}, {}},
        {{200, 64, 0, 1}, {200, 64, 1, 3}, {60, 64, 0, 2}});
}

/// A multiple of 8 tokens, and scans in two pieces.
TEST_F(HostMixerTest, SomeRows) {
  check(4, 32, 72, {{1, 1, 4, 2, 6}, {3, 2, 5}},
        {{200, 128, 0, 2}, {72, 64, 1, 1}});
}
