//===- OutlineKernels.cpp - Workgroup loops become kernels ----------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/RegionUtils.h"
#include "transmamba/Analysis/Work.h"
#include "transmamba/Conversion/LinalgToDispatch/LinalgToDispatch.h"
#include "llvm/ADT/StringMap.h"

namespace transmamba {
#define GEN_PASS_DEF_OUTLINEKERNELS
#include "transmamba/Conversion/LinalgToDispatch/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// Copies become loops
//===----------------------------------------------------------------------===//

// memref.copy %a, %b
//   -> scf.forall (%i, %j) in (%size0, %size1) { memref.copy %a[%i, %j], %b[%i,
//   %j] }
static void loopOverCopy(memref::CopyOp copy, RewriterBase &rewriter) {
  rewriter.setInsertionPoint(copy);
  Location loc = copy.getLoc();
  auto type = cast<MemRefType>(copy.getTarget().getType());
  int64_t rank = type.getRank();
  int64_t numLoops = rank <= 1 ? 0 : rank == 2 ? 1 : 2;
  SmallVector<OpFoldResult> sizes =
      memref::getMixedSizes(rewriter, loc, copy.getTarget());
  SmallVector<OpFoldResult> bounds(sizes.begin(), sizes.begin() + numLoops);
  if (bounds.empty())
    bounds.push_back(rewriter.getIndexAttr(1));
  WorkBuilder work(rewriter, loc);
  Value flop = arith::ConstantIndexOp::create(rewriter, loc, 0);
  Value bytes = work.toValue(work.mul(work.countBytes(copy.getTarget()), 2));
  auto loop = scf::ForallOp::create(
      rewriter, loc, bounds, ValueRange{}, std::nullopt,
      [&](OpBuilder &builder, Location loc, ValueRange ivs) {
        WorkOp::create(builder, loc, flop, bytes);
        SmallVector<OpFoldResult> offsets(rank, builder.getIndexAttr(0));
        SmallVector<OpFoldResult> strides(rank, builder.getIndexAttr(1));
        SmallVector<OpFoldResult> tile = sizes;
        for (int64_t dim = 0; dim < numLoops; ++dim) {
          offsets[dim] = ivs[dim];
          tile[dim] = builder.getIndexAttr(1);
        }
        auto slice = [&](Value buffer) -> Value {
          if (rank == 0)
            return buffer;
          return memref::SubViewOp::create(builder, loc, buffer, offsets, tile,
                                           strides);
        };
        Value source = slice(copy.getSource());
        memref::CopyOp::create(builder, loc, source, slice(copy.getTarget()));
        scf::InParallelOp::create(builder, loc);
      });
  loop->setAttr(TransMambaDialect::kKernelNameAttr,
                rewriter.getStringAttr("copy"));
  rewriter.eraseOp(copy);
}

//===----------------------------------------------------------------------===//
// One kernel
//===----------------------------------------------------------------------===//

namespace {
/// Builds the kernel of one workgroup loop: what the body captures is either
/// made anew inside (views, constants) or becomes an argument.
class KernelBuilder {
public:
  KernelBuilder(scf::ForallOp loop, OpBuilder &host)
      : loop(loop), host(host), builder(loop.getContext()) {}

  /// The kernel, not yet in a symbol table, or nothing after an error.
  func::FuncOp build();

  /// What the dispatch passes, in the order of the kernel's arguments.
  ArrayRef<Value> getOperands() const { return operands; }
  /// The number of workgroups.
  Value getGridSize() const { return gridSize; }

private:
  FailureOr<Value> materialize(Value value);
  FailureOr<Value> materializeBuffer(Value buffer, Value whole);
  Value passPointer(Value buffer);
  Value passIndex(Value value);
  void computeGrid();
  LogicalResult boundScratch();

