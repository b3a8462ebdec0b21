//===- Gpu.cpp - Memory, time and limits of a GPU ---------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Gpu.h"

#include <algorithm>

namespace transmamba::benchmark {

using namespace runtime::cuda;

Gpu::Gpu(int ordinal)
    : context(std::make_shared<const Context>(ordinal)),
      big(context, Memory::Kind::Device, "flushing caches and copying") {
  ContextScope scope(*context);
  context->check(api().cuStreamCreate(&queue, CU_STREAM_NON_BLOCKING),
                 "creating a stream");
  context->check(api().cuEventCreate(&start, CU_EVENT_DEFAULT),
                 "creating an event");
  context->check(api().cuEventCreate(&stop, CU_EVENT_DEFAULT),
                 "creating an event");
}

Gpu::~Gpu() {
  CUcontext popped;
  api().cuCtxPushCurrent(context->handle());
  api().cuStreamSynchronize(queue);
  api().cuEventDestroy(start);
  api().cuEventDestroy(stop);
  api().cuStreamDestroy(queue);
  api().cuCtxPopCurrent(&popped);
}

double Gpu::clockHertz() const {
  return 1e3 * context->attribute(CU_DEVICE_ATTRIBUTE_CLOCK_RATE);
}

void *Gpu::allocate(uint64_t bytes) {
  ContextScope scope(*context);
  allocations.emplace_back(context, Memory::Kind::Device, "an input or output");
  allocations.back().reserve(bytes);
  return reinterpret_cast<void *>(allocations.back().address());
}

void Gpu::upload(void *target, const std::vector<uint8_t> &data) {
  ContextScope scope(*context);
  if (!data.empty())
    context->check(
        api().cuMemcpyHtoDAsync(reinterpret_cast<CUdeviceptr>(target),
                                data.data(), data.size(), queue),
        "copying an input");
  synchronize();
}

void Gpu::synchronize() {
  ContextScope scope(*context);
  context->check(api().cuStreamSynchronize(queue), "running on the GPU");
}

Gpu::Memory &Gpu::scratch(uint64_t bytes) {
  if (!big.holds(bytes))
    synchronize();
  big.reserve(bytes);
  return big;
}

void Gpu::flush(uint64_t bytes) {
  ContextScope scope(*context);
  context->check(
      api().cuMemsetD8Async(scratch(bytes).address(), 0, bytes, queue),
      "flushing the caches");
}

void Gpu::record(CUevent event) {
  ContextScope scope(*context);
  context->check(api().cuEventRecord(event, queue), "recording an event");
}

double Gpu::elapsed() {
  ContextScope scope(*context);
  context->check(api().cuEventSynchronize(stop), "running on the GPU");
  float milliseconds = 0;
  context->check(api().cuEventElapsedTime(&milliseconds, start, stop),
                 "measuring a time");
  return milliseconds;
}

double Gpu::copyBandwidth(uint64_t bytes) {
  ContextScope scope(*context);
  CUdeviceptr address = scratch(bytes).address();
  uint64_t half = bytes / 2;
  double best = 0;
  // The first times warm the memory's clock up.
  for (int i = 0; i < 10; ++i) {
    begin();
    context->check(
        api().cuMemcpyDtoDAsync(address + half, address, half, queue),
        "copying memory");
    end();
    best = std::max(best, 2e3 * static_cast<double>(half) / elapsed());
  }
  return best;
}

} // namespace transmamba::benchmark
