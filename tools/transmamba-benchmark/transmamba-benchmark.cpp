//===- transmamba-benchmark.cpp - Measuring packages ------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Calls.h"
#include "Gpu.h"
#include "Limits.h"
#include "Measure.h"
#include "Report.h"
#include "Runtime/Failure.h"
#include "transmamba-run/Failure.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <thread>
#include <tuple>

using namespace transmamba;
using namespace transmamba::benchmark;
using run::failUsage;

static constexpr const char *description =
    "Measures an entry point of a TransMamba package (.tmpkg).";

static constexpr const char *footer = R"(What is measured:
  device   (GPUs) the time between two events on the stream, around the launches of one call. Without
           --flush-l2 the GPU may be idle before, and waits for the host: compare with wall.
  wall     from the call until it has ended, as the host sees it; on a processor with the copies of
           inputs and outputs. On a GPU inputs and outputs stay in its memory, but for those that the
           runtime checks (tokens, lengths), which come from the host's.
  kernels  (--per-kernel) in further runs, command by command; the sum of the medians of each kernel.

Limits: bytes by a copy in the device's memory, read and write both counted, measured on the spot; FLOP
of a GPU by the rates of NVIDIA's whitepapers for the model's type (dense tensor cores for bf16 and f16,
CUDA cores for f32) times multiprocessors and highest clock, none for a processor. --peak-gbps and
--peak-tflops replace them. The work of a command is what the package says of it (docs/package.md).

Inputs that are not given are random: integers in their range, floating-point numbers normal,
lengths full. Values of --input are as for transmamba-run: @x.npy, 1,2,3, zeros[2,3], random[2,3].

Examples:
  The prefill of a prompt of 512 tokens, on a GPU with cold caches, kernel by kernel:
    transmamba-benchmark model.tmpkg --entry prefill --shape B=1,T=512 --device cuda:0 \
      --flush-l2 --per-kernel
  One token after a prompt of 256:
    transmamba-benchmark model.tmpkg --entry decode --after prefill --shape B=1,T=256
  For a table:
    transmamba-benchmark model.tmpkg --entry prefill --shape B=8,T=512 --repeat 100 --json result.json

Exit codes: 0 success; 1 bad input, or a call that failed.
TRANSMAMBA_THREADS sets the number of threads of a processor.)";

namespace {
struct Options {
  run::ModelOptions model;
  std::string entry, before, shape, json;
  std::vector<std::string> inputs;
  MeasureOptions measure;
  uint64_t seed = 0;
  double peakFlop = 0, peakBytes = 0;
  bool perKernel = false, noGraphs = false;
};
} // namespace

static void declareOptions(CLI::App &app, Options &options) {
  app.add_option("package", options.model.path, "The package to measure")
      ->option_text("FILE.tmpkg");
  const char *group = "Call";
  app.add_option("--entry", options.entry, "The entry point to measure")
      ->option_text("ENTRY")
      ->group(group);
  app.add_option("--shape", options.shape,
                 "The sizes; transmamba-inspect shows which there are")
      ->option_text("NAME=N,...")
      ->group(group);
  app.add_option("--input", options.inputs, "A value for an input of --entry")
      ->option_text("NAME=VALUE ...")
      ->allow_extra_args(false)
      ->group(group);
  app.add_option("--after", options.before,
                 "Run this entry point before each run, such as prefill before "
                 "decode; not measured")
      ->option_text("ENTRY")
      ->group(group);
  app.add_option("--seed", options.seed, "Seed of random inputs (0)")
      ->option_text("N")
      ->group(group);

  group = "Device";
  run::addDeviceOptions(app, group, options.model);
  app.add_flag("--no-graphs", options.noGraphs, "Do not use CUDA graphs")
      ->group(group);

  group = "Measuring";
  app.add_option("--warmup", options.measure.warmup,
                 "Runs before those that count (3)")
      ->check(CLI::Range(int64_t(0), int64_t(1000000)))
      ->option_text("N")
      ->group(group);
  app.add_option("--repeat", options.measure.repeat, "Runs that count (20)")
      ->check(CLI::Range(int64_t(1), int64_t(1000000)))
      ->option_text("N")
      ->group(group);
  app.add_flag("--flush-l2", options.measure.flush,
               "Before each run write 256 MiB: caches are cold, for code too")
      ->group(group);
  app.add_flag("--per-kernel", options.perKernel, "Measure each kernel as well")
      ->group(group);
  app.add_option("--peak-gbps", options.peakBytes,
                 "The limit of memory, in 1e9 bytes a second")
      ->option_text("X")
      ->group(group);
  app.add_option("--peak-tflops", options.peakFlop,
                 "The limit of arithmetic, in 1e12 FLOP a second")
      ->option_text("X")
      ->group(group);
  app.add_option("--json", options.json,
                 "Write the figures to a file; - prints them in place of text")
      ->option_text("FILE")
      ->group(group);
  app.set_version_flag("--version", "transmamba-benchmark " TRANSMAMBA_VERSION
                                    " (runtime ABI " +
                                        std::to_string(tm_abi_version()) + ")");
  app.footer(footer);
}

