// quantize_row against the formulas written out one value at a time, and against values worked out by hand.
#include "tensor/quantize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tensor/tensor.h"

namespace philo {
namespace {

struct Row {
  std::vector<int> codes;
  std::vector<float> scales;
  std::vector<int> zero_points;
};

Row quantized(const std::vector<float>& in, const CodeFormat& format) {
  const auto columns = static_cast<int64_t>(in.size());
  const auto groups = static_cast<size_t>(groups_per_row(format, columns));
  std::vector<uint8_t> bytes(code_row_bytes(format.bits, columns), 0xAB), zero_points(format.symmetric ? 0 : groups);
  std::vector<uint16_t> scales(groups);
  quantize_row(in, format, bytes, scales, zero_points);
  Row row;
  for (size_t column = 0; column < in.size(); ++column) {
    row.codes.push_back(format.bits == 8 ? bytes[column] : bytes[column / 2] >> (column % 2 * 4) & 15);
  }
  if (format.bits == 4) {
    for (size_t column = in.size(); column < 2 * bytes.size(); ++column) EXPECT_EQ(bytes[column / 2] >> (column % 2 * 4) & 15, 0);
  }
  for (const uint16_t scale : scales) row.scales.push_back(f16_to_f32(scale));
  row.zero_points.assign(zero_points.begin(), zero_points.end());
  return row;
}

// The same by the formulas, slowly.
Row expected(const std::vector<float>& in, const CodeFormat& format) {
  Row row;
  const int levels = 1 << format.bits;
  const size_t group_size = format.group_size < 0 ? in.size() : static_cast<size_t>(format.group_size);
  for (size_t first = 0; first < in.size(); first += group_size) {
    const auto begin = in.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = in.begin() + static_cast<std::ptrdiff_t>(std::min(in.size(), first + group_size));
    const float low = *std::min_element(begin, end), high = *std::max_element(begin, end);
    float scale, zero_point = 0;
    if (format.symmetric) {
      scale = (std::fabs(low) >= high ? std::fabs(low) : -high) / static_cast<float>(levels / 2);
    } else {
      scale = (std::max(high, 0.0f) - std::min(low, 0.0f)) / static_cast<float>(levels - 1);
    }
    if (std::fabs(scale) < std::numeric_limits<float>::epsilon()) scale = std::numeric_limits<float>::epsilon();
    if (!format.symmetric) {
      zero_point = std::clamp(-std::nearbyint(std::min(low, 0.0f) / scale), 0.0f, static_cast<float>(levels - 1));
      row.zero_points.push_back(static_cast<int>(zero_point));
    }
    row.scales.push_back(f16_to_f32(f32_to_f16(scale)));
    for (auto at = begin; at != end; ++at) {
      const int lowest = format.symmetric ? -levels / 2 : 0;
      const float quotient = *at / scale;
      row.codes.push_back(std::clamp(static_cast<int>(std::nearbyint(quotient + zero_point)), lowest, lowest + levels - 1) - lowest);
    }
  }
  return row;
}

TEST(QuantizeRow, FollowsTheFormulas) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::student_t_distribution<float> heavy(2.0f);
  for (const int64_t columns : {1, 7, 32, 96, 130, 1024, 1500}) {
    for (const int64_t group_size : {-1, 5, 32, 64, 128}) {
      for (const int bits : {4, 8}) {
        for (const bool symmetric : {true, false}) {
          for (const int kind : {0, 1, 2, 3}) {
            std::vector<float> in(static_cast<size_t>(columns));
            for (float& value : in) value = kind == 0 ? normal(random) : kind == 1 ? heavy(random) : kind == 2 ? std::fabs(normal(random)) + 1 : -std::fabs(normal(random));
            const CodeFormat format{bits, group_size, symmetric};
            const Row made = quantized(in, format), wanted = expected(in, format);
            ASSERT_EQ(made.codes, wanted.codes) << columns << " columns, groups of " << group_size << ", " << bits << " bits";
            ASSERT_EQ(made.scales, wanted.scales);
            ASSERT_EQ(made.zero_points, wanted.zero_points);
          }
        }
      }
    }
  }
}

TEST(QuantizeRow, GivesTheLargerSideTheLowestCode) {
  const Row positive = quantized({0, 1, -1, 4}, {4, -1, true});
  EXPECT_EQ(positive.scales, std::vector<float>{-0.5f});
  EXPECT_EQ(positive.codes, (std::vector<int>{8, 6, 10, 0}));
  const Row negative = quantized({0, 1, -4, 4}, {4, -1, true});
  EXPECT_EQ(negative.scales, std::vector<float>{0.5f});
  EXPECT_EQ(negative.codes, (std::vector<int>{8, 10, 0, 15}));  // 8 * 0.5 is out of reach
}

TEST(QuantizeRow, KeepsZeroAmongTheAsymmetricValues) {
  const Row row = quantized({1, 2, 3}, {4, -1, false});
  EXPECT_EQ(row.zero_points, std::vector<int>{0});
  EXPECT_EQ(row.scales, std::vector<float>{f16_to_f32(f32_to_f16(0.2f))});
  EXPECT_EQ(row.codes, (std::vector<int>{5, 10, 15}));
}

TEST(QuantizeRow, RoundsHalvesToEven) {
  const Row row = quantized({-8, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f}, {4, -1, true});
  EXPECT_EQ(row.codes, (std::vector<int>{0, 8, 10, 10, 8, 6}));
}

TEST(QuantizeRow, TakesZerosAndNumbersThatAreNone) {
  for (const int bits : {4, 8}) {
    EXPECT_EQ(quantized({0, 0, -0.0f}, {bits, -1, true}).codes, std::vector<int>(3, 1 << (bits - 1)));
    EXPECT_EQ(quantized({0, 0, -0.0f}, {bits, -1, false}).codes, std::vector<int>(3, 0));
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
      for (const bool symmetric : {true, false}) {
        const Row row = quantized({bad, 1, 2, 3, -1, -2, -3, 3}, {bits, 4, symmetric});
        EXPECT_EQ(std::vector<int>(row.codes.begin() + 4, row.codes.end()), quantized({-1, -2, -3, 3}, {bits, 4, symmetric}).codes);
      }
    }
  }
}

