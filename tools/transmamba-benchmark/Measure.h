//===- Measure.h - Running and timing ---------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_MEASURE_H
#define TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_MEASURE_H

#include "Calls.h"
#include "Gpu.h"

#include <vector>

namespace transmamba::benchmark {

struct MeasureOptions {
  int64_t warmup = 3;
  int64_t repeat = 20;
  bool flush = false;
};

/// Milliseconds of each run.
struct Times {
  /// On the device, by events; empty on a processor.
  std::vector<double> device;
  /// From the call until its end, as the host sees it.
  std::vector<double> wall;
};

/// What each run writes before, to flush caches.
inline constexpr uint64_t flushBytes = uint64_t(1) << 28;

/// A call with memory for everything, where the device wants it.
class ReadyCall {
public:
  /// `gpu` is null on a processor. The call outlives this object.
  ReadyCall(run::Model &model, Call &call, Gpu *gpu);

  /// Starts the call; on a processor it has ended then.
  void start();
  const Call &call() const { return source; }

private:
  run::Model &model;
  Call &source;
  Gpu *gpu;
  std::vector<tm_tensor> inputs;
  std::vector<tm_tensor> outputs;
  std::vector<std::vector<uint8_t>> hostOutputs;
};

/// Runs a call again and again, each time after `before`, if there is one.
class Measurement {
public:
  Measurement(ReadyCall &call, ReadyCall *before, Gpu *gpu,
              const MeasureOptions &options)
      : call(call), before(before), gpu(gpu), options(options) {}

  Times times();
  /// For each command that ran, the milliseconds of all runs. The model's
  /// session profiles.
  std::vector<std::vector<double>> commandTimes(const run::Model &model);

private:
  void prepare();
  void wait();
  double timeOnDevice();
  double timeOnWall();

  ReadyCall &call;
  ReadyCall *before;
  Gpu *gpu;
  const MeasureOptions &options;
  std::vector<uint8_t> hostScratch;
};

} // namespace transmamba::benchmark

#endif // TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_MEASURE_H
