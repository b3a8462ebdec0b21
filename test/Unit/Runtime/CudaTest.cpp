//===- CudaTest.cpp - The GPU side, without a GPU -------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The program is linked to FakeCuda, a libcuda.so.1 that runs on the processor;
// the runtime's dlopen finds it under that name.
//
//===----------------------------------------------------------------------===//

#include "CudaApi.h"
#include "FakeCuda.h"
#include "TestPackage.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <elf.h>

using namespace transmamba::runtime;
using namespace transmamba::runtime::test;
using Floats = std::vector<float>;
using Ints = std::vector<int32_t>;

/// The test manifest with a GPU variant before that of the processor.
static Manifest gpuManifest() {
  Manifest manifest = testManifest();
  Variant gpu = manifest.variants[0];
  gpu.target = "nvidia:sm_90a";
  gpu.object.clear();
  gpu.ptx = "code/kernels.ptx";
  gpu.entries[0].commands[0].shared = 100000;
  manifest.variants.insert(manifest.variants.begin(), gpu);
  return manifest;
}

namespace {
class CudaTest : public testing::Test {
protected:
  void SetUp() override {
    fakeCudaSetDevice(9, 0, uint64_t(1) << 26);
    path = directory.file("sums.tmpkg");
    ASSERT_EQ(fakeCudaCounters().liveObjects, 0);
    open(gpuManifest());
  }
  /// Everything that the driver has handed out is given back.
  void TearDown() override {
    package.reset();
    device.reset();
    EXPECT_EQ(fakeCudaCounters().liveObjects, 0);
  }

  void open(const Manifest &manifest) {
    Error error =
        writeTestPackage(path, manifest, readFile(TRANSMAMBA_TEST_KERNELS));
    ASSERT_FALSE(error) << error.str();
    package = openPackage(path);
    device = openDevice("cuda:0");
    ASSERT_TRUE(device) << tm_last_error();
    fakeCudaResetCounters();
  }
  SessionHandle session(int64_t rows, uint32_t flags = 0) {
    SessionHandle handle = createSession(package, device, rows, flags);
    EXPECT_TRUE(handle) << tm_last_error();
    return handle;
  }
  /// The error of creating a session.
  std::string loadingProblem(tm_status expected) {
    tm_session *handle = nullptr;
    EXPECT_EQ(
        tm_session_create(package.get(), device.get(), 1, nullptr, &handle),
        expected)
        << tm_last_error();
    return tm_last_error();
  }

  TemporaryDirectory directory;
  std::string path;
  PackageHandle package;
  DeviceHandle device;
  Floats sums;
  Ints seen;
};
} // namespace

static void expectContains(const std::string &text, const std::string &part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST_F(CudaTest, DescribesTheGpu) {
  const char *name, *description;
  ASSERT_EQ(tm_device_count(), 2u);
  ASSERT_EQ(tm_device_describe(1, &name, &description), TM_OK);
  EXPECT_STREQ(name, "cuda:0");
  EXPECT_STREQ(description, "Fake GPU, compute capability 9.0, 4 "
                            "multiprocessors, 64 MiB");
  tm_device *other = nullptr;
  EXPECT_EQ(tm_device_open("cuda:1", nullptr, &other), TM_INVALID_ARGUMENT);
  expectContains(tm_last_error(),
                 "cuda:1: error: there is no such GPU; the driver shows 1");
}

TEST_F(CudaTest, PrefillAndDecode) {
  SessionHandle s = session(2);
  EXPECT_STREQ(tm_session_target(s.get()), "nvidia:sm_90a");
  ASSERT_EQ(prefill(s.get(), {1, 2, 3, 4, 5, 6}, {3, 1}, sums), TM_OK)
      << tm_last_error();
  EXPECT_EQ(sums, (Floats{3, 2}));
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(decode(s.get(), {2, 4}, sums, seen), TM_OK) << tm_last_error();
    EXPECT_EQ(sums, (Floats{4.0f + i, 4.0f + 2 * i}));
    EXPECT_EQ(seen, (Ints{3 + i, 1 + i}));
  }
  Floats state(4);
  ASSERT_EQ(tm_session_read_state(s.get(), "layers.0.sum", state.data(), 16),
            TM_OK);
  EXPECT_EQ(state, (Floats{7, 7, 10, 5}));
  state[0] = 100;
  ASSERT_EQ(tm_session_write_state(s.get(), "layers.0.sum", state.data(), 16),
            TM_OK);
  ASSERT_EQ(decode(s.get(), {2, 4}, sums, seen), TM_OK);
  EXPECT_EQ(sums[0], 101.0f);
  ASSERT_EQ(tm_session_reset(s.get()), TM_OK);
  ASSERT_EQ(tm_session_read_state(s.get(), "layers.0.sum", state.data(), 16),
            TM_OK);
  EXPECT_EQ(state, (Floats{0, 0, 0, 0}));
}

TEST_F(CudaTest, RepeatedSizesRunAsGraphs) {
  SessionHandle s = session(1);
  ASSERT_EQ(prefill(s.get(), {1, 2, 3, 4}, {4}, sums), TM_OK);
  EXPECT_EQ(fakeCudaCounters().directLaunches, 2);
  EXPECT_EQ(fakeCudaCounters().captures, 0);
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(prefill(s.get(), {2, 2, 2, 2}, {4 - i}, sums), TM_OK);
    EXPECT_EQ(sums, Floats{4.0f - i});
  }
  EXPECT_EQ(fakeCudaCounters().directLaunches, 2);
  EXPECT_EQ(fakeCudaCounters().captures, 1);
  EXPECT_EQ(fakeCudaCounters().graphLaunches, 4);
}

