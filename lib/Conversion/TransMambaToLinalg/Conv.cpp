//===- Conv.cpp - Causal convolution with a carried window ----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Activation.h"
#include "Patterns.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace transmamba;

namespace {
/// causal_conv1d -> scf.forall (row, block of channels, block of tokens) {
///   a sum of shifted rows }, and the next window. Its writer is the first
/// block of tokens; but where there are more, and a window comes in that they
/// read, a second kernel, when all have read it.
struct LowerCausalConv1D final : TransMambaPattern<CausalConv1DOp> {
  using TransMambaPattern::TransMambaPattern;

  LogicalResult
  matchAndRewrite(CausalConv1DOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override;
};

/// The sizes of one convolution and what its workgroups share.
class ConvKernel {
public:
  ConvKernel(TileBuilder &tile, const TileSizes &sizes,
             CausalConv1DOp::Adaptor operands,
             std::optional<Activation> activation);

  bool hasOneBlock() const { return oneBlock; }
  /// The inputs from token `first - (W - 1)` on, for `count` outputs; those
  /// before the first token are read from `window` (zeros without one).
  Value loadInputs(Index row, Index channel, Index first, Index count,
                   Value window);
  /// Valid tokens of a row.
  Index validTokens(Index row);
  Index channelOf(Index block) {
    return tile.blockStart(block, channels, tile.constant(allChannels));
  }
  /// One row of weights a tap: channels are contiguous in the inputs.
  Value loadWeights(Index channel);
  /// The outputs of `count` tokens from `first` on; `rows` are the inputs that
  /// each tap reads.
  TileStore emitOutputs(ArrayRef<Value> rows, Value weights, Index row,
                        Index channel, Index first, Index count, Value output);
  /// The rows of a tile of `loadInputs`, or of the inputs themselves.
  SmallVector<Value> rowsOfTile(Value inputs, Index count);
  SmallVector<Value> rowsOfInput(Index row, Index channel, Index first,
                                 Index count);
  /// Whether a block has all its tokens, and all that they look back on.
  Value isWhole(Index first);
  TileStore storeWindow(Value rows, Index row, Index channel, Value window);
  /// The next window where `isWriter`, made of the inputs alone.
  TileStore emitWindow(Value isWriter, Index row, Index channel, Value window);

  /// A product and a sum for each tap; inputs, weights and outputs once.
  Work countOutputs();
  /// The next window, written, and what it is made of where that is `read`.
  Work countWindow(bool read);

