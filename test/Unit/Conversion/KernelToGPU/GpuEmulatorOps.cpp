//===- GpuEmulatorOps.cpp - Operations of the emulator --------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "GpuEmulator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace mlir;

namespace transmamba::test {

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static int64_t getWidth(Type type) {
  return type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
}

/// `x` as a value of `type`: sign-extended from its width.
static int64_t wrap(Type type, int64_t x) {
  int64_t width = getWidth(type);
  return width == 64 ? x : llvm::SignExtend64(static_cast<uint64_t>(x), width);
}

static uint64_t toUnsigned(Type type, int64_t x) {
  int64_t width = getWidth(type);
  return width == 64 ? x : static_cast<uint64_t>(x) & ((1ull << width) - 1);
}

static double roundToType(Type type, double x) {
  if (type.isF64())
    return x;
  if (type.isF32())
    return static_cast<float>(x);
  APFloat value(x);
  bool losesInfo;
  value.convert(cast<FloatType>(type).getFloatSemantics(),
                APFloat::rmNearestTiesToEven, &losesInfo);
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                &losesInfo);
  return value.convertToDouble();
}

static uint64_t toBits(Type type, double x) {
  APFloat value(x);
  bool losesInfo;
  value.convert(cast<FloatType>(type).getFloatSemantics(),
                APFloat::rmNearestTiesToEven, &losesInfo);
  return value.bitcastToAPInt().getZExtValue();
}

static double fromBits(Type type, uint64_t bits) {
  APFloat value(cast<FloatType>(type).getFloatSemantics(),
                APInt(getWidth(type), toUnsigned(type, bits)));
  bool losesInfo;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                &losesInfo);
  return value.convertToDouble();
}

void GpuEmulator::setInteger(Value v, int64_t x) {
  value(v).integer = wrap(v.getType(), x);
}

void GpuEmulator::setReal(Value v, double x) {
  value(v).real = roundToType(v.getType(), x);
}

void GpuEmulator::setView(Value v, View view) {
  value(v).view = std::make_shared<View>(std::move(view));
}

void GpuEmulator::setVector(Value v, DenseElementsAttr constants) {
  auto elements = std::make_shared<std::vector<RuntimeValue>>();
  for (Attribute constant : constants.getValues<Attribute>()) {
    RuntimeValue element;
    if (auto number = dyn_cast<IntegerAttr>(constant))
      element.integer = number.getValue().getSExtValue();
    else
      element.real = cast<FloatAttr>(constant).getValueAsDouble();
    elements->push_back(element);
  }
  value(v).elements = elements;
}

