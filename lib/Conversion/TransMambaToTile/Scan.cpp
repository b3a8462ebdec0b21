//===- Scan.cpp - The SSD scan --------------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
//   h_t = exp(A dt_t) h_{t-1} + dt_t k_t v_t^T,   y_t = q_t h_t + D v_t
//
// A block scans one head of one sequence in chunks of 64 tokens. With a_t the
// sum of log2(exp(A dt)) over the tokens of the chunk up to t, a chunk gives
//
//   y = (q k^T * 2^(a_i + log2(dt_j) - a_j), j <= i) v + 2^a_i q h + D v
//   h = 2^a_63 h + (k * 2^(a_63 + log2(dt) - a))^T v
//
// (Mamba-2, arXiv 2405.21060, section 6). The state stays in registers, in f32;
// its rounded copy in shared memory is what queries are multiplied with.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "transmamba/Conversion/TransMambaToTile/Kernels.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace transmamba;

namespace {

class ScanBuilder {
public:
  ScanBuilder(OpBuilder &builder, Location loc, StringRef name,
              const ScanShape &shape, const ScanConfig &config)
      : kernel(builder, loc, name, getArgumentTypes(shape)), shape(shape),
        config(config), element(shape.q.tensor.getElementType()),
        f32(builder.getF32Type()),
        stateRows(llvm::alignTo(shape.stateDim, 64)) {}

  tile::KernelOp build();

private:
  static SmallVector<Type> getArgumentTypes(const ScanShape &shape);
  Type fragment(int64_t rows, int64_t columns) {
    return tile::FragmentType::get(kernel.getContext(), {rows, columns}, f32);
  }
  Type operand(int64_t rows, int64_t columns) {
    return tile::FragmentType::get(kernel.getContext(), {rows, columns},
                                   element, /*operand=*/true);
  }
  Type vector() {
    return tile::VecType::get(kernel.getContext(), kScanChunk, f32);
  }
  Type rows() {
    return tile::RowsType::get(kernel.getContext(), kScanChunk, f32);
  }
  Type columns() {
    return tile::ColumnsType::get(kernel.getContext(), kScanChunk, f32);
  }
  Value tile(int64_t rows, int64_t columns) {
    return kernel.create<tile::AllocOp>(Type(
        tile::SharedType::get(kernel.getContext(), {rows, columns}, element)));
  }
  Value column(const HeadColumns &columns, int64_t size) {
    Value number = kernel.div(head, shape.heads / columns.heads);
    return kernel.add(kernel.mul(number, size), columns.first);
  }
  Value exp2(Value x) { return kernel.create<math::Exp2Op>(x); }
  Value mulf(Value a, Value b) { return kernel.create<arith::MulFOp>(a, b); }
  Value addf(Value a, Value b) { return kernel.create<arith::AddFOp>(a, b); }

  void emitLoads();
  void emitConsumer();
  /// Steps of the tokens from `token` on.
  Value readSteps(Value token);
  SmallVector<Value> emitChunk(Value token, Value state, Value steps);
  Value emitOutput(Value queries, Value keys, Value values, Value decay,
                   Value weight);
  Value emitState(Value state, Value keys, Value values, Value last,
                  Value weight);
  Value finishOutput(Value output, Value values, Value token);

  KernelBuilder kernel;
  const ScanShape &shape;
  const ScanConfig &config;
  Type element, f32;
  /// Rows of the fragment that holds the state.
  int64_t stateRows;
  Value batch, head, zero, one, tokens, chunks, length;
  /// A log2(e), and D.
  Value rate, skip;
  Value queryRing, keyRing, valueRing, stateTile, outputTile;
};

/// Numbers of the arguments; those that a shape does not have are absent.
struct Arguments {
  explicit Arguments(const ScanShape &shape) {
    unsigned next = 5;
    skip = shape.hasSkip ? next++ : 0;
    init = shape.hasInit ? next++ : 0;
    lengths = shape.lengths ? next++ : 0;
    output = next++;
    state = next++;
  }
  unsigned q = 0, k = 1, v = 2, dt = 3, decay = 4;
  unsigned skip, init, lengths, output, state;
};

} // namespace

SmallVector<Type> ScanBuilder::getArgumentTypes(const ScanShape &shape) {
  Type f32 = shape.dt.getElementType();
  auto heads = MemRefType::get({shape.heads}, f32);
  SmallVector<Type> types = {
      getBuffer(shape.q.tensor), getBuffer(shape.k.tensor),
      getBuffer(shape.v.tensor), getBuffer(shape.dt), heads};
  if (shape.hasSkip)
    types.push_back(heads);
  if (shape.hasInit)
    types.push_back(getBuffer(shape.state));
  if (shape.lengths)
    types.push_back(getBuffer(shape.lengths));
  types.push_back(getBuffer(shape.result.tensor));
  types.push_back(getBuffer(shape.state));
  return types;
}

