//===- transmamba-run.cpp - Running packages ------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "Compare.h"
#include "Failure.h"
#include "Generate.h"
#include "Model.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <map>

using namespace transmamba;
using namespace transmamba::run;

static constexpr const char *description =
    "Runs the entry points of a TransMamba package (.tmpkg).";

static constexpr const char *footer = R"(Values of inputs:
  @x.npy          a NumPy file; converted to the input's type
  1,2,3           a vector; [[1,2],[3,4]] a matrix
  zeros[2,3]      zeros;  random[2,3]  random numbers in the input's range

Examples:
  What the package can do, and where:
    transmamba-inspect model.tmpkg
    transmamba-run --list-devices
  Text from a byte-level model:
    transmamba-run model.tmpkg --prompt "Once upon" --generate 200
    transmamba-run model.tmpkg --prompt A --generate 99 --temperature 0.8 --top-k 40 --seed 7
  One call, compared with a reference:
    transmamba-run model.tmpkg --entry prefill --input tokens=@t.npy \
      --input lengths=5,3 --expected logits=@ref.npy --rtol 1e-3
  Several calls on the same state (two rows at different positions):
    transmamba-run model.tmpkg \
      --step "prefill:tokens=[[72,105,33],[72,0,0]],lengths=3,1" --step decode:tokens=10,11 \
      --output 1:logits=@first.npy --output logits=@last.npy --dump-state state/
  Where the time goes:
    transmamba-run model.tmpkg --entry prefill --input "tokens=random[1,512]" --input lengths=512 \
      --repeat 20 --profile

Exit codes: 0 success; 1 bad input, or a call that failed; 2 a result that is not as expected.
TRANSMAMBA_THREADS sets the number of threads, TRANSMAMBA_POISON=1 is --poison.)";

namespace {
struct Options {
  ModelOptions model;
  std::string entry;
  std::vector<std::string> inputs, outputs, expected, steps;
  Tolerance tolerance;
  GenerateOptions generate;
  std::string stateDirectory;
  int64_t repeat = 1;
  bool listDevices = false, profile = false, verbose = false;
  bool noGraphs = false, poison = false;
  bool prompted = false, rowsGiven = false;
};

/// A step with the tensors of its inputs, and what came out.
struct PreparedStep {
  std::string entry;
  std::vector<NamedArray> inputs;
  std::vector<NamedArray> outputs;
  std::vector<double> milliseconds;
  std::vector<tm_command_time> profile;
};
} // namespace

/// The library takes numbers that are too large for the largest, and -1 for the
/// largest where there is no sign.
static CLI::Validator wholeNumber() {
  auto complain = [](const std::string &text) -> std::string {
    int64_t value = 0;
    const char *end = text.data() + text.size();
    auto [rest, error] = std::from_chars(text.data(), end, value);
    return error == std::errc() && rest == end && value >= 0
               ? ""
               : "'" + text + "' is not a whole number below 2^63";
  };
  return CLI::Validator(complain, "");
}

static CLI::Validator notNegative() {
  auto complain = [](const std::string &text) -> std::string {
    char *end;
    double value = std::strtod(text.c_str(), &end);
    return !text.empty() && *end == '\0' && std::isfinite(value) && value >= 0
               ? ""
               : "'" + text + "' is not a number of at least 0";
  };
  return CLI::Validator(complain, "");
}

