//===- KernelHarness.cpp - Compile and run kernels --------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "KernelHarness.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/raw_ostream.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace transmamba;
using namespace transmamba::test;

static void loadDialects(MLIRContext &context) {
  context.loadDialect<affine::AffineDialect, arith::ArithDialect,
                      func::FuncDialect, linalg::LinalgDialect,
                      math::MathDialect, memref::MemRefDialect, scf::SCFDialect,
                      vector::VectorDialect>();
}

/// Compiles `text`; diagnostics go to `errors`.
static LogicalResult compileText(
    const std::string &text, const HostTargetOptions &options,
    SmallVectorImpl<char> &object, std::string &errors,
    MLIRContext::Threading threading = MLIRContext::Threading::DISABLED) {
  MLIRContext context(threading);
  loadDialects(context);
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      errors += diagnostic.str() + "\n";
    return success();
  });
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (!module)
    return failure();
  return compileKernelsToSharedObject(*module, options, object);
}

std::string test::compileBytes(const std::string &text, bool threads) {
  SmallVector<char, 0> object;
  std::string errors;
  if (failed(compileText(text, HostTargetOptions(), object, errors,
                         threads ? MLIRContext::Threading::ENABLED
                                 : MLIRContext::Threading::DISABLED)))
    ADD_FAILURE() << errors << text;
  return std::string(object.begin(), object.end());
}

std::unique_ptr<Kernels> Kernels::compile(const std::string &text,
                                          CpuLevel level) {
  HostTargetOptions options;
  options.level = level;
  SmallVector<char, 0> object;
  std::string errors;
  if (failed(compileText(text, options, object, errors))) {
    ADD_FAILURE() << errors << text;
    return nullptr;
  }
  SmallString<128> path;
  if (llvm::sys::fs::createTemporaryFile("transmamba-test", "so", path)) {
    ADD_FAILURE() << "no temporary file";
    return nullptr;
  }
  llvm::FileRemover remover(path);
  {
    std::error_code error;
    llvm::raw_fd_ostream stream(path, error);
    stream.write(object.data(), object.size());
  }
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    ADD_FAILURE() << dlerror();
    return nullptr;
  }
  return std::unique_ptr<Kernels>(new Kernels(handle));
}

Kernels::~Kernels() { dlclose(handle); }

void Kernels::run(const std::string &name, const std::vector<uint64_t> &args,
                  int64_t x, int64_t y, int64_t z) const {
  using Entry = void (*)(const uint64_t *, int64_t, int64_t, int64_t);
  auto entry = reinterpret_cast<Entry>(dlsym(handle, name.c_str()));
  ASSERT_NE(entry, nullptr) << name;
  entry(args.data(), x, y, z);
}

std::string test::compileError(const std::string &text,
                               const HostTargetOptions &options) {
  SmallVector<char, 0> object;
  std::string errors;
  if (succeeded(compileText(text, options, object, errors)))
    return "";
  return errors.empty() ? "failed without an error" : errors;
}

std::vector<CpuLevel> test::levelsToTest() {
  std::vector<CpuLevel> levels;
  for (CpuLevel level : {CpuLevel::V2, CpuLevel::V3, CpuLevel::V4})
    if (isSupportedByThisMachine(level))
      levels.push_back(level);
  return levels;
}

GuardedMemory::GuardedMemory(size_t bytes) {
  size_t page = sysconf(_SC_PAGESIZE);
  size_t body = (bytes + page - 1) / page * page;
  length = body + 2 * page;
  mapping = static_cast<char *>(mmap(nullptr, length, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (mapping == MAP_FAILED)
    std::abort();
  mprotect(mapping, page, PROT_NONE);
  mprotect(mapping + page + body, page, PROT_NONE);
  begin = mapping + page + body - bytes;
}

GuardedMemory::~GuardedMemory() { munmap(mapping, length); }

std::string test::substitute(
    std::string text,
    const std::vector<std::pair<std::string, std::string>> &values) {
  for (const auto &[name, value] : values) {
    std::string pattern = "{" + name + "}";
    for (size_t at = text.find(pattern); at != std::string::npos;
         at = text.find(pattern, at + value.size()))
      text.replace(at, pattern.size(), value);
  }
  return text;
}

std::string test::levelTestName(const testing::TestParamInfo<CpuLevel> &info) {
  std::string name = getCpuLevelName(info.param).str();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
