//===- ManifestTest.cpp - What a manifest must satisfy --------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Samples.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace transmamba::package;
using namespace transmamba::package::test;
using Json = nlohmann::json;

/// The sample with its files, as the writer would list them.
static Manifest completeSample() {
  Manifest manifest = sampleManifest();
  WeightsBuilder weights = sampleWeights();
  manifest.parameters = weights.parameters();
  manifest.files = {{"code/cpu.so", 14, 1},
                    {"code/gpu.cubin", 200, 2},
                    {"code/gpu.ptx", 12, 0xfedcba9876543210},
                    {"weights.bin", weights.blob().size, 4}};
  manifest.model.layers[0].stateBytesPerRow = 8 * 2 * 16 * 2;
  manifest.model.layers[1].stateBytesPerRow = 4 * 4 * 4;
  return manifest;
}

TEST(Manifest, PrintedFormParsesToTheSame) {
  Manifest manifest = completeSample();
  std::string text = printManifest(manifest);
  Result<Manifest> parsed = parseManifest(text, "sample");
  ASSERT_TRUE(parsed) << parsed.error().str();
  EXPECT_EQ(printManifest(*parsed), text);
  EXPECT_EQ(parsed->files[2].xxh3, 0xfedcba9876543210u);
  EXPECT_EQ(parsed->variants[0].entries[0].commands[0].args[3].map->box,
            (std::vector<int64_t>{16, 8, 1}));
  const Command &command = parsed->variants[0].entries[0].commands[0];
  EXPECT_EQ(command.args[6].kind, Argument::Kind::F32);
  EXPECT_EQ(command.args[6].number, 0.1f);
  EXPECT_EQ(command.work.flop->str(), "B * T * 1000");
  EXPECT_EQ(command.work.bytes->str(), "B * T");
  EXPECT_FALSE(parsed->variants[0].entries[1].commands[0].work.flop);
  EXPECT_EQ(parsed->variants[1].kernels[0].config, "");
  EXPECT_EQ(parsed->variants[0].kernels[0].config, "block_m = 128, stages = 4");
  EXPECT_FALSE(parsed->variants[1].kernels[0].waits);
  EXPECT_TRUE(parsed->variants[0].kernels[0].waits);
  EXPECT_EQ(parsed->variants[0].entries[1].commands[0].grid[0].str(),
            "min($multiprocessors, B)");
  EXPECT_EQ(parsed->stateBytesPerRow(), 8u * 2 * 16 * 2 + 4 * 4 * 4);
  EXPECT_TRUE(parsed->variants[0].entries[0].usesRowState(parsed->states));
  EXPECT_FALSE(parsed->model.layers[1].transPoint);
  EXPECT_EQ(parsed->states[0].sequenceDim, 1);
}

TEST(Manifest, LengthDoesNotDependOnChecksums) {
  Manifest manifest = completeSample();
  size_t length = printManifest(manifest).size();
  for (FileInfo &file : manifest.files)
    file.xxh3 = ~uint64_t(0);
  EXPECT_EQ(printManifest(manifest).size(), length);
}

/// A change to the sample, the place that the error names and what it says.
struct BadManifest {
  const char *pointer;
  /// New value as JSON text; empty removes the key.
  const char *value;
  const char *place;
  const char *message;
};

class BadManifests : public testing::TestWithParam<BadManifest> {};

TEST_P(BadManifests, AreRejectedWithTheirPlace) {
  const BadManifest &bad = GetParam();
  Json json = Json::parse(printManifest(completeSample()));
  Json::json_pointer pointer(bad.pointer);
  if (*bad.value)
    json[pointer] = Json::parse(bad.value);
  else
    json[pointer.parent_pointer()].erase(pointer.back());
  Result<Manifest> parsed = parseManifest(json.dump(), "m.tmpkg");
  ASSERT_FALSE(parsed);
  std::string text = parsed.error().str();
  EXPECT_EQ(text.find("m.tmpkg: error: manifest.json at " +
                      std::string(bad.place) + ": "),
            0u)
      << text;
  EXPECT_NE(text.find(bad.message), std::string::npos) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
}

