//===- transmamba-compile.cpp - The compiler driver -----------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Diagnostics.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/FileUtilities.h"
#include "transmamba/Import/ImportGraph.h"
#include "transmamba/Import/ModuleFile.h"
#include "transmamba/Pipelines/Advisor.h"
#include "transmamba/Pipelines/Compiler.h"
#include "transmamba/Pipelines/Weights.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

#include <csignal>
#include <cstdlib>

using namespace mlir;
using namespace transmamba;
namespace cl = llvm::cl;

static cl::OptionCategory
    modelCategory("Model options",
                  "What to compile. They override what the graph says.");
static cl::OptionCategory targetCategory("Target options",
                                         "What to make code for.");
static cl::OptionCategory outputCategory("Output options",
                                         "What to write, and how far to go.");

static cl::opt<std::string> inputFile(cl::Positional, cl::Required,
                                      cl::desc("MODEL.json or MODEL.mlir"),
                                      cl::value_desc("model"),
                                      cl::cat(modelCategory));
static cl::opt<std::string>
    weightsOption("weights", cl::value_desc("FILE.safetensors|random:SEED"),
                  cl::desc("Weights; by default those that the graph names"),
                  cl::cat(modelCategory));
static cl::opt<std::string>
    scheduleOption("schedule", cl::value_desc("V1..V9|P,P,..."),
                   cl::desc("TransPoints, cycled over the layers"),
                   cl::cat(modelCategory));
static cl::opt<std::string>
    elementTypeOption("element-type", cl::value_desc("f32|bf16"),
                      cl::desc("Type of weights and activations (JSON only)"),
                      cl::cat(modelCategory));
static cl::opt<int64_t>
    maxBatchOption("max-batch", cl::value_desc("N"),
                   cl::desc("Most sequences that a call may have"),
                   cl::cat(modelCategory));
static cl::opt<int64_t>
    maxSequenceOption("max-sequence", cl::value_desc("N"),
                      cl::desc("Most tokens that a sequence may have"),
                      cl::cat(modelCategory));
static cl::list<std::string> entriesOption(
    "entries", cl::CommaSeparated, cl::value_desc("prefill,decode,forward"),
    cl::desc("Entry points to make (JSON only)"), cl::cat(modelCategory));

static cl::list<std::string> targetOption(
    "target", cl::CommaSeparated, cl::value_desc("TARGET"),
    cl::desc("cpu (default), cpu:LEVEL, nvidia:CHIP; several for one package"),
    cl::cat(targetCategory));
static cl::opt<bool> listTargets("list-targets",
                                 cl::desc("List the targets and exit"),
                                 cl::cat(targetCategory));
static cl::opt<std::string> ptxasOption(
    "ptxas", cl::value_desc("PATH|none"),
    cl::desc("ptxas to make cubins with; by default the one of PATH, "
             "CUDA_HOME or /usr/local/cuda. Without one, packages hold PTX"),
    cl::cat(targetCategory));

static cl::opt<GpuKernels> gpuKernels(
    "gpu-kernels", cl::desc("Kernels of hot operations of 16-bit floats:"),
    cl::init(GpuKernels::Tile),
    cl::values(clEnumValN(GpuKernels::Tile, "tile", "tile kernels (default)"),
               clEnumValN(GpuKernels::Merged, "merged",
                          "the same, one launch of what belongs together"),
               clEnumValN(GpuKernels::Linalg, "linalg",
                          "as all other operations")),
    cl::cat(targetCategory));
static cl::opt<bool> batchInvariant(
    "batch-invariant",
    cl::desc("On a GPU, a row gives the same bits in any batch; few rows may "
             "take longer"),
    cl::cat(targetCategory));

static cl::opt<std::string> outputFile("o", cl::value_desc("FILE"),
                                       cl::desc("The package, or the result "
                                                "of --compile-to (- is "
                                                "standard output)"),
                                       cl::cat(outputCategory));
static cl::opt<std::string>
    compileTo("compile-to", cl::value_desc("PHASE"),
              cl::desc("Stop after a phase and print what it made"),
              cl::cat(outputCategory));
static cl::opt<bool> listPhases("list-phases",
                                cl::desc("List the phases and exit"),
                                cl::cat(outputCategory));
