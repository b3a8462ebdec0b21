//===- TileToNVVM.cpp - The pass, and what tile values are in a thread ----===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/TileToNVVM/TileToNVVM.h"

#include "Patterns.h"
#include "Tile/Transforms/ShortForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "transmamba/Conversion/KernelToGPU/KernelToGPU.h"

using namespace mlir;

namespace transmamba {

#define GEN_PASS_DEF_CONVERTTILETONVVM
#include "transmamba/Conversion/TileToNVVM/Passes.h.inc"

namespace tile {

/// What a thread holds of a value:
///   index                          i32
///   memref                         its address, and its dynamic sizes as i64
///   ring                           the address of its tiles; cursors: the next
///                                  tile, the phase of its barriers, and the
///                                  oldest tile that is held
///   tickets                        how many; the address of the control
///                                  buffer, and that in shared memory
///   smem                           its address
///   frag, pending (M x N)          M/64 * N/2 numbers
///   operand fragment (M x K)       M/64 * K/4 pairs of halves
///   rows (M), columns (N), vec (L) M/32, N/4 and L/32 numbers
static void addTileConversions(TypeConverter &converter) {
  converter.addConversion([](Type type) { return type; });
  converter.addConversion([](IndexType type) -> Type {
    return IntegerType::get(type.getContext(), 32);
  });
  converter.addConversion(
      [](MemRefType type, SmallVectorImpl<Type> &types) -> LogicalResult {
        types.push_back(LLVM::LLVMPointerType::get(type.getContext(), 1));
        types.append(type.getNumDynamicDims(),
                     IntegerType::get(type.getContext(), 64));
        return success();
      });
  converter.addConversion(
      [](RingType type, SmallVectorImpl<Type> &types) -> LogicalResult {
        types.push_back(IntegerType::get(type.getContext(), 32));
        types.append(3, LLVM::LLVMPointerType::get(type.getContext()));
        return success();
      });
  converter.addConversion([](TicketsType type,
                             SmallVectorImpl<Type> &types) -> LogicalResult {
    Type i32 = IntegerType::get(type.getContext(), 32);
    types.append({i32, LLVM::LLVMPointerType::get(type.getContext(), 1), i32});
    return success();
  });
  converter.addConversion([](SharedType type) -> Type {
    return IntegerType::get(type.getContext(), 32);
  });
  // An index that a launch hands over.
  converter.addTargetMaterialization([](OpBuilder &builder, IntegerType type,
                                        ValueRange inputs,
                                        Location loc) -> Value {
    if (type.getWidth() != 32 || inputs.size() != 1 ||
        !inputs.front().getType().isInteger(64))
      return Value();
    return arith::TruncIOp::create(builder, loc, type, inputs.front());
  });
  auto append = [](MLIRContext *context, int64_t count, bool pairs,
                   SmallVectorImpl<Type> &types) {
    Type type = pairs ? Type(IntegerType::get(context, 32))
                      : Type(Float32Type::get(context));
    types.append(count, type);
    return success();
  };
  converter.addConversion(
      [=](FragmentType type, SmallVectorImpl<Type> &types) -> LogicalResult {
        int64_t perThread = type.getRows() * type.getColumns() / 128;
        return append(type.getContext(),
                      type.getOperand() ? perThread / 2 : perThread,
                      type.getOperand(), types);
      });
  converter.addConversion(
      [=](PendingType type, SmallVectorImpl<Type> &types) -> LogicalResult {
        return append(type.getContext(),
                      type.getRows() * type.getColumns() / 128, false, types);
      });
  converter.addConversion(
      [=](RowsType type, SmallVectorImpl<Type> &types) -> LogicalResult {
        return append(type.getContext(), type.getSize() / 32, false, types);
      });
  converter.addConversion(
      [=](ColumnsType type, SmallVectorImpl<Type> &types) -> LogicalResult {
        return append(type.getContext(), type.getSize() / 4, false, types);
      });
  converter.addConversion(
      [=](VecType type, SmallVectorImpl<Type> &types) -> LogicalResult {
        return append(type.getContext(), type.getSize() / 32, false, types);
      });
}

// tile.consumers %w { tile.work_loop %item { ... %w ... } } ->
//   tile.work_loop %item { %v = %w + (%item >> 31); ... %v ... }
// as Emitter::hideInItem does.
static void hideRole(KernelOp kernel) {
  Value warpgroup = kernel.getConsumers().getWarpgroup();
  kernel.getConsumers().walk([&](WorkLoopOp loop) {
    OpBuilder builder = OpBuilder::atBlockBegin(&loop.getBody().front());
    Value bits = arith::ConstantIndexOp::create(builder, loop.getLoc(), 31);
    Value none =
        arith::ShRUIOp::create(builder, loop.getLoc(), loop.getItem(), bits);
    auto hidden =
        arith::AddIOp::create(builder, loop.getLoc(), warpgroup, none);
    warpgroup.replaceUsesWithIf(hidden, [&](OpOperand &use) {
      return use.getOwner() != hidden && loop->isAncestor(use.getOwner());
    });
  });
}

namespace {

class ConvertTileToNVVMPass final
    : public transmamba::impl::ConvertTileToNVVMBase<ConvertTileToNVVMPass> {
public:
  using ConvertTileToNVVMBase::ConvertTileToNVVMBase;

  void runOnOperation() override {
    gpu::GPUModuleOp module = getOperation();
    FailureOr<const Target *> found = getTarget(module, chip);
    if (failed(found))
      return signalPassFailure();
    const Target *machine = *found;
    KernelPlan plan(*machine);
    // Nothing else of the module: indices of a gpu.func stay indices.
    SmallVector<Operation *> kernels;
    for (auto kernel : module.getOps<KernelOp>()) {
      expandShortForms(kernel);
      hideRole(kernel);
      if (failed(planKernel(kernel, plan)))
        return signalPassFailure();
      kernels.push_back(kernel);
    }

    MLIRContext *context = &getContext();
    TypeConverter converter;
    addTileConversions(converter);
    RewritePatternSet patterns(context);
    populateStructurePatterns(converter, plan, patterns);
    populateScalarPatterns(converter, plan, patterns);
    populateRingPatterns(converter, plan, patterns);
    populateTicketPatterns(converter, plan, patterns);
    populateArithmeticPatterns(converter, plan, patterns);
    populateMemoryPatterns(converter, plan, patterns);
    if (machine->hasTensorMaps)
      populateBulkCopyPatterns(converter, plan, patterns);
    else
      populatePieceCopyPatterns(converter, plan, patterns);
    if (machine->multipliesTiles)
      populateWgmmaPatterns(converter, plan, patterns);
    else
      populateMmaSyncPatterns(converter, plan, patterns);

    ConversionTarget target(*context);
    target.addIllegalDialect<TileDialect>();
    target.addLegalDialect<LLVM::LLVMDialect, NVVM::NVVMDialect>();
    // What a map holds goes with it.
    target.markUnknownOpDynamicallyLegal([&](Operation *op) {
      return op->getParentOfType<MapOp>() || isa<gpu::GPUModuleOp>(op) ||
             (converter.isLegal(op) &&
              llvm::all_of(op->getRegions(), [&](Region &region) {
                return converter.isLegal(&region);
              }));
    });
    scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                         target);
    target.addIllegalOp<memref::DimOp, memref::LoadOp, memref::StoreOp>();
    // Upstream looks at results only; here bounds change their type as well.
    target.addDynamicallyLegalOp<scf::ForOp>([&](scf::ForOp loop) {
      return converter.isLegal(loop) && converter.isLegal(&loop.getRegion());
    });
    if (failed(applyPartialConversion(kernels, target, std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace tile

FailureOr<TileKernelInterface> describeTileKernel(tile::KernelOp kernel) {
  FailureOr<const tile::Target *> target = tile::getTarget(kernel);
  if (failed(target))
    return failure();
  tile::KernelPlan plan(**target);
  if (failed(tile::planKernel(kernel, plan)))
    return failure();
  return TileKernelInterface{
      tile::describeParameters(kernel.getContext(), plan.parameters[kernel]),
      kernel.getThreads(), plan.sharedBytes[kernel]};
}

} // namespace transmamba