#define GPU "/variants/0"
#define CPU "/variants/1"
#define PREFILL CPU "/entries/0"
#define DECODE CPU "/entries/1"
#define LAUNCH GPU "/entries/0/commands/0"
#define COMMAND PREFILL "/commands/0"

INSTANTIATE_TEST_SUITE_P(
    Root, BadManifests,
    testing::Values(
        BadManifest{"/format", "\"zip\"", "/format", "expected"},
        BadManifest{"/format", "", "/", "'format' is missing"},
        BadManifest{"/version", "2", "/version", "reads version 1"},
        BadManifest{"/version", "1.0", "/version", "not a 64-bit integer"},
        BadManifest{"/extra", "1", "/", "'extra' is not known here"},
        BadManifest{"/producer", "\"a\\u001bb\"", "/producer",
                    "without control characters"},
        BadManifest{"/variants", "[]", "/variants", "no variant"},
        BadManifest{"/variants", "{}", "/variants", "expected an array"},
        BadManifest{"/files/0/xxh3", "\"12\"", "/files/0/xxh3", "16 lower"},
        BadManifest{"/files/0/size", "-1", "/files/0/size", "at least 0"},
        BadManifest{"/files/0/size", "1e99", "/files/0/size", "64-bit"},
        BadManifest{"/files/0/size", "18446744073709551615", "/files/0/size",
                    "expected an integer"},
        BadManifest{"/files/0/size", "281474976710657", "/files/0/size",
                    "2^48"},
        BadManifest{"/files/0/name", "\"../a\"", "/files/0/name",
                    "plain relative path"},
        BadManifest{"/files/0/name", "\"/a\"", "/files/0/name",
                    "plain relative path"},
        BadManifest{"/files/0/name", "\"a b\"", "/files/0/name", "may hold"},
        BadManifest{"/files/0/name", "\"weights.bin\"", "/files/3/name",
                    "appears twice"},
        BadManifest{"/files/0/name", "\"manifest.json\"", "/files/0/name",
                    "does not list itself"}));

INSTANTIATE_TEST_SUITE_P(
    Tensors, BadManifests,
    testing::Values(
        BadManifest{"/model/max_batch", "0", "/model/max_batch", "[1, 2^48]"},
        BadManifest{"/model/tokenizer", "\"bpe\"", "/model/tokenizer",
                    "no tokenizer 'bpe'"},
        BadManifest{"/model/vocabulary", "255", "/model/vocabulary", "256"},
        BadManifest{"/model/element_type", "\"f8\"", "/model/element_type",
                    "no element type 'f8'"},
        BadManifest{"/model/layers/1/index", "0", "/model/layers/1/index",
                    "not appeared before"},
        BadManifest{"/model/layers/0/state_bytes_per_row", "1",
                    "/model/layers/0/state_bytes_per_row", "add up to 512"},
        BadManifest{"/parameters/1/offset", "32", "/parameters/1/offset",
                    "multiple of 64"},
        BadManifest{"/parameters/0/offset", "128", "/parameters/0/offset",
                    "beyond weights.bin"},
        BadManifest{"/parameters/0/offset", "9223372036854775744",
                    "/parameters/0/offset", "beyond weights.bin"},
        BadManifest{"/parameters/0/shape", "[4294967296, 4294967296]",
                    "/parameters/0/shape", "2^48"},
        BadManifest{"/parameters/0/shape", "[0]", "/parameters/0/shape/0",
                    "at least 1"},
        BadManifest{"/parameters/0/shape", "[1,1,1,1,1,1,1,1,1]",
                    "/parameters/0/shape", "at most 8"},
        BadManifest{"/parameters/2/name", "\"embedding\"", "/parameters/2/name",
                    "appears twice"},
        BadManifest{"/states/0/shape", "[4, 8, 2, 16]", "/states/0/shape",
                    "is \"B\""},
        BadManifest{"/states/0/sequence_dim", "4", "/states/0/sequence_dim",
                    "[1, 3]"},
        BadManifest{"/states/2/sequence_dim", "0", "/states/2/sequence_dim",
                    "dimension of one row"},
        BadManifest{"/states/0/shape", "[\"B\", 281474976710656]",
                    "/states/0/shape", "2^48"},
        BadManifest{"/states/0/kind", "\"\"", "/states/0/kind",
                    "expected a name"}));