/// The test manifest, whose prefill has two commands, with kernels that wait by
/// themselves.
static Manifest waitingManifest() {
  Manifest manifest = gpuManifest();
  for (Kernel &kernel : manifest.variants[0].kernels)
    kernel.waits = true;
  return manifest;
}

/// The first command of a call comes after copies; the others overlap, launched
/// one by one and in a graph.
TEST_F(CudaTest, KernelsThatWaitOverlap) {
  open(waitingManifest());
  SessionHandle s = session(1);
  for (int i = 1; i <= 2; ++i) {
    ASSERT_EQ(prefill(s.get(), {1, 2, 3, 4}, {4}, sums), TM_OK)
        << tm_last_error();
    EXPECT_EQ(sums, Floats{5});
    EXPECT_EQ(fakeCudaCounters().overlappingLaunches, i);
  }
  EXPECT_EQ(fakeCudaCounters().directLaunches, 2);
  EXPECT_EQ(fakeCudaCounters().captures, 1);
}

TEST_F(CudaTest, LaunchesOverlapOnlyWhereAllAgree) {
  auto expectNone = [&](const Manifest &manifest, uint32_t flags) {
    open(manifest);
    SessionHandle s = session(1, flags);
    for (int i = 0; i < 2; ++i)
      ASSERT_EQ(prefill(s.get(), {1, 2}, {2}, sums), TM_OK) << tm_last_error();
    EXPECT_EQ(fakeCudaCounters().overlappingLaunches, 0);
  };
  // A kernel that does not wait.
  Manifest second = waitingManifest();
  for (Kernel &kernel : second.variants[0].kernels)
    kernel.waits = kernel.name != "sum_row";
  expectNone(second, 0);
  // A measured command is alone.
  expectNone(waitingManifest(), TM_SESSION_PROFILE);
  // Commands of more than 20 us on average, by one figure or the other.
  auto withWork = [&](int64_t flop, int64_t bytes) {
    Manifest manifest = waitingManifest();
    Command &command = manifest.variants[0].entries[0].commands[0];
    command.work.flop = Expression::mul("T", flop);
    command.work.bytes = Expression::mul("T", bytes);
    return manifest;
  };
  int64_t tera = 1000000000000;
  expectNone(withWork(tera, 0), 0);
  expectNone(withWork(0, tera), 0);
  open(withWork(tera / 100, 0));
  SessionHandle s = session(1);
  ASSERT_EQ(prefill(s.get(), {1, 2}, {2}, sums), TM_OK) << tm_last_error();
  EXPECT_EQ(fakeCudaCounters().overlappingLaunches, 1);
  ::setenv("TRANSMAMBA_SERIAL", "1", 1);
  expectNone(waitingManifest(), 0);
  ::unsetenv("TRANSMAMBA_SERIAL");
  // A driver that cannot capture such launches.
  fakeCudaSetDriverVersion(12020);
  expectNone(waitingManifest(), 0);
  fakeCudaSetDriverVersion(12080);
}

TEST_F(CudaTest, GraphsAreMadeAnewWhenBuffersMove) {
  SessionHandle s = session(1);
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(prefill(s.get(), {1}, {1}, sums), TM_OK);
  EXPECT_EQ(fakeCudaCounters().captures, 1);
  // More scratch memory, so the arena moves.
  ASSERT_EQ(prefill(s.get(), {1, 1, 1, 1, 1, 1, 1, 1}, {8}, sums), TM_OK);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(prefill(s.get(), {6}, {1}, sums), TM_OK);
    EXPECT_EQ(sums, Floats{3});
  }
  EXPECT_EQ(fakeCudaCounters().captures, 2);
}

TEST_F(CudaTest, OldGraphsMakeRoom) {
  SessionHandle s = session(1, 0);
  int before = fakeCudaCounters().liveObjects;
  for (int round = 0; round < 3; ++round)
    for (int x = 300; x > 260; --x)
      for (int repeat = 0; repeat < 2; ++repeat) {
        std::vector<int8_t> like(x);
        Ints counts(x);
        tm_tensor input = tensor("like", TM_I8, {x, 1, 1}, like);
        tm_tensor output = tensor("counts", TM_I32, {x, 1, 1}, counts);
        ASSERT_EQ(tm_session_invoke(s.get(), "count", &input, 1, &output, 1),
                  TM_OK)
            << tm_last_error();
        ASSERT_EQ(counts, Ints(x, 1));
      }
  EXPECT_EQ(fakeCudaCounters().captures, 120);
  EXPECT_LE(fakeCudaCounters().liveObjects - before, 16 + 5);
}

TEST_F(CudaTest, GraphsCanBeSwitchedOff) {
  for (uint32_t flags : {TM_SESSION_NO_GRAPHS, TM_SESSION_PROFILE}) {
    SessionHandle s = session(1, flags);
    for (int i = 0; i < 3; ++i)
      ASSERT_EQ(prefill(s.get(), {2}, {1}, sums), TM_OK);
    EXPECT_EQ(fakeCudaCounters().captures, 0);
  }
}

