//===- host_kernels.cpp - Speed of CPU kernels ------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// One thread, every processor level that the machine runs: multiply-add peak,
// matrix products, matrix times vector, exp. Not a test: figures depend on the
// machine.
//
//===----------------------------------------------------------------------===//

#include "../Unit/Target/Host/KernelHarness.h"

#include <benchmark/benchmark.h>

using namespace transmamba;
using namespace transmamba::test;

/// What the processor can do: twelve independent chains of multiply-adds.
static std::string peakKernel(CpuLevel level) {
  std::string vector = "vector<" +
                       std::to_string(getCpuFeatures(level).vectorBits / 32) +
                       "xf32>";
  constexpr int kChains = 12;
  std::string inits, types, steps, yields, stores;
  for (int i = 0; i < kChains; ++i) {
    std::string n = std::to_string(i), comma = i ? ", " : "";
    inits += comma + "%a" + n + " = %v" + n;
    types += comma + vector;
    steps += getCpuFeatures(level).hasFma
                 ? "    %s" + n + " = vector.fma %f, %a" + n +
                       ", %f : " + vector + "\n"
                 : "    %m" + n + " = arith.mulf %f, %a" + n + " : " + vector +
                       "\n    %s" + n + " = arith.addf %m" + n +
                       ", %f : " + vector + "\n";
    yields += comma + "%s" + n;
    stores += "  %o" + n + " = arith.constant " + std::to_string(i * 16) +
              " : index\n  vector.store %r#" + n + ", %o[%o" + n +
              "] : memref<192xf32>, " + vector + "\n";
  }
  std::string loads;
  for (int i = 0; i < kChains; ++i)
    loads += "  %i" + std::to_string(i) + " = arith.constant " +
             std::to_string(i * 16) + " : index\n  %v" + std::to_string(i) +
             " = vector.load %o[%i" + std::to_string(i) +
             "] : memref<192xf32>, " + vector + "\n";
  return "func.func private @k(%x: index, %y: index, %z: index, %p: "
         "memref<f32>, %n: index) attributes {transmamba.kernel} {\n"
         "  %c0 = arith.constant 0 : index\n  %c1 = arith.constant 1 : index\n"
         "  %o = memref.reinterpret_cast %p to offset: [0], sizes: [192], "
         "strides: [1] : memref<f32> to memref<192xf32>\n"
         "  %f = vector.load %o[%c0] : memref<192xf32>, " +
         vector + "\n" + loads + "  %r:" + std::to_string(kChains) +
         " = scf.for %i = %c0 to %n step %c1 iter_args(" + inits + ") -> (" +
         types + ") {\n" + steps + "    scf.yield " + yields + " : " + types +
         "\n  }\n" + stores + "  return\n}";
}

/// c += a * b of static sizes; b transposed on demand.
static std::string productKernel(int64_t m, int64_t n, int64_t k,
                                 bool transposeB, const char *type) {
  auto number = [](int64_t v) { return std::to_string(v); };
  bool isNarrow = std::string(type) != "f32";
  return substitute(
      R"(
func.func private @k(%x: index, %y: index, %z: index, %pa: memref<{T}>, %pb: memref<{T}>, %pc: memref<f32>)
    attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [{M}, {K}], strides: [{K}, 1] : memref<{T}> to memref<{M}x{K}x{T}>
  %b = memref.reinterpret_cast %pb to offset: [0], sizes: [{R}, {C}], strides: [{C}, 1] : memref<{T}> to memref<{R}x{C}x{T}>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [{M}, {N}], strides: [{N}, 1] : memref<f32> to memref<{M}x{N}xf32>
  linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> ({B})>,
                                   affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<{M}x{K}x{T}>, memref<{R}x{C}x{T}>) outs(%c : memref<{M}x{N}xf32>) {
  ^bb0(%p: {T}, %q: {T}, %r: f32):
{E}    %s = arith.addf %r, %v : f32
    linalg.yield %s : f32
  }
  return
})",
      {{"T", type},
       {"M", number(m)},
       {"N", number(n)},
       {"K", number(k)},
       {"R", number(transposeB ? n : k)},
       {"C", number(transposeB ? k : n)},
       {"B", transposeB ? "n, k" : "k, n"},
       {"E", isNarrow ? "    %pe = arith.extf %p : bf16 to f32\n"
                        "    %qe = arith.extf %q : bf16 to f32\n"
                        "    %v = arith.mulf %pe, %qe : f32\n"
                      : "    %v = arith.mulf %p, %q : f32\n"}});
}

