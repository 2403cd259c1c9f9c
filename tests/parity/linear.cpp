// Linear and Embed: every table against double precision, and every token's bits against its bits alone.
#include "grid.h"

namespace philo {
namespace {

struct Shape {
  size_t rows, depth;
};
// The depths of the released models with a few rows; the others have tails in every direction.
constexpr Shape shapes[] = {{12, 3072}, {9, 8192}, {5, 17920}, {64, 512}, {131, 513}, {67, 1029}, {4, 16}, {3, 15}, {1, 1}, {200, 40}};
constexpr size_t token_counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 29, 97};

struct Case {
  size_t rows, depth, tokens;
  const Stored& weight;
  std::span<const float> in;
};

std::vector<float> run(const Kernels& kernels, FloatFormat format, const Case& cell) {
  std::vector<float> out(cell.tokens * cell.rows), scratch(linear_scratch_floats);
  kernels.linear[index_of(format)]({.weight = cell.weight.data(),
                                    .rows = cell.rows,
                                    .depth = cell.depth,
                                    .in = cell.in.data(),
                                    .in_stride = cell.depth,
                                    .tokens = cell.tokens,
                                    .out = out.data(),
                                    .out_stride = cell.rows,
                                    .scratch = scratch.data()});
  return out;
}

using LinearGrid = Grid;

TEST_P(LinearGrid, AgreesWithDoublePrecision) {
  for (const FloatFormat format : all_formats) {
    const Cell cell(kernels(), "Linear", name_of(format));
    for (const auto& [rows, depth] : shapes) {
      const auto weights = random_floats(rows * depth, 1, 0.05f), in = random_floats(97 * depth, 2);
      const Stored stored(weights, format);
      std::vector<float> wide(weights.size());
      reference().embed[index_of(format)](stored.data(), wide.size(), wide.data());
      std::vector<float> expected;
      for (size_t token = 0; token < 97; ++token)
        for (size_t row = 0; row < rows; ++row) {
          double sum = 0;
          for (size_t k = 0; k < depth; ++k) sum += static_cast<double>(wide[row * depth + k]) * static_cast<double>(in[token * depth + k]);
          expected.push_back(static_cast<float>(sum));
        }
      for (const size_t tokens : token_counts) {
        const auto out = run(kernels(), format, {rows, depth, tokens, stored, in});
        EXPECT_LT(nmse(out, std::span(expected).first(out.size())), 1e-12)
            << name_of(format) << " " << rows << " x " << depth << ", " << tokens << " tokens";
      }
    }
  }
}

TEST_P(LinearGrid, YieldsTheSameBitsForAnyNumberOfTokens) {
  for (const FloatFormat format : all_formats) {
    const Cell cell(kernels(), "Linear", name_of(format));
    for (const auto& [rows, depth] : shapes) {
      const auto in = random_floats(97 * depth, 4);
      const Stored stored(random_floats(rows * depth, 3), format);
      std::vector<float> expected;
      for (size_t token = 0; token < 97; ++token) {
        const auto one = run(kernels(), format, {rows, depth, 1, stored, std::span(in).subspan(token * depth)});
        expected.insert(expected.end(), one.begin(), one.end());
      }
      for (const size_t tokens : token_counts) {
        const auto out = run(kernels(), format, {rows, depth, tokens, stored, in});
        EXPECT_TRUE(std::equal(out.begin(), out.end(), expected.begin()))
            << name_of(format) << " " << rows << " x " << depth << ", " << tokens << " tokens";
      }
    }
  }
}

TEST_P(LinearGrid, EmbedWidensExactly) {
  for (const FloatFormat format : all_formats) {
    const Cell cell(kernels(), "Embed", name_of(format));
    for (const size_t width : {1, 7, 8, 15, 16, 17, 33, 3072}) {
      auto values = random_floats(width, 5, 100.0f);
      values[0] = 1e-7f;  // a denormal of fp16
      const Stored stored(values, format);
      std::vector<float> expected(width), out(width + 1, -1.0f);
      reference().embed[index_of(format)](stored.data(), width, expected.data());
      kernels().embed[index_of(format)](stored.data(), width, out.data());
      EXPECT_EQ(out.back(), -1.0f);
      out.pop_back();
      EXPECT_EQ(out, expected) << name_of(format) << " " << width;
    }
  }
}

PHILO_FOR_EACH_TABLE(LinearGrid);

}  // namespace
}  // namespace philo
