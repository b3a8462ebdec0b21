//===- Measure.cpp - Running and timing -------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Measure.h"

#include "transmamba-run/Failure.h"

#include <chrono>
#include <cstring>

namespace transmamba::benchmark {

using package::Input;
using run::Failure;

static void require(tm_status status) {
  if (status != TM_OK)
    throw Failure(std::string(tm_last_error()));
}

/// The bytes of a tensor that the runtime has described.
static uint64_t bytesOf(const tm_tensor &tensor) {
  uint64_t bytes = tm_type_size(tensor.type);
  for (int32_t i = 0; i < tensor.rank; ++i)
    bytes *= static_cast<uint64_t>(tensor.shape[i]);
  return bytes;
}

/// True where the runtime looks at the values, which it does in host memory.
static bool isChecked(const package::EntryPoint &entry,
                      const std::string &name) {
  for (const Input &input : entry.inputs)
    if (input.name == name)
      return input.range || input.role == Input::Role::Lengths;
  return false;
}

ReadyCall::ReadyCall(run::Model &model, Call &call, Gpu *gpu)
    : model(model), source(call), gpu(gpu) {
  for (run::NamedArray &input : call.inputs) {
    inputs.push_back(run::toTensor(input.name, input.array));
    if (!gpu || isChecked(*call.entry, input.name))
      continue;
    void *memory = gpu->allocate(input.array.data.size());
    gpu->upload(memory, input.array.data);
    inputs.back().data = memory;
  }
  for (const package::Output &output : call.entry->outputs) {
    tm_tensor tensor{};
    require(tm_session_output_shape(model.handle(), call.entry->name.c_str(),
                                    inputs.data(), inputs.size(),
                                    output.name.c_str(), &tensor));
    if (gpu) {
      tensor.data = gpu->allocate(bytesOf(tensor));
    } else {
      hostOutputs.emplace_back(bytesOf(tensor));
      tensor.data = hostOutputs.back().data();
    }
    outputs.push_back(tensor);
  }
}

void ReadyCall::start() {
  require(tm_session_enqueue(model.handle(), source.entry->name.c_str(),
                             inputs.data(), inputs.size(), outputs.data(),
                             outputs.size(), gpu ? gpu->stream() : nullptr));
}

void Measurement::wait() {
  if (gpu)
    gpu->synchronize();
}

/// Brings the state to where each run starts, and flushes caches. On a GPU that
/// may be under way when this returns.
void Measurement::prepare() {
  if (before)
    before->start();
  if (!options.flush)
    return;
  if (gpu)
    return gpu->flush(flushBytes);
  hostScratch.resize(flushBytes);
  // Another value each time, so that it is not for nothing.
  std::memset(hostScratch.data(), hostScratch.front() + 1, flushBytes);
}

double Measurement::timeOnDevice() {
  prepare();
  gpu->begin();
  call.start();
  gpu->end();
  return gpu->elapsed();
}

double Measurement::timeOnWall() {
  using Clock = std::chrono::steady_clock;
  prepare();
  wait();
  Clock::time_point start = Clock::now();
  call.start();
  wait();
  return std::chrono::duration<double, std::milli>(Clock::now() - start)
      .count();
}

Times Measurement::times() {
  Times times;
  for (int64_t i = 0; i < options.warmup; ++i)
    timeOnWall();
  for (int64_t i = 0; gpu && i < options.repeat; ++i)
    times.device.push_back(timeOnDevice());
  for (int64_t i = 0; i < options.repeat; ++i)
    times.wall.push_back(timeOnWall());
  return times;
}

std::vector<std::vector<double>>
Measurement::commandTimes(const run::Model &model) {
  std::vector<std::vector<double>> result;
  for (int64_t i = 0; i < options.warmup + options.repeat; ++i) {
    prepare();
    wait();
    call.start();
    if (i < options.warmup)
      continue;
    std::vector<tm_command_time> times = model.profile();
    result.resize(times.size());
    for (size_t k = 0; k < times.size(); ++k)
      result[k].push_back(times[k].milliseconds);
  }
  return result;
}

} // namespace transmamba::benchmark