TEST_F(CudaTest, ProfileComesFromEvents) {
  SessionHandle s = session(1, TM_SESSION_PROFILE);
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(prefill(s.get(), {2}, {1}, sums), TM_OK);
  tm_command_time times[4];
  size_t count = 0;
  ASSERT_EQ(tm_session_profile(s.get(), times, 4, &count), TM_OK);
  ASSERT_EQ(count, 2u);
  EXPECT_STREQ(times[1].kernel, "sum_row");
  EXPECT_EQ(times[1].milliseconds, 0.25);
}

TEST_F(CudaTest, Poison) {
  SessionHandle s = session(1, TM_SESSION_POISON);
  for (int i = 0; i < 3; ++i) {
    Floats like(20), out(1);
    std::vector<uint16_t> unset(19);
    tm_tensor input = tensor("like", TM_F32, {20}, like);
    tm_tensor outputs[] = {tensor("out", TM_F32, {1}, out),
                           tensor("unset", TM_BF16, {19}, unset)};
    ASSERT_EQ(tm_session_invoke(s.get(), "leak", &input, 1, outputs, 2), TM_OK)
        << tm_last_error();
    EXPECT_TRUE(std::isnan(out[0]));
    EXPECT_EQ(unset, std::vector<uint16_t>(19, 0xffff));
  }
}

TEST_F(CudaTest, SessionsShareTheWeights) {
  SessionHandle a = session(1);
  int before = fakeCudaCounters().liveObjects;
  SessionHandle b = session(1);
  // Three states, a stream and an event; the module and the weights are there.
  EXPECT_EQ(fakeCudaCounters().liveObjects - before, 5);
  a.reset();
  ASSERT_EQ(prefill(b.get(), {8}, {1}, sums), TM_OK);
  EXPECT_EQ(sums, Floats{4});
}

TEST_F(CudaTest, TensorMaps) {
  fakeCudaSetDevice(10, 0, uint64_t(1) << 26); // changes a parameter's size
  Manifest manifest = gpuManifest();
  Variant &gpu = manifest.variants[0];
  gpu.target = "nvidia:sm_100";
  TensorMap map;
  map.type = ElementType::F32;
  map.extents = {8, "N"};
  map.strides = {32};
  map.box = {8, 1};
  Argument &scratch = gpu.entries[4].commands[0].args[0];
  scratch = Argument::arena(0);
  scratch.map = map;
  open(manifest);
  SessionHandle s = session(1, TM_SESSION_POISON);
  Floats like(7), out(1);
  tm_tensor input = tensor("like", TM_F32, {7}, like);
  tm_tensor output = tensor("out", TM_F32, {1}, out);
  ASSERT_EQ(tm_session_invoke(s.get(), "leak", &input, 1, &output, 1), TM_OK)
      << tm_last_error();
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(fakeCudaCounters().tensorMaps, 1);
  EXPECT_EQ(fakeCudaCounters().lastMapExtents[1], 7u);
  EXPECT_EQ(fakeCudaCounters().lastMapStrides[0], 32u);
}

TEST_F(CudaTest, ExtentsAndStridesOfTensorMapsDependOnSizes) {
  fakeCudaSetDevice(10, 0, uint64_t(1) << 26);
  Manifest manifest = gpuManifest();
  Variant &gpu = manifest.variants[0];
  gpu.target = "nvidia:sm_100";
  TensorMap map;
  map.type = ElementType::BF16;
  map.extents = {8, "N", Expression::ceilDiv("N", 2), 1, 2};
  map.strides = {16, Expression::mul("N", 16), 16,
                 Expression::mul(Expression::mul("N", "N"), 16)};
  map.box = {8, 4, 1, 1, 1};
  EntryPoint &entry = gpu.entries[4];
  entry.arena = Expression::mul(Expression::mul("N", "N"), 64);
  Argument &scratch = entry.commands[0].args[0];
  scratch = Argument::arena(0);
  scratch.map = map;
  open(manifest);
  SessionHandle s = session(1, TM_SESSION_POISON);
  for (int64_t n : {7, 100}) {
    Floats like(n), out(1);
    tm_tensor input = tensor("like", TM_F32, {n}, like);
    tm_tensor output = tensor("out", TM_F32, {1}, out);
    ASSERT_EQ(tm_session_invoke(s.get(), "leak", &input, 1, &output, 1), TM_OK)
        << tm_last_error();
    FakeCudaCounters counters = fakeCudaCounters();
    EXPECT_EQ(counters.lastMapRank, 5u);
    uint64_t size = static_cast<uint64_t>(n);
    const uint64_t extents[] = {8, size, (size + 1) / 2, 1, 2};
    const uint64_t strides[] = {16, 16 * size, 16, 16 * size * size};
    EXPECT_TRUE(std::equal(extents, extents + 5, counters.lastMapExtents));
    EXPECT_TRUE(std::equal(strides, strides + 4, counters.lastMapStrides));
  }
}

/// The grid of a persistent kernel is the GPU's number of multiprocessors, its
/// counter starts as zero, and a constant is passed in single precision.
TEST_F(CudaTest, PersistentKernels) {
  SessionHandle s = session(1);
  for (int i = 0; i < 4; ++i) {
    std::vector<int8_t> like(10);
    Floats out(10);
    Ints points(1);
    tm_tensor input = tensor("like", TM_I8, {10}, like);
    tm_tensor outputs[] = {tensor("out", TM_F32, {10}, out),
                           tensor("seen", TM_I32, {1}, points)};
    ASSERT_EQ(tm_session_invoke(s.get(), "spread", &input, 1, outputs, 2),
              TM_OK)
        << tm_last_error();
    EXPECT_EQ(out, (Floats{0, .25, .5, .75, 1, 1.25, 1.5, 1.75, 2, 2.25}));
    EXPECT_EQ(points, Ints{4});
  }
}

