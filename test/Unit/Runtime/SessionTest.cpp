//===- SessionTest.cpp - Running plans on the processor -------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "TestPackage.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

using namespace transmamba::runtime::test;
using Floats = std::vector<float>;
using Ints = std::vector<int32_t>;

namespace {
/// The test package, open, and a device with two threads.
class SessionTest : public testing::Test {
protected:
  void SetUp() override {
    path = directory.file("sums.tmpkg");
    Error error = writeTestPackage(path, testManifest(),
                                   readFile(TRANSMAMBA_TEST_KERNELS));
    ASSERT_FALSE(error) << error.str();
    package = openPackage(path);
    ASSERT_TRUE(package) << tm_last_error();
    device = openDevice("cpu", 2);
    ASSERT_TRUE(device) << tm_last_error();
  }

  SessionHandle session(int64_t rows, uint32_t flags = 0) {
    SessionHandle handle = createSession(package, device, rows, flags);
    EXPECT_TRUE(handle) << tm_last_error();
    return handle;
  }

  Ints positions(const SessionHandle &session) {
    std::vector<int64_t> values(tm_session_rows(session.get()));
    EXPECT_EQ(tm_session_positions(session.get(), values.data()), TM_OK);
    return Ints(values.begin(), values.end());
  }

  TemporaryDirectory directory;
  std::string path;
  PackageHandle package;
  DeviceHandle device;
  Floats sums;
  Ints seen;
};
} // namespace

/// The call fails with that status and a line that says `message`.
static void expectFailure(tm_status status, tm_status expected,
                          const std::string &message) {
  std::string text = tm_last_error();
  EXPECT_EQ(status, expected) << text;
  EXPECT_NE(text.find(message), std::string::npos) << text;
  EXPECT_NE(text.find(": error: "), std::string::npos) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
}

//===----------------------------------------------------------------------===//
// State and positions
//===----------------------------------------------------------------------===//

TEST_F(SessionTest, RowsAreAtDifferentPositions) {
  SessionHandle s = session(3);
  EXPECT_EQ(positions(s), (Ints{0, 0, 0}));
  ASSERT_EQ(prefill(s.get(), {1, 2, 3, 4, /**/ 5, 0, 0, 0, /**/ 6, 7, 0, 0},
                    {4, 1, 2}, sums),
            TM_OK)
      << tm_last_error();
  EXPECT_EQ(sums, (Floats{5, 2.5, 6.5}));
  EXPECT_EQ(positions(s), (Ints{4, 1, 2}));
  ASSERT_EQ(decode(s.get(), {10, 20, 30}, sums, seen), TM_OK)
      << tm_last_error();
  EXPECT_EQ(sums, (Floats{10, 12.5, 21.5}));
  EXPECT_EQ(seen, (Ints{4, 1, 2}));
  EXPECT_EQ(positions(s), (Ints{5, 2, 3}));
  ASSERT_EQ(decode(s.get(), {2, 2, 2}, sums, seen), TM_OK);
  EXPECT_EQ(seen, (Ints{5, 2, 3}));

  Floats state(6);
  ASSERT_EQ(tm_session_read_state(s.get(), "layers.0.sum", state.data(), 24),
            TM_OK);
  EXPECT_EQ(state, (Floats{11, 6, 13.5, 3, 22.5, 4}));
}

TEST_F(SessionTest, PrefillSetsPositionsWhateverTheyWere) {
  SessionHandle s = session(1);
  ASSERT_EQ(prefill(s.get(), {1, 2, 3, 4, 5, 6, 7, 8}, {8}, sums), TM_OK);
  ASSERT_EQ(prefill(s.get(), {9, 9}, {1}, sums), TM_OK);
  EXPECT_EQ(positions(s), Ints{1});
  EXPECT_EQ(sums, Floats{4.5});
}

