//===- KernelToGPU.cpp - Kernels to GPU functions -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/KernelToGPU/KernelToGPU.h"

#include "Barriers.h"
#include "Distribution.h"
#include "KernelCheck.h"
#include "RowChain.h"
#include "SharedMemory.h"
#include "ThreadMapping.h"

#include "TransMamba/IR/TransMambaOps.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace transmamba {

#define GEN_PASS_DEF_KERNELTOGPU
#include "transmamba/Conversion/KernelToGPU/Passes.h.inc"

/// Bounds of the block size that is chosen for a kernel. With 256 threads a
/// thread may have 255 registers without limiting the block.
static constexpr int64_t kMinChosenBlockSize = 64;
static constexpr int64_t kMaxChosenBlockSize = 256;

LaunchRequirements getLaunchRequirements(gpu::GPUFuncOp kernel) {
  LaunchRequirements requirements;
  if (auto size = kernel.getKnownBlockSize())
    requirements.blockSize = size->front();
  if (auto bytes =
          kernel->getAttrOfType<IntegerAttr>(kDynamicSharedMemoryAttrName))
    requirements.dynamicSharedBytes = bytes.getInt();
  return requirements;
}

/// memref.copy and named linalg ops -> linalg.generic
static LogicalResult generalizeOps(gpu::GPUFuncOp kernel,
                                   RewriterBase &rewriter) {
  SmallVector<memref::CopyOp> copies;
  kernel.walk([&](memref::CopyOp copy) { copies.push_back(copy); });
  for (memref::CopyOp copy : copies) {
    rewriter.setInsertionPoint(copy);
    linalg::makeMemRefCopyOp(rewriter, copy.getLoc(), copy.getSource(),
                             copy.getTarget());
    rewriter.eraseOp(copy);
  }
  SmallVector<linalg::LinalgOp> named;
  kernel.walk([&](linalg::LinalgOp op) {
    if (!isa<linalg::GenericOp>(op))
      named.push_back(op);
  });
  for (linalg::LinalgOp op : named) {
    rewriter.setInsertionPoint(op);
    if (failed(linalg::generalizeNamedOp(rewriter, op)))
      return op->emitOpError("has no linalg.generic form");
  }
  return success();
}

/// The ops that are in a chain.
static DenseSet<Operation *> getMembers(ArrayRef<RowChain> chains) {
  DenseSet<Operation *> members;
  for (const RowChain &chain : chains)
    members.insert(chain.ops.begin(), chain.ops.end());
  return members;
}

/// The warps that keep the widest op of the kernel busy.
static int64_t chooseBlockSize(gpu::GPUFuncOp kernel,
                               ArrayRef<RowChain> chains) {
  int64_t useful = kMinChosenBlockSize;
  DenseSet<Operation *> members = getMembers(chains);
  kernel.walk([&](linalg::GenericOp op) {
    if (!members.contains(op))
      useful = std::max(useful, getUsefulThreads(op, kMaxChosenBlockSize));
  });
  for (const RowChain &chain : chains)
    useful = std::max(useful, chain.maxRows ? *chain.maxRows * chain.lanes
                                            : kMaxChosenBlockSize);
  return std::min<int64_t>(llvm::alignTo(useful, kWarpSize),
                           kMaxChosenBlockSize);
}

