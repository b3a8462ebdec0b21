//===- FakeCuda.h - A CUDA driver that runs on the processor ----*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// libcuda.so.1 for tests: the functions that the runtime uses, with "device"
// memory on the heap and the kernels of Kernels.c. It is stricter than the real
// one: memory, streams and graphs must be used under their context, during a
// capture nothing but launches is allowed, shared memory beyond 48 KB must be
// asked for, a launch overlaps nothing but another launch, and everything must
// be given back.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TEST_UNIT_RUNTIME_FAKECUDA_H
#define TRANSMAMBA_TEST_UNIT_RUNTIME_FAKECUDA_H

#include <cstdint>

extern "C" {

/// What has happened since the last reset.
struct FakeCudaCounters {
  /// Objects alive: allocations, streams, events, graphs, modules, contexts.
  int liveObjects;
  int directLaunches;
  /// Of all launches, captured ones too: those that may begin before what was
  /// launched before them has ended.
  int overlappingLaunches;
  int graphLaunches;
  int captures;
  /// Streams that were made to wait for an event.
  int waits;
  /// Copies from the host's memory.
  int uploads;
  /// Tensor maps made, and the last one.
  int tensorMaps;
  uint32_t lastMapRank;
  uint64_t lastMapExtents[5];
  uint64_t lastMapStrides[4];
};

FakeCudaCounters fakeCudaCounters(void);
/// Sets the counters of events to zero; live objects stay.
void fakeCudaResetCounters(void);
/// The next call of the driver function `name`, after `skip` that do not, fails
/// with `code`.
void fakeCudaFailNext(const char *name, int code, int skip = 0);
/// Compute capability of the GPU, and bytes of memory that it has.
void fakeCudaSetDevice(int major, int minor, uint64_t memoryBytes);
/// What cuDriverGetVersion says, 12080 at first.
void fakeCudaSetDriverVersion(int version);
/// The GPU in whose memory all allocations seem to lie.
void fakeCudaSetMemoryOrdinal(int ordinal);
}

#endif // TRANSMAMBA_TEST_UNIT_RUNTIME_FAKECUDA_H