INSTANTIATE_TEST_SUITE_P(
    Variants, BadManifests,
    testing::Values(
        BadManifest{GPU "/target", "\"nvidia:sm_9\"", GPU "/target",
                    "no target"},
        BadManifest{GPU "/target", "\"cpu:x86-64\"", GPU "/files/object",
                    "needs this file"},
        BadManifest{GPU "/files/ptx", "", GPU "/files/ptx", "needs this file"},
        BadManifest{GPU "/files/ptx", "\"a.ptx\"", GPU "/files/ptx",
                    "no file 'a.ptx'"},
        BadManifest{CPU "/files/ptx", "\"code/gpu.ptx\"", CPU "/files/ptx",
                    "no such file"},
        BadManifest{GPU "/kernels/0/waits", "1", GPU "/kernels/0/waits",
                    "expected true or false"},
        BadManifest{CPU "/kernels/0/waits", "true", CPU "/kernels/0/waits",
                    "cannot wait"},
        BadManifest{GPU "/target", "\"nvidia:sm_80\"", GPU "/kernels/0/waits",
                    "cannot wait"},
        BadManifest{CPU "/kernels/1/name", "\"k0\"", CPU "/kernels/1/name",
                    "appears twice"},
        BadManifest{CPU "/kernels/1/name", "\"k 1\"", CPU "/kernels/1/name",
                    "may hold"},
        BadManifest{CPU "/kernels/1/registers", "-2",
                    CPU "/kernels/1/registers", "at least -1"},
        BadManifest{CPU "/entries", "[]", CPU "/entries", "no entry point"},
        BadManifest{DECODE "/name", "\"prefill\"", DECODE "/name",
                    "appears twice"}));

INSTANTIATE_TEST_SUITE_P(
    Entries, BadManifests,
    testing::Values(
        BadManifest{PREFILL "/symbols/0/max", "0", PREFILL "/symbols/0/max",
                    "at least 1"},
        BadManifest{PREFILL "/symbols/0/max", "5", PREFILL "/symbols",
                    "max_batch is 4"},
        BadManifest{PREFILL "/symbols/0/input", "\"x\"",
                    PREFILL "/symbols/0/input", "no input 'x'"},
        BadManifest{PREFILL "/symbols/0/dim", "1", PREFILL "/symbols/0/dim",
                    "is not the symbol 'B'"},
        BadManifest{PREFILL "/symbols/0/dim", "7", PREFILL "/symbols/0/dim",
                    "is not the symbol 'B'"},
        BadManifest{PREFILL "/inputs/0/shape", "[\"B\", \"T\", \"N\"]",
                    PREFILL "/inputs/0/shape/2", "no symbol 'N'"},
        BadManifest{PREFILL "/inputs/0/range", "[5, 5]",
                    PREFILL "/inputs/0/range", "is empty"},
        BadManifest{PREFILL "/inputs/0/range", "[5]", PREFILL "/inputs/0/range",
                    "expected [low, high)"},
        BadManifest{PREFILL "/inputs/0/type", "\"f32\"",
                    PREFILL "/inputs/0/range", "only integers"},
        BadManifest{PREFILL "/inputs/0/valid", "\"tokens\"",
                    PREFILL "/inputs/0/valid", "role lengths"},
        BadManifest{PREFILL "/inputs/1/role", "\"sizes\"",
                    PREFILL "/inputs/1/role", "no role 'sizes'"},
        BadManifest{PREFILL "/inputs/1/role", "\"positions\"",
                    PREFILL "/inputs/0/valid", "role lengths"},
        BadManifest{PREFILL "/inputs/1/type", "\"i8\"",
                    PREFILL "/inputs/1/type", "i32 or i64"},
        BadManifest{PREFILL "/positions", "{\"set\": \"tokens\"}",
                    PREFILL "/positions/set", "role lengths"},
        BadManifest{PREFILL "/positions", "{}", PREFILL "/positions",
                    "either 'set' or 'advance'"},
        BadManifest{DECODE "/positions", "{\"advance\": 0}",
                    DECODE "/positions/advance", "at least 1"},
        BadManifest{DECODE "/positions", "", DECODE "/inputs/1/role",
                    "only in an entry point with"},
        BadManifest{DECODE "/symbols", "[]", DECODE "/inputs/0/shape/0",
                    "no symbol 'B'"},
        BadManifest{DECODE "/inputs/1/shape", "[4]", DECODE "/inputs/1/shape",
                    "expected [\"B\"]"},
        BadManifest{
            PREFILL "/inputs/0/shape", "[\"B\", \"T\", \"$multiprocessors\"]",
            PREFILL "/inputs/0/shape/2", "no symbol '$multiprocessors'"},
        BadManifest{PREFILL "/outputs/0/shape/1", "\"$multiprocessors\"",
                    PREFILL "/outputs/0/shape/1",
                    "no symbol '$multiprocessors'"},
        BadManifest{PREFILL "/symbols/0/name", "\"$multiprocessors\"",
                    PREFILL "/symbols/0/name", "is not an identifier"},
        BadManifest{PREFILL "/arena", "[\"mul\", \"B\", 9223372036854775807]",
                    PREFILL "/arena", "64 bits"},
        BadManifest{PREFILL "/arena", "[\"sub\", 0, \"B\"]", PREFILL "/arena",
                    "not in [0, 2^48]"},
        BadManifest{PREFILL "/arena", "[\"div\", \"B\", 0]", PREFILL "/arena",
                    "division by zero"}));

