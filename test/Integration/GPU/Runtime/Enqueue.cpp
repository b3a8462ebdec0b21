//===- Enqueue.cpp - Calls on streams of the caller -------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// check-enqueue SUMS.tmpkg: runs tm_session_enqueue on cuda:0, on several
// streams, in graphs of its own, without waiting in between, and compares with
// tm_session_invoke on the processor. Says what is wrong, or nothing.
//
//===----------------------------------------------------------------------===//

#include "../../../Unit/Runtime/TestPackage.h"
#include "CudaContext.h"
#include "Failure.h"

#include <cstdio>
#include <cstdlib>

using namespace transmamba::runtime;
using namespace transmamba::runtime::test;
using namespace transmamba::runtime::cuda;

static constexpr int64_t rows = 3;
static constexpr int64_t steps = 6;
static constexpr int64_t elements = 1000;

static void expect(bool condition, const char *what) {
  if (condition)
    return;
  std::fprintf(stderr, "check-enqueue: error: %s (%s)\n", what,
               tm_last_error());
  std::exit(1);
}

static std::vector<int32_t> tokensOf(int64_t step) {
  std::vector<int32_t> tokens;
  for (int64_t row = 0; row < rows; ++row)
    tokens.push_back(static_cast<int32_t>((step * 7 + row * 3) % 256));
  return tokens;
}

namespace {
/// A session on the GPU, and what a program with CUDA of its own has.
struct Gpu {
  Context context{0};
  ContextScope scope{context};
  const Api &driver = api();
  std::vector<CUstream> streams;
  SessionHandle session;

  explicit Gpu(const PackageHandle &package) {
    DeviceHandle device = openDevice("cuda:0");
    session = createSession(package, device, rows);
    expect(session != nullptr, "no session on the GPU");
    streams.push_back(nullptr);
    for (unsigned flags : {0u, unsigned(CU_STREAM_NON_BLOCKING)}) {
      CUstream stream = nullptr;
      context.check(driver.cuStreamCreate(&stream, flags), "a stream");
      streams.push_back(stream);
    }
  }
  CUdeviceptr allocate(size_t bytes) {
    CUdeviceptr address = 0;
    context.check(driver.cuMemAlloc(&address, bytes), "memory");
    return address;
  }
  void synchronize() {
    for (CUstream stream : streams)
      context.check(driver.cuStreamSynchronize(stream), "waiting");
  }
  std::vector<float> read(CUdeviceptr address, size_t count) {
    std::vector<float> values(count);
    context.check(driver.cuMemcpyDtoHAsync(values.data(), address,
                                           count * sizeof(float), nullptr),
                  "reading");
    context.check(driver.cuStreamSynchronize(nullptr), "reading");
    return values;
  }
};
} // namespace

/// Steps of a decode, each on another stream, of which none is waited for.
static void checkDecode(Gpu &gpu, const SessionHandle &cpu) {
  CUdeviceptr results = gpu.allocate(steps * 64);
  for (int round = 0; round < 20; ++round) {
    std::vector<float> sums;
    std::vector<int32_t> seen, prompt(rows * 3, round), lengths{3, 1, 2};
    expect(prefill(cpu.get(), prompt, lengths, sums) == TM_OK &&
               prefill(gpu.session.get(), prompt, lengths, sums) == TM_OK,
           "prefill");
    for (int64_t step = 0; step < steps; ++step) {
      std::vector<int32_t> tokens = tokensOf(step);
      tm_tensor input = tensor("tokens", TM_I32, {rows}, tokens);
      tm_tensor output{"sums",
                       TM_F32,
                       1,
                       {rows},
                       reinterpret_cast<void *>(results + 64 * step)};
      CUstream stream = gpu.streams[(round + step) % gpu.streams.size()];
      expect(tm_session_enqueue(gpu.session.get(), "decode", &input, 1, &output,
                                1, stream) == TM_OK,
             "decode");
      // What the caller does with its tokens now is its own affair.
      std::fill(tokens.begin(), tokens.end(), 0);
    }
    gpu.synchronize();
    for (int64_t step = 0; step < steps; ++step) {
      expect(decode(cpu.get(), tokensOf(step), sums, seen) == TM_OK, "decode");
      expect(gpu.read(results + 64 * step, rows) == sums,
             "a step differs from the processor");
    }
  }
  gpu.context.check(gpu.driver.cuMemFree(results), "freeing");
}

/// A call in a graph of the caller, which works on after larger calls.
static void checkCapture(Gpu &gpu) {
  CUdeviceptr like = gpu.allocate(elements);
  CUdeviceptr out = gpu.allocate(elements * sizeof(float));
  CUstream stream = gpu.streams.back();
  auto spread = [&](int64_t count) {
    tm_tensor input{"like", TM_I8, 1, {count}, reinterpret_cast<void *>(like)};
    tm_tensor output{"out", TM_F32, 1, {count}, reinterpret_cast<void *>(out)};
    return tm_session_enqueue(gpu.session.get(), "spread", &input, 1, &output,
                              1, stream);
  };
  auto check = [&](const char *what) {
    std::vector<float> values = gpu.read(out, elements);
    for (int64_t i = 0; i < elements; ++i)
      expect(values[i] == 0.25f * static_cast<float>(i), what);
    gpu.context.check(gpu.driver.cuMemsetD8Async(out, 0xff, elements * 4, 0),
                      "clearing");
    gpu.context.check(gpu.driver.cuStreamSynchronize(nullptr), "clearing");
  };
  for (int i = 0; i < 3; ++i) {
    expect(spread(elements) == TM_OK, "spread");
    gpu.synchronize();
    check("a call is wrong");
  }
  gpu.context.check(gpu.driver.cuStreamBeginCapture(stream, 0), "capturing");
  expect(spread(elements) == TM_OK, "spread while capturing");
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  gpu.context.check(gpu.driver.cuStreamEndCapture(stream, &graph), "capturing");
  gpu.context.check(gpu.driver.cuGraphInstantiate(&exec, graph, 0), "a graph");
  expect(spread(elements / 2) == TM_OK, "spread");
  for (int i = 0; i < 3; ++i) {
    gpu.synchronize();
    gpu.context.check(gpu.driver.cuGraphLaunch(exec, stream), "replaying");
    gpu.synchronize();
    check("a replay is wrong");
  }
  gpu.driver.cuGraphExecDestroy(exec);
  gpu.driver.cuGraphDestroy(graph);
  tm_tensor input{"like", TM_I8, 1, {elements}, reinterpret_cast<void *>(like)};
  std::vector<float> host(elements);
  tm_tensor output = tensor("out", TM_F32, {elements}, host);
  expect(tm_session_enqueue(gpu.session.get(), "spread", &input, 1, &output, 1,
                            stream) == TM_INVALID_ARGUMENT,
         "an output in host memory is refused");
  gpu.context.check(gpu.driver.cuMemFree(like), "freeing");
  gpu.context.check(gpu.driver.cuMemFree(out), "freeing");
}

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: check-enqueue SUMS.tmpkg\n");
    return 1;
  }
  try {
    PackageHandle package = openPackage(argv[1]);
    expect(package != nullptr, "no package");
    DeviceHandle processor = openDevice("cpu");
    SessionHandle cpu = createSession(package, processor, rows);
    expect(cpu != nullptr, "no session on the processor");
    Gpu gpu(package);
    checkDecode(gpu, cpu);
    checkCapture(gpu);
  } catch (const Failure &failure) {
    std::fprintf(stderr, "%s\n", failure.error.str().c_str());
    return 1;
  }
  return 0;
}