static cl::opt<std::string>
    dumpPhasesTo("dump-phases-to", cl::value_desc("DIR"),
                 cl::desc("Write one file a phase to a directory"),
                 cl::cat(outputCategory));
static cl::list<int64_t> adviseOption(
    "advise-transpoints", cl::CommaSeparated, cl::value_desc("B,T,..."),
    cl::desc("Print what each layer would take with other TransPoints, for a "
             "prefill of B sequences of T tokens (of each T), and stop"),
    cl::cat(outputCategory));
static cl::opt<bool> verbose("verbose", cl::desc("Say more of what is done"),
                             cl::cat(outputCategory));
static cl::opt<bool> quiet("quiet", cl::desc("Print errors and warnings only"),
                           cl::cat(outputCategory));

static unsigned usageErrors = 0;

/// A usage error: what is wrong, and what to do.
static LogicalResult usageError(const Twine &message) {
  ++usageErrors;
  llvm::WithColor::error(llvm::errs(), "transmamba-compile") << message << "\n";
  return failure();
}

/// Something is wrong with a file as a whole.
static LogicalResult fileError(const Twine &path, const Twine &message) {
  ++usageErrors;
  llvm::errs() << path << ": error: " << message << "\n";
  return failure();
}

static void printVersion(llvm::raw_ostream &stream) {
  stream << "transmamba-compile " TRANSMAMBA_VERSION
            " (LLVM " LLVM_VERSION_STRING ")\n";
}

static void printPhases() {
  for (const PhaseInfo &info : getPhases())
    llvm::outs() << llvm::left_justify(info.name, 10) << info.description
                 << "\n";
}

static void printTargets() {
  for (auto [name, description] : getTargets())
    llvm::outs() << llvm::left_justify(name, 16) << description << "\n";
}

//===----------------------------------------------------------------------===//
// Reading the model
//===----------------------------------------------------------------------===//

static bool isJson() { return StringRef(inputFile).ends_with(".json"); }

/// Replaces an attribute of the module by one of the command line.
static LogicalResult overrideModule(ModuleOp module) {
  Builder builder(module.getContext());
  if (!elementTypeOption.empty() || !entriesOption.empty())
    return usageError("--element-type and --entries need a JSON graph: an MLIR "
                      "module has fixed types and functions");
  for (auto [option, name] :
       {std::pair{&maxBatchOption, TransMambaDialect::kMaxBatchAttr},
        std::pair{&maxSequenceOption, TransMambaDialect::kMaxSequenceAttr}})
    if (option->getNumOccurrences())
      module->setAttr(name, builder.getI64IntegerAttr(*option));
  if (scheduleOption.empty())
    return success();
  auto maxSequence =
      module->getAttrOfType<IntegerAttr>(TransMambaDialect::kMaxSequenceAttr);
  std::string error;
  std::optional<SmallVector<int64_t>> points = parseScheduleText(
      scheduleOption, maxSequence ? maxSequence.getInt() : INT32_MAX, error);
  if (!points)
    return usageError("--schedule: " + error);
  module->setAttr(TransMambaDialect::kScheduleAttr,
                  ScheduleAttr::get(module.getContext(), *points));
  return success();
}

static OwningOpRef<ModuleOp> readModel(MLIRContext &context,
                                       llvm::SourceMgr &sources) {
  if (isJson()) {
    ImportOptions options;
    if (!scheduleOption.empty())
      options.schedule = scheduleOption;
    if (!elementTypeOption.empty())
      options.elementType = elementTypeOption;
    if (maxBatchOption.getNumOccurrences())
      options.maxBatch = maxBatchOption;
    if (maxSequenceOption.getNumOccurrences())
      options.maxSequence = maxSequenceOption;
    options.entries.assign(entriesOption.begin(), entriesOption.end());
    return importGraphFile(inputFile, &context, options);
  }
  OwningOpRef<ModuleOp> module = parseModuleFile(inputFile, sources, &context);
  if (!module || failed(overrideModule(*module)))
    return nullptr;
  return module;
}

