//===- SafeTensorsTest.cpp - Reading safetensors files --------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Package/SafeTensors.h"
#include "Samples.h"

#include <gtest/gtest.h>

using namespace transmamba::package;
using namespace transmamba::package::test;

/// A file with that header and `dataSize` bytes 0, 1, 2, ...
static std::string makeFile(const std::string &header, size_t dataSize) {
  std::string bytes;
  for (unsigned i = 0; i < 8; ++i)
    bytes += static_cast<char>(header.size() >> (8 * i));
  bytes += header;
  for (size_t i = 0; i < dataSize; ++i)
    bytes += static_cast<char>(i);
  return bytes;
}

static const std::string goodHeader = R"({
  "__metadata__": {"format": "pt"},
  "b": {"dtype": "BF16", "shape": [3], "data_offsets": [8, 14]},
  "a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
  "mask": {"dtype": "BOOL", "shape": [2], "data_offsets": [14, 16]},
  "none": {"dtype": "F64", "shape": [0, 7], "data_offsets": [8, 8]}
})";

TEST(SafeTensors, ReadsTensorsInTheOrderOfTheirData) {
  TemporaryDirectory directory;
  std::string path = directory.file("t.safetensors");
  writeFile(path, makeFile(goodHeader, 16));
  auto file = SafeTensorsFile::open(path);
  ASSERT_TRUE(file) << file.error().str();
  const SafeTensorsFile &tensors = **file;
  ASSERT_EQ(tensors.tensors().size(), 4u);
  EXPECT_EQ(tensors.tensors()[0].name, "a");
  EXPECT_EQ(tensors.tensors()[3].name, "mask");
  const SafeTensor *b = tensors.find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->type, ElementType::BF16);
  EXPECT_EQ(b->shape, std::vector<int64_t>{3});
  EXPECT_EQ(b->data.size(), 6u);
  EXPECT_EQ(b->data.data()[0], 8);
  EXPECT_EQ(tensors.find("mask")->type, std::nullopt);
  EXPECT_EQ(tensors.find("none")->data.size(), 0u);
  EXPECT_EQ(tensors.find("c"), nullptr);
  ASSERT_EQ(tensors.metadata().size(), 1u);
  EXPECT_EQ(tensors.metadata()[0].second, "pt");
}

TEST(SafeTensors, EmptyFileOfNoTensors) {
  EXPECT_TRUE(SafeTensorsFile::fromMemory(view(makeFile("{}", 0)), "t"));
  EXPECT_TRUE(SafeTensorsFile::fromMemory(view(makeFile("{}    ", 0)), "t"));
}

struct BadHeader {
  const char *header;
  size_t dataSize;
  const char *message;
};

class BadSafeTensors : public testing::TestWithParam<BadHeader> {};

