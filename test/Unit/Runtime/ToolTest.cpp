//===- ToolTest.cpp - transmamba-run and transmamba-inspect ---------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "ToolFixture.h"

#include <nlohmann/json.hpp>

using namespace transmamba::runtime::test;

namespace {
class ToolTest : public ToolFixture {
protected:
  ToolResult run(const std::string &arguments) {
    return tool(TRANSMAMBA_RUN, arguments);
  }
  ToolResult inspect(const std::string &arguments) {
    return tool(TRANSMAMBA_INSPECT, arguments);
  }
};
} // namespace

TEST_F(ToolTest, RunsAnEntryAndComparesWithFiles) {
  writeInts("t.npy", {2, 3}, {1, 2, 3, 4, 5, 6});
  writeFloats("sums.npy", {2}, {3, 2});
  std::string call = "sums.tmpkg --entry prefill --input tokens=@t.npy "
                     "--input lengths=3,1 ";
  ToolResult result = run(call + "--output sums=@o.npy "
                                 "--expected sums=@sums.npy");
  expectSuccess(result);
  EXPECT_NE(result.out.find("sums: max abs 0, relative Frobenius 0: as "
                            "expected"),
            std::string::npos)
      << result.out;
  Result<NpyArray> written = readNpy(directory.file("o.npy"));
  ASSERT_TRUE(written);
  EXPECT_EQ(loadAsDouble(written->type, written->data.data(), 1), 2.0);

  writeFloats("sums.npy", {2}, {3, 4});
  result = run(call + "--expected sums=@sums.npy");
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.out.find("max abs 2, relative Frobenius 0.4: 1 of 2 "
                            "elements differ"),
            std::string::npos)
      << result.out;
  expectSuccess(run(call + "--expected sums=@sums.npy --rtol 0.5"));
  expectSuccess(run(call + "--expected sums=@sums.npy --rtol 0 --atol 2"));
  writeFloats("sums.npy", {2}, {3, NAN});
  EXPECT_EQ(run(call + "--expected sums=@sums.npy --atol 1e30").code, 2);
  writeFloats("sums.npy", {1}, {3});
  expectFailure(run(call + "--expected sums=@sums.npy"),
                "sums.npy: error: has the shape [1], but the output 'sums' has "
                "[2]");
}

TEST_F(ToolTest, RunsStepsOnTheSameState) {
  writeFloats("first.npy", {2}, {3, 2});
  writeFloats("last.npy", {2}, {8, 12.5});
  ToolResult result =
      run("sums.tmpkg --step 'prefill:tokens=[[1,2,3],[4,5,6]],lengths=3,1' "
          "--step decode:tokens=4,1 --step decode:tokens=6,20 "
          "--expected 1:sums=@first.npy --expected 3:sums=@last.npy "
          "--expected sums=@last.npy --output seen=@seen.npy "
          "--dump-state state");
  expectSuccess(result);
  Result<NpyArray> seen = readNpy(directory.file("seen.npy"));
  ASSERT_TRUE(seen);
  EXPECT_EQ(loadAsInteger(seen->type, seen->data.data(), 0), 4);
  EXPECT_EQ(loadAsInteger(seen->type, seen->data.data(), 1), 2);
  Result<NpyArray> state = readNpy(directory.file("state/layers.0.sum.npy"));
  ASSERT_TRUE(state) << state.error().str();
  EXPECT_EQ(state->shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(loadAsDouble(state->type, state->data.data(), 2), 12.5);
  Result<NpyArray> positions = readNpy(directory.file("state/positions.npy"));
  ASSERT_TRUE(positions);
  EXPECT_EQ(loadAsInteger(positions->type, positions->data.data(), 1), 3);
}

TEST_F(ToolTest, SummarizesMeasuresAndProfiles) {
  ToolResult result = run("sums.tmpkg --entry prefill --input tokens=1,2 "
                          "--input lengths=1");
  expectFailure(result, "has 1 dimensions, expected 2");
  result = run("sums.tmpkg --entry prefill --input 'tokens=[[1,2]]' "
               "--input lengths=2 --repeat 3 --profile --verbose --threads 2");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "sums: f32 [1], min 1.5, max 1.5, mean 1.5\n");
  for (const char *part : {"cpu:x86-64: taken", "2 threads", "3 runs",
                           "in 2 commands", "1 x  sum_row"})
    EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
  result = run("sums.tmpkg --entry leak --input 'like=zeros[4]' --poison");
  expectSuccess(result);
  EXPECT_EQ(result.out, "out: f32 [1], 1 NaN\nunset: bf16 [3], 3 NaN\n");
  expectSuccess(run("sums.tmpkg --entry echo --input 'tokens=random[3,8]' "
                    "--input lengths=8,8,8 --rows 4 --seed 9 --device auto"));
}