INSTANTIATE_TEST_SUITE_P(
    Commands, BadManifests,
    testing::Values(
        BadManifest{COMMAND "/kernel", "\"k9\"", COMMAND "/kernel",
                    "no kernel 'k9'"},
        BadManifest{COMMAND "/grid", "[1, 1]", COMMAND "/grid",
                    "three extents"},
        BadManifest{COMMAND "/grid/0", "1099511627777", COMMAND "/grid",
                    "2^40"},
        BadManifest{LAUNCH "/grid/1", "65536", LAUNCH "/grid/1",
                    "more than a GPU's grid"},
        BadManifest{COMMAND "/block/0", "2", COMMAND "/block",
                    "on a CPU a block is"},
        BadManifest{COMMAND "/shared", "1", COMMAND "/shared",
                    "no shared memory"},
        BadManifest{LAUNCH "/block/0", "1024", LAUNCH "/block",
                    "at most 1024 threads"},
        BadManifest{LAUNCH "/block/0", "0", LAUNCH "/block/0", "at least 1"},
        BadManifest{LAUNCH "/shared", "1048577", LAUNCH "/shared", "2^20"},
        BadManifest{COMMAND "/args/0", "{\"input\": 2}",
                    COMMAND "/args/0/input", "the list has 2"},
        BadManifest{COMMAND "/args/0", "{\"parameter\": 3}",
                    COMMAND "/args/0/parameter", "the list has 3"},
        BadManifest{COMMAND "/args/0", "{\"state\": 3}",
                    COMMAND "/args/0/state", "the list has 3"},
        BadManifest{COMMAND "/args/0", "{\"output\": 1}",
                    COMMAND "/args/0/output", "the list has 1"},
        BadManifest{COMMAND "/args/0", "{}", COMMAND "/args/0",
                    "exactly one of"},
        BadManifest{COMMAND "/args/0", "{\"input\": 0, \"output\": 0}",
                    COMMAND "/args/0", "exactly one of"},
        BadManifest{COMMAND "/args/2", "{\"arena\": 32}",
                    COMMAND "/args/2/arena", "multiple of 64"},
        BadManifest{COMMAND "/args/2", "{\"arena\": 16448}",
                    COMMAND "/args/2/arena", "beyond the arena's 16384"},
        BadManifest{COMMAND "/args/5", "{\"scalar\": \"Q\"}",
                    COMMAND "/args/5/scalar", "no symbol 'Q'"},
        BadManifest{COMMAND "/args/6", "{\"f32\": 1e39}", COMMAND "/args/6/f32",
                    "finite in single precision"},
        BadManifest{COMMAND "/args/6", "{\"f32\": \"T\"}",
                    COMMAND "/args/6/f32", "expected a number"},
        BadManifest{LAUNCH "/args/6/map",
                    R"({"type": "f32", "extents": [1], "strides": [],
                        "box": [4], "swizzle": "none", "promotion": "none"})",
                    LAUNCH "/args/6/map", "only a buffer of a GPU kernel"},
        BadManifest{COMMAND "/work", "{}", COMMAND "/work",
                    "'flop', 'bytes' or both"},
        BadManifest{COMMAND "/work/flop", "[\"sub\", 0, \"T\"]",
                    COMMAND "/work/flop", "negative"},
        BadManifest{COMMAND "/work/flop",
                    "[\"mul\", \"T\", 9223372036854775807]",
                    COMMAND "/work/flop", "64 bits"},
        BadManifest{COMMAND "/work/bytes", "\"Q\"", COMMAND "/work/bytes",
                    "no symbol 'Q'"},
        BadManifest{COMMAND "/work/bytes", "\"$multiprocessors\"",
                    COMMAND "/work/bytes", "does not depend on the device"},
        BadManifest{LAUNCH "/grid/1", "[\"mul\", \"$multiprocessors\", 64]",
                    LAUNCH "/grid/1", "more than a GPU's grid"},
        BadManifest{COMMAND "/args/0/map",
                    R"({"type": "f32", "extents": [1], "strides": [],
                        "box": [4], "swizzle": "none", "promotion": "none"})",
                    COMMAND "/args/0/map", "only a buffer of a GPU kernel"},
        BadManifest{LAUNCH "/args/3/map/strides/0", "24",
                    LAUNCH "/args/3/map/strides/0", "multiple of 16"},
        BadManifest{LAUNCH "/args/3/map/extents/1", "1000",
                    LAUNCH "/args/3/map", "reaches beyond"},
        BadManifest{LAUNCH "/args/3/map/extents", "[]",
                    LAUNCH "/args/3/map/extents", "1 to 5"},
        BadManifest{LAUNCH "/args/3/map/box/0", "257",
                    LAUNCH "/args/3/map/box/0", "[1, 256]"},
        BadManifest{LAUNCH "/args/3/map/box/0", "4", LAUNCH "/args/3/map/box/0",
                    "multiple of 16"},
        BadManifest{LAUNCH "/args/3/map/box/0", "24",
                    LAUNCH "/args/3/map/box/0", "at most 32 bytes"},
        BadManifest{LAUNCH "/args/3/map/extents/1", "4294967297",
                    LAUNCH "/args/3/map/extents/1", "at most 2^32"},
        BadManifest{LAUNCH "/args/3/map/strides/1", "1099511627776",
                    LAUNCH "/args/3/map/strides/1", "less than 2^40"},
        BadManifest{LAUNCH "/args/3/map/swizzle", "\"16B\"",
                    LAUNCH "/args/3/map/swizzle", "known are none"}));