/// The weights of the command line, or else those that the graph names, which
/// are relative to the graph.
static std::string weightsSpec(ModuleOp module) {
  if (!weightsOption.empty())
    return weightsOption;
  auto attribute = module->getAttrOfType<StringAttr>(kWeightsAttr);
  if (!attribute)
    return "";
  SmallString<128> path(attribute.getValue());
  if (llvm::sys::path::is_relative(path)) {
    path = llvm::sys::path::parent_path(inputFile);
    llvm::sys::path::append(path, attribute.getValue());
  }
  return path.str().str();
}

//===----------------------------------------------------------------------===//
// Writing the result
//===----------------------------------------------------------------------===//

/// The text or code of an early stop, complete or not at all.
static LogicalResult writeResult(const CompiledModel &model) {
  std::string error;
  std::string path = outputFile.empty() ? "-" : outputFile.getValue();
  std::unique_ptr<llvm::ToolOutputFile> file = openOutputFile(path, &error);
  if (!file)
    return usageError(error);
  if (model.binary.empty())
    file->os() << model.text;
  else
    file->os().write(model.binary.data(), model.binary.size());
  file->os().flush();
  if (file->os().has_error()) {
    std::error_code code = file->os().error();
    file->os().clear_error();
    return usageError("cannot write " + path + ": " + code.message());
  }
  file->keep();
  return success();
}

/// The report of --advise-transpoints, complete or not at all.
static LogicalResult writeAdvice(ModuleOp module, const CompileTarget &target) {
  CompiledModel report;
  llvm::raw_string_ostream stream(report.text);
  for (size_t i = 1; i < adviseOption.size(); ++i) {
    FailureOr<Advice> advice =
        adviseTransPoints(module, target, adviseOption[0], adviseOption[i]);
    if (failed(advice))
      return failure();
    stream << (i > 1 ? "\n" : "");
    printAdvice(stream, *advice);
  }
  return writeResult(report);
}

/// Says early what would only be known after all work: that the output cannot
/// be written.
static LogicalResult checkOutput(bool packages) {
  namespace fs = llvm::sys::fs;
  if (outputFile.empty() || outputFile == "-")
    return success();
  fs::file_status status;
  if (!fs::status(outputFile, status) &&
      (fs::is_directory(status) || (packages && !fs::is_regular_file(status))))
    return fileError(outputFile, "cannot be written: it is not a regular file");
  if (fs::equivalent(outputFile, inputFile))
    return fileError(outputFile, "cannot be written: it is the model");
  StringRef directory = llvm::sys::path::parent_path(outputFile);
  if (directory.empty())
    directory = ".";
  if (!fs::exists(directory))
    return fileError(outputFile, "cannot be written: there is no directory '" +
                                     directory + "'");
  if (!fs::is_directory(directory))
    return fileError(outputFile, "cannot be written: '" + directory +
                                     "' is not a directory");
  // A package is written beside its place and then moved there.
  if (!packages && fs::exists(outputFile))
    return success();
  int descriptor;
  SmallString<128> temporary;
  if (std::error_code error = fs::createUniqueFile(outputFile + ".tmp-%%%%%%",
                                                   descriptor, temporary))
    return fileError(outputFile, "cannot be written: " + error.message());
  (void)fs::closeFile(descriptor);
  (void)fs::remove(temporary);
  return success();
}

static LogicalResult checkAdvice() {
  if (!compileTo.empty() || !dumpPhasesTo.empty())
    return usageError("--advise-transpoints compiles nothing: it goes neither "
                      "with --compile-to nor with --dump-phases-to");
  if (adviseOption.size() < 2 ||
      llvm::any_of(adviseOption, [](int64_t size) { return size < 1; }))
    return usageError("--advise-transpoints needs positive numbers, sequences "
                      "and tokens: --advise-transpoints=1,8192");
  if (adviseOption[0] > (1 << 20))
    return usageError("--advise-transpoints: more than 2^20 sequences");
  if (targetOption.size() != 1)
    return usageError("--advise-transpoints needs exactly one --target");
  return success();
}

