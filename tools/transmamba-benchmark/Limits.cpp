//===- Limits.cpp - What a device can do at most ----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Limits.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

namespace transmamba::benchmark {

using package::ElementType;

namespace {
/// Rates of one multiprocessor in a cycle, a fused multiply-add counting as
/// two, from NVIDIA's whitepapers: the tensor cores' for 16-bit types that add
/// up in 32 bits (without sparsity), and the CUDA cores' for f32 and f64.
struct Rate {
  int major, minor;
  int64_t half, single, twice;
};
} // namespace

static constexpr Rate rates[] = {
    {7, 5, 1024, 128, 4},    // Turing
    {8, 0, 2048, 128, 64},   // A100
    {8, 6, 1024, 256, 4},    // A40; half of it on GeForce
    {8, 9, 1024, 256, 4},    // L40S; half of it on GeForce
    {9, 0, 4096, 256, 128},  // H100, H200
    {10, 0, 8192, 256, 128}, // B200
    {12, 0, 1024, 256, 4},   // RTX PRO 6000; half of it on GeForce
};

int64_t flopPerCycle(int major, int minor, ElementType type) {
  for (const Rate &rate : rates) {
    if (rate.major != major || rate.minor != minor)
      continue;
    switch (type) {
    case ElementType::BF16:
    case ElementType::F16:
      return rate.half;
    case ElementType::F32:
      return rate.single;
    case ElementType::F64:
      return rate.twice;
    default:
      return 0;
    }
  }
  return 0;
}

std::optional<Limit> flopLimit(const Gpu &gpu, ElementType type) {
  int64_t perCycle = flopPerCycle(gpu.computeMajor(), gpu.computeMinor(), type);
  if (perCycle == 0)
    return std::nullopt;
  double megahertz = gpu.clockHertz() / 1e6;
  return Limit{
      static_cast<double>(perCycle) * gpu.multiprocessors() * gpu.clockHertz(),
      std::to_string(perCycle) + " a cycle and multiprocessor (" +
          std::string(package::name(type)) + "), " +
          std::to_string(gpu.multiprocessors()) + " multiprocessors at " +
          std::to_string(static_cast<int64_t>(megahertz)) + " MHz"};
}

double hostCopyBandwidth(int threads) {
  using Clock = std::chrono::steady_clock;
  constexpr size_t bytes = size_t(1) << 27;
  std::vector<uint8_t> from(bytes, 1), to(bytes, 2);
  size_t part = bytes / static_cast<size_t>(threads);
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    Clock::time_point start = Clock::now();
    std::vector<std::thread> workers;
    for (int t = 0; t < threads; ++t)
      workers.emplace_back([&, t] {
        std::memcpy(to.data() + t * part, from.data() + t * part, part);
      });
    for (std::thread &worker : workers)
      worker.join();
    double seconds =
        std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, 2 * static_cast<double>(part) * threads / seconds);
  }
  return best;
}

} // namespace transmamba::benchmark