void ScanBuilder::emitLoads() {
  Arguments arguments(shape);
  Value q = column(shape.q, shape.stateDim),
        k = column(shape.k, shape.stateDim), v = column(shape.v, shape.headDim);
  kernel.loop(zero, chunks, one, [&](Value i) {
    Value token = kernel.mul(i, kScanChunk);
    kernel.load(kernel.argument(arguments.q), {batch, token, q}, queryRing);
    kernel.load(kernel.argument(arguments.k), {batch, token, k}, keyRing);
    kernel.load(kernel.argument(arguments.v), {batch, token, v}, valueRing);
  });
}

Value ScanBuilder::readSteps(Value token) {
  return kernel.create<tile::ReadOp>(vector(),
                                     kernel.argument(Arguments(shape).dt),
                                     ValueRange{batch, token, head});
}

Value ScanBuilder::emitOutput(Value queries, Value keys, Value values,
                              Value decay, Value weight) {
  Value nothing = kernel.number(0.0);
  Value pending = kernel.mma(queries, keys, /*transposeB=*/true);
  Value fromToken = kernel.create<tile::SpreadOp>(columns(), weight);
  Value toToken = kernel.create<tile::SpreadOp>(rows(), decay);
  Value scores = kernel.create<tile::AwaitOp>(pending, Value());
  Value weights = kernel.map(
      {scores, toToken, fromToken}, scores.getType(),
      [&](ValueRange x, Value row, Value from) -> Value {
        Value product = mulf(x[0], exp2(addf(x[1], x[2])));
        Value seen =
            kernel.create<arith::CmpIOp>(arith::CmpIPredicate::sge, row, from);
        return kernel.create<arith::SelectOp>(seen, product, nothing);
      });
  weights =
      kernel.create<tile::CastOp>(operand(kScanChunk, kScanChunk), weights);
  // What the tokens before the chunk have left. It starts after the weights are
  // there: both at once need more registers than there are.
  pending = kernel.mma(queries, stateTile, /*transposeB=*/false);
  Value output = kernel.create<tile::AwaitOp>(pending, Value());
  output = kernel.map({output, toToken}, output.getType(),
                      [&](ValueRange x, Value, Value) -> Value {
                        return mulf(x[0], exp2(x[1]));
                      });
  pending = kernel.mma(weights, values, /*transposeB=*/false, output);
  return kernel.create<tile::AwaitOp>(pending, Value());
}

/// Adds D v, and makes zeros of what lies beyond the length.
Value ScanBuilder::finishOutput(Value output, Value values, Value token) {
  if (skip) {
    Value own = kernel.create<tile::LoadFragmentOp>(
        operand(kScanChunk, shape.headDim), values, /*transpose=*/false);
    output = kernel.map({output, own}, output.getType(),
                        [&](ValueRange x, Value, Value) -> Value {
                          Value v = kernel.create<arith::ExtFOp>(f32, x[1]);
                          return kernel.create<math::FmaOp>(v, skip, x[0]);
                        });
  }
  if (!length)
    return output;
  Value nothing = kernel.number(0.0);
  return kernel.map(
      output, output.getType(), [&](ValueRange x, Value row, Value) -> Value {
        Value inside = kernel.create<arith::CmpIOp>(
            arith::CmpIPredicate::slt, kernel.add(token, row), length);
        return kernel.create<arith::SelectOp>(inside, x[0], nothing);
      });
}

Value ScanBuilder::emitState(Value state, Value keys, Value values, Value last,
                             Value weight) {
  Value total = exp2(last);
  Value kept =
      kernel.map(state, state.getType(),
                 [&](ValueRange x, Value, Value) { return mulf(x[0], total); });
  Value transposed = kernel.create<tile::LoadFragmentOp>(
      operand(stateRows, kScanChunk), keys, /*transpose=*/true);
  Value factors = kernel.create<tile::SpreadOp>(columns(), weight);
  factors =
      kernel.map(factors, columns(), [&](ValueRange x, Value, Value) -> Value {
        return exp2(addf(x[0], last));
      });
  Value weighted = kernel.create<tile::ScaleColumnsOp>(transposed, factors);
  return kernel.mma(weighted, values, /*transposeB=*/false, kept);
}

