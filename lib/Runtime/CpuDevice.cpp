//===- CpuDevice.cpp - Running packages on the processor ------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "CpuFeatures.h"
#include "Device.h"
#include "Failure.h"
#include "HostMemory.h"
#include "SharedObject.h"
#include "ThreadPool.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <sched.h>

namespace transmamba::runtime {

static constexpr int maxThreads = 1024;
/// What poisoned memory is filled with: NaN in every floating-point type.
static constexpr int poisonByte = 0xff;

namespace {

class CpuProgram final : public Program {
public:
  CpuProgram(std::shared_ptr<const package::Package> package,
             const package::Variant &variant, std::shared_ptr<ThreadPool> pool);

  std::unique_ptr<Executor>
  createExecutor(int64_t rows, const ExecutorOptions &options) override;

  int64_t multiprocessors() const override { return 1; }

  ThreadPool &threads() const { return *pool; }
  CpuKernel kernel(size_t index) const { return kernels[index]; }
  const uint8_t *parameter(size_t index) const { return parameters[index]; }

private:
  std::shared_ptr<ThreadPool> pool;
  std::unique_ptr<SharedObject> object;
  /// Parallel to the variant's kernels.
  std::vector<CpuKernel> kernels;
  /// Addresses in the mapped package.
  std::vector<const uint8_t *> parameters;
};

class CpuExecutor final : public Executor {
public:
  CpuExecutor(const CpuProgram &program, int64_t rows, ExecutorOptions options)
      : program(program), options(options) {
    for (const package::State &state : program.package().manifest().states) {
      states.emplace_back(state.bytes(rows), "the state of a session");
      stateBytes.push_back(state.bytes(rows));
    }
  }

  uint8_t *inputStaging(uint64_t bytes) override {
    inputs.reserve(bytes, "the inputs of a call");
    return inputs.data();
  }
  const uint8_t *run(const Plan &plan,
                     const std::vector<bool> &wanted) override;

  void readState(size_t index, void *data) override {
    std::memcpy(data, states[index].data(), stateBytes[index]);
  }
  void writeState(size_t index, const void *data) override {
    std::memcpy(states[index].data(), data, stateBytes[index]);
  }
  void clearStates() override {
    for (size_t i = 0; i < states.size(); ++i)
      std::memset(states[i].data(), 0, stateBytes[i]);
  }
  const std::vector<double> &times() const override { return milliseconds; }

private:
  uint64_t resolve(const PlanArgument &arg) const;

