//===- ElementTypeTest.cpp - Element types --------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "transmamba/Package/ElementType.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace transmamba::package;

TEST(ElementType, NamesRoundTrip) {
  for (ElementType type :
       {ElementType::F32, ElementType::BF16, ElementType::F16, ElementType::F64,
        ElementType::I8, ElementType::I32, ElementType::I64})
    EXPECT_EQ(parseElementType(name(type)), type);
  EXPECT_FALSE(parseElementType("f8"));
  EXPECT_FALSE(parseElementType(""));
}

/// Every value of the 16-bit types goes to float and back unchanged.
TEST(ElementType, SixteenBitValuesRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    uint16_t value = static_cast<uint16_t>(bits);
    float wide = bfloat16ToFloat(value);
    if (!std::isnan(wide)) {
      EXPECT_EQ(floatToBFloat16(wide), value);
    } else {
      EXPECT_TRUE(std::isnan(bfloat16ToFloat(floatToBFloat16(wide))));
    }
    wide = float16ToFloat(value);
    if (!std::isnan(wide)) {
      EXPECT_EQ(floatToFloat16(wide), value);
    } else {
      EXPECT_TRUE(std::isnan(float16ToFloat(floatToFloat16(wide))));
    }
  }
}

TEST(ElementType, HalfValues) {
  EXPECT_EQ(float16ToFloat(0x3c00), 1.0f);
  EXPECT_EQ(float16ToFloat(0xc000), -2.0f);
  EXPECT_EQ(float16ToFloat(0x7bff), 65504.0f);
  EXPECT_EQ(float16ToFloat(0x0001), std::ldexp(1.0f, -24));
  EXPECT_EQ(float16ToFloat(0x0400), std::ldexp(1.0f, -14));
  EXPECT_EQ(float16ToFloat(0x7c00), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::signbit(float16ToFloat(0x8000)));
}

TEST(ElementType, RoundsToNearestEven) {
  // 1 + 2^-11 lies half way between two halves; 1 + 3 * 2^-11 too.
  EXPECT_EQ(floatToFloat16(1.0f + std::ldexp(1.0f, -11)), 0x3c00);
  EXPECT_EQ(floatToFloat16(1.0f + std::ldexp(3.0f, -11)), 0x3c02);
  EXPECT_EQ(floatToFloat16(65519.0f), 0x7bff);
  EXPECT_EQ(floatToFloat16(65520.0f), 0x7c00);
  EXPECT_EQ(floatToFloat16(std::ldexp(1.0f, -25)), 0x0000);
  EXPECT_EQ(floatToFloat16(std::ldexp(3.0f, -25)), 0x0002);
  EXPECT_EQ(floatToBFloat16(1.0f + std::ldexp(1.0f, -8)), 0x3f80);
  EXPECT_EQ(floatToBFloat16(1.0f + std::ldexp(3.0f, -8)), 0x3f82);
  EXPECT_EQ(floatToBFloat16(std::numeric_limits<float>::max()), 0x7f80);
}

TEST(ElementType, LoadsUnalignedElements) {
  alignas(8) unsigned char bytes[32] = {};
  bytes[1 + 8] = 0xfe; // the second i64 at offset 1
  for (int i = 2; i < 9; ++i)
    bytes[i + 8] = 0xff;
  EXPECT_EQ(loadAsInteger(ElementType::I64, bytes + 1, 1), -2);
  EXPECT_EQ(loadAsDouble(ElementType::I8, bytes + 9, 0), -2.0);
}