static void declareOptions(CLI::App &app, Options &options) {
  app.add_option("package", options.model.path, "The package to run")
      ->option_text("FILE.tmpkg");
  const char *group = "Calls";
  app.add_option("--entry", options.entry, "The entry point to run")
      ->option_text("ENTRY")
      ->group(group);
  app.add_option("--input", options.inputs, "A value for an input of --entry")
      ->option_text("NAME=VALUE ...")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--step", options.steps,
                 "In place of --entry: a call, with its inputs; calls run in "
                 "order on the same state")
      ->option_text("ENTRY:NAME=VALUE,... ...")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--rows", options.model.rows,
                 "Rows of the session; by default those of the first call")
      ->option_text("N")
      ->group(group);

  group = "Results";
  app.add_option("--output", options.outputs,
                 "Write an output, of the last call or of call STEP (from 1)")
      ->option_text("[STEP:]NAME=@FILE.npy ...")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option(
         "--expected", options.expected,
         "Compare an output; prints the largest absolute difference and "
         "the relative Frobenius error")
      ->option_text("[STEP:]NAME=@FILE.npy ...")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--rtol", options.tolerance.relative,
                 "Relative tolerance of --expected (1e-4)")
      ->check(notNegative())
      ->option_text("X")
      ->group(group);
  app.add_option("--atol", options.tolerance.absolute,
                 "Absolute tolerance of --expected (1e-5)")
      ->check(notNegative())
      ->option_text("X")
      ->group(group);
  app.add_option("--dump-state", options.stateDirectory,
                 "Write all state, and the positions, after the last call")
      ->option_text("DIRECTORY")
      ->group(group);

  group = "Text (byte-level models)";
  app.add_option("--prompt", options.generate.prompt, "Text to continue")
      ->each([&](const std::string &) { options.prompted = true; })
      ->option_text("TEXT")
      ->group(group);
  app.add_option("--generate", options.generate.tokens,
                 "Number of bytes to generate")
      ->check(wholeNumber())
      ->option_text("N")
      ->group(group);
  app.add_option("--temperature", options.generate.temperature,
                 "0 takes the most likely byte; higher is more random (0)")
      ->check(notNegative())
      ->option_text("X")
      ->group(group);
  app.add_option("--top-k", options.generate.topK,
                 "Sample among the K most likely bytes; 0 among all (0)")
      ->check(wholeNumber())
      ->option_text("K")
      ->group(group);
  app.add_option("--seed", options.generate.seed,
                 "Seed of sampling and of random[...] (0)")
      ->check(wholeNumber())
      ->option_text("N")
      ->group(group);

  group = "Device";
  addDeviceOptions(app, group, options.model);
  app.add_flag("--list-devices", options.listDevices,
               "Print the devices of this machine")
      ->group(group);

  group = "Measuring and debugging";
  app.add_option("--repeat", options.repeat,
                 "Run all calls N times, from fresh state each time, and print "
                 "the median times")
      ->check(CLI::Range(int64_t(1), int64_t(1000000)))
      ->option_text("N")
      ->group(group);
  app.add_flag("--profile", options.profile, "Print the time of each kernel")
      ->group(group);
  app.add_flag("--no-graphs", options.noGraphs, "Do not use CUDA graphs")
      ->group(group);
  app.add_flag("--poison", options.poison,
               "Fill scratch memory and outputs with NaN before each call")
      ->group(group);
  app.add_flag("--verbose", options.verbose,
               "Say which variant runs, and why not the others")
      ->group(group);
  app.set_version_flag("--version", "transmamba-run " TRANSMAMBA_VERSION
                                    " (runtime ABI " +
                                        std::to_string(tm_abi_version()) + ")");
  app.footer(footer);
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

static std::vector<Step> collectSteps(const Options &options) {
  std::vector<Step> steps;
  if (!options.steps.empty()) {
    if (!options.entry.empty() || !options.inputs.empty())
      failUsage("--step carries its own inputs; it does not go with --entry "
                "and --input");
    for (const std::string &text : options.steps)
      steps.push_back(parseStep(text));
    return steps;
  }
  if (options.entry.empty())
    failUsage("nothing to do: give --entry, --step or --prompt (see --help)");
  Step step{options.entry, {}};
  for (const std::string &text : options.inputs)
    step.inputs.push_back(parseNamedValue(text, "--input"));
  steps.push_back(std::move(step));
  return steps;
}

