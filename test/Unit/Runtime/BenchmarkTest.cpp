//===- BenchmarkTest.cpp - transmamba-benchmark -----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ToolFixture.h"
#include "transmamba-benchmark/Statistics.h"

#include <nlohmann/json.hpp>

using namespace transmamba::runtime::test;
using nlohmann::json;

namespace {
class BenchmarkTest : public ToolFixture {
protected:
  ToolResult benchmark(const std::string &arguments) {
    return tool(TRANSMAMBA_BENCHMARK, arguments);
  }
  /// The figures of a run that succeeds.
  json figures(const std::string &arguments) {
    ToolResult result = benchmark(arguments + " --json -");
    expectSuccess(result);
    return json::parse(result.out);
  }
  /// The same on a GPU, whose driver runs on the processor: events are 0.25 ms
  /// apart.
  json gpuFigures(const std::string &arguments) {
    ToolResult result = tool("env LD_LIBRARY_PATH=" TRANSMAMBA_FAKE_CUDA
                             " FAKE_CUDA_MEMORY_MIB=1024 " TRANSMAMBA_BENCHMARK,
                             arguments + " --device cuda:0 --json -");
    expectSuccess(result);
    return json::parse(result.out);
  }
  /// Adds a GPU's variant.
  void writeGpuPackage(ElementType type = ElementType::F32) {
    Manifest manifest = testManifest();
    manifest.model.elementType = type;
    Variant gpu = manifest.variants[0];
    gpu.target = "nvidia:sm_90a";
    gpu.object.clear();
    gpu.ptx = "code/kernels.ptx";
    manifest.variants.insert(manifest.variants.begin(), gpu);
    Error error =
        writeTestPackage(path, manifest, readFile(TRANSMAMBA_TEST_KERNELS));
    ASSERT_FALSE(error) << error.str();
  }
};
} // namespace

TEST(Statistics, Quantiles) {
  using namespace transmamba::benchmark;
  EXPECT_EQ(quantile({7}, 0.9), 7);
  EXPECT_EQ(quantile({1, 2}, 0.5), 1.5);
  EXPECT_EQ(quantile({1, 2, 4}, 1), 4);
  Summary summary = summarize({10, 0, 9, 1, 8, 2, 7, 3, 6, 4, 5});
  EXPECT_EQ(summary.min, 0);
  EXPECT_EQ(summary.p10, 1);
  EXPECT_EQ(summary.median, 5);
  EXPECT_EQ(summary.p90, 9);
}

TEST_F(BenchmarkTest, MeasuresOnAProcessor) {
  ToolResult result = benchmark("sums.tmpkg --entry spread --shape N=1000 "
                                "--per-kernel --peak-gbps 2 --peak-tflops 1 "
                                "--repeat 5 --json r.json");
  expectSuccess(result);
  for (const char *part :
       {"sums.tmpkg: spread at N = 1000", "cpu:x86-64 on cpu: ",
        "5 runs after 3 to warm up, caches as the run before left them",
        "wall ", "(all commands)", "2 GB/s: as given", "1 TFLOP/s: as given",
        "persist"})
    EXPECT_NE(result.out.find(part), std::string::npos) << part << "\n"
                                                        << result.out;
  EXPECT_EQ(result.out.find("device "), std::string::npos) << result.out;
  json report = json::parse(readFile(directory.file("r.json")));
  EXPECT_EQ(report["shape"], json({{"N", 1000}}));
  EXPECT_TRUE(report["device_ms"].is_null());
  const json &wall = report["wall_ms"];
  double median = wall["median"];
  EXPECT_GT(wall["min"], 0);
  EXPECT_LE(wall["min"], wall["p10"]);
  EXPECT_LE(wall["p10"], median);
  EXPECT_LE(median, wall["p90"]);
  EXPECT_EQ(report["work"]["flop"], 1000);
  EXPECT_EQ(report["work"]["bytes"], 4000);
  // 4000 B at 2 GB/s are 2 us, 1000 FLOP at 1 TFLOP/s 1 ns.
  EXPECT_NEAR(report["work"]["share_of_limit"], 2e-3 / median, 1e-9);
  ASSERT_EQ(report["kernels"].size(), 1u);
  EXPECT_EQ(report["kernels"][0]["name"], "persist");
  EXPECT_EQ(report["kernels"][0]["launches"], 1);
}