SmallVector<int64_t> GpuEmulator::integers(ValueRange values) {
  return llvm::map_to_vector(values, [&](Value v) { return integer(v); });
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

void GpuEmulator::runRegion(Region &region) {
  for (Operation &op : region.front()) {
    if (isAborted)
      return;
    runOp(op);
  }
}

void GpuEmulator::runOp(Operation &op) {
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return runFor(loop);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return runIf(branch);
  if (isa<scf::YieldOp, gpu::ReturnOp>(op))
    return;
  if (runIntegerOp(op) || runMemoryOp(op) || runFloatOp(op) ||
      runConversion(op) || runGpuOp(op))
    return;
  report(&op, "the emulator does not know this operation");
  isAborted = true;
}

void GpuEmulator::yieldTo(Operation *terminator, ValueRange targets) {
  SmallVector<RuntimeValue> values;
  for (Value operand : terminator->getOperands())
    values.push_back(value(operand));
  for (auto [target, result] : llvm::zip(targets, values))
    value(target) = result;
}

void GpuEmulator::runFor(scf::ForOp op) {
  int64_t upper = integer(op.getUpperBound()), step = integer(op.getStep());
  for (auto [argument, initial] :
       llvm::zip(op.getRegionIterArgs(), op.getInitArgs()))
    value(argument) = value(initial);
  for (int64_t i = integer(op.getLowerBound()); i < upper && !isAborted;
       i += step) {
    setInteger(op.getInductionVar(), i);
    runRegion(op.getRegion());
    yieldTo(op.getBody()->getTerminator(), op.getRegionIterArgs());
  }
  for (auto [result, argument] :
       llvm::zip(op.getResults(), op.getRegionIterArgs()))
    value(result) = value(argument);
}

void GpuEmulator::runIf(scf::IfOp op) {
  Region &region =
      integer(op.getCondition()) ? op.getThenRegion() : op.getElseRegion();
  if (region.empty())
    return;
  runRegion(region);
  yieldTo(region.front().getTerminator(), op.getResults());
}

//===----------------------------------------------------------------------===//
// gpu
//===----------------------------------------------------------------------===//

bool GpuEmulator::runGpuOp(Operation &op) {
  if (isa<gpu::BarrierOp, gpu::ShuffleOp>(op)) {
    waitAt(&op);
    return true;
  }
  if (auto id = dyn_cast<gpu::ThreadIdOp>(op)) {
    setInteger(id, id.getDimension() == gpu::Dimension::x ? current->id : 0);
    return true;
  }
  if (auto id = dyn_cast<gpu::BlockIdOp>(op)) {
    setInteger(id, blockId[static_cast<size_t>(id.getDimension())]);
    return true;
  }
  if (auto buffer = dyn_cast<gpu::DynamicSharedMemoryOp>(op)) {
    int64_t size = dynamicShared->bytes.size();
    setView(buffer, View{dynamicShared, 0, 0, {size}, {1}});
    return true;
  }
  return false;
}

//===----------------------------------------------------------------------===//
// memref
//===----------------------------------------------------------------------===//

static int64_t getByteWidth(Type type) { return (getWidth(type) + 7) / 8; }

RuntimeValue GpuEmulator::readElement(Operation *op, Type type,
                                      const View &view,
                                      ArrayRef<int64_t> indices) {
  int64_t width = getByteWidth(type);
  uint64_t bits = 0;
  if (std::byte *data = access(op, view, indices, width, false))
    std::memcpy(&bits, data, width);
  RuntimeValue result;
  if (isa<FloatType>(type))
    result.real = fromBits(type, bits);
  else
    result.integer = wrap(type, bits);
  return result;
}

void GpuEmulator::writeElement(Operation *op, Type type, const View &view,
                               ArrayRef<int64_t> indices,
                               const RuntimeValue &stored) {
  int64_t width = getByteWidth(type);
  uint64_t bits = isa<FloatType>(type) ? toBits(type, stored.real)
                                       : toUnsigned(type, stored.integer);
  if (std::byte *data = access(op, view, indices, width, true))
    std::memcpy(data, &bits, width);
}

/// Buffers are aligned to more than any vector.
void GpuEmulator::checkAlignment(Operation *op, const View &view,
                                 ArrayRef<int64_t> indices, int64_t width,
                                 int64_t alignment) {
  int64_t address = view.base + view.offset;
  for (auto [index, stride] : llvm::zip(indices, view.strides))
    address += index * stride * width;
  if (address % alignment != 0)
    report(op, "byte " + std::to_string(address) + " is not aligned to " +
                   std::to_string(alignment));
}

bool GpuEmulator::runVectorOp(Operation &op) {
  if (auto load = dyn_cast<vector::LoadOp>(op)) {
    const View &view = *value(load.getBase()).view;
    SmallVector<int64_t> indices = integers(load.getIndices());
    Type type = load.getVectorType().getElementType();
    checkAlignment(load, view, indices, getByteWidth(type),
                   load.getAlignment().value_or(1));
    auto elements = std::make_shared<std::vector<RuntimeValue>>();
    for (int64_t i = 0; i < load.getVectorType().getNumElements(); ++i) {
      elements->push_back(readElement(load, type, view, indices));
      ++indices.back();
    }
    value(load.getResult()).elements = elements;
    return true;
  }
  if (auto store = dyn_cast<vector::StoreOp>(op)) {
    const View &view = *value(store.getBase()).view;
    SmallVector<int64_t> indices = integers(store.getIndices());
    Type type = store.getVectorType().getElementType();
    checkAlignment(store, view, indices, getByteWidth(type),
                   store.getAlignment().value_or(1));
    for (const RuntimeValue &element :
         *value(store.getValueToStore()).elements) {
      writeElement(store, type, view, indices, element);
      ++indices.back();
    }
    return true;
  }
  if (auto split = dyn_cast<vector::ToElementsOp>(op)) {
    auto elements = value(split.getSource()).elements;
    for (auto [result, element] : llvm::zip(split.getResults(), *elements))
      value(result) = element;
    return true;
  }
  if (auto join = dyn_cast<vector::FromElementsOp>(op)) {
    auto elements = std::make_shared<std::vector<RuntimeValue>>();
    for (Value element : join.getElements())
      elements->push_back(value(element));
    value(join.getResult()).elements = elements;
    return true;
  }
  return false;
}

bool GpuEmulator::runMemoryOp(Operation &op) {
  if (auto load = dyn_cast<memref::LoadOp>(op)) {
    value(load) =
        readElement(load, load.getType(), *value(load.getMemRef()).view,
                    integers(load.getIndices()));
    return true;
  }
  if (auto store = dyn_cast<memref::StoreOp>(op)) {
    writeElement(store, store.getValue().getType(),
                 *value(store.getMemRef()).view, integers(store.getIndices()),
                 value(store.getValue()));
    return true;
  }
  return runViewOp(op) || runVectorOp(op);
}

static SmallVector<int64_t, 4> getStrides(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return {};
  return SmallVector<int64_t, 4>(strides.begin(), strides.end());
}

bool GpuEmulator::runViewOp(Operation &op) {
  if (auto view = dyn_cast<memref::ViewOp>(op)) {
    const View &source = *value(view.getSource()).view;
    setView(view,
            View{source.memory,
                 source.base + source.offset + integer(view.getByteShift()), 0,
                 SmallVector<int64_t, 4>(view.getType().getShape()),
                 getStrides(view.getType())});
    return true;
  }
  if (auto cast = dyn_cast<memref::ReinterpretCastOp>(op)) {
    runReinterpretCast(cast);
    return true;
  }
  if (auto cast = dyn_cast<memref::CastOp>(op)) {
    value(cast) = value(cast.getSource());
    return true;
  }
  if (auto dim = dyn_cast<memref::DimOp>(op)) {
    setInteger(dim,
               value(dim.getSource()).view->sizes[integer(dim.getIndex())]);
    return true;
  }
  if (auto metadata = dyn_cast<memref::ExtractStridedMetadataOp>(op)) {
    View source = *value(metadata.getSource()).view;
    int64_t width = getByteWidth(
        cast<MemRefType>(metadata.getSource().getType()).getElementType());
    setView(metadata.getBaseBuffer(),
            View{source.memory, source.base, 0, {}, {}});
    setInteger(metadata.getOffset(), source.offset / width);
    for (auto [result, size] : llvm::zip(metadata.getSizes(), source.sizes))
      setInteger(result, size);
    for (auto [result, stride] :
         llvm::zip(metadata.getStrides(), source.strides))
      setInteger(result, stride);
    return true;
  }
  return false;
}

void GpuEmulator::runReinterpretCast(memref::ReinterpretCastOp op) {
  auto get = [&](OpFoldResult x) {
    if (auto v = dyn_cast<Value>(x))
      return integer(v);
    return cast<IntegerAttr>(cast<Attribute>(x)).getInt();
  };
  auto getAll = [&](ArrayRef<OpFoldResult> mixed) {
    SmallVector<int64_t, 4> numbers;
    for (OpFoldResult x : mixed)
      numbers.push_back(get(x));
    return numbers;
  };
  const View &source = *value(op.getSource()).view;
  int64_t width = getByteWidth(op.getType().getElementType());
  setView(op, View{source.memory, source.base,
                   get(op.getMixedOffsets().front()) * width,
                   getAll(op.getMixedSizes()), getAll(op.getMixedStrides())});
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

bool GpuEmulator::runIntegerOp(Operation &op) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (auto number = dyn_cast<IntegerAttr>(constant.getValue()))
      setInteger(constant, number.getValue().getSExtValue());
    else if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
      setReal(constant, number.getValueAsDouble());
    else
      setVector(constant, cast<DenseElementsAttr>(constant.getValue()));
    return true;
  }
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    value(select) =
        value(integer(select.getCondition()) ? select.getTrueValue()
                                             : select.getFalseValue());
    return true;
  }
  if (op.getNumOperands() != 2 || op.getNumResults() != 1 ||
      !op.getOperand(0).getType().isIntOrIndex())
    return false;
  Type type = op.getOperand(0).getType();
  int64_t x = integer(op.getOperand(0)), y = integer(op.getOperand(1));
  uint64_t ux = toUnsigned(type, x), uy = toUnsigned(type, y);
  if (auto cmp = dyn_cast<arith::CmpIOp>(op)) {
    setInteger(cmp,
               arith::applyCmpPredicate(cmp.getPredicate(), APInt(64, x, true),
                                        APInt(64, y, true)));
    return true;
  }
  using Function = std::function<int64_t()>;
  Function function =
      llvm::StringSwitch<Function>(op.getName().stripDialect())
          .Case("addi", [&] { return x + y; })
          .Case("subi", [&] { return x - y; })
          .Case("muli", [&] { return x * y; })
          .Case("divsi", [&] { return x / y; })
          .Case("remsi", [&] { return x % y; })
          .Case("divui", [&] { return static_cast<int64_t>(ux / uy); })
          .Case("remui", [&] { return static_cast<int64_t>(ux % uy); })
          .Case("ceildivui",
                [&] { return static_cast<int64_t>(llvm::divideCeil(ux, uy)); })
          .Case("ceildivsi", [&] { return llvm::divideCeilSigned(x, y); })
          .Case("floordivsi", [&] { return llvm::divideFloorSigned(x, y); })
          .Case("minsi", [&] { return std::min(x, y); })
          .Case("maxsi", [&] { return std::max(x, y); })
          .Case("minui", [&] { return static_cast<int64_t>(std::min(ux, uy)); })
          .Case("maxui", [&] { return static_cast<int64_t>(std::max(ux, uy)); })
          .Case("andi", [&] { return x & y; })
          .Case("ori", [&] { return x | y; })
          .Case("xori", [&] { return x ^ y; })
          .Case("shli", [&] { return static_cast<int64_t>(ux << y); })
          .Case("shrui", [&] { return static_cast<int64_t>(ux >> y); })
          .Case("shrsi", [&] { return x >> y; })
          .Default(nullptr);
  if (!function)
    return false;
  setInteger(op.getResult(0), function());
  return true;
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