static PreparedStep prepareStep(const Model &model, const Step &step,
                                std::mt19937_64 &random) {
  PreparedStep prepared;
  prepared.entry = step.entry;
  const package::EntryPoint &entry = model.entry(step.entry);
  for (const NamedValue &value : step.inputs) {
    const package::Input *input = nullptr;
    std::string names;
    for (const package::Input &candidate : entry.inputs) {
      if (candidate.name == value.name)
        input = &candidate;
      if (candidate.role != package::Input::Role::Positions)
        names += (names.empty() ? "" : ", ") + candidate.name;
    }
    if (!input)
      failUsage("the entry point '" + entry.name + "' has no input '" +
                value.name + "'; it has " + names);
    prepared.inputs.push_back(
        {value.name, makeTensor(*input, value.value, random)});
  }
  return prepared;
}

/// The rows that the first call with a symbol B has; 1 where none has.
static int64_t rowsOf(const Model &model,
                      const std::vector<PreparedStep> &steps) {
  for (const PreparedStep &step : steps)
    for (const package::Symbol &symbol : model.entry(step.entry).symbols)
      for (const NamedArray &input : step.inputs)
        if (symbol.name == "B" && symbol.input == input.name &&
            static_cast<size_t>(symbol.dim) < input.array.shape.size())
          return input.array.shape[symbol.dim];
  return 1;
}

static void runSteps(Model &model, std::vector<PreparedStep> &steps,
                     const Options &options) {
  using Clock = std::chrono::steady_clock;
  for (int64_t i = 0; i < options.repeat; ++i) {
    if (i > 0)
      model.reset();
    for (PreparedStep &step : steps) {
      Clock::time_point start = Clock::now();
      step.outputs = model.invoke(step.entry, step.inputs);
      step.milliseconds.push_back(
          std::chrono::duration<double, std::milli>(Clock::now() - start)
              .count());
      if (options.profile)
        step.profile = model.profile();
    }
  }
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

static std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text;
  for (int64_t extent : shape)
    text += (text.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + text + "]";
}

/// The call that `file` is about.
static const PreparedStep &findStep(const std::vector<PreparedStep> &steps,
                                    const StepFile &file, const char *option) {
  if (file.step > steps.size())
    failUsage(std::string(option) + ": there is no call " +
              std::to_string(file.step) + "; there are " +
              std::to_string(steps.size()));
  return file.step == 0 ? steps.back() : steps[file.step - 1];
}

/// The member of a list with the name that `file` has.
template <typename T>
static const T &findOutput(const std::vector<T> &outputs, const StepFile &file,
                           const PreparedStep &step, const char *option) {
  std::string names;
  for (const T &output : outputs) {
    if (output.name == file.name)
      return output;
    names += (names.empty() ? "" : ", ") + output.name;
  }
  failUsage(std::string(option) + ": '" + step.entry + "' has no output '" +
            file.name + "'; it has " + names);
}

static const NamedArray &resultOf(const std::vector<PreparedStep> &steps,
                                  const StepFile &file, const char *option) {
  const PreparedStep &step = findStep(steps, file, option);
  return findOutput(step.outputs, file, step, option);
}

/// What is wrong with the options of results, before any call.
static void checkResults(const Model &model,
                         const std::vector<PreparedStep> &steps,
                         const Options &options) {
  auto check = [&](const std::string &text, const char *option) {
    StepFile file = parseStepFile(text, option);
    const PreparedStep &step = findStep(steps, file, option);
    findOutput(model.entry(step.entry).outputs, file, step, option);
    return file;
  };
  for (const std::string &text : options.outputs) {
    StepFile file = check(text, "--output");
    std::error_code ignored;
    if (std::filesystem::equivalent(file.file, options.model.path, ignored))
      throw Failure(file.file +
                    ": error: cannot be written: it is the package");
  }
  for (const std::string &text : options.expected)
    check(text, "--expected");
}

static void printSummary(const NamedArray &output) {
  const package::NpyArray &array = output.array;
  double low = INFINITY, high = -INFINITY, sum = 0;
  uint64_t notNumbers = 0, count = array.elementCount();
  for (uint64_t i = 0; i < count; ++i) {
    double value = package::loadAsDouble(array.type, array.data.data(), i);
    notNumbers += std::isnan(value);
    if (std::isnan(value))
      continue;
    low = std::fmin(low, value);
    high = std::fmax(high, value);
    sum += value;
  }
  std::printf("%s: %s %s", output.name.c_str(),
              std::string(package::name(array.type)).c_str(),
              shapeText(array.shape).c_str());
  if (count > notNumbers)
    std::printf(", min %g, max %g, mean %g", low, high,
                sum / static_cast<double>(count - notNumbers));
  if (notNumbers)
    std::printf(", %llu NaN", static_cast<unsigned long long>(notNumbers));
  std::printf("\n");
}

/// Compares an output with a file; false where they differ.
static bool compareOutput(const NamedArray &output, const StepFile &file,
                          const Tolerance &tolerance) {
  package::NpyArray expected = unwrap(package::readNpy(file.file));
  if (expected.shape != output.array.shape)
    throw Failure(file.file + ": error: has the shape " +
                  shapeText(expected.shape) + ", but the output '" +
                  output.name + "' has " + shapeText(output.array.shape));
  Difference difference = compare(output.array, expected, tolerance);
  std::printf(
      "%s: max abs %.3g, relative Frobenius %.3g: ", output.name.c_str(),
      difference.maxAbsolute, difference.relativeFrobenius);
  if (difference.mismatches == 0) {
    std::printf("as expected\n");
    return true;
  }
  uint64_t first = difference.firstMismatch;
  std::printf(
      "%llu of %llu elements differ by more than %g + %g |expected|; "
      "the first, %llu, is %.9g, expected %.9g\n",
      static_cast<unsigned long long>(difference.mismatches),
      static_cast<unsigned long long>(output.array.elementCount()),
      tolerance.absolute, tolerance.relative,
      static_cast<unsigned long long>(first),
      package::loadAsDouble(output.array.type, output.array.data.data(), first),
      package::loadAsDouble(expected.type, expected.data.data(), first));
  return false;
}

static void writeArray(const std::string &path,
                       const package::NpyArray &array) {
  check(package::writeNpy(path, array.type, array.shape, array.data.data()));
}

static void dumpStates(const Model &model, const std::string &directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error)
    throw Failure(directory + ": error: cannot be created: " + error.message());
  std::filesystem::path root = directory;
  for (NamedArray &state : model.states()) {
    std::replace(state.name.begin(), state.name.end(), '/', '_');
    writeArray((root / (state.name + ".npy")).string(), state.array);
  }
  std::vector<int64_t> positions = model.positions();
  check(package::writeNpy(
      (root / "positions.npy").string(), package::ElementType::I64,
      {static_cast<int64_t>(positions.size())}, positions.data()));
}

