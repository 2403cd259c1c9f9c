// RMS norm, RoPE, SwiGLU, Add and the rounding to fp16: every table against double precision or the exact result.
#include <limits>

#include "grid.h"

namespace philo {
namespace {

constexpr size_t widths[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 40, 320, 3072, 5120, 8192, 17920};

using RowGrid = Grid;

TEST_P(RowGrid, RmsNormIsWithinAMillionthOfExact) {
  const Cell cell(kernels(), "RmsNorm", "fp32");
  for (const size_t width : widths)
    for (const float scale : {1e-3f, 1.0f, 1e4f}) {
      const auto in = random_floats(width, 1, scale), weight = random_floats(width, 2);
      double squares = 0;
      for (const float x : in) squares += static_cast<double>(x) * static_cast<double>(x);
      const double factor = 1 / std::sqrt(squares / static_cast<double>(width) + static_cast<double>(1e-5f));
      std::vector<float> out(width + 1, -1.0f);
      kernels().rms_norm(in.data(), weight.data(), width, 1e-5f, out.data());
      for (size_t i = 0; i < width; ++i) {
        const double exact = static_cast<double>(in[i]) * factor * static_cast<double>(weight[i]);
        ASSERT_NEAR(static_cast<double>(out[i]), exact, 1e-6 * std::abs(exact)) << width << " " << i;
      }
      EXPECT_EQ(out[width], -1.0f);
    }
}

TEST_P(RowGrid, RopeTurnsPairsAndCopiesTheRest) {
  const Cell cell(kernels(), "Attend: RoPE", "fp32");
  for (const auto& [head, rotary] : {std::pair<size_t, size_t>{64, 64}, {96, 96}, {128, 128}, {128, 96}, {32, 24}, {6, 2}, {80, 0}}) {
    const auto in = random_floats(head, 3), cosine = random_floats(rotary / 2, 4), sine = random_floats(rotary / 2, 5);
    std::vector<float> expected(in), out(head + 1, -1.0f);
    for (size_t k = 0; k < rotary / 2; ++k) {
      const double a = static_cast<double>(in[k]), b = static_cast<double>(in[k + rotary / 2]);
      const double c = static_cast<double>(cosine[k]), s = static_cast<double>(sine[k]);
      expected[k] = static_cast<float>(a * c - b * s);
      expected[k + rotary / 2] = static_cast<float>(b * c + a * s);
    }
    kernels().rope(in.data(), cosine.data(), sine.data(), rotary, head, out.data());
    EXPECT_EQ(out.back(), -1.0f);
    out.pop_back();
    EXPECT_LT(nmse(out, expected), 1e-13) << rotary << " of " << head;
    EXPECT_TRUE(std::equal(out.begin() + static_cast<std::ptrdiff_t>(rotary), out.end(), in.begin() + static_cast<std::ptrdiff_t>(rotary)));
  }
}

TEST_P(RowGrid, SwiGluIsAccurateEverywhere) {
  const Cell cell(kernels(), "SwiGlu", "fp32");
  std::vector<float> gate, up;
  for (float x = -120.0f; x < 120.0f; x += 0.0137f) gate.push_back(x);
  gate.insert(gate.end(), {0.0f, -0.0f, 1e-30f, -1e30f, 1e30f, -88.7f, -87.4f, -86.9f});
  up.assign(gate.size(), 1.5f);
  std::vector<float> out(gate.size());
  kernels().swiglu(gate.data(), up.data(), gate.size(), out.data());
  for (size_t i = 0; i < gate.size(); ++i) {
    const double g = static_cast<double>(gate[i]), exact = g / (1 + std::exp(-g)) * 1.5;
    // Below float's normal range the result may be 0.
    ASSERT_NEAR(static_cast<double>(out[i]), exact, 1e-6 * std::abs(exact) + 2e-36) << gate[i];
  }
  for (const size_t width : widths) {
    const auto g = random_floats(width, 6, 3.0f), u = random_floats(width, 7);
    std::vector<float> expected(width), some(width + 1, -1.0f);
    reference().swiglu(g.data(), u.data(), width, expected.data());
    kernels().swiglu(g.data(), u.data(), width, some.data());
    EXPECT_EQ(some.back(), -1.0f);
    some.pop_back();
    EXPECT_LT(nmse(some, expected), 1e-13) << width;
  }
}

TEST_P(RowGrid, AddIsExact) {
  const Cell cell(kernels(), "Add", "fp32");
  for (const size_t width : widths) {
    const auto a = random_floats(width, 8), b = random_floats(width, 9);
    std::vector<float> expected(width), out(width + 1, -1.0f);
    for (size_t i = 0; i < width; ++i) expected[i] = a[i] + b[i];
    kernels().add(a.data(), b.data(), width, out.data());
    EXPECT_EQ(out.back(), -1.0f);
    out.pop_back();
    EXPECT_EQ(out, expected);
  }
}

TEST_P(RowGrid, StoresFp16ToNearestEven) {
  const Cell cell(kernels(), "rounding", "fp16");
  auto values = random_floats(3001, 10, 30.0f);
  const auto small = random_floats(500, 11, 1e-7f);  // denormals of fp16
  values.insert(values.end(), small.begin(), small.end());
  values.insert(values.end(), {65504.0f, 65519.0f, 65520.0f, -1e9f, std::numeric_limits<float>::infinity(), 0.0f, -0.0f, 2049.0f, 2051.0f});
  std::vector<uint16_t> out(values.size() + 1, 0xabcd), expected;
  for (const float value : values) expected.push_back(f32_to_f16(value));
  kernels().store_f16(values.data(), values.size(), reinterpret_cast<std::byte*>(out.data()));
  EXPECT_EQ(out.back(), 0xabcd);
  out.pop_back();
  EXPECT_EQ(out, expected);
}

PHILO_FOR_EACH_TABLE(RowGrid);

}  // namespace
}  // namespace philo