static double maximum(double x, double y) {
  return std::isnan(x) || std::isnan(y) ? NAN : std::max(x, y);
}
static double minimum(double x, double y) {
  return std::isnan(x) || std::isnan(y) ? NAN : std::min(x, y);
}

/// The name without dialect or type: "math.sqrt" and the intrinsic
/// "llvm.sqrt.f32" are both "sqrt".
static StringRef getFunctionName(Operation &op) {
  auto intrinsic = dyn_cast<LLVM::CallIntrinsicOp>(op);
  if (!intrinsic)
    return op.getName().stripDialect();
  StringRef name = intrinsic.getIntrin();
  name.consume_front("llvm.");
  for (StringRef suffix : {".f32", ".f64"})
    name.consume_back(suffix);
  return name;
}

/// The function of up to three floats that `name` stands for; what the hardware
/// approximates is exact here.
static std::function<double(double, double, double)> getFunction(StringRef name,
                                                                 bool isF32) {
  using F = std::function<double(double, double, double)>;
  return llvm::StringSwitch<F>(name)
      .Case("addf", [](double x, double y, double) { return x + y; })
      .Case("subf", [](double x, double y, double) { return x - y; })
      .Case("mulf", [](double x, double y, double) { return x * y; })
      .Cases({"divf", "nvvm.div.approx.ftz.f"},
             [](double x, double y, double) { return x / y; })
      .Case("negf", [](double x, double, double) { return -x; })
      .Case("maximumf",
            [](double x, double y, double) { return maximum(x, y); })
      .Case("minimumf",
            [](double x, double y, double) { return minimum(x, y); })
      .Cases({"maxnumf", "maxnum"},
             [](double x, double y, double) { return std::fmax(x, y); })
      .Cases({"minnumf", "minnum"},
             [](double x, double y, double) { return std::fmin(x, y); })
      .Case("fma",
            [isF32](double x, double y, double z) -> double {
              return isF32 ? std::fma(static_cast<float>(x),
                                      static_cast<float>(y),
                                      static_cast<float>(z))
                           : std::fma(x, y, z);
            })
      .Case("copysign",
            [](double x, double y, double) { return std::copysign(x, y); })
      .Case("powf", [](double x, double y, double) { return std::pow(x, y); })
      .Cases({"absf", "fabs"},
             [](double x, double, double) { return std::fabs(x); })
      .Case("ceil", [](double x, double, double) { return std::ceil(x); })
      .Case("floor", [](double x, double, double) { return std::floor(x); })
      .Case("round", [](double x, double, double) { return std::round(x); })
      .Case("trunc", [](double x, double, double) { return std::trunc(x); })
      .Case("roundeven",
            [](double x, double, double) { return std::nearbyint(x); })
      .Case("sqrt", [](double x, double, double) { return std::sqrt(x); })
      .Cases({"rsqrt", "nvvm.rsqrt.approx.f"},
             [](double x, double, double) { return 1 / std::sqrt(x); })
      .Case("exp", [](double x, double, double) { return std::exp(x); })
      .Cases({"exp2", "nvvm.ex2.approx.ftz.f"},
             [](double x, double, double) { return std::exp2(x); })
      .Case("log", [](double x, double, double) { return std::log(x); })
      .Case("log2", [](double x, double, double) { return std::log2(x); })
      .Case("log1p", [](double x, double, double) { return std::log1p(x); })
      .Case("expm1", [](double x, double, double) { return std::expm1(x); })
      .Case("tanh", [](double x, double, double) { return std::tanh(x); })
      .Case("erf", [](double x, double, double) { return std::erf(x); })
      .Case("sin", [](double x, double, double) { return std::sin(x); })
      .Case("cos", [](double x, double, double) { return std::cos(x); })
      .Default(nullptr);
}