TEST_F(ToolTest, RejectsWhatDoesNotFit) {
  std::string call = "sums.tmpkg --entry prefill ";
  struct Case {
    std::string arguments;
    const char *message;
  };
  writeFile(directory.file("bad.npy"), "no array");
  writeFile(directory.file("bad.tmpkg"), "no package");
  writeFloats("f.npy", {1, 2}, {1, 2});
  const Case cases[] = {
      {"", "which package?"},
      {"sums.tmpkg", "nothing to do"},
      {"none.tmpkg --entry x", "none.tmpkg: error: cannot be opened"},
      {"bad.tmpkg --entry x", "bad.tmpkg: error: the file has 10 bytes"},
      {"sums.tmpkg --entry go", "sums.tmpkg: error: there is no entry point "
                                "'go'; there are prefill, decode, echo"},
      {call + "--input tokens", "--input takes name=value, not 'tokens'"},
      {call + "--input =1", "--input takes name=value"},
      {call + "--input x=1", "has no input 'x'; it has tokens, lengths"},
      {call + "--input tokens=@none.npy", "none.npy: error: cannot be opened"},
      {call + "--input tokens=@bad.npy", "bad.npy: error: is not an .npy file"},
      {call + "--input tokens=@f.npy", "f.npy: error: cannot be converted "
                                       "from f32 to i32"},
      {call + "--input tokens=1.5", "1.500000 is not an integer"},
      {call + "--input tokens=nan", "is not an integer"},
      {call + "--input tokens=1e300", "is not an integer"},
      {call + "--input tokens=5000000000", "element 0 is 5000000000"},
      {call + "--input 'tokens=[[1],[1,2]]'", "lists of different length"},
      {call + "--input 'tokens=[[1],2]'", "lists of different depth"},
      {call + "--input 'tokens=[1,[2]]'", "lists of different depth"},
      {call + "--input 'tokens=[]'", "expected a number at character 2"},
      {call + "--input 'tokens=[1'", "expected ',' or ']'"},
      {call + "--input 'tokens=1]'", "there is something after the list"},
      {call + "--input tokens=[[[[[[[[[1]]]]]]]]]", "nest too deep"},
      {call + "--input tokens=zeros", "expected zeros[extent,...]"},
      {call + "--input tokens=zeros[1,-2]", "'-2' is not an extent"},
      {call + "--input tokens=zeros[99999999,99999999]", "2^32 elements"},
      {call + "--input 'tokens=[[1]]'", "the input 'lengths' is missing"},
      {call + "--input 'tokens=[[1]]' --input lengths=2",
       "the length of row 0 in 'lengths' is 2"},
      {call + "--input 'tokens=[[1]]' --input lengths=1 --rows 9",
       "1 to 4 rows, not 9"},
      {call + "--input 'tokens=[[1]]' --input lengths=1 --output x=@o.npy",
       "'prefill' has no output 'x'; it has sums"},
      {call + "--input 'tokens=[[1]]' --input lengths=1 --output sums=o.npy",
       "takes [step:]name=@file.npy"},
      {call + "--input 'tokens=[[1]]' --input lengths=1 --output 2:sums=@o.npy",
       "there is no call 2; there are 1"},
      {call + "--input 'tokens=[[1]]' --input lengths=1 --output 0:sums=@o.npy",
       "they count from 1"},
      {call + "--input 'tokens=[[1]]' --input lengths=1 "
              "--output sums=@no/such/o.npy",
       "no/such/o.npy: error: cannot be created"},
      {call + "--input 'tokens=[[1]]' --input lengths=1 --dump-state f.npy",
       "f.npy: error: cannot be created"},
      {call + "--step decode:tokens=1", "--step carries its own inputs"},
      {"sums.tmpkg --step :tokens=1", "--step takes entry:name=value"},
      {"sums.tmpkg --step decode:tokens=1", "has seen no token yet"},
      {"sums.tmpkg --step decode:1", "--step takes name=value"},
      {"sums.tmpkg --prompt ''", "--prompt must not be empty"},
      {"sums.tmpkg --prompt a --entry decode", "--prompt does not go with"},
      {"sums.tmpkg --prompt a", "gives no logits of bytes"},
      {call + "--device gpu", "there is no device 'gpu'"},
      {call + "--threads 0", "--threads"},
      {call + "--repeat x", "--repeat"},
      {call + "--no-such-option", "--no-such-option"},
  };
  for (const Case &c : cases) {
    SCOPED_TRACE(c.arguments);
    expectFailure(run(c.arguments), c.message);
  }
}

