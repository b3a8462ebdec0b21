//===- transmamba-interpret.cpp - The reference interpreter ---------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "Reports.h"

#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/MLIRContext.h"
#include "transmamba/Import/ImportGraph.h"
#include "transmamba/Import/ModuleFile.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

#include <csignal>
#include <cstdlib>

using namespace transmamba;
using namespace transmamba::interpret;
namespace cl = llvm::cl;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using reference::fail;

//===----------------------------------------------------------------------===//
// The command line
//===----------------------------------------------------------------------===//

static cl::OptionCategory modelCategory("Model", "What is interpreted");
static cl::OptionCategory callCategory("Calls", "What is called, with what");
static cl::OptionCategory resultCategory("Results", "What becomes of them");

static cl::opt<std::string> modelPath(cl::Positional, cl::Required,
                                      cl::desc("MODEL.mlir|MODEL.json"),
                                      cl::cat(modelCategory));
static cl::opt<std::string> weightsOption(
    "weights", cl::value_desc("FILE|random:SEED"),
    cl::desc("A safetensors file, or random weights of a seed. Without it, the "
             "file that the model names"),
    cl::cat(modelCategory));
static cl::opt<std::string>
    scheduleOption("schedule", cl::value_desc("V1..V9|P,P,..."),
                   cl::desc("TransPoints, cycled over the layers, in place of "
                            "the model's"),
                   cl::cat(modelCategory));
static cl::opt<std::string>
    elementTypeOption("element-type", cl::value_desc("f32|bf16"),
                      cl::desc("Import a JSON graph with this type"),
                      cl::cat(modelCategory));
static cl::opt<bool>
    roundOption("round",
                cl::desc("Round every value to its declared type. Without it "
                         "parameters and inputs are rounded, and everything "
                         "computed from them is exact to float64"),
                cl::cat(modelCategory));

static cl::opt<std::string> entryOption("entry", cl::value_desc("NAME"),
                                        cl::desc("Call this entry point, once"),
                                        cl::cat(callCategory));
static cl::list<std::string> inputOptions(
    "input", cl::value_desc("NAME=VALUE"),
    cl::desc("An input of --entry: @FILE.npy, or numbers: 8,5 is a list, "
             "1,2,3;4,5,6 a matrix"),
    cl::cat(callCategory));
static cl::list<std::string> stepOptions(
    "step", cl::value_desc("ENTRY:NAME=VALUE,..."),
    cl::desc("Call an entry point; one of several, in order, with the state "
             "and the positions that the one before has left"),
    cl::cat(callCategory));
static cl::opt<int64_t>
    rowsOption("rows", cl::value_desc("N"),
               cl::desc("Sequences of the session (by default, those of the "
                        "first call with state)"),
               cl::cat(callCategory));
static cl::opt<bool>
    poisonOption("poison",
                 cl::desc("Fill state that no call may read with NaN"),
                 cl::cat(callCategory));
static cl::opt<bool> listOption("list-entries",
                                cl::desc("Print the entry points and stop"),
                                cl::cat(callCategory));

static cl::list<std::string> outputOptions(
    "output", cl::value_desc("NAME=@FILE.npy"),
    cl::desc("Write an output as float64; '{step}' in the name stands for the "
             "number of the step, else it is the last step's"),
    cl::cat(resultCategory));
static cl::list<std::string> compareOptions(
    "compare", cl::value_desc("NAME=@FILE.npy"),
    cl::desc("Print how far a tensor is from an output; '{step}' as above"),
    cl::cat(resultCategory));
static cl::opt<double>
    maxErrorOption("max-error", cl::value_desc("X"),
                   cl::desc("Largest relative error that --compare accepts"),
                   cl::cat(resultCategory));
static cl::opt<bool> printOption("print",
                                 cl::desc("Print all elements of the outputs"),
                                 cl::cat(resultCategory));
static cl::opt<std::string>
    dumpOption("dump-state", cl::value_desc("DIR"),
               cl::desc("Write states and positions after the last step"),
               cl::cat(resultCategory));

