//===- Pipelines.cpp - The phases cpu and llvm ------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Conversion/KernelToVector/KernelToVector.h"
#include "transmamba/Target/Host/Host.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace transmamba {
#define GEN_PASS_DEF_LOWERCPUKERNELS
#include "transmamba/Target/Host/Passes.h.inc"
} // namespace transmamba

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// Phase cpu
//===----------------------------------------------------------------------===//

static void buildKernelPipeline(OpPassManager &pm, const CpuFeatures &cpu) {
  KernelToVectorOptions vectors;
  vectors.vectorBits = cpu.vectorBits;
  vectors.useFma = cpu.hasFma;
  pm.addPass(createKernelToVector(vectors));
  pm.addPass(createLowerAffinePass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  ExpandMathOptions functions;
  functions.useFma = cpu.hasFma;
  pm.addPass(createExpandMath(functions));
  // LLVM would compute on narrow floats through calls to the compiler's
  // support library. All that is left of them here are conversions.
  arith::ArithEmulateUnsupportedFloatsOptions narrow;
  narrow.sourceTypeStrs = {"bf16", "f16"};
  narrow.targetTypeStr = "f32";
  pm.addPass(arith::createArithEmulateUnsupportedFloats(narrow));
  if (!cpu.hasF16C)
    pm.addPass(createExpandF16());
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  pm.addPass(arith::createArithExpandOpsPass(expand));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

namespace {
class LowerCpuKernelsPass final
    : public transmamba::impl::LowerCpuKernelsBase<LowerCpuKernelsPass> {
public:
  using LowerCpuKernelsBase::LowerCpuKernelsBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    OpPassManager pipeline(func::FuncOp::getOperationName());
    buildKernelPipeline(pipeline, getCpuFeatures(CpuLevel::V2));
    pipeline.getDependentDialects(registry);
  }

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function->hasAttr(kKernelAttrName))
      return;
    std::optional<CpuLevel> level = parseCpuLevel(cpu);
    if (!level) {
      function.emitError("unknown processor level '")
          << cpu << "': choose x86-64-v2, x86-64-v3, x86-64-v4 or native";
      return signalPassFailure();
    }
    OpPassManager pipeline(func::FuncOp::getOperationName());
    buildKernelPipeline(pipeline, getCpuFeatures(*level));
    if (failed(runPipeline(pipeline, function)))
      signalPassFailure();
  }
};
} // namespace

void transmamba::populateCpuPipeline(OpPassManager &pm,
                                     const CpuOptions &options) {
  LowerCpuKernelsOptions lower;
  lower.cpu = getCpuLevelName(options.level).str();
  pm.addNestedPass<func::FuncOp>(createLowerCpuKernels(lower));
}

//===----------------------------------------------------------------------===//
// Phase llvm
//===----------------------------------------------------------------------===//

void transmamba::populateLlvmPipeline(OpPassManager &pm,
                                      const CpuOptions &options) {
  pm.addNestedPass<func::FuncOp>(createHostKernelScratch());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass());
  ConvertFuncToLLVMPassOptions functions;
  functions.useBarePtrCallConv = true;
  pm.addPass(createConvertFuncToLLVMPass(functions));
  pm.addPass(createReconcileUnrealizedCastsPass());
  HostNarrowFloatsOptions floats;
  floats.includeF16 = !getCpuFeatures(options.level).hasF16C;
  pm.addPass(createHostNarrowFloats(floats));
  pm.addPass(createHostKernelABI());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}
