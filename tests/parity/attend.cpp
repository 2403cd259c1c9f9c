// Attention over blocks of keys: every table against double precision, and every query's bits against its bits alone.
#include <algorithm>
#include <limits>

#include "grid.h"

namespace philo {
namespace {

constexpr size_t blocks = 3, keys_in_all = blocks * key_block_tokens, last_position = 150;

struct Setting {
  size_t head_size, rows;
  size_t step;    // tokens between the rows' positions: 0 for the heads of one token, 1 for the tokens of one head
  size_t window;  // keys that a row sees, its own included
};
constexpr Setting settings[] = {{64, 1, 0, 1000}, {96, 1, 0, 1000}, {128, 1, 0, 1000}, {128, 4, 0, 1000}, {128, 3, 0, 70},
                                {96, 32, 1, 1000}, {96, 29, 1, 50}, {64, 9, 1, 1},     {128, 8, 1, 90},   {32, 7, 1, 1000},
                                {10, 5, 1, 33},    {2, 6, 1, 1000}, {112, 13, 1, 64}};

class Problem {
 public:
  Problem(const Setting& setting, FloatFormat format)
      : setting_(setting),
        format_(format),
        queries_(random_floats(setting.rows * setting.head_size, 1, 2.0f)),
        keys_(random_floats(keys_in_all * setting.head_size, 2), format),
        values_(random_floats(keys_in_all * setting.head_size, 3), format) {}

  size_t position(size_t row) const { return last_position - (setting_.rows - 1 - row) * setting_.step; }
  size_t first_visible(size_t row) const { return position(row) + 1 > setting_.window ? position(row) + 1 - setting_.window : 0; }

  // The attention outputs of the rows [first, first + rows), computed together.
  std::vector<float> run(const Kernels& kernels, size_t first, size_t rows) const {
    const size_t size = setting_.head_size, block_bytes = key_block_tokens * size * bytes_of(format_);
    std::vector<const float*> queries;
    for (size_t row = first; row < first + rows; ++row) queries.push_back(queries_.data() + row * size);
    std::vector<float> maximum(rows, -std::numeric_limits<float>::infinity()), sum(rows), out(rows * size), scratch(attend_scratch_floats(size));
    for (size_t block = 0; block < blocks; ++block) {
      const size_t start = block * key_block_tokens;
      std::vector<uint32_t> begin, end;
      for (size_t row = first; row < first + rows; ++row) {
        begin.push_back(static_cast<uint32_t>(std::clamp(first_visible(row), start, start + key_block_tokens) - start));
        end.push_back(static_cast<uint32_t>(std::clamp(position(row) + 1, start, start + key_block_tokens) - start));
      }
      (format_ == FloatFormat::F32 ? kernels.attend_f32 : kernels.attend_f16)({.queries = queries.data(),
                                                                               .rows = rows,
                                                                               .head_size = size,
                                                                               .scale = scale(),
                                                                               .keys = keys_.data() + block * block_bytes,
                                                                               .values = values_.data() + block * block_bytes,
                                                                               .first = begin.data(),
                                                                               .last = end.data(),
                                                                               .maximum = maximum.data(),
                                                                               .sum = sum.data(),
                                                                               .out = out.data(),
                                                                               .scratch = scratch.data()});
    }
    for (size_t row = 0; row < rows; ++row)
      for (size_t i = 0; i < size; ++i) out[row * size + i] /= sum[row];
    return out;
  }

  std::vector<float> expected() const {
    const size_t size = setting_.head_size;
    std::vector<float> keys(keys_in_all * size), values(keys_in_all * size), out;
    reference().embed[index_of(format_)](keys_.data(), keys.size(), keys.data());
    reference().embed[index_of(format_)](values_.data(), values.size(), values.data());
    for (size_t row = 0; row < setting_.rows; ++row) {
      std::vector<double> sums(size);
      double total = 0;
      for (size_t key = first_visible(row); key <= position(row); ++key) {
        double score = 0;
        for (size_t i = 0; i < size; ++i) score += static_cast<double>(queries_[row * size + i]) * static_cast<double>(keys[key * size + i]);
        const double share = std::exp(score * static_cast<double>(scale()));
        total += share;
        for (size_t i = 0; i < size; ++i) sums[i] += share * static_cast<double>(values[key * size + i]);
      }
      for (const double x : sums) out.push_back(static_cast<float>(x / total));
    }
    return out;
  }

 private:
  float scale() const { return 1.0f / std::sqrt(static_cast<float>(setting_.head_size)); }

  Setting setting_;
  FloatFormat format_;
  std::vector<float> queries_;
  Stored keys_, values_;
};

using AttendGrid = Grid;

TEST_P(AttendGrid, AgreesWithDoublePrecision) {
  for (const FloatFormat format : {FloatFormat::F32, FloatFormat::F16})
    for (const Setting& setting : settings) {
      const Problem problem(setting, format);
      EXPECT_LT(nmse(problem.run(kernels(), 0, setting.rows), problem.expected()), 1e-12)
          << name_of(format) << ", head " << setting.head_size << ", " << setting.rows << " rows, window " << setting.window;
    }
}

TEST_P(AttendGrid, YieldsTheSameBitsForAnyRowsBeside) {
  for (const FloatFormat format : {FloatFormat::F32, FloatFormat::F16})
    for (const Setting& setting : settings) {
      const Problem problem(setting, format);
      std::vector<float> alone;
      for (size_t row = 0; row < setting.rows; ++row) {
        const auto one = problem.run(kernels(), row, 1);
        alone.insert(alone.end(), one.begin(), one.end());
      }
      EXPECT_EQ(problem.run(kernels(), 0, setting.rows), alone)
          << name_of(format) << ", head " << setting.head_size << ", " << setting.rows << " rows, window " << setting.window;
    }
}

PHILO_FOR_EACH_TABLE(AttendGrid);

}  // namespace
}  // namespace philo