TEST(Manifest, SyntaxErrorsHaveLineAndColumn) {
  Result<Manifest> parsed = parseManifest("{\n \"format\": ,\n}", "m.tmpkg");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().str().find(
                "m.tmpkg: error: manifest.json line 2, column 12: "),
            0u)
      << parsed.error().str();
}

TEST(Manifest, RepeatedKeysAreErrors) {
  std::string text = printManifest(completeSample());
  size_t place = text.find("\"max_batch\"");
  ASSERT_NE(place, std::string::npos);
  text.insert(place, "\"vocabulary\": 256, ");
  Result<Manifest> parsed = parseManifest(text, "m.tmpkg");
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().str().find("at /model: the key 'vocabulary' "
                                      "appears twice"),
            std::string::npos)
      << parsed.error().str();
}

/// Whatever is cut off or put in, the parser returns: with an error, or with a
/// manifest that is as good as any.
TEST(Manifest, SurvivesEveryDamage) {
  std::string text = printManifest(completeSample());
  unsigned rejected = 0, tried = 0;
  for (size_t i = 0; i < text.size(); i += 31) {
    for (char c : {'\0', '"', '[', '9', '-', '\xff'}) {
      std::string damaged = text;
      damaged[i] = c;
      ++tried;
      if (Result<Manifest> parsed = parseManifest(damaged, "m"); !parsed) {
        ++rejected;
        EXPECT_FALSE(parsed.error().what().empty());
      }
    }
    if (i + 2 < text.size()) { // all but the newline at the end
      EXPECT_FALSE(parseManifest(text.substr(0, i), "m"));
    }
  }
  EXPECT_GT(rejected, tried / 4);
}
