//===- NpyTest.cpp - NumPy array files ------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Package/Npy.h"
#include "Samples.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace transmamba::package;
using namespace transmamba::package::test;

/// A file of format `major`.0 with that header and data.
static std::string makeFile(const std::string &header, const std::string &data,
                            int major = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(major);
  bytes += '\0';
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i)
    bytes += static_cast<char>(header.size() >> (8 * i));
  return bytes + header + data;
}

static std::string header(const char *descr, const char *shape) {
  return std::string("{'descr': '") + descr +
         "', 'fortran_order': False, 'shape': " + shape + ", }\n";
}

TEST(Npy, ReadsWhatNumPyWrites) {
  // numpy.save of numpy.array([[1, -2]], dtype='<i4')
  std::string data("\x01\0\0\0\xfe\xff\xff\xff", 8);
  for (int major : {1, 2, 3}) {
    std::string bytes = makeFile(header("<i4", "(1, 2)"), data, major);
    Result<NpyArray> array = parseNpy(view(bytes), "a.npy");
    ASSERT_TRUE(array) << array.error().str();
    EXPECT_EQ(array->type, ElementType::I32);
    EXPECT_EQ(array->shape, (std::vector<int64_t>{1, 2}));
    EXPECT_EQ(loadAsInteger(array->type, array->data.data(), 1), -2);
  }
}

TEST(Npy, ReadsScalarsEmptyArraysAndBools) {
  std::string scalar = makeFile(header("<f8", "()"), std::string(8, '\0'));
  Result<NpyArray> array = parseNpy(view(scalar), "a");
  ASSERT_TRUE(array);
  EXPECT_TRUE(array->shape.empty());
  EXPECT_EQ(array->elementCount(), 1u);
  std::string empty = makeFile(header("<f4", "(0, 3)"), "");
  ASSERT_TRUE(parseNpy(view(empty), "a"));
  std::string flags = makeFile(header("|b1", "(3,)"), std::string("\1\0\1", 3));
  array = parseNpy(view(flags), "a");
  ASSERT_TRUE(array);
  EXPECT_EQ(array->type, ElementType::I8);
  // NumPy marks one-dimensional arrays as C order, but Fortran order is the
  // same.
  std::string vector =
      makeFile("{'descr': '<i8', 'fortran_order': True, 'shape': (1,)}",
               std::string(8, '\0'));
  EXPECT_TRUE(parseNpy(view(vector), "a"));
}

