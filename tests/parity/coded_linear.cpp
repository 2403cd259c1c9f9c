// Linear with integer weights: the scalar table against double precision, and every other table against its bits, for any number of
// tokens and for parts of a matrix.
#include "coded.h"

#include <limits>
#include <map>
#include <tuple>

#include "grid.h"

namespace philo {
namespace {

struct Shape {
  size_t rows, depth, most_tokens;
};
// The depths of the released models with a few rows; then tails in every direction.
constexpr Shape shapes[] = {{36, 3072, 31}, {17, 5120, 26}, {40, 8192, 13}, {16, 17920, 9}, {150, 640, 66}, {20, 256, 530},
                            {67, 513, 31},  {37, 1100, 31}, {20, 40, 31},   {5, 3, 31},     {1, 1, 31},     {19, 128, 31}};
constexpr size_t token_counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 24, 25, 26, 28, 29, 30, 31, 66, 530};
enum class Activations { Int8, Fp32 };

// Rows of `first_panel` on; `out` has three floats between tokens, which must stay.
std::vector<float> run(const Kernels& kernels, const CodedMatrix& matrix, size_t depth, const CodedInput& input,
                       const std::vector<float>& in, Activations activations, size_t first_panel, size_t tokens) {
  const size_t rows = matrix.rows() - first_panel * panel_rows, stride = rows + 3;
  constexpr float untouched = -12345.0f;
  std::vector<float> out(tokens * stride, untouched), packed;
  const Buffer scratch(coded_scratch_bytes, "a test's scratch");
  const auto function = activations == Activations::Int8 ? kernels.coded_linear_i8 : kernels.coded_linear_f32;
  function[matrix.view().bits == 8]({.weight = matrix.view(),
                                     .first_panel = first_panel,
                                     .rows = rows,
                                     .input = input.view(),
                                     .in = in.data(),
                                     .in_stride = depth,
                                     .tokens = tokens,
                                     .out = out.data(),
                                     .out_stride = stride,
                                     .scratch = scratch.data()});
  for (size_t token = 0; token < tokens; ++token)
    for (size_t i = 0; i < stride; ++i) {
      if (i < rows) packed.push_back(out[token * stride + i]);
      else EXPECT_EQ(out[token * stride + i], untouched);
    }
  return packed;
}

// A matrix, the inputs of its shape's tokens, and what the reference makes of them.
struct Cell {
  Cell(const CodedFormat& format, const Shape& shape)
      : matrix(format, shape.rows, shape.depth, 1),
        in(random_floats(shape.most_tokens * shape.depth, 2)),
        input(reference(), in, shape.depth, matrix.group()) {
    int8 = run(reference(), matrix, shape.depth, input, in, Activations::Int8, 0, shape.most_tokens);
    fp32 = run(reference(), matrix, shape.depth, input, in, Activations::Fp32, 0, shape.most_tokens);
  }
  CodedMatrix matrix;
  std::vector<float> in;
  CodedInput input;
  std::vector<float> int8, fp32;  // (tokens, rows)
};

// Made once for all tables.
const Cell& cell(const CodedFormat& format, const Shape& shape) {
  static std::map<std::tuple<const CodedFormat*, const Shape*>, Cell> cells;
  const std::tuple key(&format, &shape);
  const auto found = cells.find(key);
  if (found != cells.end()) return found->second;
  return cells.try_emplace(key, format, shape).first->second;
}

template <typename Action>
void for_each_cell(const Action& action) {
  for (const CodedFormat& format : coded_formats)
    for (const Shape& shape : shapes) {
      if (!fits(format, shape.depth)) continue;
      SCOPED_TRACE(name_of(format) + ", " + std::to_string(shape.rows) + " x " + std::to_string(shape.depth));
      action(format, shape, cell(format, shape));
    }
}

TEST(CodedLinear, ReferenceAgreesWithDoublePrecision) {
  for_each_cell([](const CodedFormat&, const Shape& shape, const Cell& cell) {
    const size_t tokens = std::min<size_t>(shape.most_tokens, 4), span = input_group(shape.depth, cell.matrix.group());
    std::vector<float> int8, fp32;
    for (size_t token = 0; token < tokens; ++token)
      for (size_t row = 0; row < shape.rows; ++row) {
        double coded = 0, exact = 0;
        for (size_t k = 0; k < shape.depth; ++k) {
          const double weight = cell.matrix.value(row, k);
          const QuantizedInput view = cell.input.view(token);
          coded += weight * view.codes[k] * static_cast<double>(view.scales[k / span]);
          exact += weight * static_cast<double>(cell.in[token * shape.depth + k]);
        }
        int8.push_back(static_cast<float>(coded));
        fp32.push_back(static_cast<float>(exact));
      }
    EXPECT_LT(nmse(std::span(cell.int8).first(int8.size()), int8), 1e-12);
    EXPECT_LT(nmse(std::span(cell.fp32).first(fp32.size()), fp32), 1e-12);
    if (shape.depth > 100) {  // the rounding of the inputs: about (1 / 127 / 2)^2 / 3 of their greatest
      EXPECT_LT(nmse(int8, fp32), 1e-3);
      EXPECT_GT(nmse(int8, fp32), 1e-7);
    }
  });
}

using CodedLinearGrid = Grid;

TEST_P(CodedLinearGrid, HasTheReferencesBitsForInt8) {
  for_each_cell([&](const CodedFormat&, const Shape& shape, const Cell& cell) {
    for (const size_t tokens : token_counts) {
      if (tokens > shape.most_tokens) break;
      const auto out = run(kernels(), cell.matrix, shape.depth, cell.input, cell.in, Activations::Int8, 0, tokens);
      EXPECT_TRUE(std::equal(out.begin(), out.end(), cell.int8.begin())) << tokens << " tokens";
    }
  });
}

TEST_P(CodedLinearGrid, HasTheReferencesBitsForFp32) {
  for_each_cell([&](const CodedFormat&, const Shape& shape, const Cell& cell) {
    for (const size_t tokens : token_counts) {
      if (tokens > shape.most_tokens) break;
      const auto out = run(kernels(), cell.matrix, shape.depth, cell.input, cell.in, Activations::Fp32, 0, tokens);
      EXPECT_TRUE(std::equal(out.begin(), out.end(), cell.fp32.begin())) << tokens << " tokens";
    }
  });
}

TEST_P(CodedLinearGrid, MultipliesPartsOfAMatrix) {
  for_each_cell([&](const CodedFormat&, const Shape& shape, const Cell& cell) {
    if (shape.rows <= panel_rows) return;
    for (const size_t tokens : {size_t{1}, size_t{4}, std::min<size_t>(shape.most_tokens, 30)})
      for (const Activations activations : {Activations::Int8, Activations::Fp32}) {
        const auto& expected = activations == Activations::Int8 ? cell.int8 : cell.fp32;
        const auto out = run(kernels(), cell.matrix, shape.depth, cell.input, cell.in, activations, 1, tokens);
        const size_t rows = shape.rows - panel_rows;
        for (size_t token = 0; token < tokens; ++token)
          EXPECT_TRUE(std::equal(out.begin() + static_cast<std::ptrdiff_t>(token * rows),
                                 out.begin() + static_cast<std::ptrdiff_t>((token + 1) * rows),
                                 expected.begin() + static_cast<std::ptrdiff_t>(token * shape.rows + panel_rows)));
      }
  });
}

// The greatest sums that can be: nothing may saturate.
TEST_P(CodedLinearGrid, IsExactAtTheExtremes) {
  for (const CodedFormat& format : coded_formats)
    for (const uint8_t code : {uint8_t{0}, uint8_t{255}})  // the least and the greatest in either format
      for (const float x : {1.0f, -1.0f})
        for (const size_t tokens : {1, 8, 30}) {
          constexpr size_t depth = 512, rows = 70;
          CodedMatrix matrix(format, rows, depth, 3);
          matrix.fill_codes(std::span(&code, 1));
          const std::vector<float> in(tokens * depth, x);
          const CodedInput input(kernels(), in, depth, matrix.group());
          EXPECT_EQ(input.codes()[0], 127 * static_cast<int>(x));
          const auto out = run(kernels(), matrix, depth, input, in, Activations::Int8, 0, tokens);
          for (size_t i = 0; i < out.size(); ++i) {
            double expected = 0, magnitude = 0;  // groups' scales have either sign
            for (size_t k = 0; k < depth; ++k) {
              expected += matrix.value(i % rows, k) * static_cast<double>(x);
              magnitude += std::abs(matrix.value(i % rows, k));
            }
            ASSERT_NEAR(static_cast<double>(out[i]), expected, 5e-7 * magnitude) << name_of(format) << ", codes " << int{code};
          }
        }
}

TEST_P(CodedLinearGrid, QuantizesInputsAsTheReference) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const size_t depth : {1, 3, 8, 40, 96, 128, 513, 3072, 8192})
    for (const size_t group : {depth, size_t{32}, size_t{64}, size_t{128}}) {
      std::vector<float> in = random_floats(depth, 4);
      for (const float special : {0.0f, 1e-31f, 1e-30f, 3e38f, infinity, -infinity, std::nanf("")}) {
        const bool repeated = special == 0.0f || std::abs(special) < 1e-29f;  // else among ordinary numbers
        if (repeated) std::fill_n(in.begin(), std::min<size_t>(depth, 32), special);
        else in[depth / 2] = special;
        const CodedInput expected(reference(), in, depth, group), input(kernels(), in, depth, group);
        EXPECT_EQ(input.codes(), expected.codes());
        EXPECT_EQ(input.sums(), expected.sums());
        EXPECT_EQ(std::memcmp(input.scales().data(), expected.scales().data(), 4 * expected.scales().size()), 0);
        EXPECT_EQ(input.codes().back(), 77);
      }
    }
}

TEST(QuantizeInput, RoundsToEvenBySteps) {
  std::vector<float> in = {127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 126.4f, -127.0f, 3.0f};
  const CodedInput input(reference(), in, in.size(), in.size());
  EXPECT_EQ(input.codes(), (std::vector<int8_t>{127, 0, 2, 2, 0, -2, 126, -127, 3, 0, 0, 0, 0, 0, 0, 0, 77}));
  EXPECT_EQ(input.scales(), std::vector<float>{1.0f});
  EXPECT_EQ(input.sums(), std::vector<int32_t>{131});
  in[4] = std::nanf("");
  const CodedInput damaged(reference(), in, in.size(), in.size());
  EXPECT_TRUE(std::isnan(damaged.scales()[0]));
  EXPECT_EQ(damaged.sums()[0], 0);
}

PHILO_FOR_EACH_TABLE(CodedLinearGrid);

}  // namespace
}  // namespace philo
