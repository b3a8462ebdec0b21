//===- Executor.cpp - Run lowered modules on the host ---------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Executor.h"
#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Transforms/Passes.h"
#include "transmamba/Conversion/TransMambaToLinalg/TransMambaToLinalg.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/TargetSelect.h"
#include <cmath>
#include <cstring>
#include <set>

using namespace mlir;
using namespace testing_linalg;

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

static size_t widthOf(Element element) {
  return element == Element::BF16 ? 2 : 4;
}

Tensor::Tensor(std::vector<int64_t> shape, Element element, double value)
    : sizes(std::move(shape)), count(1), type(element) {
  for (int64_t size : sizes)
    count *= size;
  bytes.resize(count * widthOf(type));
  for (int64_t index = 0; index < count; ++index)
    put(index, value);
}

int64_t Tensor::offset(std::initializer_list<int64_t> indices) const {
  int64_t result = 0, dim = 0;
  for (int64_t index : indices)
    result = result * sizes[dim++] + index;
  return result;
}

double Tensor::at(int64_t index) const {
  const char *place = bytes.data() + index * widthOf(type);
  if (type == Element::I32) {
    int32_t value;
    std::memcpy(&value, place, 4);
    return value;
  }
  uint32_t bits = 0;
  if (type == Element::BF16)
    std::memcpy(reinterpret_cast<char *>(&bits) + 2, place, 2);
  else
    std::memcpy(&bits, place, 4);
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

void Tensor::put(int64_t index, double value) {
  char *place = bytes.data() + index * widthOf(type);
  if (type == Element::I32) {
    int32_t integer = static_cast<int32_t>(value);
    std::memcpy(place, &integer, 4);
    return;
  }
  llvm::APFloat number(static_cast<float>(value));
  bool lost;
  if (type == Element::BF16)
    number.convert(llvm::APFloat::BFloat(), llvm::APFloat::rmNearestTiesToEven,
                   &lost);
  uint32_t bits = number.bitcastToAPInt().getZExtValue();
  std::memcpy(place, &bits, widthOf(type));
}

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

struct Program::Impl {
  MLIRContext context;
  std::unique_ptr<ExecutionEngine> engine;
  std::string lowered;
  /// Ranks of the results of each function.
  std::map<std::string, std::vector<std::pair<int64_t, Element>>> results;
};

[[noreturn]] static void fail(const std::string &message) {
  llvm::errs() << "cannot compile the program under test: " << message << "\n";
  std::abort();
}

/// get_parameter of a table -> its values, as the package would have them.
static void inlineTables(ModuleOp module) {
  SmallVector<transmamba::GetParameterOp> reads;
  module.walk([&](transmamba::GetParameterOp op) { reads.push_back(op); });
  for (transmamba::GetParameterOp read : reads) {
    auto parameter =
        SymbolTable::lookupNearestSymbolFrom<transmamba::ParameterOp>(
            read, read.getNameAttr());
    auto type = cast<RankedTensorType>(read.getType());
    double theta = parameter.getTable()->getTheta().getValueAsDouble();
    int64_t half = type.getDimSize(1);
    std::vector<float> values;
    for (int64_t row = 0; row < type.getDimSize(0); ++row)
      for (int64_t pair = 0; pair < half; ++pair) {
        double angle =
            row * std::pow(theta, -2.0 * pair / static_cast<double>(2 * half));
        values.push_back(parameter.getTable()->getSine() ? std::sin(angle)
                                                         : std::cos(angle));
      }
    OpBuilder builder(read);
    Value constant = arith::ConstantOp::create(
        builder, read.getLoc(),
        DenseElementsAttr::get(type, llvm::ArrayRef<float>(values)));
    read.replaceAllUsesWith(constant);
    read.erase();
  }
  for (auto parameter :
       llvm::make_early_inc_range(module.getOps<transmamba::ParameterOp>()))
    parameter.erase();
}

/// Scratch lives as long as the block that it is made in.
static void freeScratch(ModuleOp module) {
  module.walk([](memref::AllocOp op) {
    if (!op->getParentOfType<scf::ForallOp>())
      return;
    OpBuilder builder(op->getBlock()->getTerminator());
    memref::DeallocOp::create(builder, op.getLoc(), op);
  });
}

/// memref.copy -> linalg.copy: loops instead of a library function.
static void expandCopies(ModuleOp module) {
  SmallVector<memref::CopyOp> copies;
  module.walk([&](memref::CopyOp copy) { copies.push_back(copy); });
  for (memref::CopyOp copy : copies) {
    OpBuilder builder(copy);
    linalg::CopyOp::create(builder, copy.getLoc(), copy.getSource(),
                           copy.getTarget());
    copy.erase();
  }
}

static void runPasses(ModuleOp module,
                      llvm::function_ref<void(PassManager &)> populate) {
  PassManager pm(module.getContext());
  populate(pm);
  if (failed(pm.run(module)))
    fail("a pass failed");
}

Program::Program(const std::string &source, Blocks blocks)
    : impl(std::make_unique<Impl>()) {
  static bool initialized = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)initialized;
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerAllToLLVMIRTranslations(registry);
  registry.insert<transmamba::TransMambaDialect>();
  impl->context.appendDialectRegistry(registry);
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(source, &impl->context);
  if (!module)
    fail("it does not parse");

  runPasses(*module, [&](PassManager &pm) {
    transmamba::ConvertTransMambaToLinalgOptions options;
    options.queryBlock = blocks.queryBlock;
    options.keyBlock = blocks.keyBlock;
    options.keySegment = blocks.keySegment;
    options.chunk = blocks.chunk;
    options.valueBlock = blocks.valueBlock;
    options.tokenBlock = blocks.tokenBlock;
    options.channelBlock = blocks.channelBlock;
    options.convChannelBlock = blocks.channelBlock;
    transmamba::populateLinalgPipeline(pm, options);
  });
  llvm::raw_string_ostream(impl->lowered) << *module;
  inlineTables(*module);
  for (auto function : module->getOps<func::FuncOp>()) {
    function->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(),
                      UnitAttr::get(&impl->context));
    auto &results = impl->results[function.getName().str()];
    for (Type type : function.getResultTypes()) {
      auto tensor = cast<RankedTensorType>(type);
      results.emplace_back(tensor.getRank(), tensor.getElementType().isBF16()
                                                 ? Element::BF16
                                                 : Element::F32);
    }
  }
  runPasses(*module, [](PassManager &pm) {
    pm.addPass(bufferization::createEmptyTensorEliminationPass());
    bufferization::OneShotBufferizePassOptions options;
    options.bufferizeFunctionBoundaries = true;
    options.functionBoundaryTypeConversion =
        bufferization::LayoutMapOption::IdentityLayoutMap;
    pm.addPass(bufferization::createOneShotBufferizePass(options));
    pm.addPass(createCanonicalizerPass());
  });
  freeScratch(*module);
  // A loop runs here; how much it has to do is for others.
  module->walk([](transmamba::WorkOp op) { op.erase(); });
  expandCopies(*module);
  runPasses(*module, [](PassManager &pm) {
    pm.addNestedPass<func::FuncOp>(createForallToForLoopPass());
    pm.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
    arith::ArithExpandOpsPassOptions expand;
    expand.includeBf16 = true;
    pm.addPass(arith::createArithExpandOpsPass(expand));
    pm.addPass(memref::createExpandStridedMetadataPass());
    pm.addPass(createLowerAffinePass());
    pm.addPass(createSCFToControlFlowPass());
    pm.addPass(createConvertMathToLLVMPass());
    pm.addPass(createConvertMathToLibmPass());
    pm.addPass(createConvertToLLVMPass());
    pm.addPass(createReconcileUnrealizedCastsPass());
  });

  ExecutionEngineOptions options;
  // Kept: the option refers to it.
  auto transformer = makeOptimizingTransformer(/*optLevel=*/1,
                                               /*sizeLevel=*/0,
                                               /*targetMachine=*/nullptr);
  options.transformer = transformer;
  options.jitCodeGenOptLevel = llvm::CodeGenOptLevel::Less;
  auto engine = ExecutionEngine::create(*module, options);
  if (!engine)
    fail(llvm::toString(engine.takeError()));
  impl->engine = std::move(*engine);
}