/// The package on its device, with the call that is measured and the one that
/// runs before.
namespace {
struct Bench {
  run::Model model;
  std::unique_ptr<Gpu> gpu;
  Call call;
  std::optional<Call> before;

  Bench(const Options &options, uint32_t flags);

  int64_t multiprocessors() const { return gpu ? gpu->multiprocessors() : 1; }
};
} // namespace

static int64_t rowsOf(const Call &call) {
  for (const auto &[name, value] : call.symbols)
    if (name == "B")
      return value;
  return 1;
}

/// Every size that is given is one of an entry point that runs.
static void checkShape(const package::Bindings &shape, const Call &call,
                       const std::optional<Call> &before) {
  for (const auto &[name, value] : shape) {
    auto has = [&name = name](const Call &candidate) {
      return std::any_of(
          candidate.symbols.begin(), candidate.symbols.end(),
          [&](const auto &symbol) { return symbol.first == name; });
    };
    if (!has(call) && !(before && has(*before)))
      failUsage("--shape: there is no size '" + name + "' in '" +
                call.entry->name + "'" +
                (before ? " or '" + before->entry->name + "'" : ""));
  }
}

Bench::Bench(const Options &options, uint32_t flags)
    : model(options.model.path) {
  package::Bindings shape;
  if (!options.shape.empty())
    shape = parseShape(options.shape);
  std::vector<run::NamedValue> given;
  for (const std::string &text : options.inputs)
    given.push_back(run::parseNamedValue(text, "--input"));
  auto prepare = [&] {
    std::mt19937_64 random(options.seed);
    call = makeCall(model.manifest(), model.entry(options.entry), shape, given,
                    random);
    if (!options.before.empty())
      before = makeCall(model.manifest(), model.entry(options.before), shape,
                        {}, random);
  };
  // The first variant's entry points tell the number of rows; the session's
  // variant then is the one that counts.
  prepare();
  checkShape(shape, call, before);
  if (!before &&
      call.entry->positions.kind == package::PositionRule::Kind::Advance)
    failUsage("'" + options.entry +
              "' goes on from a position; say what runs "
              "before it, such as --after prefill");
  run::ModelOptions chosen = options.model;
  chosen.rows = std::max(rowsOf(call), before ? rowsOf(*before) : 1);
  chosen.flags = flags;
  model.start(chosen);
  prepare();
  std::string device = model.deviceName();
  if (device.compare(0, 5, "cuda:") == 0)
    gpu = std::make_unique<Gpu>(std::stoi(device.substr(5)));
}

static Limits findLimits(const Bench &bench, const Options &options) {
  Limits limits;
  if (options.peakBytes > 0) {
    limits.bytes = {options.peakBytes * 1e9, "as given"};
  } else if (bench.gpu) {
    limits.bytes = {bench.gpu->copyBandwidth(2 * flushBytes),
                    "a copy of 256 MiB on this GPU"};
  } else {
    int threads = options.model.threads;
    if (threads == 0)
      threads = std::max(1u, std::thread::hardware_concurrency());
    limits.bytes = {hostCopyBandwidth(threads),
                    "a copy of 128 MiB by " + std::to_string(threads) +
                        (threads == 1 ? " thread" : " threads") +
                        " on this processor"};
  }
  if (options.peakFlop > 0)
    limits.flop = {options.peakFlop * 1e12, "as given"};
  else if (bench.gpu)
    limits.flop =
        flopLimit(*bench.gpu, bench.model.manifest().model.elementType);
  return limits;
}