TEST_F(ToolTest, HelpVersionAndDevices) {
  for (const char *program :
       {TRANSMAMBA_RUN, TRANSMAMBA_INSPECT, TRANSMAMBA_BENCHMARK}) {
    ToolResult help = tool(program, "--help");
    expectSuccess(help);
    EXPECT_NE(help.out.find("Examples:"), std::string::npos);
    EXPECT_NE(help.out.find("Exit codes:"), std::string::npos);
    ToolResult version = tool(program, "--version");
    expectSuccess(version);
    EXPECT_NE(version.out.find(tm_version()), std::string::npos);
  }
  ToolResult devices = run("--list-devices");
  expectSuccess(devices);
  EXPECT_EQ(devices.out.find("cpu "), 0u);
}

TEST_F(ToolTest, InspectShowsThePackage) {
  ToolResult result = inspect("sums.tmpkg --commands --verify");
  expectSuccess(result);
  for (const char *part :
       {"written by tests", "Model       sums, f32", "Tokens      bytes",
        "Limits      batch 4, sequence 10", "8 B for each row, 32 B for a",
        "0 (SSM)", "layers.0.sum  ssm_state  f32   [B, 2]", "4 B in all",
        "Variant cpu:x86-64", "prefill: B <= 4, T <= 8",
        "input   tokens: i32 [B, T], in [0, 256), as far as lengths",
        "sets the positions to lengths", "advances the positions by 1",
        "filled by the runtime", "scratch 64 + B * T * 4 bytes, 192 B at most",
        "0 scale_tokens grid [B, 1, 1] (tokens, scale, scratch + 64, T)",
        "Files (all checksums verified)", "weights.bin"})
    EXPECT_NE(result.out.find(part), std::string::npos) << part << "\n"
                                                        << result.out;
}

TEST_F(ToolTest, InspectPrintsJson) {
  ToolResult result = inspect("sums.tmpkg --json");
  expectSuccess(result);
  nlohmann::json json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["package"]["verified"], false);
  EXPECT_EQ(json["state_use"]["bytes_per_row"], 8);
  EXPECT_EQ(json["state_use"]["by_tokens"][0]["tokens"], 1);
  nlohmann::json &variant = json["variants"][0];
  EXPECT_EQ(variant["entries"][0]["command_count"], 2);
  EXPECT_EQ(variant["entries"][0]["arena_bytes_max"], 192);
  EXPECT_FALSE(variant["entries"][0].contains("commands"));
  EXPECT_EQ(variant["kernels"][0]["launches"]["prefill"], 1);
  EXPECT_EQ(variant["kernels"][0]["launches"]["decode"], 0);
}