/// A kernel with a parameter of another size than f32 is refused.
TEST_F(CudaTest, ConstantsHaveFourBytes) {
  Manifest manifest = gpuManifest();
  std::vector<Argument> &args =
      manifest.variants[0].entries[5].commands[0].args;
  std::swap(args[2], args[3]);
  open(manifest);
  expectContains(loadingProblem(TM_BAD_PACKAGE), "parameter 2 has 8 bytes");
}

//===----------------------------------------------------------------------===//
// Streams and memory of the caller
//===----------------------------------------------------------------------===//

namespace {
/// Memory of the GPU and a stream, as a program has them that uses CUDA itself.
class EnqueueTest : public CudaTest {
protected:
  void SetUp() override {
    CudaTest::SetUp();
    ASSERT_EQ(driver.cuDevicePrimaryCtxRetain(&context, 0), cuda::CUDA_SUCCESS);
    ASSERT_EQ(driver.cuCtxPushCurrent(context), cuda::CUDA_SUCCESS);
    ASSERT_EQ(driver.cuStreamCreate(&stream, 0), cuda::CUDA_SUCCESS);
    fakeCudaResetCounters();
  }
  void TearDown() override {
    fakeCudaSetMemoryOrdinal(0);
    for (void *address : allocations)
      driver.cuMemFree(reinterpret_cast<cuda::CUdeviceptr>(address));
    driver.cuStreamDestroy(stream);
    driver.cuCtxPopCurrent(&context);
    driver.cuDevicePrimaryCtxRelease(0);
    CudaTest::TearDown();
  }

  /// The driver's "GPU" memory is on the heap, so tests read it as it is.
  template <typename T> T *allocate(size_t count) {
    cuda::CUdeviceptr address = 0;
    EXPECT_EQ(driver.cuMemAlloc(&address, count * sizeof(T)),
              cuda::CUDA_SUCCESS);
    allocations.push_back(reinterpret_cast<void *>(address));
    return reinterpret_cast<T *>(address);
  }
  tm_status enqueueDecode(tm_session *session, Ints tokens, float *sums,
                          cuda::CUstream on) {
    int64_t rows = static_cast<int64_t>(tokens.size());
    tm_tensor input = tensor("tokens", TM_I32, {rows}, tokens);
    tm_tensor output{"sums", TM_F32, 1, {rows}, sums};
    return tm_session_enqueue(session, "decode", &input, 1, &output, 1, on);
  }
  /// "leak" with its input on the GPU.
  tm_status enqueueLeak(tm_session *session, int64_t n, float *like, float *out,
                        cuda::CUstream on) {
    tm_tensor input{"like", TM_F32, 1, {n}, like};
    tm_tensor output{"out", TM_F32, 1, {1}, out};
    return tm_session_enqueue(session, "leak", &input, 1, &output, 1, on);
  }
  void expectRefused(tm_status status, const char *message,
                     tm_status expected = TM_INVALID_ARGUMENT) {
    EXPECT_EQ(status, expected);
    expectContains(tm_last_error(), message);
  }

  const cuda::Api &driver = cuda::api();
  cuda::CUcontext context = nullptr;
  cuda::CUstream stream = nullptr;
  std::vector<void *> allocations;
};
} // namespace

TEST_F(EnqueueTest, WritesToTheCallersMemory) {
  SessionHandle s = session(2);
  ASSERT_EQ(prefill(s.get(), {1, 2, 3, 4, 5, 6}, {3, 1}, sums), TM_OK);
  float *out = allocate<float>(2);
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(enqueueDecode(s.get(), {2, 4}, out, i == 2 ? nullptr : stream),
              TM_OK)
        << tm_last_error();
    EXPECT_EQ(out[0], 4.0f + i);
    EXPECT_EQ(out[1], 4.0f + 2 * i);
  }
  std::vector<int64_t> positions(2);
  ASSERT_EQ(tm_session_positions(s.get(), positions.data()), TM_OK);
  EXPECT_EQ(positions, (std::vector<int64_t>{7, 5}));
  // The same session without streams goes on from there.
  ASSERT_EQ(decode(s.get(), {2, 4}, sums, seen), TM_OK);
  EXPECT_EQ(sums, (Floats{8, 12}));
  EXPECT_EQ(seen, (Ints{7, 5}));
}

TEST_F(EnqueueTest, InputsOnTheGpuAreNotCopied) {
  SessionHandle s = session(1);
  int64_t n = 3;
  int8_t *like = allocate<int8_t>(3);
  float *out = allocate<float>(3);
  tm_tensor input{"like", TM_I8, 1, {n}, like};
  tm_tensor output{"out", TM_F32, 1, {n}, out};
  fakeCudaResetCounters();
  for (int i = 0; i < 3; ++i) {
    std::fill(out, out + 3, -1.0f);
    ASSERT_EQ(
        tm_session_enqueue(s.get(), "spread", &input, 1, &output, 1, stream),
        TM_OK)
        << tm_last_error();
    EXPECT_EQ(Floats(out, out + 3), (Floats{0, .25, .5}));
  }
  EXPECT_EQ(fakeCudaCounters().uploads, 0);
  std::vector<int8_t> host(3);
  input.data = host.data();
  ASSERT_EQ(
      tm_session_enqueue(s.get(), "spread", &input, 1, &output, 1, stream),
      TM_OK);
  EXPECT_EQ(fakeCudaCounters().uploads, 1);
}