static std::string pointwiseKernel(const std::string &op) {
  return substitute(R"(
func.func private @k(%x: index, %y: index, %z: index, %pa: memref<f32>, %pc: memref<f32>, %n: index)
    attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [%n], strides: [1] : memref<f32> to memref<?xf32>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [%n], strides: [1] : memref<f32> to memref<?xf32>
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%a : memref<?xf32>) outs(%c : memref<?xf32>) {
  ^bb0(%p: f32, %q: f32):
    %r = {op} %p : f32
    linalg.yield %r : f32
  }
  return
})",
                    {{"op", op}});
}

static void runPeak(benchmark::State &state, CpuLevel level) {
  auto kernels = Kernels::compile(peakKernel(level), level);
  Buffer<float> data(192);
  for (size_t i = 0; i < data.size; ++i)
    data[i] = 0.5f;
  constexpr int64_t kSteps = 100000;
  for (auto _ : state)
    kernels->run("k", {data.pointer(), kSteps});
  state.counters["FLOP/s"] = benchmark::Counter(
      2.0 * 12 * kSteps * getCpuFeatures(level).vectorBits / 32,
      benchmark::Counter::kIsIterationInvariantRate);
}

template <typename T>
static void runProduct(benchmark::State &state, CpuLevel level, int64_t m,
                       int64_t n, int64_t k, bool transposeB) {
  auto kernels = Kernels::compile(
      productKernel(m, n, k, transposeB, typeName<T>()), level);
  // Multiples of 64 bytes: the kernel has no offsets.
  Buffer<T> a((m * k + 63) / 64 * 64), b((n * k + 63) / 64 * 64);
  Buffer<float> c((m * n + 63) / 64 * 64);
  for (size_t i = 0; i < a.size; ++i)
    a[i] = fromFloat<T>(0.01f * (i % 17));
  for (size_t i = 0; i < b.size; ++i)
    b[i] = fromFloat<T>(0.01f * (i % 13));
  std::fill_n(c.data(), c.size, 0.0f);
  for (auto _ : state)
    kernels->run("k", {a.pointer(), b.pointer(), c.pointer()});
  state.counters["FLOP/s"] = benchmark::Counter(
      2.0 * m * n * k, benchmark::Counter::kIsIterationInvariantRate);
  if (m == 1)
    state.counters["B/s"] =
        benchmark::Counter(double(sizeof(T)) * n * k,
                           benchmark::Counter::kIsIterationInvariantRate);
}

static void runPointwise(benchmark::State &state, CpuLevel level,
                         const std::string &op) {
  auto kernels = Kernels::compile(pointwiseKernel(op), level);
  constexpr size_t kSize = 4096;
  Buffer<float> a(kSize), c(kSize);
  for (size_t i = 0; i < kSize; ++i)
    a[i] = 0.001f * static_cast<float>(i) + 0.1f;
  for (auto _ : state)
    kernels->run("k", {a.pointer(), c.pointer(), kSize});
  state.SetItemsProcessed(state.iterations() * kSize);
}

int main(int argc, char **argv) {
  benchmark::Initialize(&argc, argv);
  for (CpuLevel level : levelsToTest()) {
    std::string prefix = getCpuLevelName(level).str() + "/";
    auto add = [&](const std::string &name, auto function) {
      benchmark::RegisterBenchmark((prefix + name).c_str(), function);
    };
    add("peak", [=](benchmark::State &s) { runPeak(s, level); });
    struct Shape {
      int64_t m, n, k;
      bool transposeB;
    };
    for (Shape shape :
         {Shape{512, 576, 192, false}, Shape{512, 192, 512, false},
          Shape{512, 576, 192, true}, Shape{64, 48, 48, false},
          Shape{64, 64, 48, true}, Shape{64, 576, 192, false},
          Shape{1, 576, 192, false}, Shape{1, 576, 192, true},
          Shape{1, 4096, 1536, false}, Shape{1, 4096, 1536, true}}) {
      std::string name =
          std::to_string(shape.m) + "x" + std::to_string(shape.n) + "x" +
          std::to_string(shape.k) + (shape.transposeB ? "/transposed" : "");
      add("f32/" + name, [=](benchmark::State &s) {
        runProduct<float>(s, level, shape.m, shape.n, shape.k,
                          shape.transposeB);
      });
      add("bf16/" + name, [=](benchmark::State &s) {
        runProduct<BF16>(s, level, shape.m, shape.n, shape.k, shape.transposeB);
      });
    }
    for (const char *op :
         {"math.exp", "math.log1p", "math.tanh", "math.sin", "math.rsqrt"})
      add(op, [=](benchmark::State &s) { runPointwise(s, level, op); });
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