/// func.func @k(%x, %y, %z: index, args...) {transmamba.kernel}
///   -> gpu.func @k(args...) kernel, with gpu.block_id for the coordinates.
static gpu::GPUFuncOp outlineKernel(func::FuncOp kernel,
                                    gpu::GPUModuleOp module,
                                    RewriterBase &rewriter) {
  rewriter.setInsertionPointToEnd(module.getBody());
  auto type = rewriter.getFunctionType(kernel.getArgumentTypes().drop_front(3),
                                       TypeRange());
  auto gpuFunc =
      gpu::GPUFuncOp::create(rewriter, kernel.getLoc(), kernel.getName(), type);
  gpuFunc->setAttr(gpu::GPUDialect::getKernelFuncAttrName(),
                   rewriter.getUnitAttr());
  for (unsigned i = 0; i < type.getNumInputs(); ++i)
    gpuFunc.setArgAttrs(
        i, mlir::function_interface_impl::getArgAttrs(kernel, i + 3));

  Block &body = gpuFunc.getBody().front();
  rewriter.setInsertionPointToStart(&body);
  SmallVector<Value> arguments;
  for (gpu::Dimension dim :
       {gpu::Dimension::x, gpu::Dimension::y, gpu::Dimension::z})
    arguments.push_back(gpu::BlockIdOp::create(rewriter, kernel.getLoc(), dim));
  llvm::append_range(arguments, body.getArguments());
  Operation *terminator = kernel.getBody().front().getTerminator();
  rewriter.setInsertionPoint(terminator);
  rewriter.replaceOpWithNewOp<gpu::ReturnOp>(terminator);
  rewriter.inlineBlockBefore(&kernel.getBody().front(), &body, body.end(),
                             arguments);
  rewriter.eraseOp(kernel);
  return gpuFunc;
}

/// The uniform ops of a kernel -> what one thread does.
static void distributeOps(gpu::GPUFuncOp kernel, int64_t blockSize,
                          ArrayRef<RowChain> chains, RewriterBase &rewriter) {
  SmallVector<linalg::GenericOp> generics;
  SmallVector<memref::StoreOp> stores;
  DenseSet<Operation *> members = getMembers(chains);
  kernel.walk([&](linalg::GenericOp op) {
    if (!members.contains(op))
      generics.push_back(op);
  });
  kernel.walk([&](memref::StoreOp op) { stores.push_back(op); });
  if (generics.empty() && stores.empty() && chains.empty())
    return;
  rewriter.setInsertionPointToStart(&kernel.getBody().front());
  Value id =
      gpu::ThreadIdOp::create(rewriter, kernel.getLoc(), gpu::Dimension::x);
  ThreadPosition thread = {id, blockSize};
  for (memref::StoreOp store : stores)
    distributeStore(rewriter, store, thread);
  for (linalg::GenericOp generic : generics)
    distributeGeneric(rewriter, generic, thread);
  for (const RowChain &chain : chains)
    distributeRows(rewriter, chain, thread);
}

/// transmamba.dispatch @k grid(%x, %y, %z) args(%buffer, %size)
///   -> gpu.launch_func @kernels::@k blocks in (%x, %y, %z)
///      threads in (%n, 1, 1) dynamic_shared_memory_size %s args(...),
/// each buffer as a rank-0 memref.
static LogicalResult launchKernel(DispatchOp dispatch, gpu::GPUFuncOp kernel,
                                  RewriterBase &rewriter) {
  Location loc = dispatch.getLoc();
  rewriter.setInsertionPoint(dispatch);
  SmallVector<Value> arguments;
  for (Value argument : dispatch.getArguments()) {
    if (auto type = dyn_cast<MemRefType>(argument.getType());
        type && type.getRank() != 0) {
      if (!type.getLayout().isIdentity())
        return dispatch.emitOpError()
               << "passes a buffer of type " << type
               << "; only whole buffers have one pointer";
      argument = memref::ReinterpretCastOp::create(
          rewriter, loc, MemRefType::get({}, type.getElementType()), argument,
          /*offset=*/0, ArrayRef<int64_t>(), ArrayRef<int64_t>());
    }
    arguments.push_back(argument);
  }
  LaunchRequirements requirements = getLaunchRequirements(kernel);
  Value one = arith::ConstantIndexOp::create(rewriter, loc, 1);
  Value threads =
      arith::ConstantIndexOp::create(rewriter, loc, requirements.blockSize);
  Value shared;
  if (requirements.dynamicSharedBytes)
    shared = arith::ConstantIntOp::create(
        rewriter, loc, requirements.dynamicSharedBytes, /*width=*/32);
  gpu::LaunchFuncOp::create(
      rewriter, loc, kernel,
      gpu::KernelDim3{dispatch.getGridX(), dispatch.getGridY(),
                      dispatch.getGridZ()},
      gpu::KernelDim3{threads, one, one}, shared, arguments);
  rewriter.eraseOp(dispatch);
  return success();
}