static void printTimes(const std::vector<PreparedStep> &steps) {
  for (size_t i = 0; i < steps.size(); ++i) {
    std::vector<double> times = steps[i].milliseconds;
    std::sort(times.begin(), times.end());
    std::fprintf(stderr,
                 "%zu %s: median %.3f ms, min %.3f, max %.3f, %zu runs\n",
                 i + 1, steps[i].entry.c_str(), times[times.size() / 2],
                 times.front(), times.back(), times.size());
  }
}

static void printProfile(const std::vector<PreparedStep> &steps) {
  struct Sum {
    double milliseconds = 0;
    size_t launches = 0;
  };
  for (size_t i = 0; i < steps.size(); ++i) {
    std::map<std::string, Sum> sums;
    double total = 0;
    for (const tm_command_time &time : steps[i].profile) {
      Sum &sum = sums[time.kernel];
      sum.milliseconds += time.milliseconds;
      ++sum.launches;
      total += time.milliseconds;
    }
    std::vector<std::pair<std::string, Sum>> sorted(sums.begin(), sums.end());
    std::sort(sorted.begin(), sorted.end(), [](const auto &a, const auto &b) {
      return a.second.milliseconds > b.second.milliseconds;
    });
    std::fprintf(stderr, "%zu %s: %.3f ms in %zu commands\n", i + 1,
                 steps[i].entry.c_str(), total, steps[i].profile.size());
    for (const auto &[kernel, sum] : sorted)
      std::fprintf(stderr, "  %10.3f ms %5.1f %% %6zu x  %s\n",
                   sum.milliseconds,
                   total > 0 ? 100 * sum.milliseconds / total : 0.0,
                   sum.launches, kernel.c_str());
  }
}