Program::~Program() = default;

const std::string &Program::lowered() const { return impl->lowered; }

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

// A memref descriptor of rank r is 3 + 2 r words: allocated and aligned
// pointer, offset, sizes, strides.
static std::vector<int64_t> describe(Tensor &tensor) {
  int64_t rank = tensor.shape().size();
  std::vector<int64_t> words(3 + 2 * rank);
  words[0] = words[1] = reinterpret_cast<int64_t>(tensor.data());
  int64_t stride = 1;
  for (int64_t dim = rank - 1; dim >= 0; --dim) {
    words[3 + dim] = tensor.dim(dim);
    words[3 + rank + dim] = stride;
    stride *= tensor.dim(dim);
  }
  return words;
}

std::vector<Tensor> Program::call(const std::string &function,
                                  std::vector<Tensor *> arguments,
                                  std::vector<int> *aliases) {
  const auto &results = impl->results.at(function);
  size_t words = 0;
  for (auto [rank, element] : results)
    words += 3 + 2 * rank;
  std::vector<int64_t> returned(words);
  int64_t *returnedData = returned.data();

  std::vector<std::vector<int64_t>> descriptors;
  for (Tensor *argument : arguments)
    descriptors.push_back(describe(*argument));
  std::vector<int64_t *> pointers;
  for (std::vector<int64_t> &descriptor : descriptors)
    pointers.push_back(descriptor.data());
  llvm::SmallVector<void *> packed = {&returnedData};
  for (int64_t *&pointer : pointers)
    packed.push_back(&pointer);
  if (llvm::Error error =
          impl->engine->invokePacked("_mlir_ciface_" + function, packed))
    fail(llvm::toString(std::move(error)));

  std::vector<Tensor> tensors;
  std::set<void *> owned;
  const int64_t *word = returned.data();
  for (auto [rank, element] : results) {
    void *allocated = reinterpret_cast<void *>(word[0]);
    Tensor tensor(std::vector<int64_t>(word + 3, word + 3 + rank), element);
    std::memcpy(tensor.data(),
                reinterpret_cast<const char *>(word[1]) +
                    word[2] * widthOf(element),
                tensor.byteSize());
    int alias = -1;
    for (size_t index = 0; index < arguments.size(); ++index)
      if (reinterpret_cast<void *>(word[1]) == arguments[index]->data())
        alias = index;
    if (aliases)
      aliases->push_back(alias);
    if (alias < 0)
      owned.insert(allocated);
    tensors.push_back(std::move(tensor));
    word += 3 + 2 * rank;
  }
  for (void *memory : owned)
    std::free(memory);
  return tensors;
}