  scf::ForallOp loop;
  OpBuilder &host;
  OpBuilder builder;
  func::FuncOp kernel;
  IRMapping mapping;
  SmallVector<Value> operands;
  DenseMap<Value, Value> indexArguments, pointerArguments;
  /// Iterations of each loop dimension, on the host.
  SmallVector<OpFoldResult> counts;
  Value gridSize;
};
} // namespace

/// Passes a host index to the kernel, once.
Value KernelBuilder::passIndex(Value value) {
  Value &argument = indexArguments[value];
  if (!argument) {
    operands.push_back(value);
    Block &entry = kernel.getBody().front();
    argument = entry.addArgument(value.getType(), loop.getLoc());
  }
  return argument;
}

/// The strides of a row-major buffer of the given sizes.
static SmallVector<OpFoldResult> denseStrides(OpBuilder &builder, Location loc,
                                              ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> strides(sizes.size());
  OpFoldResult stride = builder.getIndexAttr(1);
  AffineExpr a, b;
  bindSymbols(builder.getContext(), a, b);
  for (int64_t dim = sizes.size() - 1; dim >= 0; --dim) {
    strides[dim] = stride;
    stride = affine::makeComposedFoldedAffineApply(builder, loc, a * b,
                                                   {stride, sizes[dim]});
  }
  return strides;
}

/// The whole buffer that `value` shows, possibly in another shape; nothing if
/// it is a part of one.
static Value wholeBuffer(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<memref::ExpandShapeOp, memref::CollapseShapeOp>(op) ||
        !cast<MemRefType>(value.getType()).getLayout().isIdentity())
      break;
    value = op->getOperand(0);
  }
  if (isa<BlockArgument>(value) || value.getDefiningOp<memref::AllocOp>())
    return value;
  return {};
}

/// The pointer to a whole buffer, passed once.
Value KernelBuilder::passPointer(Value buffer) {
  Value &argument = pointerArguments[buffer];
  if (!argument) {
    operands.push_back(buffer);
    argument = kernel.getBody().front().addArgument(
        MemRefType::get({},
                        cast<MemRefType>(buffer.getType()).getElementType()),
        loop.getLoc());
  }
  return argument;
}

/// A whole buffer in some shape: its pointer and that shape's dynamic sizes.
/// The shape is given directly, not as a chain of reshapes: upstream cannot
/// take apart a reshape with two dynamic sizes in a group.
FailureOr<Value> KernelBuilder::materializeBuffer(Value buffer, Value whole) {
  Location loc = loop.getLoc();
  auto type = cast<MemRefType>(buffer.getType());
  if (!type.getLayout().isIdentity() ||
      !cast<MemRefType>(whole.getType()).getLayout().isIdentity()) {
    loop.emitError("captures a buffer without identity layout: ") << type;
    return failure();
  }
  Value pointer = passPointer(whole);
  if (type.getRank() == 0)
    return pointer;
  SmallVector<OpFoldResult> sizes;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!type.isDynamicDim(dim)) {
      sizes.push_back(builder.getIndexAttr(type.getDimSize(dim)));
      continue;
    }
    Value size;
    if (auto alloc = buffer.getDefiningOp<memref::AllocOp>())
      size = alloc.getDynamicSizes()[type.getDynamicDimIndex(dim)];
    else
      size = host.createOrFold<memref::DimOp>(loc, buffer, dim);
    sizes.push_back(passIndex(size));
  }
  Value view = memref::ReinterpretCastOp::create(
      builder, loc, type, pointer, builder.getIndexAttr(0), sizes,
      denseStrides(builder, loc, sizes));
  return view;
}

/// The kernel's version of a value of the host.
FailureOr<Value> KernelBuilder::materialize(Value value) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  if (isa<MemRefType>(value.getType()))
    if (Value whole = wholeBuffer(value)) {
      FailureOr<Value> view = materializeBuffer(value, whole);
      if (succeeded(view))
        mapping.map(value, *view);
      return view;
    }
  Operation *op = value.getDefiningOp();
  bool isView =
      op && isa<ViewLikeOpInterface>(op) && isa<MemRefType>(value.getType());
  if (op && (op->hasTrait<OpTrait::ConstantLike>() || isView)) {
    for (Value operand : op->getOperands())
      if (failed(materialize(operand)))
        return failure();
    builder.clone(*op, mapping);
    return mapping.lookup(value);
  }
  if (!value.getType().isIndex()) {
    loop.emitError("captures a value that a launch plan cannot hold: ")
        << value;
    return failure();
  }
  Value argument = passIndex(value);
  mapping.map(value, argument);
  return argument;
}