static cl::extrahelp examples(R"(
EXAMPLES:
  Logits of two sequences of 8 and 5 tokens, weights from a seed:
    transmamba-interpret model.json --weights=random:1 --entry=prefill \
      --input tokens=@tokens.npy --input lengths=8,5 --output logits=@y.npy

  Three calls that follow one another, the output of each in a file:
    transmamba-interpret model.mlir --weights=model.safetensors \
      --step prefill:tokens=@t.npy,lengths=8,5 --step 'decode:tokens=7;9' \
      --step 'decode:tokens=3;4' --output logits=@y-{step}.npy --dump-state=s

  Is what a package computed right?
    transmamba-interpret model.json --weights=random:1 --entry=forward \
      --input tokens=@t.npy --compare logits=@package.npy --max-error=1e-5

EXIT STATUS: 0; 1 for an error; 2 where --compare exceeds --max-error.
)");

static void printVersion(llvm::raw_ostream &stream) {
  stream << "transmamba-interpret " TRANSMAMBA_VERSION
            " (LLVM " LLVM_VERSION_STRING ")\n";
}

//===----------------------------------------------------------------------===//
// The model
//===----------------------------------------------------------------------===//

/// Whether the schedule is written down in the operations already.
static bool isScheduled(mlir::ModuleOp module) {
  return module
      .walk([](mlir::Operation *op) {
        if (llvm::isa<SwitchOp>(op))
          return mlir::WalkResult::interrupt();
        if (auto point = llvm::dyn_cast<TransPointOp>(op))
          if (point.getPointAttr())
            return mlir::WalkResult::interrupt();
        if (auto select = llvm::dyn_cast<SelectReadingOp>(op))
          if (select.getPointAttr())
            return mlir::WalkResult::interrupt();
        return mlir::WalkResult::advance();
      })
      .wasInterrupted();
}

static Error overrideSchedule(mlir::ModuleOp module) {
  if (isScheduled(module))
    return fail("--schedule: the schedule of " + modelPath +
                " has been written down in its operations; give the module "
                "before the phase 'schedule'");
  auto maxSequence = module->getAttrOfType<mlir::IntegerAttr>(
      TransMambaDialect::kMaxSequenceAttr);
  std::string reason;
  std::optional<llvm::SmallVector<int64_t>> points = parseScheduleText(
      scheduleOption, maxSequence ? maxSequence.getInt() : INT32_MAX, reason);
  if (!points)
    return fail("--schedule: " + reason);
  module->setAttr(TransMambaDialect::kScheduleAttr,
                  ScheduleAttr::get(module.getContext(), *points));
  return Error::success();
}

/// An empty value is a variable of a script that was never set.
static Error checkValues() {
  for (auto *option : {&weightsOption, &scheduleOption, &elementTypeOption,
                       &entryOption, &dumpOption})
    if (option->getNumOccurrences() && option->empty())
      return fail("--" + option->ArgStr +
                  " needs a value: " + option->ValueStr);
  return Error::success();
}

/// Reads the model; null after an error that has been printed as a diagnostic.
static Expected<mlir::OwningOpRef<mlir::ModuleOp>>
readModel(mlir::MLIRContext &context, llvm::SourceMgr &sources) {
  if (StringRef(modelPath).ends_with(".json")) {
    ImportOptions options;
    if (!scheduleOption.empty())
      options.schedule = scheduleOption;
    if (!elementTypeOption.empty())
      options.elementType = elementTypeOption;
    return importGraphFile(modelPath, &context, options);
  }
  if (!elementTypeOption.empty())
    return fail("--element-type needs a JSON graph: the types of " + modelPath +
                " are written down");
  mlir::OwningOpRef<mlir::ModuleOp> module =
      parseModuleFile(modelPath, sources, &context);
  if (module && !scheduleOption.empty())
    if (Error error = overrideSchedule(*module))
      return std::move(error);
  return module;
}

/// --weights, or the file that the model names, relative to the model.
static std::string weightsText(mlir::ModuleOp module) {
  auto named = module->getAttrOfType<mlir::StringAttr>(kWeightsAttr);
  if (!weightsOption.empty() || !named)
    return weightsOption;
  llvm::SmallString<128> path(named.getValue());
  if (llvm::sys::path::is_relative(path)) {
    path = llvm::sys::path::parent_path(modelPath);
    llvm::sys::path::append(path, named.getValue());
  }
  return path.str().str();
}