namespace {

class KernelToGPUPass final : public impl::KernelToGPUBase<KernelToGPUPass> {
public:
  using KernelToGPUBase::KernelToGPUBase;

  void runOnOperation() override {
    if (blockSize != 0 && (!llvm::isPowerOf2_64(blockSize) ||
                           blockSize < kWarpSize || blockSize > 1024)) {
      emitError(getOperation().getLoc())
          << "block-size=" << blockSize.getValue()
          << " is not a power of two from 32 to 1024";
      return signalPassFailure();
    }
    if (failed(convertKernels()) || failed(convertDispatches()))
      signalPassFailure();
  }

private:
  LogicalResult convertKernels();
  LogicalResult convertKernel(gpu::GPUFuncOp kernel, RewriterBase &rewriter);
  void countMappings(gpu::GPUFuncOp kernel, int64_t threads,
                     ArrayRef<RowChain> chains);
  LogicalResult convertDispatches();
};

} // namespace

LogicalResult KernelToGPUPass::convertKernels() {
  ModuleOp module = getOperation();
  SmallVector<func::FuncOp> kernels;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr(TransMambaDialect::kKernelAttr))
      kernels.push_back(function);
  if (kernels.empty())
    return success();
  for (func::FuncOp kernel : kernels)
    if (failed(checkKernel(kernel)))
      return failure();
  if (Operation *taken = module.lookupSymbol(kKernelModuleName))
    return taken->emitError() << "the name @" << kKernelModuleName
                              << " is kept for the GPU kernels";

  IRRewriter rewriter(module.getContext());
  rewriter.setInsertionPointToEnd(module.getBody());
  auto gpuModule =
      gpu::GPUModuleOp::create(rewriter, module.getLoc(), kKernelModuleName);
  module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                  rewriter.getUnitAttr());
  for (func::FuncOp kernel : kernels)
    if (failed(convertKernel(outlineKernel(kernel, gpuModule, rewriter),
                             rewriter)))
      return failure();
  return success();
}

LogicalResult KernelToGPUPass::convertKernel(gpu::GPUFuncOp kernel,
                                             RewriterBase &rewriter) {
  if (failed(generalizeOps(kernel, rewriter)) ||
      failed(placeScratchInSharedMemory(kernel)))
    return failure();
  SmallVector<RowChain> chains = findRowChains(kernel);
  int64_t threads = blockSize ? blockSize : chooseBlockSize(kernel, chains);
  kernel.setKnownBlockSize(
      ArrayRef<int32_t>{static_cast<int32_t>(threads), 1, 1});
  countMappings(kernel, threads, chains);
  numBarriers += insertBarriers(kernel, threads, chains);
  distributeOps(kernel, threads, chains, rewriter);
  return success();
}

void KernelToGPUPass::countMappings(gpu::GPUFuncOp kernel, int64_t threads,
                                    ArrayRef<RowChain> chains) {
  numRowChains += chains.size();
  DenseSet<Operation *> members = getMembers(chains);
  kernel.walk([&](linalg::GenericOp op) {
    if (members.contains(op))
      return;
    ThreadMapping mapping = planThreadMapping(op, threads);
    numBlocked += mapping.getNumPoints() > 1;
    numCooperative += mapping.lanes > 1;
  });
}

LogicalResult KernelToGPUPass::convertDispatches() {
  ModuleOp module = getOperation();
  auto gpuModule = module.lookupSymbol<gpu::GPUModuleOp>(kKernelModuleName);
  SmallVector<DispatchOp> dispatches;
  module.walk([&](DispatchOp op) { dispatches.push_back(op); });
  IRRewriter rewriter(module.getContext());
  for (DispatchOp dispatch : dispatches) {
    auto kernel =
        gpuModule ? gpuModule.lookupSymbol<gpu::GPUFuncOp>(dispatch.getKernel())
                  : gpu::GPUFuncOp();
    if (!kernel)
      return dispatch.emitOpError()
             << "runs @" << dispatch.getKernel() << ", which is no kernel";
    if (failed(launchKernel(dispatch, kernel, rewriter)))
      return failure();
  }
  return success();
}

} // namespace transmamba