  const CpuProgram &program;
  ExecutorOptions options;
  HostMemory inputs;
  HostMemory outputs;
  HostMemory arena;
  std::vector<HostMemory> states;
  std::vector<uint64_t> stateBytes;
  std::vector<uint64_t> args;
  std::vector<double> milliseconds;
};

class CpuDevice final : public Device {
public:
  explicit CpuDevice(unsigned threads)
      : Device("cpu", processorName() + ", " + std::to_string(threads) +
                          (threads == 1 ? " thread" : " threads")),
        pool(std::make_shared<ThreadPool>(threads)) {}

protected:
  std::string refusal(const package::Target &target,
                      const package::Variant &) const override {
    if (target.kind != package::Target::Kind::Cpu)
      return "is for a GPU";
    std::string missing = missingFeatures(target.level);
    return missing.empty() ? "" : "the processor lacks " + missing;
  }
  std::unique_ptr<Program>
  loadVariant(std::shared_ptr<const package::Package> package,
              const package::Variant &variant) override {
    return std::make_unique<CpuProgram>(std::move(package), variant, pool);
  }

private:
  std::shared_ptr<ThreadPool> pool;
};

} // namespace

CpuProgram::CpuProgram(std::shared_ptr<const package::Package> source,
                       const package::Variant &chosen,
                       std::shared_ptr<ThreadPool> pool)
    : Program(std::move(source), chosen), pool(std::move(pool)) {
  const std::string &path = package().path();
  const package::Manifest &manifest = package().manifest();
  object = std::make_unique<SharedObject>(
      unwrap(package().verifiedData(variant().object), TM_BAD_PACKAGE), path);
  for (const package::Kernel &kernel : variant().kernels) {
    void *address = object->find(kernel.name);
    if (!address)
      throw Failure(TM_BAD_PACKAGE, path,
                    inQuotes(variant().object) + " has no function " +
                        inQuotes(kernel.name));
    kernels.push_back(reinterpret_cast<CpuKernel>(address));
  }
  if (!manifest.parameters.empty())
    unwrap(package().verifiedData(package::weightsFileName), TM_BAD_PACKAGE);
  for (size_t i = 0; i < manifest.parameters.size(); ++i)
    parameters.push_back(package().parameter(i).data());
}

std::unique_ptr<Executor>
CpuProgram::createExecutor(int64_t rows, const ExecutorOptions &options) {
  return std::make_unique<CpuExecutor>(*this, rows, options);
}

uint64_t CpuExecutor::resolve(const PlanArgument &arg) const {
  using Kind = package::Argument::Kind;
  switch (arg.kind) {
  case Kind::Input:
    return reinterpret_cast<uint64_t>(inputs.data()) + arg.value;
  case Kind::Output:
    return reinterpret_cast<uint64_t>(outputs.data()) + arg.value;
  case Kind::Arena:
    return reinterpret_cast<uint64_t>(arena.data()) + arg.value;
  case Kind::Parameter:
    return reinterpret_cast<uint64_t>(program.parameter(arg.index));
  case Kind::State:
    return reinterpret_cast<uint64_t>(states[arg.index].data());
  case Kind::Scalar:
  case Kind::F32:
    break;
  }
  return arg.value;
}

const uint8_t *CpuExecutor::run(const Plan &plan, const std::vector<bool> &) {
  using Clock = std::chrono::steady_clock;
  inputs.reserve(plan.inputBytes, "the inputs of a call");
  outputs.reserve(plan.outputBytes, "the outputs of a call");
  arena.reserve(plan.arenaBytes, "the scratch arena");
  if (options.poison) {
    std::memset(outputs.data(), poisonByte, plan.outputBytes);
    std::memset(arena.data(), poisonByte, plan.arenaBytes);
  }
  milliseconds.clear();
  for (const PlanCommand &command : plan.commands) {
    args.clear();
    for (const PlanArgument &arg : command.args)
      args.push_back(resolve(arg));
    Clock::time_point start;
    if (options.profile)
      start = Clock::now();
    program.threads().run(program.kernel(command.kernel), args.data(),
                          command.grid);
    if (options.profile)
      milliseconds.push_back(
          std::chrono::duration<double, std::milli>(Clock::now() - start)
              .count());
  }
  return outputs.data();
}

/// Hardware threads that this process may use.
static int availableThreads() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof(set), &set) == 0)
    return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());
}

/// The number of threads to use; 0 where the environment's is not a number.
static int chooseThreads(int requested) {
  if (requested != 0)
    return requested;
  const char *text = std::getenv("TRANSMAMBA_THREADS");
  if (!text || !*text)
    return std::min(std::max(availableThreads(), 1), maxThreads);
  char *end;
  long value = std::strtol(text, &end, 10);
  return *end == '\0' && value >= 1 && value <= maxThreads
             ? static_cast<int>(value)
             : 0;
}

std::string describeCpu() {
  return processorName() + ", " + std::to_string(availableThreads()) +
         " hardware threads";
}

std::shared_ptr<Device> openCpuDevice(int requested) {
  int threads = chooseThreads(requested);
  if (threads < 1 || threads > maxThreads)
    throw Failure(TM_INVALID_ARGUMENT, "cpu",
                  requested != 0
                      ? "there cannot be " + std::to_string(requested) +
                            " threads; 1 to 1024 are possible"
                      : std::string("TRANSMAMBA_THREADS is not a number of "
                                    "threads in [1, 1024]"));
  return std::make_shared<CpuDevice>(static_cast<unsigned>(threads));
}

} // namespace transmamba::runtime