static Error listEntries(mlir::ModuleOp module, reference::Session &session) {
  for (auto function : module.getOps<mlir::func::FuncOp>()) {
    if (!function->hasAttr(TransMambaDialect::kEntryAttr))
      continue;
    Expected<std::vector<reference::InputInfo>> inputs =
        session.inputs(function.getName());
    if (!inputs)
      return inputs.takeError();
    llvm::outs() << function.getName() << "\n";
    for (const reference::InputInfo &input : *inputs)
      llvm::outs() << "  " << input.name << ": " << input.type << "\n";
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Steps and results
//===----------------------------------------------------------------------===//

static Expected<std::vector<Step>> readSteps() {
  std::vector<Step> steps;
  if (entryOption.empty() == stepOptions.empty())
    return fail("give either --entry with --input, or --step");
  if (!stepOptions.empty() && !inputOptions.empty())
    return fail("--input belongs to --entry; the inputs of a --step are "
                "written in it");
  for (const std::string &text : stepOptions) {
    Expected<Step> step = parseStep(text);
    if (!step)
      return step.takeError();
    steps.push_back(std::move(*step));
  }
  if (!stepOptions.empty())
    return steps;
  steps.push_back({entryOption, {}});
  for (const std::string &text : inputOptions) {
    Expected<NamedText> input = parseNamedText(text);
    if (!input)
      return input.takeError();
    steps.back().inputs.push_back(std::move(*input));
  }
  return steps;
}

/// A file that an option binds to an output.
struct OutputFile {
  std::string name;
  std::string path;
};

/// The files of an option that are due after a step.
static Expected<std::vector<OutputFile>>
filesOf(const cl::list<std::string> &option, size_t step, bool isLast) {
  std::vector<OutputFile> files;
  for (const std::string &text : option) {
    Expected<NamedText> named = parseNamedText(text);
    if (!named)
      return named.takeError();
    if (named->text[0] != '@')
      return fail("--" + option.ArgStr + ": '" + text +
                  "' is not NAME=@FILE.npy");
    std::string path = named->text.substr(1);
    constexpr StringRef placeholder = "{step}";
    size_t position = path.find(placeholder);
    if (position != std::string::npos)
      path.replace(position, placeholder.size(), std::to_string(step));
    else if (!isLast)
      continue;
    files.push_back({named->name, path});
  }
  return files;
}

static Expected<reference::Value>
findOutput(const reference::NamedValues &outputs, const std::string &name) {
  auto found = outputs.find(name);
  if (found == outputs.end())
    return fail("there is no output '" + name + "'");
  return found->second;
}

/// Prints a comparison; false where it exceeds --max-error.
static Expected<bool> compareOutput(const reference::Value &value,
                                    const OutputFile &file) {
  Expected<reference::Value> other = readTensor(file.path);
  if (!other)
    return other.takeError();
  Expected<Difference> difference = compare(value, *other);
  if (!difference)
    return fail(file.path + ": " + llvm::toString(difference.takeError()));
  const bool accepted = maxErrorOption.getNumOccurrences() == 0 ||
                        difference->relative <= maxErrorOption;
  llvm::outs() << file.name
               << llvm::format(": relative error %.3e, largest difference "
                               "%.3e at element ",
                               difference->relative, difference->largest)
               << difference->largestAt << " of " << file.path
               << (accepted ? "\n" : ": too far\n");
  return accepted;
}

/// Writes, compares and prints the outputs of a step; false where a comparison
/// fails.
static Expected<bool> report(const reference::NamedValues &outputs, size_t step,
                             bool isLast) {
  bool accepted = true;
  Expected<std::vector<OutputFile>> written =
      filesOf(outputOptions, step, isLast);
  if (!written)
    return written.takeError();
  for (const OutputFile &file : *written) {
    Expected<reference::Value> value = findOutput(outputs, file.name);
    if (!value)
      return value.takeError();
    if (Error error = writeTensor(file.path, *value))
      return std::move(error);
  }
  Expected<std::vector<OutputFile>> compared =
      filesOf(compareOptions, step, isLast);
  if (!compared)
    return compared.takeError();
  for (const OutputFile &file : *compared) {
    Expected<reference::Value> value = findOutput(outputs, file.name);
    if (!value)
      return value.takeError();
    Expected<bool> result = compareOutput(*value, file);
    if (!result)
      return result;
    accepted &= *result;
  }
  if (printOption || (outputOptions.empty() && compareOptions.empty()))
    for (const auto &[name, value] : outputs)
      printTensor(llvm::outs(), name, value, printOption);
  return accepted;
}

/// The whole run; false where a comparison fails.
static Expected<bool> run(mlir::ModuleOp module) {
  Expected<std::unique_ptr<reference::WeightSource>> weights =
      reference::openWeights(weightsText(module));
  if (!weights)
    return weights.takeError();
  reference::InterpreterOptions options;
  options.round = roundOption;
  Expected<reference::Interpreter> interpreter =
      reference::Interpreter::load(module, std::move(*weights), options);
  if (!interpreter)
    return interpreter.takeError();
  reference::SessionOptions sessionOptions;
  sessionOptions.poison = poisonOption;
  if (rowsOption.getNumOccurrences()) {
    if (rowsOption < 1)
      return fail("--rows must be at least 1");
    sessionOptions.rows = rowsOption;
  }
  reference::Session session(*interpreter, sessionOptions);
  if (listOption) {
    if (Error error = listEntries(module, session))
      return std::move(error);
    return true;
  }

  Expected<std::vector<Step>> steps = readSteps();
  if (!steps)
    return steps.takeError();
  bool accepted = true;
  for (size_t number = 0; number < steps->size(); ++number) {
    Expected<reference::NamedValues> inputs =
        readInputs((*steps)[number], session);
    if (!inputs)
      return inputs.takeError();
    Expected<reference::NamedValues> outputs =
        session.run((*steps)[number].entry, *inputs);
    if (!outputs)
      return outputs.takeError();
    Expected<bool> result =
        report(*outputs, number, number + 1 == steps->size());
    if (!result)
      return result;
    accepted &= *result;
  }
  if (!dumpOption.empty())
    if (Error error = dumpState(dumpOption, session))
      return std::move(error);
  return accepted;
}

/// Prints an error, at the tool where it has no other place.
static int printError(StringRef message) {
  if (!message.contains(": error: "))
    llvm::errs() << "transmamba-interpret: error: ";
  llvm::errs() << message << "\n";
  return 1;
}

/// Memory is short: an error like any other, not a crash.
static void failAllocation(void *, const char *, bool) {
  std::_Exit(printError("out of memory"));
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  llvm::install_bad_alloc_error_handler(failAllocation);
  // A file beyond the limit of the process is an error of the writing.
  std::signal(SIGXFSZ, SIG_IGN);
  cl::SetVersionPrinter(printVersion);
  cl::HideUnrelatedOptions({&modelCategory, &callCategory, &resultCategory});
  std::string complaints;
  llvm::raw_string_ostream complaintStream(complaints);
  if (!cl::ParseCommandLineOptions(
          argc, argv,
          "Runs a model as it is written, in float64: the reference that "
          "compiled models are compared with\n",
          &complaintStream)) {
    StringRef first = StringRef(complaints).split('\n').first;
    first.consume_front("transmamba-interpret: ");
    return printError(first.empty() ? "an option has no valid value" : first);
  }

  mlir::DialectRegistry registry;
  registerImportDialects(registry);
  registry.insert<TransMambaDialect, mlir::arith::ArithDialect,
                  mlir::func::FuncDialect, mlir::linalg::LinalgDialect,
                  mlir::math::MathDialect, mlir::scf::SCFDialect,
                  mlir::tensor::TensorDialect>();
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  llvm::SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler diagnostics(sources, &context);
  auto report = [](Error error) {
    return printError(llvm::toString(std::move(error)));
  };
  if (Error error = checkValues())
    return report(std::move(error));
  Expected<mlir::OwningOpRef<mlir::ModuleOp>> module =
      readModel(context, sources);
  if (!module)
    return report(module.takeError());
  if (!*module)
    return 1;
  Expected<bool> accepted = run(**module);
  if (!accepted)
    return report(accepted.takeError());
  return *accepted ? 0 : 2;
}