/// Kernels read the caller's tensors: here one that the kernel copies.
TEST_F(EnqueueTest, KernelsReadTheCallersMemory) {
  Manifest manifest = gpuManifest();
  EntryPoint &leak = manifest.variants[0].entries[4];
  leak.commands[0].args[0] = Argument::input(0);
  open(manifest);
  SessionHandle s = session(1);
  float *like = allocate<float>(7), *out = allocate<float>(1);
  for (int i = 0; i < 4; ++i) {
    *like = static_cast<float>(i);
    ASSERT_EQ(enqueueLeak(s.get(), 7, like, out, stream), TM_OK)
        << tm_last_error();
    EXPECT_EQ(*out, i);
  }
}

TEST_F(EnqueueTest, GraphsBelongToAddresses) {
  SessionHandle s = session(1);
  int8_t *like = allocate<int8_t>(4);
  float *outs[] = {allocate<float>(4), allocate<float>(4)};
  fakeCudaResetCounters();
  for (int i = 0; i < 6; ++i) {
    float *out = outs[i % 2];
    std::fill(out, out + 4, -1.0f);
    tm_tensor input{"like", TM_I8, 1, {4}, like};
    tm_tensor output{"out", TM_F32, 1, {4}, out};
    ASSERT_EQ(
        tm_session_enqueue(s.get(), "spread", &input, 1, &output, 1, stream),
        TM_OK);
    EXPECT_EQ(Floats(out, out + 4), (Floats{0, .25, .5, .75}));
  }
  EXPECT_EQ(fakeCudaCounters().directLaunches, 2);
  EXPECT_EQ(fakeCudaCounters().captures, 2);
  EXPECT_EQ(fakeCudaCounters().graphLaunches, 4);
}

TEST_F(EnqueueTest, CallsWaitForOneAnother) {
  SessionHandle s = session(1);
  ASSERT_EQ(prefill(s.get(), {1}, {1}, sums), TM_OK);
  float *out = allocate<float>(1);
  fakeCudaResetCounters();
  ASSERT_EQ(enqueueDecode(s.get(), {2}, out, stream), TM_OK);
  EXPECT_EQ(fakeCudaCounters().waits, 0);
  ASSERT_EQ(enqueueDecode(s.get(), {2}, out, nullptr), TM_OK);
  EXPECT_EQ(fakeCudaCounters().waits, 1);
  ASSERT_EQ(decode(s.get(), {2}, sums, seen), TM_OK);
  EXPECT_EQ(fakeCudaCounters().waits, 2);
  Floats state(2);
  ASSERT_EQ(tm_session_read_state(s.get(), "layers.0.sum", state.data(), 8),
            TM_OK);
  EXPECT_EQ(fakeCudaCounters().waits, 2) << "nothing is under way any more";
  ASSERT_EQ(enqueueDecode(s.get(), {2}, out, stream), TM_OK);
  ASSERT_EQ(tm_session_read_state(s.get(), "layers.0.sum", state.data(), 8),
            TM_OK);
  EXPECT_EQ(fakeCudaCounters().waits, 3);
}

TEST_F(EnqueueTest, RefusesWhatCannotBeChecked) {
  SessionHandle s = session(1);
  ASSERT_EQ(prefill(s.get(), {1}, {1}, sums), TM_OK);
  float *out = allocate<float>(64);
  int32_t *tokens = allocate<int32_t>(1), *lengths = allocate<int32_t>(1);
  Ints host{1};
  tm_tensor input{"tokens", TM_I32, 1, {1}, tokens};
  tm_tensor output{"sums", TM_F32, 1, {1}, out};
  auto enqueue = [&](const char *entry, std::vector<tm_tensor> inputs) {
    return tm_session_enqueue(s.get(), entry, inputs.data(), inputs.size(),
                              &output, 1, stream);
  };
  expectRefused(enqueue("decode", {input}),
                "the values of the input 'tokens' must be checked; hand it in "
                "in host memory");
  expectRefused(enqueue("prefill", {{"tokens", TM_I32, 2, {1, 1}, host.data()},
                                    {"lengths", TM_I32, 1, {1}, lengths}}),
                "the values of the input 'lengths' must be checked");
  host[0] = 256;
  input.data = host.data();
  expectRefused(enqueue("decode", {input}), "it lies in [0, 256)");
  host[0] = 1;
  output.data = sums.data();
  expectRefused(enqueue("decode", {input}), "'sums' lies in host memory");
  output.data = out + 1;
  expectRefused(enqueue("decode", {input}), "is not a multiple of 64");
  output.data = out;
  fakeCudaSetMemoryOrdinal(1);
  expectRefused(enqueue("decode", {input}),
                "'sums' lies in the memory of another GPU");
  fakeCudaSetMemoryOrdinal(0);
  expectRefused(enqueueLeak(s.get(), 20, out, out, stream),
                "the output 'out' overlaps with 'like'");
  expectRefused(enqueueLeak(s.get(), 17, out, out + 16, stream),
                "the output 'out' overlaps with 'like'");
  EXPECT_EQ(enqueueLeak(s.get(), 16, out, out + 16, stream), TM_OK)
      << tm_last_error();
  int wrong;
  expectRefused(enqueueLeak(s.get(), 16, out, out + 16,
                            reinterpret_cast<cuda::CUstream>(&wrong)),
                "the stream does not belong to");
  // None of this has moved the position, or broken the session.
  ASSERT_EQ(enqueue("decode", {input}), TM_OK) << tm_last_error();
  EXPECT_EQ(out[0], 1.0f);
}