/// What contradicts itself on the command line, and the options that follow
/// from it.
static LogicalResult readOptions(CompileOptions &options) {
  // An empty value is a variable of a script that was never set.
  for (auto *option : {&weightsOption, &scheduleOption, &elementTypeOption,
                       &ptxasOption, &outputFile, &compileTo, &dumpPhasesTo})
    if (option->getNumOccurrences() && option->empty())
      return usageError("--" + option->ArgStr +
                        " needs a value: " + option->ValueStr);
  if (!compileTo.empty()) {
    std::optional<Phase> phase = parsePhase(compileTo);
    if (!phase)
      return usageError("there is no phase '" + compileTo +
                        "': see --list-phases");
    options.stopAfter = *phase;
  }
  bool advises = adviseOption.getNumOccurrences() > 0;
  if (advises && failed(checkAdvice()))
    return failure();
  bool packages = options.stopAfter == Phase::Package && !advises;
  if (packages && (outputFile.empty() || outputFile == "-"))
    return usageError("a package needs a file: give -o FILE.tmpkg");
  if (quiet && verbose)
    return usageError("--quiet and --verbose contradict each other");
  for (auto *option : {&maxBatchOption, &maxSequenceOption})
    if (option->getNumOccurrences() &&
        (*option < 1 || *option > (int64_t(1) << 31)))
      return usageError("--" + option->ArgStr + " must be between 1 and 2^31");

  std::vector<std::string> names(targetOption.begin(), targetOption.end());
  if (names.empty())
    names.push_back("cpu");
  for (const std::string &name : names) {
    std::optional<CompileTarget> target = parseTarget(name);
    if (!target)
      return usageError("there is no target '" + name +
                        "': see --list-targets");
    for (const CompileTarget &other : options.targets)
      if (other.getName() == target->getName())
        return usageError("target '" + other.getName() + "' is given twice");
    target->gpuKernels = gpuKernels;
    target->batchInvariant = batchInvariant;
    options.targets.push_back(*target);
  }
  bool isOfTarget = options.stopAfter == Phase::Tile ||
                    options.stopAfter == Phase::Merge ||
                    options.stopAfter > Phase::Linalg;
  if (isOfTarget && !packages) {
    if (options.targets.size() != 1)
      return usageError("--compile-to=" + compileTo +
                        " needs exactly one --target");
    if (!hasPhase(options.targets.front(), options.stopAfter))
      return usageError("target '" + options.targets.front().getName() +
                        "' has no phase '" + compileTo + "'");
  }
  if (!ptxasOption.empty() && ptxasOption != "none" &&
      !llvm::sys::fs::can_execute(ptxasOption))
    return fileError(ptxasOption, "is not a program: --ptxas needs the path "
                                  "of ptxas, or none");
  if (failed(checkOutput(packages)))
    return failure();
  if (!dumpPhasesTo.empty()) {
    std::error_code error = llvm::sys::fs::create_directories(dumpPhasesTo);
    if (!error && !llvm::sys::fs::is_directory(dumpPhasesTo))
      error = std::make_error_code(std::errc::not_a_directory);
    if (error)
      return fileError(dumpPhasesTo, "cannot be made: " + error.message());
  }
  options.dumpDirectory = dumpPhasesTo;
  options.ptxas = ptxasOption;
  if (!quiet)
    options.progress = [](StringRef phase, StringRef target, double seconds) {
      llvm::errs() << llvm::left_justify(phase, 10)
                   << llvm::left_justify(target, 18)
                   << llvm::format("%8.3f s\n", seconds);
    };
  return success();
}