/// The iterations of each dimension, `ceildiv(upper - lower, step)`, and their
/// product.
void KernelBuilder::computeGrid() {
  Location loc = loop.getLoc();
  AffineExpr lower, upper, step;
  bindSymbols(builder.getContext(), lower, upper, step);
  AffineExpr count = (upper - lower).ceilDiv(step);
  OpFoldResult size = host.getIndexAttr(1);
  for (auto [l, u, s] :
       llvm::zip(loop.getMixedLowerBound(), loop.getMixedUpperBound(),
                 loop.getMixedStep())) {
    counts.push_back(
        affine::makeComposedFoldedAffineApply(host, loc, count, {l, u, s}));
    size = affine::makeComposedFoldedAffineApply(host, loc, lower * upper,
                                                 {size, counts.back()});
  }
  gridSize = getValueOrCreateConstantIndexOp(host, loc, size);
}

func::FuncOp KernelBuilder::build() {
  Location loc = loop.getLoc();
  Type index = builder.getIndexType();
  computeGrid();
  kernel = func::FuncOp::create(
      loc, "kernel", builder.getFunctionType({index, index, index}, {}));
  kernel->setAttr(TransMambaDialect::kKernelAttr, builder.getUnitAttr());
  kernel.setPrivate();
  Block *entry = kernel.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  auto fail = [&] {
    kernel->erase();
    return func::FuncOp();
  };

  // The point of the grid is linear; the last dimension runs fastest.
  auto toKernel = [&](OpFoldResult value) -> FailureOr<OpFoldResult> {
    auto hostValue = dyn_cast<Value>(value);
    if (!hostValue)
      return value;
    FailureOr<Value> result = materialize(hostValue);
    if (failed(result))
      return failure();
    return OpFoldResult(*result);
  };
  // Unsigned: the point is not negative, and a signed division of index
  // arithmetic would ask.
  Value rest = entry->getArgument(0);
  SmallVector<OpFoldResult> points(counts.size());
  for (int64_t dim = counts.size() - 1; dim >= 0; --dim) {
    if (dim == 0) {
      points[0] = rest;
      break;
    }
    FailureOr<OpFoldResult> count = toKernel(counts[dim]);
    if (failed(count))
      return fail();
    Value size = getValueOrCreateConstantIndexOp(builder, loc, *count);
    points[dim] = builder.createOrFold<arith::RemUIOp>(loc, rest, size);
    rest = builder.createOrFold<arith::DivUIOp>(loc, rest, size);
  }
  AffineExpr a, b, c;
  bindSymbols(builder.getContext(), a, b, c);
  for (auto [iv, point, lower, step] :
       llvm::zip(loop.getInductionVars(), points, loop.getMixedLowerBound(),
                 loop.getMixedStep())) {
    FailureOr<OpFoldResult> kernelLower = toKernel(lower);
    FailureOr<OpFoldResult> kernelStep = toKernel(step);
    if (failed(kernelLower) || failed(kernelStep))
      return fail();
    OpFoldResult value = affine::makeComposedFoldedAffineApply(
        builder, loc, a * b + c, {point, *kernelStep, *kernelLower});
    mapping.map(iv, getValueOrCreateConstantIndexOp(builder, loc, value));
  }

  SetVector<Value> captured;
  getUsedValuesDefinedAbove(loop.getRegion(), captured);
  for (Value value : captured)
    if (failed(materialize(value)))
      return fail();
  for (Operation &op : loop.getBody()->without_terminator())
    builder.clone(op, mapping);
  func::ReturnOp::create(builder, loc);
  kernel.setFunctionType(
      builder.getFunctionType(entry->getArgumentTypes(), {}));
  if (failed(boundScratch()))
    return fail();
  return kernel;
}

