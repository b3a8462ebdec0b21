//===- SharedObject.cpp - CPU kernels to a shared object --------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Linker.h"

#include "transmamba/Conversion/KernelToVector/KernelToVector.h"
#include "transmamba/Target/Host/Host.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/Threading.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

#include <mutex>

using namespace mlir;
using namespace transmamba;

//===----------------------------------------------------------------------===//
// Kernels of a module
//===----------------------------------------------------------------------===//

/// A new module with `roots` and all symbols of `module` that they use.
static OwningOpRef<ModuleOp> extract(ModuleOp module,
                                     ArrayRef<Operation *> roots) {
  OwningOpRef<ModuleOp> result = ModuleOp::create(module.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(result->getBody());
  SymbolTableCollection tables;
  llvm::SetVector<Operation *> worklist(llvm::from_range, roots);
  // Grows while it is walked: what the roots use, and what that uses.
  for (size_t next = 0; next < worklist.size(); ++next) {
    Operation *op = worklist[next];
    if (std::optional<SymbolTable::UseRange> uses =
            SymbolTable::getSymbolUses(op))
      for (SymbolTable::SymbolUse use : *uses)
        if (Operation *symbol =
                tables.lookupNearestSymbolFrom(module, use.getSymbolRef()))
          worklist.insert(symbol);
  }
  for (Operation &op : *module.getBody())
    if (worklist.contains(&op))
      builder.clone(op);
  return result;
}

static SmallVector<Operation *> getKernels(ModuleOp module) {
  SmallVector<Operation *> kernels;
  for (Operation &op : *module.getBody())
    if (op.hasAttr(kKernelAttrName))
      kernels.push_back(&op);
  return kernels;
}

OwningOpRef<ModuleOp> transmamba::extractKernels(ModuleOp module) {
  return extract(module, getKernels(module));
}

/// A module for each kernel of a module of the llvm dialect, to be compiled
/// apart: what a kernel uses is its own copy, seen by nobody else.
static SmallVector<OwningOpRef<ModuleOp>> splitKernels(ModuleOp module) {
  SmallVector<OwningOpRef<ModuleOp>> parts;
  for (Operation *kernel : getKernels(module)) {
    OwningOpRef<ModuleOp> part = extract(module, kernel);
    for (Operation &op : *part->getBody()) {
      if (SymbolTable::getSymbolName(&op) == SymbolTable::getSymbolName(kernel))
        continue;
      if (auto function = dyn_cast<LLVM::LLVMFuncOp>(op)) {
        if (!function.isExternal())
          function.setLinkage(LLVM::Linkage::Internal);
      } else if (auto global = dyn_cast<LLVM::GlobalOp>(op)) {
        global.setLinkage(LLVM::Linkage::Internal);
      }
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

//===----------------------------------------------------------------------===//
// Code generation
//===----------------------------------------------------------------------===//

static void initializeX86() {
  static std::once_flag flag;
  std::call_once(flag, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const HostTargetOptions &options) {
  initializeX86();
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError("this LLVM makes no x86-64 code: " + error);
  llvm::TargetOptions targetOptions;
  // Contraction is decided where the multiply-adds are made.
  targetOptions.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  targetOptions.FunctionSections = true;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, getLLVMCpuName(options.level), getLLVMFeatures(options.level),
      targetOptions, llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}

/// The attributes by which functions are compiled for a processor.
static void setFunctionAttributes(llvm::Module &module,
                                  const HostTargetOptions &options,
                                  const llvm::TargetMachine &machine) {
  std::string width = std::to_string(getCpuFeatures(options.level).vectorBits);
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    if (!machine.getTargetFeatureString().empty())
      function.addFnAttr("target-features", machine.getTargetFeatureString());
    // Without these LLVM splits 512-bit vectors, for processors that lower
    // their clock for them.
    function.addFnAttr("prefer-vector-width", width);
    function.addFnAttr("min-legal-vector-width", width);
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine,
                     unsigned optLevel) {
  const llvm::OptimizationLevel levels[] = {
      llvm::OptimizationLevel::O0, llvm::OptimizationLevel::O1,
      llvm::OptimizationLevel::O2, llvm::OptimizationLevel::O3};
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  llvm::ModulePassManager pipeline =
      optLevel == 0
          ? builder.buildO0DefaultPipeline(llvm::OptimizationLevel::O0)
          : builder.buildPerModuleDefaultPipeline(
                levels[std::min(optLevel, 3u)]);
  pipeline.run(module, modules);
}

static llvm::Error emitObject(llvm::Module &module,
                              const HostTargetOptions &options,
                              llvm::SmallVectorImpl<char> &object) {
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> machine =
      createTargetMachine(options);
  if (!machine)
    return machine.takeError();
  module.setTargetTriple((*machine)->getTargetTriple());
  module.setDataLayout((*machine)->createDataLayout());
  setFunctionAttributes(module, options, **machine);
  optimize(module, **machine, options.optLevel);
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager codegen;
  if ((*machine)->addPassesToEmitFile(codegen, stream, nullptr,
                                      llvm::CodeGenFileType::ObjectFile))
    return llvm::createStringError("this LLVM writes no x86-64 object files");
  codegen.run(module);
  return llvm::Error::success();
}

/// Compiles a module to an object file. Runs beside others of its kind: all of
/// LLVM's state is its own.
static llvm::Error compileModule(ModuleOp module,
                                 const HostTargetOptions &options,
                                 llvm::SmallVectorImpl<char> &object) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated =
      translateModuleToLLVMIR(module, context, "kernels");
  if (!translated)
    return llvm::createStringError("cannot be translated to LLVM IR");
  if (llvm::Error error = emitObject(*translated, options, object))
    return error;
  StringRef bytes(object.data(), object.size());
  return checkUndefinedSymbols(llvm::MemoryBufferRef(bytes, "kernels.o"));
}

LogicalResult
transmamba::emitSharedObject(ModuleOp module, const HostTargetOptions &options,
                             llvm::SmallVectorImpl<char> &object) {
  for (Operation &op : *module.getBody())
    if (!isa<LLVM::LLVMDialect>(op.getDialect()))
      return op.emitOpError("is not of the llvm dialect: it has not been "
                            "through the phase llvm");
  MLIRContext *context = module.getContext();
  registerBuiltinDialectTranslation(*context);
  registerLLVMDialectTranslation(*context);
  initializeX86();

  // A kernel an object file: what is linked is the same for any number of
  // threads.
  SmallVector<OwningOpRef<ModuleOp>> parts = splitKernels(module);
  std::vector<SmallVector<char, 0>> objects(parts.size());
  auto compile = [&](size_t i) -> LogicalResult {
    if (llvm::Error error = compileModule(*parts[i], options, objects[i]))
      return parts[i]->emitError(llvm::toString(std::move(error)));
    return success();
  };
  if (failed(failableParallelForEachN(context, 0, parts.size(), compile)))
    return failure();
  SmallVector<StringRef> files;
  for (const SmallVector<char, 0> &bytes : objects)
    files.emplace_back(bytes.data(), bytes.size());
  if (llvm::Error error = linkSharedObject(files, options.linker, object))
    return module.emitError(llvm::toString(std::move(error)));
  return success();
}

LogicalResult
transmamba::compileKernelsToSharedObject(ModuleOp kernels,
                                         const HostTargetOptions &options,
                                         llvm::SmallVectorImpl<char> &object) {
  OwningOpRef<ModuleOp> module = extractKernels(kernels);
  if (module->getBody()->empty())
    return kernels.emitError("has no kernel to compile");
  PassManager pm(module->getContext());
  populateCpuPipeline(pm, CpuOptions{options.level});
  populateLlvmPipeline(pm, CpuOptions{options.level});
  if (failed(pm.run(*module)))
    return failure();
  return emitSharedObject(*module, options, object);
}