TEST_F(ToolTest, InspectComputesStateInUse) {
  // The sample has a cache of 8 tokens with TransPoint 8, and an SSM state.
  ASSERT_FALSE(writeSample(directory.file("sample.tmpkg")));
  ToolResult result = inspect("sample.tmpkg --json");
  expectSuccess(result);
  nlohmann::json json = nlohmann::json::parse(result.out);
  std::map<int64_t, int64_t> use;
  for (const nlohmann::json &line : json["state_use"]["by_tokens"])
    use[line["tokens"]] = line["bytes_per_row"];
  constexpr int64_t token = 2 * 16 * 2, ssm = 4 * 4 * 4;
  EXPECT_EQ(use, (std::map<int64_t, int64_t>{{1, token + ssm},
                                             {4, 4 * token + ssm},
                                             {8, 8 * token + ssm},
                                             {9, ssm},
                                             {16, ssm},
                                             {32, ssm}}));
  result = inspect("sample.tmpkg --commands");
  EXPECT_NE(result.out.find("block [128, 2, 1] shared 65536 (tokens, "
                            "layers.0.scale, scratch + B * 64, map of "
                            "layers.0.k [16, B * 2, 8], logits, T, 0.1f) flop "
                            "B * T * 1000 bytes B * T"),
            std::string::npos)
      << result.out;
}

TEST_F(ToolTest, InspectRejectsDamage) {
  std::string bytes = readFile(path);
  bytes[bytes.find("\x7f"
                   "ELF") +
        1] = 'e';
  writeFile(directory.file("bad.tmpkg"), bytes);
  expectSuccess(inspect("bad.tmpkg"));
  expectFailure(inspect("bad.tmpkg --verify"),
                "bad.tmpkg: error: 'code/kernels.so' is damaged");
  expectFailure(inspect("none.tmpkg"), "none.tmpkg: error: cannot be opened");
  expectFailure(inspect(""), "package is required");
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// The test package with entry points that give logits in place of sums: the
/// most likely byte is the one after the last.
static Manifest textManifest() {
  Manifest manifest = testManifest();
  Variant &variant = manifest.variants[0];
  variant.kernels = {{"next_logits", 0, 0, 0}, {"step_logits", 0, 0, 0}};
  variant.entries = {prefillEntry(), decodeEntry()};
  for (EntryPoint &entry : variant.entries)
    entry.outputs = {{"logits", ElementType::F32, {"B", 256}}};
  variant.entries[0].commands = {
      makeCommand("next_logits", {"B", 1, 1},
                  {Argument::input(0), Argument::input(1), Argument::output(0),
                   Argument::scalar("T")})};
  variant.entries[1].commands = {makeCommand(
      "step_logits", {"B", 1, 1}, {Argument::input(0), Argument::output(0)})};
  manifest.states.resize(1);
  return manifest;
}

TEST_F(ToolTest, GeneratesText) {
  ASSERT_FALSE(writeTestPackage(path, textManifest(),
                                readFile(TRANSMAMBA_TEST_KERNELS)));
  ToolResult result = run("sums.tmpkg --prompt ab --generate 4");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "abcdef\n");
  EXPECT_NE(result.err.find("prefill: 2 tokens in "), std::string::npos);
  EXPECT_NE(result.err.find("decode: 3 tokens in "), std::string::npos);
  // The longest sequence is 10: two of the prompt, and eight fed back.
  result = run("sums.tmpkg --prompt ab --generate 100");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "abcdefghijk\n");
  EXPECT_NE(result.err.find("stopped: the model's longest sequence is 10"),
            std::string::npos);
  expectFailure(run("sums.tmpkg --prompt 123456789 --generate 1"),
                "T, dimension 1 of the input 'tokens', is 9");
  result = run("sums.tmpkg --prompt ab --generate 0");
  EXPECT_EQ(result.out, "ab\n");
}

TEST_F(ToolTest, SamplesReproducibly) {
  ASSERT_FALSE(writeTestPackage(path, textManifest(),
                                readFile(TRANSMAMBA_TEST_KERNELS)));
  std::string call = "sums.tmpkg --prompt ab --generate 8 --temperature 50 ";
  std::string seven = run(call + "--seed 7").out;
  EXPECT_EQ(run(call + "--seed 7").out, seven);
  EXPECT_NE(run(call + "--seed 8").out, seven);
  EXPECT_EQ(run(call + "--seed 7 --top-k 1").out, "abcdefghij\n");
  EXPECT_EQ(run("sums.tmpkg --prompt ab --generate 8 --temperature 1e-6").out,
            "abcdefghij\n");
}