TEST_F(SessionTest, DecodeNeedsAPrefillAndRoom) {
  SessionHandle s = session(2);
  expectFailure(decode(s.get(), {1, 1}, sums, seen), TM_BAD_STATE,
                "row 0 has seen no token yet");
  ASSERT_EQ(prefill(s.get(), {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
                    {3, 8}, sums),
            TM_OK);
  ASSERT_EQ(decode(s.get(), {1, 1}, sums, seen), TM_OK);
  ASSERT_EQ(decode(s.get(), {1, 1}, sums, seen), TM_OK);
  expectFailure(decode(s.get(), {1, 1}, sums, seen), TM_BAD_STATE,
                "row 1 has seen 10 tokens and cannot take 1 more: the model's "
                "longest sequence is 10");
  EXPECT_EQ(positions(s), (Ints{5, 10})) << "a failed call moves nothing";
}

TEST_F(SessionTest, ResetStartsAnew) {
  SessionHandle s = session(1);
  ASSERT_EQ(prefill(s.get(), {8, 8}, {2}, sums), TM_OK);
  ASSERT_EQ(tm_session_reset(s.get()), TM_OK);
  EXPECT_EQ(positions(s), Ints{0});
  Floats state = {1, 1};
  ASSERT_EQ(tm_session_read_state(s.get(), "layers.0.sum", state.data(), 8),
            TM_OK);
  EXPECT_EQ(state, (Floats{0, 0}));
  expectFailure(decode(s.get(), {1}, sums, seen), TM_BAD_STATE, "no token yet");
}

TEST_F(SessionTest, StatesCanBeRestored) {
  SessionHandle s = session(1);
  ASSERT_EQ(prefill(s.get(), {8, 8}, {2}, sums), TM_OK);
  Floats state = {100, 7};
  ASSERT_EQ(tm_session_write_state(s.get(), "layers.0.sum", state.data(), 8),
            TM_OK);
  ASSERT_EQ(decode(s.get(), {2}, sums, seen), TM_OK);
  EXPECT_EQ(sums, Floats{101});
  expectFailure(tm_session_read_state(s.get(), "none", state.data(), 8),
                TM_INVALID_ARGUMENT,
                "there is no state 'none'; there are layers.0.sum, visits");
  expectFailure(tm_session_read_state(s.get(), "layers.0.sum", state.data(), 7),
                TM_INVALID_ARGUMENT, "has 8 bytes, not 7");
}

TEST_F(SessionTest, DescribesStates) {
  SessionHandle s = session(3);
  ASSERT_EQ(tm_session_state_count(s.get()), 3u);
  tm_tensor state;
  ASSERT_EQ(tm_session_describe_state(s.get(), 0, &state), TM_OK);
  EXPECT_STREQ(state.name, "layers.0.sum");
  EXPECT_EQ(state.rank, 2);
  EXPECT_EQ(state.shape[0], 3);
  EXPECT_EQ(state.shape[1], 2);
  ASSERT_EQ(tm_session_describe_state(s.get(), 1, &state), TM_OK);
  EXPECT_EQ(state.rank, 1);
  EXPECT_EQ(state.shape[0], 1) << "a workspace has no rows";
  expectFailure(tm_session_describe_state(s.get(), 3, &state),
                TM_INVALID_ARGUMENT, "there is no state 3");
}

TEST_F(SessionTest, SessionsDoNotShareState) {
  SessionHandle a = session(1), b = session(1);
  ASSERT_EQ(prefill(a.get(), {8}, {1}, sums), TM_OK);
  ASSERT_EQ(prefill(b.get(), {2}, {1}, sums), TM_OK);
  ASSERT_EQ(decode(a.get(), {0}, sums, seen), TM_OK);
  EXPECT_EQ(sums, Floats{4});
}

/// The dynamic linker knows objects by their path, and theirs is the number of
/// a file descriptor.
TEST_F(SessionTest, PackagesDoNotShareCode) {
  std::string otherPath = directory.file("other.tmpkg");
  ASSERT_FALSE(writeTestPackage(otherPath, testManifest(),
                                readFile(TRANSMAMBA_OTHER_TEST_KERNELS)));
  PackageHandle other = openPackage(otherPath);
  SessionHandle a = session(1);
  SessionHandle b = createSession(other, device, 1);
  ASSERT_TRUE(b) << tm_last_error();
  ASSERT_EQ(prefill(a.get(), {8}, {1}, sums), TM_OK);
  EXPECT_EQ(sums, Floats{4});
  ASSERT_EQ(prefill(b.get(), {8}, {1}, sums), TM_OK);
  EXPECT_EQ(sums, Floats{40});
}

TEST_F(SessionTest, HandlesMayBeReleasedInAnyOrder) {
  SessionHandle s = session(1);
  package.reset();
  device.reset();
  ASSERT_EQ(prefill(s.get(), {8}, {1}, sums), TM_OK);
  EXPECT_EQ(sums, Floats{4});
  tm_package_release(nullptr);
  tm_device_release(nullptr);
  tm_session_release(nullptr);
}

//===----------------------------------------------------------------------===//
// What the caller may not do
//===----------------------------------------------------------------------===//

TEST_F(SessionTest, RowsOfTheSession) {
  tm_session *handle = nullptr;
  expectFailure(
      tm_session_create(package.get(), device.get(), 5, nullptr, &handle),
      TM_INVALID_ARGUMENT, "1 to 4 rows, not 5");
  expectFailure(
      tm_session_create(package.get(), device.get(), 0, nullptr, &handle),
      TM_INVALID_ARGUMENT, "1 to 4 rows, not 0");
  EXPECT_EQ(handle, nullptr);
  SessionHandle s = session(2);
  expectFailure(prefill(s.get(), {1}, {1}, sums), TM_INVALID_ARGUMENT,
                "the inputs have 1 rows, but the session has 2");
  expectFailure(prefill(s.get(), {1, 1, 1}, {1, 1, 1}, sums),
                TM_INVALID_ARGUMENT,
                "the inputs have 3 rows, but the session has 2");
}

TEST_F(SessionTest, SymbolsHaveBounds) {
  SessionHandle s = session(1);
  expectFailure(
      prefill(s.get(), {1, 2, 3, 4, 5, 6, 7, 8, 9}, {1}, sums),
      TM_INVALID_ARGUMENT,
      "T, dimension 1 of the input 'tokens', is 9; it lies in [1, 8]");
  expectFailure(prefill(s.get(), {}, {1}, sums), TM_INVALID_ARGUMENT,
                "is 0; it lies in [1, 8]");
}

TEST_F(SessionTest, ValuesHaveRanges) {
  SessionHandle s = session(2);
  expectFailure(prefill(s.get(), {1, 256, 3, 4}, {2, 2}, sums),
                TM_INVALID_ARGUMENT,
                "element 1 of the input 'tokens' is 256; it lies in [0, 256)");
  expectFailure(prefill(s.get(), {1, 2, -1, 4}, {2, 1}, sums),
                TM_INVALID_ARGUMENT, "element 2 of the input 'tokens' is -1");
  expectFailure(prefill(s.get(), {1, 2, 3, 4}, {2, 3}, sums),
                TM_INVALID_ARGUMENT,
                "the length of row 1 in 'lengths' is 3; it lies in [1, 2]");
  expectFailure(prefill(s.get(), {1, 2, 3, 4}, {0, 2}, sums),
                TM_INVALID_ARGUMENT, "the length of row 0 in 'lengths' is 0");
  EXPECT_EQ(positions(s), (Ints{0, 0}));
}

TEST_F(SessionTest, GarbageBeyondTheLengthsNeverReachesKernels) {
  SessionHandle s = session(2);
  Ints tokens = {1, 999999, -5, /**/ 2, 3, 1 << 30};
  Ints lengths = {1, 2};
  Ints copy(6, -1);
  tm_tensor inputs[] = {tensor("lengths", TM_I32, {2}, lengths),
                        tensor("tokens", TM_I32, {2, 3}, tokens)};
  tm_tensor output = tensor("copy", TM_I32, {2, 3}, copy);
  ASSERT_EQ(tm_session_invoke(s.get(), "echo", inputs, 2, &output, 1), TM_OK)
      << tm_last_error();
  EXPECT_EQ(copy, (Ints{1, 0, 0, 2, 3, 0}));
  EXPECT_EQ(tokens[1], 999999) << "the caller's memory is left alone";
}

TEST_F(SessionTest, InputsAreChecked) {
  SessionHandle s = session(1);
  Ints data = {1, 1};
  Floats floats = {1, 1};
  tm_tensor tokens = tensor("tokens", TM_I32, {1, 2}, data);
  tm_tensor lengths = tensor("lengths", TM_I32, {1}, data);
  auto run = [&](const char *entry, std::vector<tm_tensor> inputs) {
    return tm_session_invoke(s.get(), entry, inputs.data(), inputs.size(),
                             nullptr, 0);
  };
  EXPECT_EQ(run("prefill", {tokens, lengths}), TM_OK) << tm_last_error();
  expectFailure(
      run("generate", {}), TM_INVALID_ARGUMENT,
      "there is no entry point 'generate'; there are prefill, decode");
  expectFailure(run("prefill", {tokens}), TM_INVALID_ARGUMENT,
                "the input 'lengths' is missing");
  expectFailure(run("prefill", {tokens, lengths, lengths}), TM_INVALID_ARGUMENT,
                "the input 'lengths' is given twice");
  tm_tensor other = tokens;
  other.name = "mask";
  expectFailure(run("prefill", {other}), TM_INVALID_ARGUMENT,
                "there is no input 'mask'; there are tokens, lengths");
  other.name = nullptr;
  expectFailure(run("prefill", {other}), TM_INVALID_ARGUMENT,
                "input 0 has no name");
  other = tensor("tokens", TM_F32, {1, 2}, floats);
  expectFailure(run("prefill", {other, lengths}), TM_INVALID_ARGUMENT,
                "the input 'tokens' is f32, expected i32");
  other.type = 77;
  expectFailure(run("prefill", {other, lengths}), TM_INVALID_ARGUMENT,
                "the input 'tokens' is ?, expected i32");
  other = tensor("tokens", TM_I32, {2}, data);
  expectFailure(run("prefill", {other, lengths}), TM_INVALID_ARGUMENT,
                "has 1 dimensions, expected 2");
  other.rank = -1;
  expectFailure(run("prefill", {other, lengths}), TM_INVALID_ARGUMENT,
                "has -1 dimensions");
  other = tensor("lengths", TM_I32, {2}, data);
  expectFailure(run("prefill", {tokens, other}), TM_INVALID_ARGUMENT,
                "the input 'lengths' has the shape [2], expected [1]");
  other = tokens;
  other.data = nullptr;
  expectFailure(run("prefill", {other, lengths}), TM_INVALID_ARGUMENT,
                "the input 'tokens' has no data");
  other = tensor("positions", TM_I32, {1}, data);
  tm_tensor token = tensor("tokens", TM_I32, {1}, data);
  expectFailure(run("decode", {token, other}), TM_INVALID_ARGUMENT,
                "the session keeps the positions itself");
  expectFailure(tm_session_invoke(s.get(), "decode", nullptr, 1, nullptr, 0),
                TM_INVALID_ARGUMENT, "the list of inputs is null");
}

TEST_F(SessionTest, OutputsAreChecked) {
  SessionHandle s = session(1);
  Ints data = {1, 1};
  Floats floats = {0, 0};
  tm_tensor inputs[] = {tensor("tokens", TM_I32, {1, 2}, data),
                        tensor("lengths", TM_I32, {1}, data)};
  auto run = [&](std::vector<tm_tensor> outputs) {
    return tm_session_invoke(s.get(), "prefill", inputs, 2, outputs.data(),
                             outputs.size());
  };
  tm_tensor sum = tensor("sums", TM_F32, {1}, floats);
  EXPECT_EQ(run({sum}), TM_OK) << tm_last_error();
  EXPECT_EQ(run({}), TM_OK) << "no output is wanted";
  expectFailure(run({sum, sum}), TM_INVALID_ARGUMENT, "is given twice");
  tm_tensor other = sum;
  other.name = "logits";
  expectFailure(run({other}), TM_INVALID_ARGUMENT,
                "there is no output 'logits'; there are sums");
  other = tensor("sums", TM_F32, {2}, floats);
  expectFailure(run({other}), TM_INVALID_ARGUMENT,
                "the output 'sums' is f32 [1]");
  other = sum;
  other.type = TM_F16;
  expectFailure(run({other}), TM_INVALID_ARGUMENT, "another type or shape");
  other = sum;
  other.data = nullptr;
  expectFailure(run({other}), TM_INVALID_ARGUMENT, "has no memory");
}

TEST_F(SessionTest, OutputShapesFollowInputShapes) {
  SessionHandle s = session(1);
  Ints none;
  tm_tensor inputs[] = {tensor("tokens", TM_I32, {3, 5}, none),
                        tensor("lengths", TM_I32, {3}, none)};
  tm_tensor output{};
  ASSERT_EQ(
      tm_session_output_shape(s.get(), "echo", inputs, 2, "copy", &output),
      TM_OK)
      << tm_last_error();
  EXPECT_EQ(output.type, TM_I32);
  EXPECT_EQ(output.rank, 2);
  EXPECT_EQ(output.shape[0], 3);
  EXPECT_EQ(output.shape[1], 5);
  expectFailure(
      tm_session_output_shape(s.get(), "echo", inputs, 2, "sums", &output),
      TM_INVALID_ARGUMENT, "there is no output 'sums'");
}

TEST_F(SessionTest, NullPointersAreErrors) {
  SessionHandle s = session(1);
  tm_package *p = nullptr;
  tm_device *d = nullptr;
  tm_session *created = nullptr;
  const char *text;
  expectFailure(tm_package_open(nullptr, &p), TM_INVALID_ARGUMENT, "'path'");
  expectFailure(tm_package_open("x", nullptr), TM_INVALID_ARGUMENT,
                "'package'");
  expectFailure(tm_package_verify(nullptr), TM_INVALID_ARGUMENT, "'package'");
  expectFailure(tm_device_open(nullptr, nullptr, &d), TM_INVALID_ARGUMENT,
                "'name'");
  expectFailure(tm_device_describe(0, nullptr, &text), TM_INVALID_ARGUMENT,
                "'name'");
  expectFailure(tm_session_create(nullptr, device.get(), 1, nullptr, &created),
                TM_INVALID_ARGUMENT, "'package'");
  expectFailure(tm_session_create(package.get(), nullptr, 1, nullptr, &created),
                TM_INVALID_ARGUMENT, "'device'");
  expectFailure(tm_session_invoke(nullptr, "prefill", nullptr, 0, nullptr, 0),
                TM_INVALID_ARGUMENT, "'session'");
  expectFailure(tm_session_invoke(s.get(), nullptr, nullptr, 0, nullptr, 0),
                TM_INVALID_ARGUMENT, "'entry'");
  expectFailure(tm_session_positions(s.get(), nullptr), TM_INVALID_ARGUMENT,
                "'positions'");
  expectFailure(tm_session_profile(s.get(), nullptr, 0, nullptr),
                TM_INVALID_ARGUMENT, "'count'");
  EXPECT_EQ(tm_session_rows(nullptr), 0);
  EXPECT_STREQ(tm_session_target(nullptr), "");
  EXPECT_STREQ(tm_package_manifest(nullptr), "");
}

TEST_F(SessionTest, Options) {
  tm_device_options bad{0, 1};
  tm_device *d = nullptr;
  expectFailure(tm_device_open("cpu", &bad, &d), TM_INVALID_ARGUMENT,
                "struct_size");
  bad = {sizeof(bad), -1};
  expectFailure(tm_device_open("cpu", &bad, &d), TM_INVALID_ARGUMENT,
                "cannot be -1 threads");
  // A program that was built with a newer header has a larger structure.
  struct {
    tm_session_options known;
    uint64_t unknown[4];
  } newer = {{sizeof(newer), 0}, {}};
  tm_session *created = nullptr;
  EXPECT_EQ(
      tm_session_create(package.get(), device.get(), 1, &newer.known, &created),
      TM_OK);
  tm_session_release(created);
  tm_session_options flags{sizeof(flags), 1u << 30};
  expectFailure(
      tm_session_create(package.get(), device.get(), 1, &flags, &created),
      TM_INVALID_ARGUMENT, "bits that have no meaning");
}

//===----------------------------------------------------------------------===//
// Grids and threads
//===----------------------------------------------------------------------===//

/// Runs the entry point that counts its points.
static Ints countPoints(tm_session *session, int64_t x, int64_t y, int64_t z) {
  std::vector<int8_t> like(x * y * z);
  Ints counts(x * y * z, -1);
  tm_tensor input = tensor("like", TM_I8, {x, y, z}, like);
  tm_tensor output = tensor("counts", TM_I32, {x, y, z}, counts);
  EXPECT_EQ(tm_session_invoke(session, "count", &input, 1, &output, 1), TM_OK)
      << tm_last_error();
  return counts;
}

TEST_F(SessionTest, EnqueueRunsAtOnce) {
  SessionHandle s = session(1);
  ASSERT_EQ(prefill(s.get(), {2}, {1}, sums), TM_OK);
  Ints tokens{4};
  tm_tensor input = tensor("tokens", TM_I32, {1}, tokens);
  tm_tensor output = tensor("sums", TM_F32, {1}, sums);
  ASSERT_EQ(
      tm_session_enqueue(s.get(), "decode", &input, 1, &output, 1, nullptr),
      TM_OK)
      << tm_last_error();
  EXPECT_EQ(sums, Floats{3});
  expectFailure(
      tm_session_enqueue(s.get(), "decode", &input, 1, &output, 1, &tokens),
      TM_INVALID_ARGUMENT, "a processor has no streams");
  EXPECT_EQ(
      tm_session_enqueue(nullptr, "decode", &input, 1, &output, 1, nullptr),
      TM_INVALID_ARGUMENT);
}

TEST_F(SessionTest, AProcessorIsOneMultiprocessor) {
  SessionHandle s = session(1);
  for (int i = 0; i < 2; ++i) {
    std::vector<int8_t> like(5);
    Floats out(5);
    Ints points(1);
    tm_tensor input = tensor("like", TM_I8, {5}, like);
    tm_tensor outputs[] = {tensor("out", TM_F32, {5}, out),
                           tensor("seen", TM_I32, {1}, points)};
    ASSERT_EQ(tm_session_invoke(s.get(), "spread", &input, 1, outputs, 2),
              TM_OK)
        << tm_last_error();
    EXPECT_EQ(out, (Floats{0, .25, .5, .75, 1}));
    EXPECT_EQ(points, Ints{1});
  }
}

TEST_F(SessionTest, EveryPointOfAGridIsCalledOnce) {
  for (int threads : {1, 2, 5}) {
    device = openDevice("cpu", threads);
    SessionHandle s = session(1);
    int32_t expected = 0;
    for (auto [x, y, z] : {std::array<int, 3>{1, 1, 1},
                           {2, 1, 1},
                           {1, 3, 2},
                           {7, 5, 3},
                           {300, 1, 1},
                           {1, 1, 300},
                           {64, 30, 9}}) {
      EXPECT_EQ(countPoints(s.get(), x, y, z), Ints(x * y * z, 1));
      expected += x * y * z;
    }
    int32_t visits = 0;
    ASSERT_EQ(tm_session_read_state(s.get(), "visits", &visits, 4), TM_OK);
    EXPECT_EQ(visits, expected);
  }
}

TEST_F(SessionTest, ManySmallGridsOneAfterTheOther) {
  device = openDevice("cpu", 4);
  SessionHandle s = session(1);
  for (int i = 0; i < 2000; ++i)
    ASSERT_EQ(countPoints(s.get(), 1 + i % 7, 1 + i % 3, 1),
              Ints((1 + i % 7) * (1 + i % 3), 1));
}

TEST_F(SessionTest, SessionsOfOneDeviceRunFromSeveralThreads) {
  device = openDevice("cpu", 3);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      SessionHandle s = createSession(package, device, 1);
      for (int i = 0; i < 200; ++i)
        wrong += countPoints(s.get(), 5 + t, 4, 3) != Ints((5 + t) * 12, 1);
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(SessionTest, ErrorsBelongToTheirThread) {
  expectFailure(tm_package_open("missing", nullptr), TM_INVALID_ARGUMENT,
                "'package'");
  std::thread([] { EXPECT_STREQ(tm_last_error(), ""); }).join();
  EXPECT_STRNE(tm_last_error(), "");
}

TEST_F(SessionTest, ManyDifferentSizes) {
  SessionHandle s = session(1);
  // More than there are plans in the cache, twice.
  for (int round = 0; round < 2; ++round)
    for (int x = 1; x <= 150; ++x)
      ASSERT_EQ(countPoints(s.get(), x, 1, 1), Ints(x, 1));
}

//===----------------------------------------------------------------------===//
// Poison and times
//===----------------------------------------------------------------------===//

static tm_status leak(tm_session *session, int64_t n, Floats &out,
                      std::vector<uint16_t> &unset) {
  Floats like(n);
  out.assign(1, 0);
  unset.assign(n - 1, 0);
  tm_tensor input = tensor("like", TM_F32, {n}, like);
  tm_tensor outputs[] = {tensor("out", TM_F32, {1}, out),
                         tensor("unset", TM_BF16, {n - 1}, unset)};
  return tm_session_invoke(session, "leak", &input, 1, outputs, 2);
}

TEST_F(SessionTest, PoisonShowsReadsOfUnwrittenMemory) {
  Floats out;
  std::vector<uint16_t> unset;
  SessionHandle s = session(1, TM_SESSION_POISON);
  ASSERT_EQ(leak(s.get(), 20, out, unset), TM_OK) << tm_last_error();
  EXPECT_TRUE(std::isnan(out[0]));
  for (uint16_t value : unset)
    EXPECT_EQ(value, 0xffff);
  // What a model writes itself is not affected.
  ASSERT_EQ(prefill(s.get(), {1, 2, 3, 4}, {3}, sums), TM_OK);
  EXPECT_EQ(sums, Floats{3});
}

TEST_F(SessionTest, PoisonFromTheEnvironment) {
  Floats out;
  std::vector<uint16_t> unset;
  ::setenv("TRANSMAMBA_POISON", "1", 1);
  SessionHandle poisoned = session(1);
  ::unsetenv("TRANSMAMBA_POISON");
  SessionHandle clean = session(1);
  ASSERT_EQ(leak(poisoned.get(), 20, out, unset), TM_OK);
  EXPECT_TRUE(std::isnan(out[0]));
  ASSERT_EQ(leak(clean.get(), 20, out, unset), TM_OK);
  EXPECT_EQ(out[0], 0.0f);
}

TEST_F(SessionTest, EmptyTensorsAndArenaThatGrows) {
  Floats out;
  std::vector<uint16_t> unset;
  SessionHandle s = session(1);
  ASSERT_EQ(leak(s.get(), 1, out, unset), TM_OK) << tm_last_error();
  ASSERT_EQ(leak(s.get(), 100, out, unset), TM_OK) << tm_last_error();
  ASSERT_EQ(leak(s.get(), 1, out, unset), TM_OK) << tm_last_error();
}

TEST_F(SessionTest, ProfileNamesTheCommandsThatRan) {
  SessionHandle s = session(2, TM_SESSION_PROFILE);
  size_t count = 99;
  ASSERT_EQ(tm_session_profile(s.get(), nullptr, 0, &count), TM_OK);
  EXPECT_EQ(count, 0u);
  ASSERT_EQ(prefill(s.get(), {1, 2}, {1, 1}, sums), TM_OK);
  tm_command_time times[4];
  ASSERT_EQ(tm_session_profile(s.get(), times, 4, &count), TM_OK);
  ASSERT_EQ(count, 2u);
  EXPECT_STREQ(times[0].kernel, "scale_tokens");
  EXPECT_STREQ(times[1].kernel, "sum_row");
  EXPECT_EQ(times[0].grid[0], 2);
  EXPECT_GE(times[0].milliseconds, 0.0);
  EXPECT_LT(times[0].milliseconds, 1000.0);
  countPoints(s.get(), 1, 2, 3);
  ASSERT_EQ(tm_session_profile(s.get(), times, 1, &count), TM_OK);
  EXPECT_EQ(count, 2u) << "the command with an empty grid does not run";
  SessionHandle plain = session(1);
  expectFailure(tm_session_profile(plain.get(), times, 4, &count), TM_BAD_STATE,
                "TM_SESSION_PROFILE");
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

TEST_F(SessionTest, SaysWhichVariantRuns) {
  SessionHandle s = session(1);
  EXPECT_STREQ(tm_session_target(s.get()), "cpu:x86-64");
  EXPECT_STREQ(tm_session_selection(s.get()), "cpu:x86-64: taken");
  EXPECT_EQ(tm_package_verify(package.get()), TM_OK);
  EXPECT_EQ(std::string(tm_package_manifest(package.get())).find("{\n"), 0u);
}

/// The error of creating a session for the package at `path`.
static std::string loadingProblem(const std::string &path, tm_status expected) {
  PackageHandle package = openPackage(path);
  EXPECT_TRUE(package) << tm_last_error();
  DeviceHandle device = openDevice("cpu", 1);
  tm_session *session = nullptr;
  EXPECT_EQ(
      tm_session_create(package.get(), device.get(), 1, nullptr, &session),
      expected)
      << tm_last_error();
  EXPECT_EQ(session, nullptr);
  return tm_last_error();
}

TEST_F(SessionTest, NoVariantForThisMachine) {
  Manifest manifest = testManifest();
  Variant &variant = manifest.variants[0];
  variant.target = "nvidia:sm_90a";
  variant.object.clear();
  variant.ptx = "code/kernels.ptx";
  ASSERT_FALSE(writeTestPackage(path, manifest, ""));
  EXPECT_NE(loadingProblem(path, TM_UNSUPPORTED)
                .find("nvidia:sm_90a: is for a GPU; compile the model"),
            std::string::npos)
      << tm_last_error();
}

TEST_F(SessionTest, FirstVariantThatRunsIsTaken) {
  Manifest manifest = testManifest();
  Variant gpu = manifest.variants[0];
  gpu.target = "nvidia:sm_80";
  gpu.object.clear();
  gpu.ptx = "code/kernels.ptx";
  Variant second = manifest.variants[0];
  second.target = "cpu:x86-64-v2";
  second.object = "code/second.so";
  manifest.variants = {gpu, manifest.variants[0], second};
  ASSERT_FALSE(
      writeTestPackage(path, manifest, readFile(TRANSMAMBA_TEST_KERNELS)));
  package = openPackage(path);
  SessionHandle s = session(1);
  EXPECT_STREQ(tm_session_selection(s.get()),
               "nvidia:sm_80: is for a GPU\n"
               "cpu:x86-64: taken\n"
               "cpu:x86-64-v2: not needed, an earlier variant runs");
}

TEST_F(SessionTest, CodeThatIsNotCode) {
  std::string object = readFile(TRANSMAMBA_TEST_KERNELS);
  ASSERT_FALSE(writeTestPackage(path, testManifest(), "no ELF file"));
  EXPECT_NE(loadingProblem(path, TM_BAD_PACKAGE).find("is not an ELF file"),
            std::string::npos);
  for (unsigned i = 1; i < 16; ++i) {
    ASSERT_FALSE(writeTestPackage(path, testManifest(),
                                  object.substr(0, object.size() * i / 16)));
    EXPECT_NE(loadingProblem(path, TM_BAD_PACKAGE).find("the CPU code"),
              std::string::npos);
  }
  std::string foreign = object;
  foreign[18] = 40; // e_machine: ARM
  ASSERT_FALSE(writeTestPackage(path, testManifest(), foreign));
  EXPECT_NE(loadingProblem(path, TM_BAD_PACKAGE).find("is for ELF machine 40"),
            std::string::npos);
}

TEST_F(SessionTest, MissingKernel) {
  Manifest manifest = testManifest();
  manifest.variants[0].kernels.push_back({"no_such_kernel", 0, 0, 0});
  ASSERT_FALSE(
      writeTestPackage(path, manifest, readFile(TRANSMAMBA_TEST_KERNELS)));
  EXPECT_NE(loadingProblem(path, TM_BAD_PACKAGE)
                .find("has no function 'no_such_kernel'"),
            std::string::npos);
}

TEST_F(SessionTest, DamagedCodeAndWeights) {
  std::string good = readFile(path);
  std::string weights("\0\0\0\x3f", 4); // 0.5f, and padding
  weights.resize(64);
  for (const std::string &part : {readFile(TRANSMAMBA_TEST_KERNELS), weights}) {
    std::string bytes = good;
    size_t place = bytes.find(part);
    ASSERT_NE(place, std::string::npos);
    bytes[place + 3] ^= 1;
    std::string damaged = directory.file("damaged.tmpkg");
    writeFile(damaged, bytes);
    EXPECT_NE(loadingProblem(damaged, TM_BAD_PACKAGE).find("is damaged"),
              std::string::npos)
        << tm_last_error();
  }
}

TEST_F(SessionTest, Devices) {
  ASSERT_GE(tm_device_count(), 1u);
  const char *name, *description;
  ASSERT_EQ(tm_device_describe(0, &name, &description), TM_OK);
  EXPECT_STREQ(name, "cpu");
  EXPECT_STRNE(description, "");
  expectFailure(tm_device_describe(1000, &name, &description),
                TM_INVALID_ARGUMENT, "there is no device 1000");
  tm_device *d = nullptr;
  for (const char *bad :
       {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "cuda:99999999999"})
    expectFailure(tm_device_open(bad, nullptr, &d), TM_INVALID_ARGUMENT,
                  "a device is cpu, or cuda:N");
  EXPECT_STREQ(tm_device_name(device.get()), "cpu");
  EXPECT_NE(std::string(tm_device_description(device.get())).find("2 threads"),
            std::string::npos);
}

TEST_F(SessionTest, ThreadsFromTheEnvironment) {
  ::setenv("TRANSMAMBA_THREADS", "3", 1);
  DeviceHandle three = openDevice("cpu");
  EXPECT_NE(std::string(tm_device_description(three.get())).find("3 threads"),
            std::string::npos);
  DeviceHandle one = openDevice("cpu", 1);
  EXPECT_NE(std::string(tm_device_description(one.get())).find("1 thread"),
            std::string::npos);
  tm_device *d = nullptr;
  for (const char *bad : {"x", "0", "-1", "2x", "1025"}) {
    ::setenv("TRANSMAMBA_THREADS", bad, 1);
    expectFailure(tm_device_open("cpu", nullptr, &d), TM_INVALID_ARGUMENT,
                  "TRANSMAMBA_THREADS");
  }
  ::unsetenv("TRANSMAMBA_THREADS");
}

TEST(Library, NamesOfTypesAndStatuses) {
  EXPECT_EQ(tm_abi_version(), static_cast<uint32_t>(TM_ABI_VERSION));
  EXPECT_STRNE(tm_version(), "");
  EXPECT_STREQ(tm_type_name(TM_BF16), "bf16");
  EXPECT_EQ(tm_type_size(TM_I64), 8u);
  EXPECT_EQ(tm_type_size(7), 0u);
  EXPECT_STREQ(tm_status_name(TM_BAD_STATE), "TM_BAD_STATE");
}