TEST_F(BenchmarkTest, MeasuresTheCopyOfMemory) {
  json report = figures("sums.tmpkg --entry spread --shape N=5 --threads 1 "
                        "--repeat 1 --warmup 0");
  EXPECT_GT(report["limits"]["bytes"]["per_second"], 1e8);
  EXPECT_EQ(report["limits"]["bytes"]["source"],
            "a copy of 128 MiB by 1 thread on this processor");
  EXPECT_TRUE(report["limits"]["flop"].is_null());
}

/// Ten tokens are the longest sequence: every run starts after the prefill.
TEST_F(BenchmarkTest, DecodesAfterAPrefill) {
  json report = figures("sums.tmpkg --entry decode --after prefill "
                        "--shape B=2,T=8 --peak-gbps 1 --repeat 30");
  EXPECT_EQ(report["after"], "prefill");
  EXPECT_EQ(report["shape"], json({{"B", 2}, {"T", 8}}));
  EXPECT_EQ(report["work"]["commands"], 1);
  EXPECT_TRUE(report["work"]["bytes"].is_null());
  EXPECT_TRUE(report["work"]["share_of_limit"].is_null());
  ToolResult result = benchmark("sums.tmpkg --entry decode --after prefill "
                                "--shape B=2,T=8 --peak-gbps 1 --flush-l2 "
                                "--repeat 1 --warmup 0");
  expectSuccess(result);
  EXPECT_NE(result.out.find("each after prefill"), std::string::npos);
  EXPECT_NE(result.out.find("does not say how much work"), std::string::npos);
  EXPECT_NE(result.out.find("caches flushed"), std::string::npos);
}

TEST_F(BenchmarkTest, CountsTheCommandsThatRun) {
  // The third command has an empty grid.
  json report = figures("sums.tmpkg --entry count --shape X=3,Y=4,Z=5 "
                        "--peak-gbps 1 --per-kernel");
  EXPECT_EQ(report["work"]["commands"], 2);
  EXPECT_EQ(report["kernels"].size(), 2u);
}

TEST_F(BenchmarkTest, TakesInputs) {
  writeInts("t.npy", {2, 3}, {1, 2, 3, 4, 5, 6});
  json report = figures("sums.tmpkg --entry prefill --input tokens=@t.npy "
                        "--input lengths=3,1 --peak-gbps 1");
  EXPECT_EQ(report["shape"], json({{"B", 2}, {"T", 3}}));
  report = figures("sums.tmpkg --entry prefill --input tokens=@t.npy "
                   "--shape B=2 --peak-gbps 1 --seed 7");
  EXPECT_EQ(report["seed"], 7);
}

TEST_F(BenchmarkTest, MeasuresOnAGpu) {
  writeGpuPackage();
  json report = gpuFigures("sums.tmpkg --entry spread --shape N=1000 "
                           "--per-kernel --peak-gbps 100");
  EXPECT_EQ(report["target"], "nvidia:sm_90a");
  EXPECT_EQ(report["device_ms"],
            json({{"median", .25}, {"min", .25}, {"p10", .25}, {"p90", .25}}));
  // 4 multiprocessors at 1 GHz with 256 FLOP a cycle each.
  EXPECT_EQ(report["limits"]["flop"]["per_second"], 1.024e12);
  // 4000 B at 100 GB/s are 40 ns.
  EXPECT_NEAR(report["work"]["share_of_limit"], 40e-6 / .25, 1e-12);
  EXPECT_EQ(report["kernels"][0]["ms"], .25);
  report = gpuFigures("sums.tmpkg --entry decode --after prefill "
                      "--shape B=1,T=4 --peak-gbps 100 --no-graphs");
  EXPECT_EQ(report["device_ms"]["median"], .25);
}