TEST_F(EnqueueTest, CapturedByTheCaller) {
  SessionHandle s = session(1);
  int8_t *like = allocate<int8_t>(8);
  float *out = allocate<float>(8);
  auto spread = [&](int64_t n) {
    tm_tensor input{"like", TM_I8, 1, {n}, like};
    tm_tensor output{"out", TM_F32, 1, {n}, out};
    return tm_session_enqueue(s.get(), "spread", &input, 1, &output, 1, stream);
  };
  auto capture = [&](auto &&function) {
    EXPECT_EQ(driver.cuStreamBeginCapture(stream, 1), cuda::CUDA_SUCCESS);
    function();
    cuda::CUgraph graph = nullptr;
    EXPECT_EQ(driver.cuStreamEndCapture(stream, &graph), cuda::CUDA_SUCCESS);
    cuda::CUgraphExec exec = nullptr;
    EXPECT_EQ(driver.cuGraphInstantiate(&exec, graph, 0), cuda::CUDA_SUCCESS);
    driver.cuGraphDestroy(graph);
    return exec;
  };
  cuda::CUgraphExec exec = capture([&] {
    expectRefused(spread(8), "the first call with these sizes allocates memory",
                  TM_BAD_STATE);
  });
  driver.cuGraphExecDestroy(exec);
  ASSERT_EQ(spread(8), TM_OK) << tm_last_error();
  exec = capture([&] { EXPECT_EQ(spread(8), TM_OK) << tm_last_error(); });
  // A larger arena moves; the graph's own is kept.
  float *big = allocate<float>(100), *one = allocate<float>(1);
  ASSERT_EQ(enqueueLeak(s.get(), 100, big, one, stream), TM_OK);
  for (int i = 0; i < 3; ++i) {
    std::fill(out, out + 8, -1.0f);
    ASSERT_EQ(driver.cuGraphLaunch(exec, stream), cuda::CUDA_SUCCESS);
    EXPECT_EQ(out[7], 1.75f);
  }
  driver.cuGraphExecDestroy(exec);

  ASSERT_EQ(prefill(s.get(), {1}, {1}, sums), TM_OK);
  exec = capture([&] {
    expectRefused(enqueueDecode(s.get(), {2}, out, stream),
                  "moves the positions of the session", TM_BAD_STATE);
    std::vector<int8_t> host(8);
    tm_tensor input = tensor("like", TM_I8, {8}, host);
    tm_tensor output{"out", TM_F32, 1, {8}, out};
    expectRefused(
        tm_session_enqueue(s.get(), "spread", &input, 1, &output, 1, stream),
        "the input 'like' is in host memory", TM_BAD_STATE);
  });
  driver.cuGraphExecDestroy(exec);
  ASSERT_EQ(enqueueDecode(s.get(), {2}, out, stream), TM_OK) << tm_last_error();
}

/// The graph of a caller that has captured a call goes on working when a larger
/// call makes the scratch memory move.
TEST_F(EnqueueTest, CapturedScratchMemoryStays) {
  SessionHandle s = session(1, TM_SESSION_NO_GRAPHS);
  float *like = allocate<float>(100), *out = allocate<float>(1);
  ASSERT_EQ(enqueueLeak(s.get(), 2, like, out, stream), TM_OK);
  ASSERT_EQ(driver.cuStreamBeginCapture(stream, 1), cuda::CUDA_SUCCESS);
  ASSERT_EQ(enqueueLeak(s.get(), 2, like, out, stream), TM_OK);
  cuda::CUgraph graph = nullptr;
  ASSERT_EQ(driver.cuStreamEndCapture(stream, &graph), cuda::CUDA_SUCCESS);
  cuda::CUgraphExec exec = nullptr;
  ASSERT_EQ(driver.cuGraphInstantiate(&exec, graph, 0), cuda::CUDA_SUCCESS);
  driver.cuGraphDestroy(graph);
  int before = fakeCudaCounters().liveObjects;
  ASSERT_EQ(enqueueLeak(s.get(), 100, like, out, stream), TM_OK);
  EXPECT_EQ(fakeCudaCounters().liveObjects, before + 1);
  EXPECT_EQ(driver.cuGraphLaunch(exec, stream), cuda::CUDA_SUCCESS);
  driver.cuGraphExecDestroy(exec);
}

TEST_F(EnqueueTest, ProfilesAndPoisons) {
  float *like = allocate<float>(20), *out = allocate<float>(1);
  SessionHandle s = session(1, TM_SESSION_PROFILE | TM_SESSION_POISON);
  ASSERT_EQ(enqueueLeak(s.get(), 20, like, out, stream), TM_OK);
  EXPECT_TRUE(std::isnan(*out));
  tm_command_time times[2];
  size_t count = 0;
  ASSERT_EQ(tm_session_profile(s.get(), times, 2, &count), TM_OK);
  ASSERT_EQ(count, 1u);
  EXPECT_EQ(times[0].milliseconds, 0.25);
  ASSERT_EQ(driver.cuStreamBeginCapture(stream, 1), cuda::CUDA_SUCCESS);
  expectRefused(enqueueLeak(s.get(), 20, like, out, stream),
                "measures times cannot be captured", TM_BAD_STATE);
  cuda::CUgraph graph = nullptr;
  ASSERT_EQ(driver.cuStreamEndCapture(stream, &graph), cuda::CUDA_SUCCESS);
  driver.cuGraphDestroy(graph);
}