TEST(Npy, RoundTrip) {
  TemporaryDirectory directory;
  std::string path = directory.file("a.npy");
  std::string data(2 * 3 * 8, '\0');
  for (size_t i = 0; i < data.size(); ++i)
    data[i] = static_cast<char>(i * 37);
  for (ElementType type :
       {ElementType::F16, ElementType::F32, ElementType::F64, ElementType::I8,
        ElementType::I32, ElementType::I64}) {
    ASSERT_FALSE(writeNpy(path, type, {2, 3}, data.data()));
    EXPECT_EQ(readFile(path).size() - 6 * byteSize(type), 128u)
        << "the data is aligned";
    Result<NpyArray> array = readNpy(path);
    ASSERT_TRUE(array) << array.error().str();
    EXPECT_EQ(array->type, type);
    EXPECT_EQ(array->shape, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(std::memcmp(array->data.data(), data.data(), array->data.size()),
              0);
  }
}

TEST(Npy, BFloat16IsWrittenAsFloat) {
  TemporaryDirectory directory;
  uint16_t values[] = {floatToBFloat16(1.5f), floatToBFloat16(-3.0f)};
  ASSERT_FALSE(
      writeNpy(directory.file("a.npy"), ElementType::BF16, {2}, values));
  Result<NpyArray> array = readNpy(directory.file("a.npy"));
  ASSERT_TRUE(array);
  EXPECT_EQ(array->type, ElementType::F32);
  EXPECT_EQ(loadAsDouble(array->type, array->data.data(), 1), -3.0);
}

TEST(Npy, Converts) {
  NpyArray array{ElementType::F64, {2}, std::vector<uint8_t>(16)};
  double values[] = {0.1, 65536.0};
  std::memcpy(array.data.data(), values, 16);
  Result<NpyArray> floats = convert(array, ElementType::F32, "x");
  ASSERT_TRUE(floats);
  EXPECT_EQ(loadAsDouble(ElementType::F32, floats->data.data(), 0),
            static_cast<double>(0.1f));
  EXPECT_FALSE(convert(array, ElementType::I32, "x"));

  NpyArray integers{ElementType::I64, {2}, std::vector<uint8_t>(16)};
  int64_t numbers[] = {-7, int64_t(1) << 31};
  std::memcpy(integers.data.data(), numbers, 16);
  Result<NpyArray> narrow = convert(integers, ElementType::I32, "x");
  ASSERT_FALSE(narrow);
  EXPECT_NE(narrow.error().what().find("element 1 is 2147483648"),
            std::string::npos);
  numbers[1] = (int64_t(1) << 31) - 1;
  std::memcpy(integers.data.data(), numbers, 16);
  narrow = convert(integers, ElementType::I32, "x");
  ASSERT_TRUE(narrow);
  EXPECT_EQ(loadAsInteger(ElementType::I32, narrow->data.data(), 0), -7);
}

struct BadNpy {
  std::string bytes;
  const char *message;
};

class BadNpyFiles : public testing::TestWithParam<BadNpy> {};

TEST_P(BadNpyFiles, AreRejected) {
  Result<NpyArray> array = parseNpy(view(GetParam().bytes), "a.npy");
  ASSERT_FALSE(array);
  std::string text = array.error().str();
  EXPECT_EQ(text.find("a.npy: error: "), 0u) << text;
  EXPECT_NE(text.find(GetParam().message), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(
    Files, BadNpyFiles,
    testing::Values(
        BadNpy{"", "is not an .npy file"},
        BadNpy{"PK\x03\x04 some archive", "is not an .npy file"},
        BadNpy{makeFile("", "", 4), "format 4.0"},
        BadNpy{makeFile("{}", "").substr(0, 11), "the file ends before"},
        BadNpy{makeFile("{}", ""), "lacks one of"},
        BadNpy{makeFile("[]", ""), "expected '{'"},
        BadNpy{makeFile(header(">f4", "(1,)"), "1234"), "big-endian"},
        BadNpy{makeFile(header("<c8", "(1,)"), "12345678"), "'<c8'"},
        BadNpy{makeFile(header("", "(1,)"), "1234"), "the element type ''"},
        BadNpy{makeFile(header("|O", "(1,)"), "1234"), "'|O'"},
        BadNpy{makeFile("{'descr': [('a', '<f4')], 'fortran_order': False, "
                        "'shape': (1,)}",
                        "1234"),
               "structured"},
        BadNpy{makeFile("{'descr': '<f4', 'fortran_order': True, 'shape': (2, "
                        "2)}",
                        std::string(16, '\0')),
               "Fortran order"},
        BadNpy{makeFile("{'descr': '<f4', 'fortran_order': 1, 'shape': (1,)}",
                        "1234"),
               "neither True nor False"},
        BadNpy{makeFile(header("<f4", "(2,)"), "1234"),
               "the shape needs 8 bytes of data, but the file has 4"},
        BadNpy{makeFile(header("<f4", "(1,)"), "12345"), "but the file has 5"},
        BadNpy{makeFile(header("<f4", "(-1,)"), ""), "not an extent"},
        BadNpy{makeFile(header("<f4", "(99999999999999999999,)"), ""),
               "63 bits"},
        BadNpy{makeFile(header("<f4", "(4294967296, 4294967296)"), ""),
               "more than 2^63"},
        BadNpy{makeFile(header("<f4", "(1,"), "1234"), "not an extent"},
        BadNpy{makeFile(header("<f4", "(1,)") + "x", "1234"), "text after"},
        BadNpy{makeFile("{'descr': '<f4', 'descr': '<f4'}", ""),
               "'descr' unexpectedly"},
        BadNpy{makeFile("{'descr': '<f4", ""), "expected '''"}));

TEST(Npy, EveryTruncationIsRejected) {
  std::string bytes = makeFile(header("<f4", "(3,)"), "123412341234");
  ASSERT_TRUE(parseNpy(view(bytes), "a"));
  for (size_t i = 0; i < bytes.size(); ++i)
    EXPECT_FALSE(parseNpy(ByteView(bytes.data(), i), "a")) << i;
}
