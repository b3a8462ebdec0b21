//===- Gpu.h - Memory, time and limits of a GPU -----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_GPU_H
#define TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_GPU_H

#include "Runtime/CudaContext.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace transmamba::benchmark {

/// A stream of a GPU, with events around a piece of it. Functions throw
/// runtime::Failure.
class Gpu {
public:
  explicit Gpu(int ordinal);
  Gpu(const Gpu &) = delete;
  Gpu &operator=(const Gpu &) = delete;
  ~Gpu();

  void *stream() const { return queue; }
  int computeMajor() const { return context->major(); }
  int computeMinor() const { return context->minor(); }
  int multiprocessors() const { return context->multiprocessors(); }
  /// The highest clock of the multiprocessors.
  double clockHertz() const;

  /// Memory of the GPU, which lives as long as this object. Never null.
  void *allocate(uint64_t bytes);
  void upload(void *target, const std::vector<uint8_t> &data);
  void synchronize();

  /// Writes `bytes` of memory on the stream, so that caches hold nothing of
  /// what was before.
  void flush(uint64_t bytes);

  /// Marks the begin and the end of what is measured.
  void begin() { record(start); }
  void end() { record(stop); }
  /// Waits for the end, and gives the milliseconds between the marks.
  double elapsed();

  /// Bytes read and written in a second when half a buffer of that size is
  /// copied to the other half; the best of a few times.
  double copyBandwidth(uint64_t bytes);

private:
  using Memory = runtime::cuda::Memory;

  void record(runtime::cuda::CUevent event);
  /// A buffer of at least that size for flushes and copies.
  Memory &scratch(uint64_t bytes);

  std::shared_ptr<const runtime::cuda::Context> context;
  runtime::cuda::CUstream queue = nullptr;
  runtime::cuda::CUevent start = nullptr;
  runtime::cuda::CUevent stop = nullptr;
  std::vector<Memory> allocations;
  Memory big;
};

} // namespace transmamba::benchmark

#endif // TRANSMAMBA_TOOLS_TRANSMAMBA_BENCHMARK_GPU_H