static std::vector<KernelReport> measureKernels(const Options &options,
                                                uint32_t flags) {
  Bench bench(options, flags | TM_SESSION_PROFILE);
  ReadyCall call(bench.model, bench.call, bench.gpu.get());
  std::optional<ReadyCall> before;
  if (bench.before)
    before.emplace(bench.model, *bench.before, bench.gpu.get());
  Measurement measurement(call, before ? &*before : nullptr, bench.gpu.get(),
                          options.measure);
  std::vector<std::vector<double>> times =
      measurement.commandTimes(bench.model);
  std::vector<ActiveCommand> commands =
      activeCommands(bench.call, bench.multiprocessors());
  if (commands.size() != times.size())
    throw run::Failure(
        "transmamba-benchmark: error: the runtime has measured " +
        std::to_string(times.size()) + " commands, not " +
        std::to_string(commands.size()));
  std::vector<KernelReport> kernels;
  for (size_t i = 0; i < commands.size(); ++i) {
    const std::string &name = commands[i].command->kernel;
    auto kernel = std::find_if(
        kernels.begin(), kernels.end(),
        [&](const KernelReport &other) { return other.name == name; });
    if (kernel == kernels.end())
      kernel = kernels.insert(kernels.end(), KernelReport{name, 0, 0, {}});
    ++kernel->launches;
    kernel->milliseconds += summarize(times[i]).median;
    kernel->work.add(commands[i].work);
  }
  std::sort(kernels.begin(), kernels.end(),
            [](const KernelReport &a, const KernelReport &b) {
              return std::tie(b.milliseconds, a.name) <
                     std::tie(a.milliseconds, b.name);
            });
  return kernels;
}

static Report measure(const Options &options) {
  Report report;
  report.package = options.model.path;
  report.entry = options.entry;
  report.before = options.before;
  report.options = options.measure;
  report.seed = options.seed;
  uint32_t flags = options.noGraphs ? TM_SESSION_NO_GRAPHS : 0;
  {
    Bench bench(options, flags);
    report.target = bench.model.target();
    report.device = bench.model.deviceName();
    report.deviceDescription = bench.model.deviceDescription();
    report.symbols = bench.call.symbols;
    if (bench.before)
      for (const auto &symbol : bench.before->symbols)
        if (std::find(report.symbols.begin(), report.symbols.end(), symbol) ==
            report.symbols.end())
          report.symbols.push_back(symbol);
    for (const ActiveCommand &command :
         activeCommands(bench.call, bench.multiprocessors()))
      report.work.add(command.work);
    ReadyCall call(bench.model, bench.call, bench.gpu.get());
    std::optional<ReadyCall> before;
    if (bench.before)
      before.emplace(bench.model, *bench.before, bench.gpu.get());
    Measurement measurement(call, before ? &*before : nullptr, bench.gpu.get(),
                            options.measure);
    Times times = measurement.times();
    if (!times.device.empty())
      report.deviceTime = summarize(std::move(times.device));
    report.wallTime = summarize(std::move(times.wall));
    report.limits = findLimits(bench, options);
  }
  // A session of its own, after the other has gone: weights are large.
  if (options.perKernel)
    report.kernels = measureKernels(options, flags);
  return report;
}

static void print(const Report &report, const std::string &path) {
  if (path == "-") {
    std::fputs(jsonReport(report).c_str(), stdout);
    return;
  }
  std::fputs(textReport(report).c_str(), stdout);
  if (path.empty())
    return;
  std::ofstream file(path, std::ios::binary);
  file << jsonReport(report);
  file.close();
  if (!file)
    throw run::Failure(path + ": error: cannot be written");
}

int main(int argc, char **argv) {
  try {
    CLI::App app(description, "transmamba-benchmark");
    app.get_formatter()->column_width(38);
    Options options;
    declareOptions(app, options);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
      // Help and version are no errors.
      if (error.get_exit_code() == 0)
        return app.exit(error), run::Success;
      failUsage(std::string(error.what()) + " (see --help)");
    }
    if (options.model.path.empty())
      failUsage("which package? (see --help)");
    if (options.entry.empty())
      failUsage("nothing to measure: give --entry (see --help)");
    for (auto [name, rate] : {std::pair("--peak-gbps", options.peakBytes),
                              std::pair("--peak-tflops", options.peakFlop)})
      if (app.count(name) != 0 && !(rate > 0 && std::isfinite(rate)))
        failUsage(std::string(name) + " takes a finite number above 0");
    print(measure(options), options.json);
    return run::Success;
  } catch (const run::Failure &failure) {
    std::fflush(stdout);
    std::fprintf(stderr, "%s\n", failure.line.c_str());
  } catch (const runtime::Failure &failure) {
    std::fprintf(stderr, "%s\n", failure.error.str().c_str());
  } catch (const std::exception &error) {
    std::fprintf(stderr, "transmamba-benchmark: error: %s\n", error.what());
  }
  return run::BadInput;
}
