//===- CudaProgram.h - Packages on a GPU ------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_RUNTIME_CUDAPROGRAM_H
#define TRANSMAMBA_LIB_RUNTIME_CUDAPROGRAM_H

#include "CudaContext.h"
#include "Device.h"
#include "HostMemory.h"

#include <list>
#include <memory>
#include <vector>

namespace transmamba::runtime::cuda {

/// A module and the weights in the memory of a GPU.
class CudaProgram final : public Program {
public:
  CudaProgram(std::shared_ptr<const package::Package> package,
              const package::Variant &variant,
              std::shared_ptr<const Context> context);
  ~CudaProgram() override;

  std::unique_ptr<Executor>
  createExecutor(int64_t rows, const ExecutorOptions &options) override;

  int64_t multiprocessors() const override {
    return context->multiprocessors();
  }

  const std::shared_ptr<const Context> &contextPtr() const { return context; }
  CUfunction kernel(size_t index) const { return kernels[index]; }
  CUdeviceptr parameter(size_t index) const {
    return weights.address() + package().manifest().parameters[index].offset;
  }

private:
  void loadModule();
  std::string tryLoad(const void *image);
  void prepareKernel(size_t index);
  void checkParameters(size_t index, const package::Command &command) const;
  void uploadWeights();

  std::shared_ptr<const Context> context;
  CUmodule module = nullptr;
  /// Parallel to the variant's kernels.
  std::vector<CUfunction> kernels;
  Memory weights;
};

/// Memory, stream and graphs of one session.
class CudaExecutor final : public Executor {
public:
  CudaExecutor(const CudaProgram &program, int64_t rows,
               ExecutorOptions options);
  ~CudaExecutor() override;

  bool hasStreams() const override { return true; }
  Place placeOf(const void *pointer) const override;
  bool isCapturing(void *stream) const override;
  uint8_t *enqueueStaging(uint64_t bytes) override;
  void enqueue(const Plan &plan, const CallerMemory &memory,
               void *stream) override;
  uint8_t *inputStaging(uint64_t bytes) override;
  const uint8_t *run(const Plan &plan,
                     const std::vector<bool> &wanted) override;
  void readState(size_t index, void *data) override;
  void writeState(size_t index, const void *data) override;
  void clearStates() override;
  const std::vector<double> &times() const override { return milliseconds; }

private:
  /// A run of a plan: where it goes and what it works on.
  struct Launch {
    const Plan &plan;
    const CallerMemory &memory;
    CUstream stream;
  };
  /// The commands of a plan as a graph; null after the first run, which is not
  /// worth a graph if it remains the only one.
  struct Graph {
    uint64_t plan = 0;
    CallerMemory memory;
    CUgraphExec handle = nullptr;
  };
  /// Bytes of the executor's blocks that a run needs.
  struct Blocks {
    uint64_t inputs;
    uint64_t outputs;
    uint64_t arena;
  };

  const Context &context() const { return *program.contextPtr(); }
  void check(CUresult result, const std::string &action) const {
    context().check(result, action);
  }
  void synchronize(const char *action);
  void waitForCalls(CUstream waiting);
  bool holds(const Blocks &blocks) const;
  void reserveBlocks(const Blocks &blocks);
  void poison(CUdeviceptr address, uint64_t bytes, CUstream target);
  void poisonAll(const Launch &run);
  void copyStaged(const Launch &run);
  void launchAll(const Launch &run);
  void launch(const Launch &run, const PlanCommand &command, bool overlaps);
  void launchProfiled(const Launch &run);
  void launchGraph(const Launch &run);
  CUgraphExec capture(const Plan &plan, const CallerMemory &memory);
  void dropGraphs() noexcept;
  CUdeviceptr input(const Launch &run, size_t index) const;
  CUdeviceptr output(const Launch &run, size_t index) const;
  CUdeviceptr resolve(const Launch &run, const PlanArgument &arg) const;
  CUtensorMap encode(const PlanTensorMap &map, CUdeviceptr address,
                     const std::string &kernel) const;

  const CudaProgram &program;
  ExecutorOptions options;
  CUstream stream = nullptr;
  Memory inputs;
  Memory outputs;
  Memory arena;
  Memory hostInputs;
  Memory hostOutputs;
  /// Inputs of enqueue. Not pinned: the driver is done with such memory when a
  /// copy returns.
  HostMemory stagedInputs;
  /// Recorded behind every call of enqueue.
  CUevent lastCall = nullptr;
  bool callsPending = false;
  /// The caller's graphs hold addresses of the blocks, for as long as they
  /// like: blocks that have become too small are kept.
  bool captured = false;
  std::vector<Memory> retired;
  std::vector<Memory> states;
  std::vector<uint64_t> stateBytes;
  /// Most recently used first.
  std::list<Graph> graphs;
  std::vector<CUevent> events;
  std::vector<double> milliseconds;
};

} // namespace transmamba::runtime::cuda

#endif // TRANSMAMBA_LIB_RUNTIME_CUDAPROGRAM_H