static ExitCode reportResults(const Model &model,
                              const std::vector<PreparedStep> &steps,
                              const Options &options) {
  ExitCode code = Success;
  for (const std::string &text : options.outputs) {
    StepFile file = parseStepFile(text, "--output");
    writeArray(file.file, resultOf(steps, file, "--output").array);
  }
  for (const std::string &text : options.expected) {
    StepFile file = parseStepFile(text, "--expected");
    if (!compareOutput(resultOf(steps, file, "--expected"), file,
                       options.tolerance))
      code = Mismatch;
  }
  if (options.outputs.empty() && options.expected.empty())
    for (const NamedArray &output : steps.back().outputs)
      printSummary(output);
  if (!options.stateDirectory.empty())
    dumpStates(model, options.stateDirectory);
  if (options.repeat > 1)
    printTimes(steps);
  if (options.profile)
    printProfile(steps);
  return code;
}

//===----------------------------------------------------------------------===//
// The program
//===----------------------------------------------------------------------===//

static void startModel(Model &model, const Options &options) {
  model.start(options.model);
  if (options.verbose)
    std::fprintf(stderr, "%s: %s\n%s\n", model.deviceName().c_str(),
                 model.deviceDescription().c_str(), model.selection().c_str());
}

static ExitCode runTool(Options &options) {
  if (options.listDevices) {
    listDevices();
    return Success;
  }
  if (options.model.path.empty())
    failUsage("which package? (see --help)");
  options.model.flags = (options.profile ? TM_SESSION_PROFILE : 0) |
                        (options.noGraphs ? TM_SESSION_NO_GRAPHS : 0) |
                        (options.poison ? TM_SESSION_POISON : 0);
  Model model(options.model.path);
  if (options.prompted) {
    if (!options.entry.empty() || !options.steps.empty())
      failUsage("--prompt does not go with --entry or --step");
    if (!options.inputs.empty() || !options.outputs.empty() ||
        !options.expected.empty() || !options.stateDirectory.empty() ||
        options.rowsGiven)
      failUsage("--prompt does not go with --input, --output, --expected, "
                "--dump-state or --rows; use --step");
    if (options.profile || options.repeat > 1)
      failUsage("--prompt does not go with --profile or --repeat; use --step");
    options.model.rows = 1;
    startModel(model, options);
    generate(model, options.generate);
    return Success;
  }
  std::mt19937_64 random(options.generate.seed);
  std::vector<PreparedStep> steps;
  for (const Step &step : collectSteps(options))
    steps.push_back(prepareStep(model, step, random));
  checkResults(model, steps, options);
  if (!options.rowsGiven)
    options.model.rows = rowsOf(model, steps);
  startModel(model, options);
  runSteps(model, steps, options);
  return reportResults(model, steps, options);
}

int main(int argc, char **argv) {
  // A file beyond the limit of the process is an error of the writing.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    CLI::App app(description, "transmamba-run");
    app.get_formatter()->column_width(38);
    Options options;
    declareOptions(app, options);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
      // Help and version are no errors.
      if (error.get_exit_code() == 0)
        return app.exit(error), Success;
      failUsage(std::string(error.what()) + " (see --help)");
    }
    options.rowsGiven = app.count("--rows") > 0;
    return runTool(options);
  } catch (const Failure &failure) {
    std::fflush(stdout);
    std::fprintf(stderr, "%s\n", failure.line.c_str());
  } catch (const std::exception &error) {
    std::fprintf(stderr, "transmamba-run: error: %s\n", error.what());
  }
  return BadInput;
}