bool GpuEmulator::runFloatOp(Operation &op) {
  if (auto cmp = dyn_cast<arith::CmpFOp>(op)) {
    setInteger(cmp, arith::applyCmpPredicate(
                        cmp.getPredicate(), APFloat(value(cmp.getLhs()).real),
                        APFloat(value(cmp.getRhs()).real)));
    return true;
  }
  if (op.getNumResults() != 1 || op.getNumOperands() == 0 ||
      op.getNumOperands() > 3 || !isa<FloatType>(op.getResult(0).getType()) ||
      op.getOperand(0).getType() != op.getResult(0).getType())
    return false;
  auto function =
      getFunction(getFunctionName(op), op.getResult(0).getType().isF32());
  if (!function)
    return false;
  double operands[3] = {};
  for (auto [index, operand] : llvm::enumerate(op.getOperands()))
    operands[index] = value(operand).real;
  setReal(op.getResult(0), function(operands[0], operands[1], operands[2]));
  return true;
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

static int64_t saturate(double x) {
  if (std::isnan(x))
    return 0;
  return static_cast<int64_t>(std::clamp(x, -2147483648.0, 2147483647.0));
}

bool GpuEmulator::runConversion(Operation &op) {
  if (op.getNumOperands() != 1 || op.getNumResults() != 1)
    return false;
  Value from = op.getOperand(0), to = op.getResult(0);
  if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    setReal(to, value(from).real);
  else if (isa<arith::IndexCastOp, arith::ExtSIOp, arith::TruncIOp>(op))
    setInteger(to, integer(from));
  else if (isa<arith::ExtUIOp, arith::IndexCastUIOp>(op))
    setInteger(to, toUnsigned(from.getType(), integer(from)));
  else if (isa<arith::SIToFPOp>(op))
    setReal(to, static_cast<double>(integer(from)));
  else if (isa<arith::UIToFPOp>(op))
    setReal(to, static_cast<double>(toUnsigned(from.getType(), integer(from))));
  else if (isa<arith::FPToSIOp>(op))
    setInteger(to, static_cast<int64_t>(value(from).real));
  else if (isa<arith::BitcastOp>(op) && isa<FloatType>(from.getType()))
    setInteger(to, toBits(from.getType(), value(from).real));
  else if (isa<arith::BitcastOp>(op))
    value(to).real = fromBits(to.getType(), integer(from));
  else if (getFunctionName(op) == "fptosi.sat.i32")
    setInteger(to, saturate(value(from).real));
  else
    return false;
  return true;
}

} // namespace transmamba::test