TEST_F(EnqueueTest, FailuresBreakTheSession) {
  float *like = allocate<float>(20), *out = allocate<float>(1);
  for (const char *function : {"cuLaunchKernel", "cuEventRecord"}) {
    SCOPED_TRACE(function);
    SessionHandle s = session(1);
    fakeCudaFailNext(function, 700);
    EXPECT_EQ(enqueueLeak(s.get(), 20, like, out, stream), TM_DEVICE_ERROR);
    EXPECT_EQ(enqueueLeak(s.get(), 20, like, out, stream), TM_DEVICE_ERROR);
    expectContains(tm_last_error(), "the device failed before");
  }
}

//===----------------------------------------------------------------------===//
// Choosing a variant
//===----------------------------------------------------------------------===//

TEST_F(CudaTest, ArchitectureSpecificCodeNeedsItsGpu) {
  for (auto [major, minor] : {std::pair<int, int>{8, 9}, {9, 1}, {10, 0}}) {
    fakeCudaSetDevice(major, minor, uint64_t(1) << 26);
    device = openDevice("cuda:0");
    std::string problem = loadingProblem(TM_UNSUPPORTED);
    expectContains(problem, "nvidia:sm_90a: needs compute capability 9.0 "
                            "exactly, the GPU has " +
                                std::to_string(major) + "." +
                                std::to_string(minor));
    expectContains(problem, "cpu:x86-64: is for a processor");
  }
}

TEST_F(CudaTest, PtxRunsOnLaterGpus) {
  Manifest manifest = gpuManifest();
  manifest.variants[0].target = "nvidia:sm_80";
  for (int major : {8, 9, 12}) {
    fakeCudaSetDevice(major, 0, uint64_t(1) << 26);
    open(manifest);
    EXPECT_STREQ(tm_session_target(session(1).get()), "nvidia:sm_80");
  }
  fakeCudaSetDevice(7, 5, uint64_t(1) << 26);
  open(manifest);
  expectContains(loadingProblem(TM_UNSUPPORTED),
                 "needs compute capability 8.0 or later, the GPU has 7.5");
}

/// A file that looks like a cubin.
static std::string fakeCubin(const char *contents) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = 190;
  return std::string(reinterpret_cast<const char *>(&header), sizeof(header)) +
         contents + std::string(1, '\0');
}

/// Writes the GPU package with that cubin and PTX text.
static Error writeGpuPackage(const std::string &path, Manifest manifest,
                             const std::string &cubin, const std::string &ptx) {
  static const float scale[1] = {scaleValue};
  WeightsBuilder weights;
  weights.add("scale", ElementType::F32, {}, scale);
  manifest.parameters = weights.parameters();
  manifest.variants.pop_back(); // that of the processor
  std::vector<Blob> blobs = {Blob::fromString("code/kernels.ptx", ptx),
                             weights.blob()};
  if (!cubin.empty()) {
    manifest.variants[0].cubin = "code/kernels.cubin";
    blobs.push_back(Blob::fromString("code/kernels.cubin", cubin));
  }
  return writePackage(path, manifest, blobs);
}

TEST_F(CudaTest, CubinFirstThenPtx) {
  auto load = [&](const std::string &cubin, const std::string &ptx) {
    Error error = writeGpuPackage(path, gpuManifest(), cubin, ptx);
    EXPECT_FALSE(error) << error.str();
    package = openPackage(path);
  };
  load(fakeCubin("fine"), "not PTX");
  EXPECT_TRUE(session(1));
  load(fakeCubin("too old"), ".version 8.0");
  EXPECT_TRUE(session(1)) << "the driver refuses the cubin, but not the PTX";
  load(fakeCubin("too old"), "not PTX");
  std::string problem = loadingProblem(TM_DEVICE_ERROR);
  expectContains(problem, "cannot load 'code/kernels.ptx': ");
  expectContains(problem, "line 1: syntax error");
  expectContains(problem, "; nor 'code/kernels.cubin': ");
  load("no ELF file", ".version 8.0");
  expectContains(loadingProblem(TM_BAD_PACKAGE), "is not an ELF file");
}

TEST_F(CudaTest, KernelsAreChecked) {
  Manifest manifest = gpuManifest();
  manifest.variants[0].kernels.push_back({"missing", -1, -1, -1});
  open(manifest);
  expectContains(loadingProblem(TM_BAD_PACKAGE),
                 "the GPU code has no kernel 'missing'");

  manifest = gpuManifest();
  manifest.variants[0].entries[0].commands[0].args.pop_back();
  open(manifest);
  expectContains(loadingProblem(TM_BAD_PACKAGE),
                 "'scale_tokens' does not take the 3 arguments of its command: "
                 "parameter 3 has 8 bytes");

  manifest = gpuManifest();
  manifest.variants[0].entries[0].commands[0].args.push_back(
      Argument::scalar(1));
  open(manifest);
  expectContains(loadingProblem(TM_BAD_PACKAGE), "parameter 4 does not exist");

  manifest = gpuManifest();
  manifest.variants[0].entries[0].commands[0].block = {1024, 1, 1};
  open(manifest);
  expectContains(loadingProblem(TM_UNSUPPORTED),
                 "is launched with 1024 threads, but on cuda:0 it can have "
                 "512");

  manifest = gpuManifest();
  manifest.variants[0].entries[0].commands[0].shared = 232448;
  open(manifest);
  expectContains(loadingProblem(TM_UNSUPPORTED),
                 "needs 233472 bytes of shared memory, but a block on cuda:0 "
                 "has 232448");
}

