//===- Ptxas.cpp - Running ptxas ------------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Ptxas.h"
#include "PtxModule.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace transmamba {

std::string findPtxas(const NvptxOptions &options) {
  if (options.ptxas == "none")
    return {};
  if (!options.ptxas.empty())
    return options.ptxas;
  if (auto path = llvm::sys::findProgramByName("ptxas"))
    return *path;
  SmallVector<std::string> folders = {"/usr/local/cuda/bin"};
  if (auto home = llvm::sys::Process::GetEnv("CUDA_HOME")) {
    SmallString<128> bin(*home);
    llvm::sys::path::append(bin, "bin");
    folders.insert(folders.begin(), std::string(bin));
  }
  SmallVector<StringRef> paths(folders.begin(), folders.end());
  if (auto path = llvm::sys::findProgramByName("ptxas", paths))
    return *path;
  return {};
}

/// The number before `unit` in a line such as
/// "Used 16 registers, used 1 barriers, 1024 bytes smem"; 0 if it is not there.
static int64_t getCountBefore(StringRef line, StringRef unit) {
  size_t at = line.find(unit);
  if (at == StringRef::npos)
    return 0;
  StringRef before = line.take_front(at).rtrim();
  int64_t count = 0;
  StringRef digits = before.substr(before.find_last_not_of("0123456789") + 1);
  return digits.getAsInteger(10, count) ? 0 : count;
}

SmallVector<StringRef>
parsePtxasReport(StringRef report, MutableArrayRef<KernelResources> kernels) {
  SmallVector<StringRef> warnings, lines;
  report.split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  KernelResources *current = nullptr;
  for (StringRef line : lines) {
    // "Compiling entry function 'k' for 'sm_90a'"
    if (line.contains("Compiling entry function")) {
      StringRef name = line.split('\'').second.split('\'').first;
      auto *it = llvm::find_if(
          kernels, [&](const KernelResources &k) { return k.name == name; });
      current = it == kernels.end() ? nullptr : it;
    } else if (current && line.contains("bytes spill stores")) {
      current->spillBytes = getCountBefore(line, " bytes spill stores") +
                            getCountBefore(line, " bytes spill loads");
    } else if (current && line.contains(" registers")) {
      current->registers = getCountBefore(line, " registers");
      current->sharedBytes = getCountBefore(line, " bytes smem");
    } else if (line.contains("warning") || line.contains("(C75")) {
      // C75xx: "Potential Performance Loss", printed as information.
      warnings.push_back(line.trim());
    }
  }
  return warnings;
}

/// A file for ptxas, removed when it goes out of scope.
namespace {
class TemporaryFile {
public:
  TemporaryFile(StringRef suffix) {
    error = llvm::sys::fs::createTemporaryFile("transmamba", suffix, path);
  }
  ~TemporaryFile() {
    if (!error)
      llvm::sys::fs::remove(path);
  }
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;

  SmallString<128> path;
  std::error_code error;
};
} // namespace

static std::string readText(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

namespace {
/// What one run of ptxas gives.
struct PtxasResult {
  std::string report;
  SmallVector<char> cubin;
};
} // namespace

static FailureOr<PtxasResult> runPtxas(Location loc, StringRef path,
                                       const NvptxOptions &options,
                                       StringRef text) {
  TemporaryFile ptx("ptx"), cubin("cubin"), log("log");
  for (const TemporaryFile *file : {&ptx, &cubin, &log})
    if (file->error)
      return emitError(loc) << "cannot make a temporary file for ptxas: "
                            << file->error.message();
  {
    std::error_code error;
    llvm::raw_fd_ostream out(ptx.path, error);
    out << text;
    out.close();
    if (error || out.has_error()) {
      out.clear_error();
      return emitError(loc) << "cannot write " << ptx.path << " for ptxas";
    }
  }

  std::string arch = "-arch=" + options.chip;
  std::string level = "-O" + std::to_string(options.optLevel);
  SmallVector<StringRef> arguments = {path,     "-v", arch,      level,
                                      ptx.path, "-o", cubin.path};
  std::optional<StringRef> redirects[] = {StringRef(""), log.path.str(),
                                          log.path.str()};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(path, arguments, /*Env=*/std::nullopt,
                                         redirects, /*SecondsToWait=*/0,
                                         /*MemoryLimit=*/0, &message);
  PtxasResult result;
  result.report = readText(log.path);
  if (status != 0) {
    InFlightDiagnostic error = emitError(loc)
                               << "ptxas failed for " << options.chip;
    error.attachNote() << llvm::join_items(' ', path, arch) << ": "
                       << (message.empty() ? result.report : message);
    return error;
  }
  auto code = llvm::MemoryBuffer::getFile(cubin.path, /*IsText=*/false);
  if (!code || (*code)->getBufferSize() == 0)
    return emitError(loc) << path << " reported success but wrote no cubin";
  result.cubin.assign((*code)->getBufferStart(), (*code)->getBufferEnd());
  return result;
}

/// Gives the kernels of `module` that spill more registers, at the price of
/// fewer resident blocks, until they spill no more or have all there are.
/// Returns whether any has changed.
static FailureOr<bool> avoidSpills(Location loc, StringRef path,
                                   const NvptxOptions &options,
                                   ArrayRef<KernelResources> kernels,
                                   PtxModule &module) {
  std::vector<KernelResources> spilling(kernels);
  for (bool changed = false;; changed = true) {
    llvm::erase_if(spilling, [&](const KernelResources &kernel) {
      return kernel.spillBytes <= 0 || !module.lowerResidentBlocks(kernel.name);
    });
    if (spilling.empty())
      return changed;
    std::string trial = module.getText([&](StringRef name) {
      return llvm::any_of(spilling, [&](const KernelResources &kernel) {
        return kernel.name == name;
      });
    });
    FailureOr<PtxasResult> result = runPtxas(loc, path, options, trial);
    if (failed(result))
      return failure();
    parsePtxasReport(result->report, spilling);
  }
}

LogicalResult assemblePtx(gpu::GPUModuleOp module, StringRef path,
                          const NvptxOptions &options, GpuBinary &binary) {
  Location loc = module.getLoc();
  FailureOr<PtxasResult> result = runPtxas(loc, path, options, binary.ptx);
  if (failed(result))
    return failure();
  std::vector<KernelResources> kernels = binary.kernels;
  parsePtxasReport(result->report, kernels);
  PtxModule text(binary.ptx);
  FailureOr<bool> changed = avoidSpills(loc, path, options, kernels, text);
  if (failed(changed))
    return failure();
  if (*changed) {
    binary.ptx = text.getText();
    result = runPtxas(loc, path, options, binary.ptx);
    if (failed(result))
      return failure();
  }
  for (StringRef warning : parsePtxasReport(result->report, binary.kernels))
    emitWarning(loc) << "ptxas: " << warning;
  binary.cubin = std::move(result->cubin);
  return success();
}

} // namespace transmamba