TEST_P(BadSafeTensors, AreRejected) {
  std::string bytes = makeFile(GetParam().header, GetParam().dataSize);
  auto file = SafeTensorsFile::fromMemory(view(bytes), "t.safetensors");
  ASSERT_FALSE(file);
  std::string text = file.error().str();
  EXPECT_EQ(text.find("t.safetensors: error: safetensors header: "), 0u)
      << text;
  EXPECT_NE(text.find(GetParam().message), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(
    Headers, BadSafeTensors,
    testing::Values(
        BadHeader{"", 0, "line 1, column 1"},
        BadHeader{"[]", 0, "expected an object"},
        BadHeader{R"({"a": 1})", 0, "at /a: expected an object"},
        BadHeader{R"({"a": {"dtype": "F31", "shape": [1],
                     "data_offsets": [0, 4]}})",
                  4, "at /a/dtype: there is no dtype 'F31'"},
        BadHeader{R"({"a": {"dtype": 32, "shape": [1],
                     "data_offsets": [0, 4]}})",
                  4, "at /a/dtype: expected a string"},
        BadHeader{R"({"a": {"dtype": "F32", "shape": [1]}})", 4,
                  "'data_offsets' is missing"},
        BadHeader{R"({"a": {"dtype": "F32", "shape": [1], "x": 1,
                     "data_offsets": [0, 4]}})",
                  4, "'x' is not known"},
        BadHeader{R"({"a": {"dtype": "F32", "shape": [2],
                     "data_offsets": [0, 4]}})",
                  4, "takes 4 bytes, but dtype and shape need 8"},
        BadHeader{R"({"a": {"dtype": "F32", "shape": [-1],
                     "data_offsets": [0, 4]}})",
                  4, "at /a/shape/0: expected an integer at least 0"},
        BadHeader{R"({"a": {"dtype": "F32", "shape": [4294967296, 4294967296],
                     "data_offsets": [0, 4]}})",
                  4, "63 bits"},
        BadHeader{R"({"a": {"dtype": "F64", "shape": [2305843009213693952],
                     "data_offsets": [0, 0]}})",
                  0, "63 bits"},
        BadHeader{R"({"a": {"dtype": "F32", "shape": [1],
                     "data_offsets": [4, 0]}})",
                  4, "ends before it begins"},
        BadHeader{R"({"a": {"dtype": "F32", "shape": [1],
                     "data_offsets": [0, 4, 8]}})",
                  4, "expected [begin, end]"},
        BadHeader{R"({"a": {"dtype": "F32", "shape": [2],
                     "data_offsets": [0, 8]}})",
                  7, "the file has 7 bytes of data"},
        BadHeader{R"({"a": {"dtype": "F32", "shape": [1],
                     "data_offsets": [0, 4]},
                     "b": {"dtype": "F32", "shape": [1],
                     "data_offsets": [2, 6]}})",
                  6, "'b' overlaps"},
        BadHeader{R"({"a": {"dtype": "F32", "shape": [1],
                     "data_offsets": [0, 4]},
                     "b": {"dtype": "F32", "shape": [1],
                     "data_offsets": [0, 4]}})",
                  4, "overlaps"},
        BadHeader{R"({"a": {"dtype": "I8", "shape": [1],
                     "data_offsets": [1, 2]}})",
                  2, "1 bytes before the data of 'a'"},
        BadHeader{R"({"a": {"dtype": "I8", "shape": [1],
                     "data_offsets": [0, 1]}})",
                  3, "2 bytes at the end"},
        BadHeader{R"({"a": {"dtype": "I8", "shape": [1],
                     "data_offsets": [0, 1]},
                     "a": {"dtype": "I8", "shape": [1],
                     "data_offsets": [1, 2]}})",
                  2, "the key 'a' appears twice"},
        BadHeader{R"({"__metadata__": {"a": 1}})", 0,
                  "at /__metadata__/a: expected a string"},
        BadHeader{R"({"a/b~c": 1})", 0, "at /a~1b~0c: "}));

TEST(SafeTensors, HeaderLongerThanTheFile) {
  std::string bytes = makeFile("{}", 0);
  for (uint64_t length :
       {uint64_t(3), uint64_t(100'000'001), uint64_t(1) << 40, ~uint64_t(0)}) {
    for (unsigned i = 0; i < 8; ++i)
      bytes[i] = static_cast<char>(length >> (8 * i));
    auto file = SafeTensorsFile::fromMemory(view(bytes), "t");
    ASSERT_FALSE(file);
    EXPECT_NE(file.error().what().find("the header is said to have " +
                                       std::to_string(length)),
              std::string::npos);
  }
}

TEST(SafeTensors, EveryTruncationIsRejected) {
  std::string bytes = makeFile(goodHeader, 16);
  for (size_t i = 0; i < bytes.size(); ++i)
    EXPECT_FALSE(SafeTensorsFile::fromMemory(ByteView(bytes.data(), i), "t"))
        << i;
}

TEST(SafeTensors, SurvivesEveryFlippedByteOfTheHeader) {
  std::string bytes = makeFile(goodHeader, 16);
  unsigned rejected = 0;
  for (size_t i = 0; i < bytes.size() - 16; ++i) {
    std::string damaged = bytes;
    damaged[i] ^= 0x15;
    auto file = SafeTensorsFile::fromMemory(view(damaged), "t");
    rejected += !file;
    if (!file)
      continue;
    for (const SafeTensor &tensor : (*file)->tensors())
      EXPECT_LE(tensor.data.size(), 16u);
  }
  EXPECT_GT(rejected, 100u);
}
