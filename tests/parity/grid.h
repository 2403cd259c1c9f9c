// What the cells of the grid share: the tables under test, random numbers, stored formats, and the error measure.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "device/cpu/kernels/kernels.h"
#include "tensor/tensor.h"

namespace philo {

constexpr FloatFormat all_formats[] = {FloatFormat::F32, FloatFormat::F16, FloatFormat::BF16};
inline const char* name_of(FloatFormat format) {
  return format == FloatFormat::F32 ? "fp32" : format == FloatFormat::F16 ? "fp16" : "bf16";
}
inline size_t bytes_of(FloatFormat format) { return format == FloatFormat::F32 ? 4 : 2; }
inline size_t index_of(FloatFormat format) { return static_cast<size_t>(format); }

// The reference: last in the list of tables.
inline const Kernels& reference() { return *all_kernels().back().kernels; }

inline std::vector<float> random_floats(size_t count, unsigned seed, float scale = 1.0f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// The numbers as a file holds them, one byte past any alignment.
class Stored {
 public:
  Stored(const std::vector<float>& values, FloatFormat format) : bytes_(values.size() * bytes_of(format) + 1) {
    for (size_t i = 0; i < values.size(); ++i) {
      const uint16_t bits = format == FloatFormat::F16 ? f32_to_f16(values[i]) : f32_to_bf16(values[i]);
      if (format == FloatFormat::F32) std::memcpy(bytes_.data() + 1 + 4 * i, &values[i], 4);
      else std::memcpy(bytes_.data() + 1 + 2 * i, &bits, 2);
    }
  }
  const std::byte* data() const { return bytes_.data() + 1; }

 private:
  std::vector<std::byte> bytes_;
};

// Mean squared difference over mean square of what is expected.
inline double nmse(std::span<const float> values, std::span<const float> expected) {
  double difference = 0, square = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    difference += std::pow(static_cast<double>(values[i]) - static_cast<double>(expected[i]), 2);
    square += std::pow(static_cast<double>(expected[i]), 2);
  }
  return square == 0 ? difference : difference / square;
}

// A test's name ends in its table's: one instance for each that this build has; those that this processor can't run say so.
class Grid : public testing::TestWithParam<size_t> {
 protected:
  void SetUp() override {
    if (!all_kernels()[GetParam()].runs_here)
      GTEST_SKIP() << "this processor can't run the " << kernels().isa << " kernels; these cells are not tested here";
  }
  const Kernels& kernels() const { return *all_kernels()[GetParam()].kernels; }
};

inline std::string table_name(const testing::TestParamInfo<size_t>& info) { return all_kernels()[info.param].kernels->isa; }

#define PHILO_FOR_EACH_TABLE(suite) \
  INSTANTIATE_TEST_SUITE_P(Parity, suite, testing::Range(size_t{0}, all_kernels().size()), table_name)

// A cell of the grid that a test is in: when it goes out of scope, docs/devices.md's table learns whether the test holds so far.
class Cell {
 public:
  Cell(const Kernels& kernels, std::string operation, std::string format)
      : table_(kernels.isa), operation_(std::move(operation)), format_(std::move(format)) {}
  ~Cell();
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

 private:
  std::string table_, operation_, format_;
};

// What ran, as docs/devices.md shows it. To be called after the tests.
std::string support_text();

// Prints GB/s and operations per second of one table, or of every one here, beside the machine's limits.
void print_perf(std::string_view table);

}  // namespace philo
