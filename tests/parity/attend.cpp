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

enum class CacheFormat { F32, F16, I8 };
constexpr CacheFormat cache_formats[] = {CacheFormat::F32, CacheFormat::F16, CacheFormat::I8};
const char* name_of(CacheFormat format) { return format == CacheFormat::F32 ? "fp32" : format == CacheFormat::F16 ? "fp16" : "int8"; }

// Each block's keys as a cache holds them: (head_size, key_block_tokens).
template <typename T>
std::vector<T> by_dimension(const std::vector<T>& keys, size_t head_size) {
  std::vector<T> turned(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    const size_t key = i / head_size, block = key / key_block_tokens * key_block_tokens;
    turned[block * head_size + i % head_size * key_block_tokens + key % key_block_tokens] = keys[i];
  }
  return turned;
}

// Keys or values as a cache holds them.
class Cached {
 public:
  Cached(const std::vector<float>& values, size_t head_size, CacheFormat format, bool are_keys)
      : format_(format),
        head_size_(head_size),
        floats_(values, format == CacheFormat::F32 ? FloatFormat::F32 : FloatFormat::F16),
        stored_floats_(are_keys ? by_dimension(values, head_size) : values, format == CacheFormat::F32 ? FloatFormat::F32 : FloatFormat::F16) {
    if (format != CacheFormat::I8) return;
    codes_.resize(values.size());
    for (size_t key = 0; key < values.size() / head_size; ++key) {
      int32_t sum;
      std::vector<int8_t> row(head_size + 8);
      scales_.emplace_back();
      reference().quantize_input(values.data() + key * head_size, head_size, head_size, row.data(), &scales_.back(), &sum);
      std::copy_n(row.begin(), head_size, codes_.begin() + static_cast<std::ptrdiff_t>(key * head_size));
    }
    stored_codes_ = are_keys ? by_dimension(codes_, head_size) : codes_;
  }
  const std::byte* block(size_t index) const {
    const size_t first = index * key_block_tokens * head_size_;
    if (format_ == CacheFormat::I8) return reinterpret_cast<const std::byte*>(stored_codes_.data() + first);
    return stored_floats_.data() + first * (format_ == CacheFormat::F32 ? 4 : 2);
  }
  const float* scales(size_t index) const { return scales_.empty() ? nullptr : scales_.data() + index * key_block_tokens; }
  std::vector<float> numbers(size_t count) const {
    std::vector<float> numbers(count);
    if (format_ != CacheFormat::I8) {
      const FloatFormat format = format_ == CacheFormat::F32 ? FloatFormat::F32 : FloatFormat::F16;
      reference().embed[index_of(format)](floats_.data(), count, numbers.data());
    } else {
      for (size_t i = 0; i < count; ++i) numbers[i] = static_cast<float>(codes_[i]) * scales_[i / head_size_];
    }
    return numbers;
  }

 private:
  CacheFormat format_;
  size_t head_size_;
  Stored floats_, stored_floats_;
  std::vector<int8_t> codes_, stored_codes_;
  std::vector<float> scales_;
};

class Problem {
 public:
  Problem(const Setting& setting, CacheFormat format)
      : setting_(setting),
        format_(format),
        queries_(random_floats(setting.rows * setting.head_size, 1, 2.0f)),
        keys_(random_floats(keys_in_all * setting.head_size, 2), setting.head_size, format, true),
        values_(random_floats(keys_in_all * setting.head_size, 3), setting.head_size, format, false) {}

  size_t position(size_t row) const { return last_position - (setting_.rows - 1 - row) * setting_.step; }
  size_t first_visible(size_t row) const { return position(row) + 1 > setting_.window ? position(row) + 1 - setting_.window : 0; }

  // The attention outputs of the rows [first, first + rows), computed together.
  std::vector<float> run(const Kernels& kernels, size_t first, size_t rows) const {
    const size_t size = setting_.head_size;
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
      const auto attend = format_ == CacheFormat::F32 ? kernels.attend_f32 : format_ == CacheFormat::F16 ? kernels.attend_f16 : kernels.attend_i8;
      attend({.queries = queries.data(),
              .rows = rows,
              .head_size = size,
              .scale = scale(),
              .keys = keys_.block(block),
              .values = values_.block(block),
              .key_scales = keys_.scales(block),
              .value_scales = values_.scales(block),
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
    const std::vector<float> keys = keys_.numbers(keys_in_all * size), values = values_.numbers(keys_in_all * size);
    std::vector<float> out;
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
  CacheFormat format_;
  std::vector<float> queries_;
  Cached keys_, values_;
};

using AttendGrid = Grid;

TEST_P(AttendGrid, AgreesWithDoublePrecision) {
  for (const CacheFormat format : cache_formats) {
    const Cell cell(kernels(), "Attend", name_of(format));
    for (const Setting& setting : settings) {
      const Problem problem(setting, format);
      EXPECT_LT(nmse(problem.run(kernels(), 0, setting.rows), problem.expected()), 1e-12)
          << name_of(format) << ", head " << setting.head_size << ", " << setting.rows << " rows, window " << setting.window;
    }
  }
}

TEST_P(AttendGrid, YieldsTheSameBitsForAnyRowsBeside) {
  for (const CacheFormat format : cache_formats) {
    const Cell cell(kernels(), "Attend", name_of(format));
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
}

PHILO_FOR_EACH_TABLE(AttendGrid);

}  // namespace
}  // namespace philo
