//===- TileKernel.cpp - Run tile kernels on the host ----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TileKernel.h"

#include "Tile/IR/TileOps.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/TargetSelect.h"
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

using namespace mlir;
using namespace testing_tile;

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

static uint32_t getBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

static float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

float testing_tile::roundToBF16(float value) {
  if (std::isnan(value))
    return fromBits(0x7FC00000);
  uint32_t bits = getBits(value);
  return fromBits((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
}

Buffer::Buffer(std::vector<int64_t> sizes, Element element, double value)
    : shape(std::move(sizes)), element(element) {
  for (int64_t size : shape)
    count *= size;
  bytes.resize((count + 2 * kMargin) * width());
  for (int64_t i = 0; i < count + 2 * kMargin; ++i)
    put(i, NAN);
  for (int64_t i = 0; i < count; ++i)
    put(kMargin + i, value);
}

Buffer::Buffer(std::vector<int64_t> sizes, Element element,
               const Function &value)
    : Buffer(std::move(sizes), element) {
  forEach([&](const std::vector<int64_t> &at) { set(at, value(at)); });
}

int64_t Buffer::offset(const std::vector<int64_t> &indices) const {
  int64_t result = 0;
  for (size_t dim = 0; dim < shape.size(); ++dim)
    result = result * shape[dim] + indices[dim];
  return kMargin + result;
}

void Buffer::put(int64_t position, double value) {
  if (element == Element::I32) {
    // A margin has no NaN to hold.
    int32_t integer = std::isnan(value) ? INT32_MIN : int32_t(value);
    std::memcpy(&bytes[4 * position], &integer, 4);
    return;
  }
  float number = static_cast<float>(value);
  if (element == Element::F32) {
    std::memcpy(&bytes[4 * position], &number, 4);
    return;
  }
  uint16_t half = getBits(roundToBF16(number)) >> 16;
  std::memcpy(&bytes[2 * position], &half, 2);
}

double Buffer::take(int64_t position) const {
  if (element == Element::I32) {
    int32_t integer;
    std::memcpy(&integer, &bytes[4 * position], 4);
    return integer == INT32_MIN ? NAN : integer;
  }
  if (element == Element::F32) {
    float number;
    std::memcpy(&number, &bytes[4 * position], 4);
    return number;
  }
  uint16_t half;
  std::memcpy(&half, &bytes[2 * position], 2);
  return fromBits(uint32_t(half) << 16);
}

double Buffer::at(const std::vector<int64_t> &indices) const {
  return take(offset(indices));
}

void Buffer::set(const std::vector<int64_t> &indices, double value) {
  put(offset(indices), value);
}

void Buffer::forEach(
    const std::function<void(const std::vector<int64_t> &)> &body) const {
  std::vector<int64_t> at(shape.size());
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i;
    for (size_t dim = shape.size(); dim-- > 0;) {
      at[dim] = rest % shape[dim];
      rest /= shape[dim];
    }
    body(at);
  }
}

bool Buffer::marginsAreWhole() const {
  for (int64_t i = 0; i < kMargin; ++i)
    if (!std::isnan(take(i)) || !std::isnan(take(kMargin + count + i)))
      return false;
  return true;
}

// Allocated and aligned pointer, offset, sizes, strides.
std::vector<int64_t> Buffer::describe() {
  size_t rank = shape.size();
  std::vector<int64_t> words(3 + 2 * rank);
  words[0] = words[1] =
      reinterpret_cast<int64_t>(bytes.data() + kMargin * width());
  int64_t stride = 1;
  for (size_t dim = rank; dim-- > 0;) {
    words[3 + dim] = shape[dim];
    words[3 + rank + dim] = stride;
    stride *= shape[dim];
  }
  return words;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

std::string KernelText::str() const {
  std::string text = "tile.kernel @f(" + arguments + ") {\n";
  for (int value : {0, 1, 2, 8, 16, 64})
    text += "%c" + std::to_string(value) + " = arith.constant " +
            std::to_string(value) + " : index\n";
  text += "%zero = arith.constant 0.0 : f32\n" + shared;
  if (!producer.empty())
    text += "tile.producer registers 24 {\n" + producer + "}\n";
  return text + "tile.consumers %warpgroup in " + std::to_string(warpgroups) +
         " registers 128 {\n" + consumers + "}\n}\n";
}

std::string testing_tile::readTest(const std::string &path) {
  std::ifstream file(TRANSMAMBA_SOURCE_DIR "/test/" + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

struct TileKernel::Impl {
  MLIRContext context;
  std::unique_ptr<ExecutionEngine> engine;
  std::string name;
};

[[noreturn]] static void fail(const std::string &message) {
  llvm::errs() << "cannot compile the kernel under test: " << message << "\n";
  std::abort();
}

static void runPasses(ModuleOp module,
                      llvm::function_ref<void(PassManager &)> populate) {
  PassManager pm(module.getContext());
  populate(pm);
  if (failed(pm.run(module)))
    fail("a pass failed");
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

static void lowerToLLVM(ModuleOp module) {
  runPasses(module, [](PassManager &pm) {
    pm.addPass(transmamba::createConvertTileToLinalg());
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
    bufferization::OneShotBufferizePassOptions options;
    options.allowReturnAllocsFromLoops = true;
    pm.addPass(bufferization::createOneShotBufferizePass(options));
    pm.addPass(createCanonicalizerPass());
    bufferization::buildBufferDeallocationPipeline(
        pm, bufferization::BufferDeallocationPipelineOptions());
  });
  expandCopies(module);
  runPasses(module, [](PassManager &pm) {
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
}

TileKernel::TileKernel(const std::string &source, const std::string &name)
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
  registry.insert<transmamba::tile::TileDialect>();
  impl->context.appendDialectRegistry(registry);
  impl->name = "_mlir_ciface_" + name;
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(source, &impl->context);
  if (!module)
    fail("it does not parse");
  module->walk([&](transmamba::tile::KernelOp kernel) {
    kernel->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(),
                    UnitAttr::get(&impl->context));
  });
  lowerToLLVM(*module);

  ExecutionEngineOptions options;
  // Kept: the option refers to it.
  auto transformer = makeOptimizingTransformer(/*optLevel=*/2,
                                               /*sizeLevel=*/0,
                                               /*targetMachine=*/nullptr);
  options.transformer = transformer;
  auto engine = ExecutionEngine::create(*module, options);
  if (!engine)
    fail(llvm::toString(engine.takeError()));
  impl->engine = std::move(*engine);
}

TileKernel::~TileKernel() = default;

int32_t TileKernel::run(const std::vector<Argument> &arguments,
                        Grid grid) const {
  std::vector<std::vector<int64_t>> descriptors;
  for (const Argument &argument : arguments)
    if (auto *buffer = std::get_if<Buffer *>(&argument))
      descriptors.push_back((*buffer)->describe());
  int32_t faults = 0;
  int64_t address = reinterpret_cast<int64_t>(&faults);
  descriptors.push_back({address, address, 0});
  std::vector<int64_t *> pointers;
  for (std::vector<int64_t> &descriptor : descriptors)
    pointers.push_back(descriptor.data());

  std::vector<Argument> scalars = arguments;
  std::vector<int64_t> place{0, 0, 0, grid.x, grid.y, grid.z};
  SmallVector<void *> packed;
  size_t next = 0;
  for (Argument &argument : scalars) {
    if (std::holds_alternative<Buffer *>(argument))
      packed.push_back(&pointers[next++]);
    else if (auto *index = std::get_if<int64_t>(&argument))
      packed.push_back(index);
    else
      packed.push_back(&std::get<float>(argument));
  }
  for (int64_t &index : place)
    packed.push_back(&index);
  packed.push_back(&pointers[next]);

  for (place[2] = 0; place[2] < grid.z; ++place[2])
    for (place[1] = 0; place[1] < grid.y; ++place[1])
      for (place[0] = 0; place[0] < grid.x; ++place[0])
        if (llvm::Error error = impl->engine->invokePacked(impl->name, packed))
          fail(llvm::toString(std::move(error)));
  return faults;
}