/// A copy of 256 MiB, read and written, in 0.25 ms.
TEST_F(BenchmarkTest, MeasuresTheCopyAndFlushesOnAGpu) {
  writeGpuPackage(ElementType::BF16);
  json report = gpuFigures("sums.tmpkg --entry spread --shape N=10 --flush-l2 "
                           "--repeat 1 --warmup 0");
  EXPECT_NEAR(report["limits"]["bytes"]["per_second"], 2 * 0x1p28 / .25e-3,
              1e3);
  EXPECT_EQ(report["limits"]["flop"]["per_second"], 4096 * 4e9);
}

TEST_F(BenchmarkTest, RejectsWhatDoesNotFit) {
  struct Case {
    const char *arguments;
    const char *message;
  };
  writeInts("t.npy", {2, 3}, {1, 2, 3, 4, 5, 6});
  const Case cases[] = {
      {"", "which package?"},
      {"sums.tmpkg", "nothing to measure"},
      {"none.tmpkg --entry x", "none.tmpkg: error: cannot be opened"},
      {"sums.tmpkg --entry go", "no entry point 'go'; there are prefill"},
      {"sums.tmpkg --entry prefill", "give --shape B=N for B, dimension 0 of "
                                     "the input 'tokens' of 'prefill' (1 to "
                                     "4)"},
      {"sums.tmpkg --entry prefill --shape B=1", "give --shape T=N"},
      {"sums.tmpkg --entry prefill --shape B=1,T=9", "it lies in [1, 8]"},
      {"sums.tmpkg --entry prefill --shape B=1,T=0", "it lies in [1, 8]"},
      {"sums.tmpkg --entry prefill --shape B=1,T=x", "'x' is not a size"},
      {"sums.tmpkg --entry prefill --shape B=1,T=-1", "'-1' is not a size"},
      {"sums.tmpkg --entry prefill --shape B=1,,T=1", "takes name=value"},
      {"sums.tmpkg --entry prefill --shape B=1,B=1", "gives 'B' twice"},
      {"sums.tmpkg --entry prefill --shape B=1,T=2,Q=1", "no size 'Q'"},
      {"sums.tmpkg --entry prefill --shape B=1 --input tokens=@t.npy",
       "--shape says B=1, but dimension 0 of the input 'tokens' is 2"},
      {"sums.tmpkg --entry prefill --shape B=1,T=2 --input x=1",
       "has no input 'x'; it has tokens, lengths"},
      {"sums.tmpkg --entry decode --shape B=1 --input positions=1",
       "has no input 'positions'; it has tokens"},
      {"sums.tmpkg --entry prefill --shape B=1,T=2 --input lengths=3",
       "the length of row 0 in 'lengths' is 3"},
      {"sums.tmpkg --entry decode --shape B=1", "such as --after prefill"},
      {"sums.tmpkg --entry decode --shape B=1 --after leap",
       "no entry point 'leap'"},
      {"sums.tmpkg --entry spread --shape N=1 --repeat 0", "--repeat"},
      {"sums.tmpkg --entry spread --shape N=1 --warmup -1", "--warmup"},
      {"sums.tmpkg --entry spread --shape N=1 --peak-gbps 0",
       "--peak-gbps takes"},
      {"sums.tmpkg --entry spread --shape N=1 --peak-gbps inf", "finite"},
      {"sums.tmpkg --entry spread --shape N=1 --device tpu",
       "there is no device 'tpu'"},
      {"sums.tmpkg --entry spread --shape N=1 --peak-gbps 1 --json no/r.json",
       "no/r.json: error: cannot be written"},
      {"sums.tmpkg --frobnicate", "--frobnicate"},
  };
  for (const Case &c : cases) {
    SCOPED_TRACE(c.arguments);
    expectFailure(benchmark(c.arguments), c.message);
  }
}