SmallVector<Value> ScanBuilder::emitChunk(Value token, Value state,
                                          Value steps) {
  Arguments arguments(shape);
  Value next = readSteps(kernel.add(token, kScanChunk));
  // Beyond the sequence dt is 0: no decay, and log2(dt) is minus infinity.
  Value decay = kernel.map(steps, vector(), [&](ValueRange x, Value, Value) {
    return mulf(x[0], rate);
  });
  decay = kernel.create<tile::PrefixSumOp>(decay);
  Value weight = kernel.map(
      {steps, decay}, vector(), [&](ValueRange x, Value, Value) -> Value {
        return kernel.create<arith::SubFOp>(
            kernel.create<math::Log2Op>(x[0]).getResult(), x[1]);
      });
  Value last = kernel.create<tile::ElementOp>(decay, uint32_t(kScanChunk - 1));

  Value queries = kernel.wait(queryRing), keys = kernel.wait(keyRing),
        values = kernel.wait(valueRing);
  Value output = emitOutput(queries, keys, values, decay, weight);
  output = finishOutput(output, values, token);
  // Its barrier: every warp has read the old state and the queries.
  kernel.create<tile::StoreWaitOp>();
  kernel.release(queryRing);
  kernel.create<tile::StoreFragmentOp>(output, outputTile);

  Value pending = emitState(state, keys, values, last, weight);
  state = kernel.create<tile::AwaitOp>(pending, Value());
  kernel.release(keyRing);
  kernel.release(valueRing);
  kernel.create<tile::StoreFragmentOp>(state, stateTile);
  // Its barrier: the new state is there.
  kernel.create<tile::StoreOp>(
      outputTile, kernel.argument(arguments.output),
      ValueRange{batch, token, column(shape.result, shape.headDim)});
  return {state, next};
}

void ScanBuilder::emitConsumer() {
  Arguments arguments(shape);
  auto loadScalar = [&](unsigned number) -> Value {
    return kernel.create<memref::LoadOp>(kernel.argument(number), head);
  };
  rate = mulf(loadScalar(arguments.decay), kernel.number(1.4426950408889634));
  if (shape.hasSkip)
    skip = loadScalar(arguments.skip);
  Type type = fragment(stateRows, shape.headDim);
  SmallVector<Value> origin = {batch, head, zero, zero};
  Value state;
  if (shape.hasInit)
    state = kernel.create<tile::ReadOp>(type, kernel.argument(arguments.init),
                                        origin);
  else
    state = kernel.create<tile::FillOp>(type, kernel.number(0.0));
  kernel.create<tile::StoreFragmentOp>(state, stateTile);
  kernel.create<tile::BarrierOp>(/*consumers=*/false);
  Value steps = readSteps(zero);
  SmallVector<Value> end = kernel.loop(
      zero, chunks, one, {state, steps}, [&](Value i, ValueRange carried) {
        return emitChunk(kernel.mul(i, kScanChunk), carried[0], carried[1]);
      });
  kernel.create<tile::WriteOp>(end[0], kernel.argument(arguments.state),
                               origin);
  kernel.create<tile::StoreWaitOp>();
}

tile::KernelOp ScanBuilder::build() {
  Arguments arguments(shape);
  zero = kernel.index(0);
  one = kernel.index(1);
  head = kernel.blockId(tile::Dimension::x);
  batch = kernel.blockId(tile::Dimension::y);
  tokens = kernel.create<memref::DimOp>(kernel.argument(arguments.output), one);
  chunks = kernel.ceilDiv(tokens, kScanChunk);
  if (shape.lengths)
    length = kernel.loadLength(arguments.lengths, batch);
  queryRing = kernel.ring(kScanChunk, shape.stateDim, element, config.stages);
  keyRing = kernel.ring(kScanChunk, shape.stateDim, element, config.stages);
  valueRing = kernel.ring(kScanChunk, shape.headDim, element, config.stages);
  stateTile = tile(shape.stateDim, shape.headDim);
  outputTile = tile(kScanChunk, shape.headDim);
  kernel.producer(/*registers=*/24, [&] { emitLoads(); });
  // Two blocks share the registers: 2 (24 + 232) a thread of a warpgroup.
  kernel.consumers(/*count=*/1, /*registers=*/232,
                   [&](Value) { emitConsumer(); });
  tile::KernelOp result = kernel.getKernel();
  result.setOccupancy(config.occupancy);
  return result;
}

tile::KernelOp transmamba::buildScan(OpBuilder &builder, Location loc,
                                     StringRef name, const ScanShape &shape,
                                     const ScanConfig &config) {
  tile::KernelOp kernel =
      ScanBuilder(builder, loc, name, shape, config).build();
  kernel->setAttr(kTileConfigAttrName,
                  toAttribute(builder.getContext(), config));
  return kernel;
}