  TileBuilder &tile;
  CausalConv1DOp::Adaptor operands;
  std::optional<Activation> activation;
  Type type;
  int64_t allChannels, taps, history;
  /// The tile of a workgroup. Twice the tokens of others: each block reads some
  /// before its own.
  int64_t channels, block;
  Index batch, tokens;
  bool oneBlock;
};
} // namespace

ConvKernel::ConvKernel(TileBuilder &tile, const TileSizes &sizes,
                       CausalConv1DOp::Adaptor operands,
                       std::optional<Activation> activation)
    : tile(tile), operands(operands), activation(activation),
      type(elementOf(operands.getInput())),
      allChannels(shapeOf(operands.getWeight())[0]),
      taps(shapeOf(operands.getWeight())[1]), history(taps - 1),
      block(2 * sizes.tokenBlock), batch(tile.dim(operands.getInput(), 0)),
      tokens(tile.dim(operands.getInput(), 1)) {
  std::optional<int64_t> known = getConstantIntValue(tokens);
  oneBlock = known && *known <= block;
  if (known)
    block = std::clamp<int64_t>(*known, 1, block);
  // With few tokens there are few workgroups but for their channels.
  channels = chooseDivisor(allChannels, oneBlock ? sizes.channelBlock
                                                 : sizes.convChannelBlock);
  auto bytes = [&] {
    int64_t element = llvm::divideCeil(type.getIntOrFloatBitWidth(), 8);
    return channels * (element * (block + history) + 4 * taps);
  };
  while (block > 1 && bytes() > sizes.scratchLimit)
    block = llvm::divideCeil(block, 2);
  oneBlock = known && *known <= block;
}

Value ConvKernel::loadInputs(Index row, Index channel, Index first, Index count,
                             Value window) {
  Index zero = tile.constant(0), one = tile.constant(1);
  Index reach = tile.constant(history), width = tile.constant(channels);
  // Rows [0, early) stand before the first token.
  Index early = tile.max(tile.sub(reach, first), zero);
  Index later = tile.sub(tile.add(reach, count), early);
  int64_t rows = getConstantIntValue(count).value_or(block) + history;
  Value inputs = tile.scratch({rows, channels}, type);
  if (window) {
    // Row r is entry first + r of the window.
    Value part = tile.slice(window, {row, tile.min(first, reach), channel},
                            {one, early, width}, {1, 2});
    inputs = tile.insertRows(part, inputs, zero);
  } else {
    inputs = tile.zeroRows(inputs, zero, early);
  }
  Value part =
      tile.slice(operands.getInput(),
                 {row, tile.max(tile.sub(first, reach), zero), channel},
                 {one, later, width}, {1, 2});
  return tile.insertRows(part, inputs, early);
}

Index ConvKernel::validTokens(Index row) {
  if (!operands.getLengths())
    return tokens;
  return tile.clamp(tile.perRow(operands.getLengths(), row), tokens);
}

Value ConvKernel::loadWeights(Index channel) {
  return tile.pointwise(
      tile.slice(operands.getWeight(), {channel, tile.constant(0)},
                 {tile.constant(channels), tile.constant(taps)}),
      tile.map(2, {1, 0}),
      tile.scratch({taps, channels}, elementOf(operands.getWeight())),
      [](ValueRange args) { return args[0]; });
}

SmallVector<Value> ConvKernel::rowsOfTile(Value inputs, Index count) {
  SmallVector<Value> rows;
  for (int64_t tap = 0; tap < taps; ++tap)
    rows.push_back(tile.rows(inputs, tile.constant(tap), count));
  return rows;
}

SmallVector<Value> ConvKernel::rowsOfInput(Index row, Index channel,
                                           Index first, Index count) {
  SmallVector<Value> rows;
  for (int64_t tap = 0; tap < taps; ++tap)
    rows.push_back(tile.slice(
        operands.getInput(),
        {row, tile.sub(first, tile.constant(history - tap)), channel},
        {tile.constant(1), count, tile.constant(channels)}, {1, 2}));
  return rows;
}

Value ConvKernel::isWhole(Index first) {
  OpBuilder &builder = tile.getBuilder();
  Value before = tile.less(first, tile.constant(history));
  Value after = tile.less(tokens, tile.add(first, tile.constant(block)));
  Value partial = arith::OrIOp::create(builder, tile.getLoc(), before, after);
  Value yes = arith::ConstantIntOp::create(builder, tile.getLoc(), 1, 1);
  return arith::XOrIOp::create(builder, tile.getLoc(), partial, yes);
}

TileStore ConvKernel::emitOutputs(ArrayRef<Value> rows, Value weights,
                                  Index row, Index channel, Index first,
                                  Index count, Value output) {
  OpBuilder &builder = tile.getBuilder();
  Type f32 = builder.getF32Type();
  Index zero = tile.constant(0), one = tile.constant(1);
  Index width = tile.constant(channels);
  AffineMap identity = builder.getMultiDimIdentityMap(2);
  AffineMap byChannel = tile.map(2, {1});
  SmallVector<Value> ins;
  SmallVector<AffineMap> maps;
  for (int64_t tap = 0; tap < taps; ++tap) {
    ins.push_back(rows[tap]);
    maps.push_back(identity);
    ins.push_back(
        tile.slice(weights, {tile.constant(tap), zero}, {one, width}, {1}));
    maps.push_back(byChannel);
  }
  if (operands.getBias()) {
    ins.push_back(tile.slice(operands.getBias(), channel, width));
    maps.push_back(byChannel);
  }
  SmallVector<Index> offsets = {row, first, channel};
  SmallVector<Index> sizes = {one, count, width};
  Value y = tile.pointwise(
      ins, maps, tile.slice(output, offsets, sizes, {1, 2}),
      [&](ValueRange args) {
        Value sum;
        if (operands.getBias())
          sum = tile.convert(args.back(), f32);
        for (int64_t tap = 0; tap < taps; ++tap) {
          Value product = tile.mulf(tile.convert(args[2 * tap], f32),
                                    tile.convert(args[2 * tap + 1], f32));
          sum = sum ? tile.addf(sum, product) : product;
        }
        if (!activation)
          return sum;
        // Rounded first, as if the two were apart.
        return emitActivation(tile, *activation,
                              tile.widen(tile.convert(sum, type)));
      });
  return {y, output, offsets, sizes};
}

TileStore ConvKernel::storeWindow(Value rows, Index row, Index channel,
                                  Value window) {
  return {rows,
          window,
          {row, tile.constant(0), channel},
          {tile.constant(1), tile.constant(history), tile.constant(channels)}};
}

TileStore ConvKernel::emitWindow(Value isWriter, Index row, Index channel,
                                 Value window) {
  OpBuilder &builder = tile.getBuilder();
  Index zero = tile.constant(0), one = tile.constant(1);
  Index reach = tile.constant(history), width = tile.constant(channels);
  auto branch = scf::IfOp::create(
      builder, tile.getLoc(), isWriter,
      [&](OpBuilder &, Location loc) {
        Value inputs =
            loadInputs(row, channel, validTokens(row), zero, Value());
        Value rows = tile.rows(inputs, zero, reach);
        Value written = tile.insert(rows, window, {row, zero, channel},
                                    {one, reach, width});
        scf::YieldOp::create(builder, loc, written);
      },
      [&](OpBuilder &, Location loc) {
        scf::YieldOp::create(builder, loc, window);
      });
  // Nothing of it for the other blocks: no two write one element.
  Value count = tile.select(isWriter, tile.value(reach), tile.value(zero));
  SmallVector<Index> offsets = {row, zero, channel};
  SmallVector<Index> sizes = {one, count, width};
  Value rows = tile.slice(branch.getResult(0), offsets, sizes, {1, 2});
  return {rows, window, offsets, sizes};
}

Work ConvKernel::countOutputs() {
  WorkBuilder work(tile.getBuilder(), tile.getLoc());
  Index elements = work.countElements(operands.getInput());
  Index bytes = work.mul(work.countBytes(operands.getInput()), 2);
  bytes = work.add(bytes, work.countBytes(operands.getWeight()));
  if (operands.getBias())
    bytes = work.add(bytes, work.countBytes(operands.getBias()));
  return {work.mul(elements, 2 * taps), bytes};
}

Work ConvKernel::countWindow(bool read) {
  WorkBuilder work(tile.getBuilder(), tile.getLoc());
  int64_t bytes =
      history * allChannels * llvm::divideCeil(type.getIntOrFloatBitWidth(), 8);
  return {tile.constant(0), work.mul(batch, (read ? 2 : 1) * bytes)};
}

LogicalResult
LowerCausalConv1D::matchAndRewrite(CausalConv1DOp op, OpAdaptor adaptor,
                                   ConversionPatternRewriter &rewriter) const {
  TileBuilder tile(rewriter, op.getLoc());
  // activate(causal_conv1d): one pass over the tokens instead of two.
  ActivateOp activate;
  if (op.getResult().hasOneUse())
    activate = dyn_cast<ActivateOp>(*op.getResult().user_begin());
  ConvKernel conv(tile, lowering.sizes, adaptor,
                  activate ? std::optional(activate.getFunction())
                           : std::nullopt);

  Value output = tile.empty(tile.dims(adaptor.getInput()), conv.type);
  Value window = adaptor.getWindow();
  bool hasWindow = static_cast<bool>(window);
  bool writesWindow = !hasWindow && !op.getNextWindow().use_empty();
  if (!hasWindow)
    window = tile.empty(ArrayRef<Index>{conv.batch, tile.constant(conv.history),
                                        tile.constant(conv.allChannels)},
                        conv.type);
  Index zero = tile.constant(0);
  Index channelBlocks = tile.constant(conv.allChannels / conv.channels);

  if (conv.hasOneBlock()) {
    auto body = [&](ValueRange point, ValueRange outputs) {
      Index row = point[0], channel = conv.channelOf(point[1]);
      Value inputs = conv.loadInputs(row, channel, zero, conv.tokens,
                                     hasWindow ? outputs[1] : Value());
      SmallVector<TileStore> stores;
      stores.push_back(conv.emitOutputs(conv.rowsOfTile(inputs, conv.tokens),
                                        conv.loadWeights(channel), row, channel,
                                        zero, conv.tokens, outputs[0]));
      stores.push_back(conv.storeWindow(
          tile.rows(inputs, conv.validTokens(row), tile.constant(conv.history)),
          row, channel, outputs[1]));
      return stores;
    };
    Work both = conv.countOutputs();
    both.bytes = WorkBuilder(rewriter, op.getLoc())
                     .add(both.bytes, conv.countWindow(hasWindow).bytes);
    ResultRange results =
        tile.forall("causal_conv1d", {conv.batch, channelBlocks}, both,
                    {output, window}, body);
    output = results[0];
    window = results[1];
  } else {
    auto outputBody = [&](ValueRange point, ValueRange outputs) {
      Index row = point[0], channel = conv.channelOf(point[1]);
      Index first = tile.mul(point[2], conv.block);
      Index count =
          tile.min(tile.sub(conv.tokens, first), tile.constant(conv.block));
      Value weights = conv.loadWeights(channel);
      auto write = [&](ArrayRef<Value> rows, Index count) {
        TileStore store = conv.emitOutputs(rows, weights, row, channel, first,
                                           count, outputs[0]);
        Value written =
            tile.insert(store.tile, outputs[0], store.offsets, store.sizes);
        scf::YieldOp::create(rewriter, op.getLoc(), written);
      };
      auto branch = scf::IfOp::create(
          rewriter, op.getLoc(), conv.isWhole(first),
          [&](OpBuilder &, Location) {
            Index block = tile.constant(conv.block);
            write(conv.rowsOfInput(row, channel, first, block), block);
          },
          [&](OpBuilder &, Location) {
            Value inputs = conv.loadInputs(row, channel, first, count,
                                           hasWindow ? window : Value());
            write(conv.rowsOfTile(inputs, count), count);
          });
      SmallVector<Index> offsets = {row, first, channel};
      SmallVector<Index> sizes = {tile.constant(1), count,
                                  tile.constant(conv.channels)};
      Value y = tile.slice(branch.getResult(0), offsets, sizes, {1, 2});
      SmallVector<TileStore> stores = {{y, outputs[0], offsets, sizes}};
      if (writesWindow)
        stores.push_back(conv.emitWindow(tile.less(first, tile.constant(1)),
                                         row, channel, outputs[1]));
      return stores;
    };
    Work work = conv.countOutputs();
    SmallVector<Value> results = {output};
    if (writesWindow) {
      work.bytes = WorkBuilder(rewriter, op.getLoc())
                       .add(work.bytes, conv.countWindow(/*read=*/true).bytes);
      results.push_back(window);
    }
    results = llvm::to_vector_of<Value>(tile.forall(
        "causal_conv1d",
        {conv.batch, channelBlocks, tile.ceilDiv(conv.tokens, conv.block)},
        work, results, outputBody));
    output = results[0];
    if (writesWindow)
      window = results[1];
  }
  if (!conv.hasOneBlock() && hasWindow) {
    auto windowBody = [&](ValueRange point, ValueRange outputs) {
      Index row = point[0], channel = conv.channelOf(point[1]);
      Value inputs = conv.loadInputs(row, channel, conv.validTokens(row), zero,
                                     outputs[0]);
      return SmallVector<TileStore>{
          conv.storeWindow(tile.rows(inputs, zero, tile.constant(conv.history)),
                           row, channel, outputs[0])};
    };
    window =
        tile.forall("conv_window", {conv.batch, channelBlocks},
                    conv.countWindow(/*read=*/true), window, windowBody)[0];
  }
  rewriter.replaceOp(op, {output, window});
  if (activate)
    rewriter.replaceOp(activate, output);
  return success();
}

void transmamba::populateConvPatterns(const TypeConverter &converter,
                                      const LoweringContext &lowering,
                                      RewritePatternSet &patterns) {
  patterns.add<LowerCausalConv1D>(converter, patterns.getContext(), lowering);
}