static LogicalResult compile(MLIRContext &context, llvm::SourceMgr &sources,
                             const CompileOptions &options) {
  OwningOpRef<ModuleOp> module = readModel(context, sources);
  if (!module)
    return failure();
  if (adviseOption.getNumOccurrences())
    return writeAdvice(*module, options.targets.front());
  // A wrong weights file should be known before minutes of work.
  std::optional<WeightSource> weights;
  std::string spec = weightsSpec(*module);
  if (!spec.empty() && !outputFile.empty() &&
      llvm::sys::fs::equivalent(outputFile, spec))
    return fileError(outputFile, "cannot be written: it holds the weights");
  if (!spec.empty() &&
      (options.stopAfter == Phase::Package || !weightsOption.empty())) {
    auto opened = WeightSource::open(spec);
    if (!opened)
      return emitError(
                 FileLineColLoc::get(&context, opened.error().where(), 0, 0))
             << opened.error().what();
    weights = std::move(*opened);
    for (auto parameter : module->getOps<ParameterOp>())
      if (failed(weights->check(parameter)))
        return failure();
  }
  if (options.stopAfter == Phase::Package && !weights)
    for (auto parameter : module->getOps<ParameterOp>())
      if (parameter.getSource())
        return parameter.emitError("parameter @")
               << parameter.getSymName()
               << " needs weights: give --weights=FILE.safetensors, or "
                  "--weights=random:SEED to try the model without";
  FailureOr<CompiledModel> model = compileModel(*module, options);
  if (failed(model))
    return failure();
  if (options.stopAfter != Phase::Package)
    return writeResult(*model);
  if (failed(
          writeModelPackage(*model, weights ? &*weights : nullptr, outputFile)))
    return failure();
  if (!quiet) {
    uint64_t size = 0;
    (void)llvm::sys::fs::file_size(outputFile, size);
    llvm::errs() << "wrote " << outputFile << ", "
                 << llvm::format("%.1f MB", size / 1e6) << "\n";
  }
  return success();
}

static LogicalResult compile() {
  CompileOptions options;
  if (failed(readOptions(options)))
    return failure();

  DialectRegistry registry;
  registerCompiler(registry);
  MLIRContext context(registry);
  llvm::SourceMgr sources;
  CompilerDiagnostics diagnostics(sources, &context, quiet, verbose);
  LogicalResult result = compile(context, sources, options);
  // Whatever fails has said why; a pass of others' may not have.
  if (failed(result) && !diagnostics.hadError() && !usageErrors)
    return usageError("the compilation failed without saying why");
  return result;
}

/// What the parser of options says, in the form of all other errors: the first
/// complaint, and the hint that may follow it.
static void printComplaint(StringRef complaints) {
  // Of a value that is wrong, the parser of options has told standard error.
  if (complaints.empty())
    return (void)usageError("an option has no valid value (see --help)");
  StringRef first = complaints.split('\n').first;
  first.consume_front("transmamba-compile: ");
  StringRef what = first.split(" See: ").first.split("  Try: ").first;
  what = what.rtrim("!. :");
  if (what.starts_with("Not enough positional"))
    what = "which model? Give MODEL.json or MODEL.mlir";
  else if (what.starts_with("Too many positional"))
    what = "there is more than one model";
  (void)usageError(what + " (see --help)");
}

/// Memory is short: an error like any other, not a crash.
static void failAllocation(void *, const char *, bool) {
  llvm::errs() << "transmamba-compile: error: out of memory\n";
  std::_Exit(EXIT_FAILURE);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  llvm::install_bad_alloc_error_handler(failAllocation);
  // A file beyond the limit of the process is an error of the writing.
  std::signal(SIGXFSZ, SIG_IGN);
  cl::SetVersionPrinter(printVersion);
  cl::HideUnrelatedOptions({&modelCategory, &targetCategory, &outputCategory});
  // The lists need no model.
  for (int i = 1; i < argc; ++i) {
    StringRef argument(argv[i]);
    if (argument == "--list-phases" || argument == "-list-phases")
      return printPhases(), EXIT_SUCCESS;
    if (argument == "--list-targets" || argument == "-list-targets")
      return printTargets(), EXIT_SUCCESS;
  }
  std::string complaints;
  llvm::raw_string_ostream complaintStream(complaints);
  if (!cl::ParseCommandLineOptions(
          argc, argv,
          "The TransMamba compiler: a model graph to one deployable package\n\n"
          "  transmamba-compile model.json -o model.tmpkg\n"
          "  transmamba-compile model.json --target=cpu,nvidia:sm_90a -o "
          "m.tmpkg\n"
          "  transmamba-compile model.json --compile-to=fuse\n"
          "  transmamba-compile model.json --target=nvidia:sm_90a "
          "--compile-to=ptx -o m.ptx\n"
          "  transmamba-compile model.json --dump-phases-to=phases -o "
          "m.tmpkg\n\n"
          "Exit code 0 on success, 1 on any error; nothing is left "
          "half-written.\n",
          &complaintStream)) {
    printComplaint(complaints);
    return EXIT_FAILURE;
  }
  return failed(compile()) ? EXIT_FAILURE : EXIT_SUCCESS;
}