// Within float32 rounding of the mean in double; the exact bits are held to NNCF's in tests/golden.
TEST(Int8Error, IsTheMeanSquareOfWhatIsLost) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  for (const size_t columns : {1u, 7u, 16u, 100u, 511u, 513u, 3000u}) {
    std::vector<float> in(columns);
    for (float& value : in) value = normal(random);
    const auto [low, high] = std::minmax_element(in.begin(), in.end());
    const float scale = std::max((std::max(*high, 0.0f) - std::min(*low, 0.0f)) / 255, std::numeric_limits<float>::epsilon());
    const Row row = quantized(in, {8, -1, false});
    double sum = 0;
    for (size_t column = 0; column < columns; ++column) {
      const float error = static_cast<float>(row.codes[column] - row.zero_points[0]) * scale - in[column];
      sum += static_cast<double>(error) * static_cast<double>(error);
    }
    for (const size_t tensor_weights : {columns, size_t{9999}, size_t{10000}}) {
      EXPECT_NEAR(int8_error(in, tensor_weights), sum / static_cast<double>(columns), 1e-6 * sum / static_cast<double>(columns)) << columns;
    }
  }
  EXPECT_EQ(int8_error(std::vector<float>(100, 0.0f), 100), 0.0f);
  EXPECT_EQ(int8_error({}, 0), 0.0f);
}

TEST(Int8Sensitivity, IsCoarseForHalfPrecision) {
  EXPECT_EQ(int8_sensitivity(0, DType::F16), 1024);
  EXPECT_EQ(int8_sensitivity(0, DType::BF16), 1024);
  EXPECT_EQ(int8_sensitivity(0, DType::F32), 0x1p23);
  EXPECT_EQ(int8_sensitivity(1e-25f, DType::BF16), int8_sensitivity(1e-24f, DType::BF16));
  EXPECT_GT(int8_sensitivity(1e-15f, DType::BF16), int8_sensitivity(2e-15f, DType::BF16));
}

TEST(CodeRow, CountsGroupsAndBytes) {
  EXPECT_EQ(groups_per_row({4, 32, true}, 96), 3);
  EXPECT_EQ(groups_per_row({4, 32, true}, 97), 4);
  EXPECT_EQ(groups_per_row({4, 128, true}, 96), 1);
  EXPECT_EQ(groups_per_row({8, -1, false}, 96), 1);
  EXPECT_EQ(code_row_bytes(4, 8), 4u);
  EXPECT_EQ(code_row_bytes(4, 9), 8u);
  EXPECT_EQ(code_row_bytes(8, 9), 9u);
}

}  // namespace
}  // namespace philo
