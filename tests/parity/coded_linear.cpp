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
constexpr Shape shapes[] = {{20, 3072, 19}, {17, 5120, 18}, {18, 8192, 18}, {16, 17920, 17}, {150, 640, 40}, {20, 256, 530},
                            {67, 513, 23},  {37, 1100, 23}, {20, 40, 31},   {5, 3, 31},      {1, 1, 31},     {19, 128, 31}};
constexpr size_t token_counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17, 18, 19, 20, 21, 22, 23, 31, 40, 530};
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
struct Problem {
  Problem(const CodedFormat& format, const Shape& shape, Activations activations)
      : matrix(format, shape.rows, shape.depth, 1),
        in(random_floats(shape.most_tokens * shape.depth, 2)),
        input(reference(), in, shape.depth, matrix.group()),
        expected(run(reference(), matrix, shape.depth, input, in, activations, 0, shape.most_tokens)) {}
  CodedMatrix matrix;
  std::vector<float> in;
  CodedInput input;
  std::vector<float> expected;  // (tokens, rows)
};

// Made once for all tables.
const Problem& problem(const CodedFormat& format, const Shape& shape, Activations activations) {
  static std::map<std::tuple<const CodedFormat*, const Shape*, Activations>, Problem> problems;
  const std::tuple key(&format, &shape, activations);
  const auto found = problems.find(key);
  if (found != problems.end()) return found->second;
  return problems.try_emplace(key, format, shape, activations).first->second;
}

template <typename Action>
void for_each_shape(const CodedFormat& format, Activations activations, const Action& action) {
  for (const Shape& shape : shapes) {
    if (!fits(format, shape.depth)) continue;
    SCOPED_TRACE(name_of(format) + ", " + std::to_string(shape.rows) + " x " + std::to_string(shape.depth));
    action(shape, problem(format, shape, activations));
  }
}

void expect_double_precision(Activations activations) {
  for (const CodedFormat& format : coded_formats)
    for_each_shape(format, activations, [&](const Shape& shape, const Problem& problem) {
      const size_t span = input_group(shape.depth, problem.matrix.group());
      std::vector<float> expected;
      double difference = 0, square = 0;  // of rounded inputs from exact ones
      for (size_t token = 0; token < 3; ++token)
        for (size_t row = 0; row < shape.rows; ++row) {
          double coded = 0, exact = 0;
          const QuantizedInput view = problem.input.view(token);
          for (size_t k = 0; k < shape.depth; ++k) {
            const double weight = problem.matrix.value(row, k);
            coded += weight * view.codes[k] * static_cast<double>(view.scales[k / span]);
            exact += weight * static_cast<double>(problem.in[token * shape.depth + k]);
          }
          expected.push_back(static_cast<float>(activations == Activations::Int8 ? coded : exact));
          difference += (coded - exact) * (coded - exact);
          square += exact * exact;
        }
      EXPECT_LT(nmse(std::span(problem.expected).first(expected.size()), expected), 1e-12);
      // Steps of greatest / 127, where the greatest of 128 normal numbers is about 2.7: a twelfth of the step's square is 3.8e-5. A mean
      // that zero points leave in the weights makes it less.
      if (shape.depth > 100) {
        EXPECT_LT(difference / square, 8e-5);
        EXPECT_GT(difference / square, 1e-6);
      }
    });
}

TEST(CodedLinear, ReferenceAgreesWithDoublePrecisionForInt8) { expect_double_precision(Activations::Int8); }

TEST(CodedLinear, ReferenceAgreesWithDoublePrecisionForFp32) { expect_double_precision(Activations::Fp32); }

using CodedLinearGrid = Grid;

void expect_the_references_bits(const Kernels& kernels, Activations activations) {
  for (const CodedFormat& format : coded_formats) {
    const Cell cell(kernels, activations == Activations::Int8 ? "Linear, int8 activations" : "Linear, fp32 activations", name_of(format));
    for_each_shape(format, activations, [&](const Shape& shape, const Problem& problem) {
      for (const size_t tokens : token_counts) {
        if (tokens > shape.most_tokens) break;
        if (&kernels == &reference() && tokens > 4) break;  // has no other path for more
        const auto out = run(kernels, problem.matrix, shape.depth, problem.input, problem.in, activations, 0, tokens);
        EXPECT_TRUE(std::equal(out.begin(), out.end(), problem.expected.begin())) << tokens << " tokens";
      }
    });
  }
}

TEST_P(CodedLinearGrid, HasTheReferencesBitsForInt8) { expect_the_references_bits(kernels(), Activations::Int8); }

TEST_P(CodedLinearGrid, HasTheReferencesBitsForFp32) { expect_the_references_bits(kernels(), Activations::Fp32); }

TEST_P(CodedLinearGrid, MultipliesPartsOfAMatrix) {
  for (const CodedFormat& format : coded_formats)
    for (const Activations activations : {Activations::Int8, Activations::Fp32}) {
      const Shape shape{53, 256, 20};
      const Problem problem(format, shape, activations);
      const size_t rows = shape.rows - panel_rows;
      for (const size_t tokens : {1, 4, 20}) {
        const auto out = run(kernels(), problem.matrix, shape.depth, problem.input, problem.in, activations, 1, tokens);
        for (size_t token = 0; token < tokens; ++token)
          EXPECT_TRUE(std::equal(out.begin() + static_cast<std::ptrdiff_t>(token * rows),
                                 out.begin() + static_cast<std::ptrdiff_t>((token + 1) * rows),
                                 problem.expected.begin() + static_cast<std::ptrdiff_t>(token * shape.rows + panel_rows)))
              << name_of(format) << ", " << tokens << " tokens";
      }
    }
}

// The greatest sums that can be: nothing may saturate.
TEST_P(CodedLinearGrid, IsExactAtTheExtremes) {
  for (const CodedFormat& format : coded_formats)
    for (const uint8_t code : {uint8_t{0}, uint8_t{255}})  // the least and the greatest in either format
      for (const float x : {1.0f, -1.0f}) {
        constexpr size_t depth = 512, rows = 70;
        CodedMatrix matrix(format, rows, depth, 3);
        matrix.fill_codes(std::span(&code, 1));
        std::vector<double> expected(rows), magnitude(rows);  // groups' scales have either sign
        for (size_t row = 0; row < rows; ++row)
          for (size_t k = 0; k < depth; ++k) {
            expected[row] += matrix.value(row, k) * static_cast<double>(x);
            magnitude[row] += std::abs(matrix.value(row, k));
          }
        for (const size_t tokens : {1, 8, 30}) {
          const std::vector<float> in(tokens * depth, x);
          const CodedInput input(kernels(), in, depth, matrix.group());
          EXPECT_EQ(input.codes()[0], 127 * static_cast<int>(x));
          const auto out = run(kernels(), matrix, depth, input, in, Activations::Int8, 0, tokens);
          for (size_t i = 0; i < out.size(); ++i)
            ASSERT_NEAR(static_cast<double>(out[i]), expected[i % rows], 5e-7 * magnitude[i % rows])
                << name_of(format) << ", codes " << int{code};
        }
      }
}

TEST_P(CodedLinearGrid, QuantizesInputsAsTheReference) {
  const Cell cell(kernels(), "rounding", "int8");
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
