// Conversions between element types against arithmetic in double, for every 16-bit pattern and every rounding border.
#include "tensor/tensor.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"

namespace philo {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

// IEEE 754 binary16 by its definition.
double f16_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31) return fraction == 0 ? sign * std::numeric_limits<double>::infinity() : std::nan("");
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

double bf16_value(uint16_t bits) {
  const int exponent = bits >> 7 & 255, fraction = bits & 127;
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == 255) return fraction == 0 ? sign * std::numeric_limits<double>::infinity() : std::nan("");
  if (exponent == 0) return sign * std::ldexp(fraction, -133);
  return sign * std::ldexp(128 + fraction, exponent - 134);
}

struct Format {
  const char* name;
  float (*widen)(uint16_t);
  uint16_t (*narrow)(float);
  double (*value)(uint16_t);
  uint16_t infinity_bits;
};
constexpr Format formats[] = {{"F16", f16_to_f32, f32_to_f16, f16_value, 0x7C00}, {"BF16", bf16_to_f32, f32_to_bf16, bf16_value, 0x7F80}};

TEST(HalfPrecision, EveryPatternWidensExactlyAndComesBack) {
  for (const Format& format : formats) {
    for (uint32_t pattern = 0; pattern < 0x10000; ++pattern) {
      const auto bits = static_cast<uint16_t>(pattern);
      const float wide = format.widen(bits);
      const double expected = format.value(bits);
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(wide)) << format.name << " " << pattern;
        ASSERT_TRUE(std::isnan(format.widen(format.narrow(wide)))) << format.name << " " << pattern;
        continue;
      }
      ASSERT_EQ(static_cast<double>(wide), expected) << format.name << " " << pattern;
      ASSERT_EQ(std::signbit(wide), pattern >= 0x8000) << format.name << " " << pattern;
      ASSERT_EQ(format.narrow(wide), bits) << format.name << " " << pattern;
    }
  }
}

// Between two neighbours the nearer one is taken, in the middle the even one; beyond the largest, infinity counts as the next.
TEST(HalfPrecision, RoundsToNearestEven) {
  for (const Format& format : formats) {
    for (uint16_t low = 0; low < format.infinity_bits; ++low) {
      const auto high = static_cast<uint16_t>(low + 1);
      const double low_value = format.value(low), gap = low == 0 ? format.value(1) : low_value - format.value(static_cast<uint16_t>(low - 1));
      const double high_value = high == format.infinity_bits ? low_value + gap : format.value(high);
      const auto middle = static_cast<float>((low_value + high_value) / 2);
      ASSERT_EQ(static_cast<double>(middle), (low_value + high_value) / 2);  // a float holds it
      const uint16_t even = (low & 1) == 0 ? low : high;
      ASSERT_EQ(format.narrow(middle), even) << format.name << " " << low;
      ASSERT_EQ(format.narrow(-middle), even | 0x8000) << format.name << " " << low;
      ASSERT_EQ(format.narrow(std::nextafter(middle, 0.0f)), low) << format.name << " " << low;
      ASSERT_EQ(format.narrow(std::nextafter(middle, infinity)), high) << format.name << " " << low;
    }
  }
}

TEST(HalfPrecision, HandlesTheEnds) {
  EXPECT_EQ(f32_to_f16(infinity), 0x7C00);
  EXPECT_EQ(f32_to_f16(-infinity), 0xFC00);
  EXPECT_EQ(f32_to_f16(65519.99f), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7C00);
  EXPECT_EQ(f32_to_f16(3.4e38f), 0x7C00);
  EXPECT_EQ(f32_to_f16(-0.0f), 0x8000);
  EXPECT_EQ(f32_to_f16(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(f32_to_bf16(-infinity), 0xFF80);
  const float signalling = std::bit_cast<float>(0x7F800001u);
  EXPECT_EQ(f32_to_bf16(signalling) & 0x7FC0, 0x7FC0);
  EXPECT_EQ(f32_to_f16(signalling) & 0x7E00, 0x7E00);
}

TEST(DType, NamesAndSizesBelongTogether) {
  for (int i = 0; i <= static_cast<int>(DType::F8E5M2); ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(dtype_from_name(dtype_name(dtype)), dtype);
  }
  EXPECT_EQ(dtype_bytes(DType::F64), 8u);
  EXPECT_EQ(dtype_bytes(DType::BF16), 2u);
  EXPECT_EQ(dtype_bytes(DType::Bool), 1u);
  EXPECT_EQ(dtype_name(DType::F8E4M3), "F8_E4M3");
  EXPECT_FALSE(dtype_from_name("f32").has_value());
  EXPECT_FALSE(dtype_from_name("").has_value());
}

TEST(Tensor, ElementsAreReadAtAnyAlignment) {
  alignas(8) std::byte buffer[9] = {};
  const float values[2] = {1.5f, -2.25f};
  std::memcpy(buffer + 1, values, sizeof values);
  const Tensor floats{"x", DType::F32, {2}, std::span(buffer).subspan(1)};
  EXPECT_EQ(element(floats, 0), 1.5f);
  EXPECT_EQ(element(floats, 1), -2.25f);
  const uint16_t halves[2] = {0x3C00, 0xC000};
  std::memcpy(buffer + 1, halves, sizeof halves);
  EXPECT_EQ(element({"x", DType::F16, {2}, std::span(buffer).subspan(1, 4)}, 1), -2.0f);
  EXPECT_EQ(element({"x", DType::BF16, {2}, std::span(buffer).subspan(1, 4)}, 0), 0.0078125f);
  EXPECT_THROW(element({"x", DType::I8, {2}, std::span(buffer).subspan(1, 2)}, 0), Error);
}

TEST(Tensor, ElementsAreReadTogetherAsTheyAreAlone) {
  std::array<std::byte, 17> buffer{};
  for (size_t i = 0; i < buffer.size(); ++i) buffer[i] = static_cast<std::byte>(i * 37 + 5);
  for (const DType dtype : {DType::F32, DType::F16, DType::BF16}) {
    const auto count = static_cast<int64_t>(16 / dtype_bytes(dtype));
    const Tensor tensor{"x", dtype, {count}, std::span(buffer).subspan(1)};
    std::vector<float> all(static_cast<size_t>(count) - 1);
    read_elements(tensor, 1, all);
    for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(std::bit_cast<uint32_t>(all[i]), std::bit_cast<uint32_t>(element(tensor, i + 1)));
  }
  std::vector<float> one(1);
  EXPECT_THROW(read_elements({"x", DType::I8, {2}, std::span(buffer).first(2)}, 0, one), Error);
}

TEST(Tensor, CountsElements) {
  EXPECT_EQ((Tensor{"x", DType::F32, {2, 3, 4}, {}}).elements(), 24u);
  EXPECT_EQ((Tensor{"x", DType::F32, {}, {}}).elements(), 1u);
  EXPECT_EQ((Tensor{"x", DType::F32, {5, 0}, {}}).elements(), 0u);
  EXPECT_EQ(shape_text(std::vector<int64_t>{3, 4}), "(3, 4)");
  EXPECT_EQ(shape_text({}), "()");
}

}  // namespace
}  // namespace philo