// memref.alloc(%n) : memref<?x64xf32>, %n <= 32
//   -> memref.alloca() : memref<32x64xf32> at the start of the kernel, and a
//   view of %n rows
LogicalResult KernelBuilder::boundScratch() {
  SmallVector<memref::AllocOp> allocs;
  kernel.walk([&](memref::AllocOp op) { allocs.push_back(op); });
  IRRewriter rewriter(builder.getContext());
  for (memref::AllocOp alloc : allocs) {
    MemRefType type = alloc.getType();
    SmallVector<int64_t> shape(type.getShape());
    unsigned next = 0;
    for (int64_t &size : shape) {
      if (!ShapedType::isDynamic(size))
        continue;
      Value dynamicSize = alloc.getDynamicSizes()[next++];
      FailureOr<int64_t> bound = ValueBoundsConstraintSet::computeConstantBound(
          presburger::BoundType::UB, {dynamicSize}, /*stopCondition=*/nullptr,
          /*closedUB=*/true);
      if (failed(bound))
        return alloc.emitError("scratch memory of a workgroup has no constant "
                               "bound");
      size = std::max<int64_t>(*bound, 1);
    }
    rewriter.setInsertionPointToStart(&kernel.getBody().front());
    auto bounded = MemRefType::get(shape, type.getElementType());
    Value scratch = memref::AllocaOp::create(rewriter, alloc.getLoc(), bounded,
                                             rewriter.getI64IntegerAttr(64));
    if (bounded != type) {
      rewriter.setInsertionPoint(alloc);
      SmallVector<OpFoldResult> sizes = alloc.getMixedSizes();
      scratch = memref::ReinterpretCastOp::create(
          rewriter, alloc.getLoc(), type, scratch, rewriter.getIndexAttr(0),
          sizes, denseStrides(rewriter, alloc.getLoc(), sizes));
    }
    rewriter.replaceOp(alloc, scratch);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// The text of a kernel but for its name: what makes two kernels the same.
static std::string kernelText(func::FuncOp kernel) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  kernel->print(stream, OpPrintingFlags().useLocalScope());
  return text;
}

namespace {
struct OutlineKernelsPass
    : public transmamba::impl::OutlineKernelsBase<OutlineKernelsPass> {
  void runOnOperation() override {
    for (auto function :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (function->hasAttr(TransMambaDialect::kEntryAttr) &&
          failed(outlineEntry(function)))
        return signalPassFailure();
  }

  LogicalResult outlineEntry(func::FuncOp entry);
  FailureOr<StringAttr> addKernel(func::FuncOp kernel, StringRef name);

  /// Kernels by text.
  llvm::StringMap<StringAttr> kernels;
  /// How many kernels have a name.
  llvm::StringMap<unsigned> names;
};
} // namespace

/// Gives the kernel a name and a place in the module, unless there is already
/// one that does the same.
FailureOr<StringAttr> OutlineKernelsPass::addKernel(func::FuncOp kernel,
                                                    StringRef name) {
  // affine.apply and affine.min -> arith; the host keeps its affine form.
  RewritePatternSet patterns(&getContext());
  populateAffineToStdConversionPatterns(patterns);
  if (failed(applyPatternsGreedily(kernel, std::move(patterns))))
    return failure();
  auto [it, inserted] = kernels.try_emplace(kernelText(kernel));
  if (!inserted) {
    kernel->erase();
    return it->second;
  }
  std::string unique = (name + "_" + Twine(names[name]++)).str();
  kernel.setName(unique);
  it->second = StringAttr::get(&getContext(), unique);
  getOperation().push_back(kernel);
  ++numKernels;
  return it->second;
}

LogicalResult OutlineKernelsPass::outlineEntry(func::FuncOp entry) {
  IRRewriter rewriter(&getContext());
  SmallVector<memref::CopyOp> copies(entry.getBody().getOps<memref::CopyOp>());
  for (memref::CopyOp copy : copies)
    loopOverCopy(copy, rewriter);

  for (Operation &op : llvm::make_early_inc_range(entry.getBody().getOps())) {
    auto loop = dyn_cast<scf::ForallOp>(op);
    if (!loop) {
      if (isa<linalg::LinalgOp, memref::StoreOp, scf::ForOp, scf::IfOp>(op))
        return op.emitError("work that is not in a workgroup loop");
      continue;
    }
    auto nameAttr =
        loop->getAttrOfType<StringAttr>(TransMambaDialect::kKernelNameAttr);
    Value flop, bytes;
    for (WorkOp work :
         llvm::make_early_inc_range(loop.getBody()->getOps<WorkOp>())) {
      flop = work.getFlop();
      bytes = work.getBytes();
      rewriter.eraseOp(work);
    }
    rewriter.setInsertionPoint(loop);
    KernelBuilder kernelBuilder(loop, rewriter);
    func::FuncOp kernel = kernelBuilder.build();
    if (!kernel)
      return failure();
    FailureOr<StringAttr> name =
        addKernel(kernel, nameAttr ? nameAttr.getValue() : "kernel");
    if (failed(name))
      return failure();
    Value one = arith::ConstantIndexOp::create(rewriter, loop.getLoc(), 1);
    DispatchOp::create(rewriter, loop.getLoc(), FlatSymbolRefAttr::get(*name),
                       kernelBuilder.getGridSize(), one, one, flop, bytes,
                       kernelBuilder.getOperands());
    rewriter.eraseOp(loop);
    ++numDispatches;
  }
  return success();
}