//===----------------------------------------------------------------------===//
// Failures of the driver
//===----------------------------------------------------------------------===//

TEST_F(CudaTest, EveryFailureOfLoadingIsReportedAndCleanedUp) {
  for (const char *function :
       {"cuModuleGetFunction", "cuMemAlloc_v2", "cuMemcpyHtoDAsync_v2",
        "cuStreamSynchronize", "cuStreamCreate", "cuMemsetD8Async",
        "cuModuleLoadDataEx", "cuEventCreate"}) {
    SCOPED_TRACE(function);
    fakeCudaFailNext(function, 999);
    tm_session *handle = nullptr;
    EXPECT_NE(
        tm_session_create(package.get(), device.get(), 1, nullptr, &handle),
        TM_OK);
    expectContains(tm_last_error(), "CUDA_ERROR_FAKE: as a test has asked for");
    EXPECT_EQ(handle, nullptr);
    EXPECT_EQ(fakeCudaCounters().liveObjects, 1) << "only the context is left";
  }
  fakeCudaFailNext("cuDevicePrimaryCtxRetain", 999);
  EXPECT_FALSE(openDevice("cuda:0"));
  expectContains(tm_last_error(), "cuda:0: error: starting the GPU's context");
}

TEST_F(CudaTest, AFailedCallBreaksTheSession) {
  for (const char *function :
       {"cuLaunchKernel", "cuStreamSynchronize", "cuMemcpyHtoDAsync_v2",
        "cuMemcpyDtoHAsync_v2"}) {
    SCOPED_TRACE(function);
    SessionHandle s = session(1);
    fakeCudaFailNext(function, 700);
    EXPECT_EQ(prefill(s.get(), {1}, {1}, sums), TM_DEVICE_ERROR);
    expectContains(tm_last_error(), "cuda:0: error: ");
    EXPECT_EQ(prefill(s.get(), {1}, {1}, sums), TM_DEVICE_ERROR);
    expectContains(tm_last_error(), "the device failed before");
    EXPECT_EQ(tm_session_reset(s.get()), TM_DEVICE_ERROR);
  }
}

TEST_F(CudaTest, FailuresOfGraphs) {
  for (const char *function :
       {"cuStreamBeginCapture_v2", "cuGraphInstantiateWithFlags",
        "cuGraphLaunch", "cuLaunchKernel"}) {
    SCOPED_TRACE(function);
    SessionHandle s = session(1);
    ASSERT_EQ(prefill(s.get(), {1}, {1}, sums), TM_OK);
    fakeCudaFailNext(function, 700);
    EXPECT_EQ(prefill(s.get(), {1}, {1}, sums), TM_DEVICE_ERROR);
  }
}

TEST_F(CudaTest, OutOfMemoryLeavesTheSessionUsable) {
  SessionHandle s = session(1);
  ASSERT_EQ(prefill(s.get(), {2}, {1}, sums), TM_OK);
  fakeCudaFailNext("cuMemAlloc_v2", 2);
  EXPECT_EQ(prefill(s.get(), {1, 1, 1, 1, 1, 1, 1, 1}, {8}, sums),
            TM_OUT_OF_MEMORY);
  expectContains(tm_last_error(), "bytes for the scratch arena");
  ASSERT_EQ(prefill(s.get(), {2}, {1}, sums), TM_OK) << tm_last_error();
  EXPECT_EQ(sums, Floats{1});
  ASSERT_EQ(prefill(s.get(), {1, 1, 1, 1, 1, 1, 1, 1}, {8}, sums), TM_OK);
  EXPECT_EQ(sums, Floats{4});
}

/// A graph whose buffers have moved must not run, even if the call that moved
/// them has failed.
TEST_F(CudaTest, NoStaleGraphAfterRunningOutOfMemory) {
  SessionHandle s = session(1);
  auto count = [&](int64_t x) {
    std::vector<int8_t> like(x);
    Ints counts(x);
    tm_tensor input = tensor("like", TM_I8, {x, 1, 1}, like);
    tm_tensor output = tensor("counts", TM_I32, {x, 1, 1}, counts);
    tm_status status =
        tm_session_invoke(s.get(), "count", &input, 1, &output, 1);
    EXPECT_TRUE(status != TM_OK || counts == Ints(x, 1));
    return status;
  };
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(count(2), TM_OK);
  EXPECT_EQ(fakeCudaCounters().captures, 1);
  // The second allocation of pinned memory is that of the outputs; by then the
  // buffers on the GPU have moved.
  fakeCudaFailNext("cuMemAllocHost_v2", 2, 1);
  EXPECT_EQ(count(300), TM_OUT_OF_MEMORY);
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(count(2), TM_OK) << tm_last_error();
}
