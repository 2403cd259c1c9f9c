// Scales, zero points and codes of one row. No operation here may be contracted or reordered: the bits are held to NNCF's.
#include "tensor/quantize.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace philo {
namespace {

// NNCF's guard against division by zero: the machine epsilon of float32.
constexpr float least_scale = std::numeric_limits<float>::epsilon();
// Adding it rounds a float to a whole number, half to even: above 2^23 the last place is worth 1. Good for magnitudes below 2^22.
constexpr float rounder = 0x1.8p23f;
// Codes are made in pieces of so many columns, so that a piece stays in the first-level cache.
constexpr size_t piece_columns = 512;
// NNCF's MIN_INPUT_SIZE_FOR_OPTIMIZED_COMPRESSION.
constexpr size_t fewest_weights_for_openvino = 10000;

struct Range {
  float low, high;
};

Range range_of(std::span<const float> in) {
  // Lanes, because a compiler may not reorder the comparisons of floats by itself.
  constexpr size_t lanes = 16;
  std::array<float, lanes> low, high;
  low.fill(in[0]);
  high.fill(in[0]);
  size_t column = 0;
  for (; column + lanes <= in.size(); column += lanes) {
    for (size_t lane = 0; lane < lanes; ++lane) {
      const float value = in[column + lane];
      low[lane] = value < low[lane] ? value : low[lane];
      high[lane] = value > high[lane] ? value : high[lane];
    }
  }
  Range range{*std::min_element(low.begin(), low.end()), *std::max_element(high.begin(), high.end())};
  for (; column < in.size(); ++column) {
    range.low = std::min(range.low, in[column]);
    range.high = std::max(range.high, in[column]);
  }
  return range;
}

float guarded(float scale) { return std::fabs(scale) < least_scale ? least_scale : scale; }

float rounded(float value) { return value + rounder - rounder; }

// NaN becomes the lowest.
float bounded(float value, float low, float high) {
  const float raised = value > low ? value : low;
  return raised < high ? raised : high;
}

struct Grid {
  float scale;
  float zero_point;  // what is added to value / scale: a whole number; symmetric: the implied one
};

Grid grid_of(const Range& range, const CodeFormat& format) {
  const auto half = static_cast<float>(1 << (format.bits - 1));
  const float last = 2 * half - 1;
  if (format.symmetric) {
    // The larger side falls exactly on -half, the one code more that the negative side has.
    const float magnitude = std::fabs(range.low);
    return {guarded((magnitude >= range.high ? magnitude : -range.high) / half), half};
  }
  const float low = std::min(range.low, 0.0f), high = std::max(range.high, 0.0f);
  const float scale = guarded((high - low) / last);
  return {scale, bounded(0.0f - rounded(low / scale), 0.0f, last)};
}

// Squared errors of an asymmetric row.
void square_errors(std::span<const float> in, const Grid& grid, float last, float* out) {
  const float scale = grid.scale, zero_point = grid.zero_point;
  const float* const values = in.data();
  const size_t count = in.size();
  for (size_t column = 0; column < count; ++column) {
    const float code = bounded(values[column] / scale + zero_point + rounder, rounder, rounder + last) - rounder;
    const float error = (code - zero_point) * scale - values[column];
    out[column] = error * error;
  }
}

// The sum of a vectorized loop with 16 lanes, the last few one by one: OpenVINO's order on CPUs with AVX-512.
class LaneSum {
 public:
  void add(std::span<const float> terms) {  // every piece but the last is whole multiples of the lanes
    size_t index = 0;
    for (; index + lanes <= terms.size(); index += lanes) {
      for (size_t lane = 0; lane < lanes; ++lane) sums_[lane] += terms[index + lane];
    }
    rest_ = terms.subspan(index);
  }
  float total() const {
    std::array<float, 4> quarter;
    for (size_t lane = 0; lane < 4; ++lane) quarter[lane] = (sums_[lane] + sums_[lane + 4]) + (sums_[lane + 8] + sums_[lane + 12]);
    float sum = (quarter[0] + quarter[1]) + (quarter[2] + quarter[3]);
    for (const float term : rest_) sum += term;
    return sum;
  }

 private:
  static constexpr size_t lanes = 16;
  std::array<float, lanes> sums_{};
  std::span<const float> rest_;
};

// NumPy's order: eight lanes for up to 128 terms, halves for more.
float pairwise_sum(std::span<const float> terms) {
  constexpr size_t lanes = 8, block = 128;
  if (terms.size() > block) {
    const size_t half = terms.size() / 2 / lanes * lanes;
    return pairwise_sum(terms.first(half)) + pairwise_sum(terms.subspan(half));
  }
  size_t index = 0;
  float sum = 0;
  if (terms.size() >= lanes) {
    std::array<float, lanes> sums{};
    for (; index + lanes <= terms.size(); index += lanes) {
      for (size_t lane = 0; lane < lanes; ++lane) sums[lane] += terms[index + lane];
    }
    sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  }
  for (; index < terms.size(); ++index) sum += terms[index];
  return sum;
}

// A symmetric code is rounded before its offset is added, an asymmetric one after.
void encode(std::span<const float> in, const Grid& grid, const CodeFormat& format, uint8_t* out) {
  const auto last = static_cast<float>((1 << format.bits) - 1);
  const float scale = grid.scale, offset = grid.zero_point;
  const float before = format.symmetric ? 0.0f : offset, low = rounder + before - offset, high = low + last;
  const uint32_t base = std::bit_cast<uint32_t>(low);
  const float* const values = in.data();
  const size_t count = in.size();
  for (size_t column = 0; column < count; ++column) {
    const float position = values[column] / scale + before + rounder;
    out[column] = static_cast<uint8_t>(std::bit_cast<uint32_t>(bounded(position, low, high)) - base);
  }
}

// `first` is the column that the first of the unpacked codes belongs to; the bytes are zero before a row's first call.
void pack(std::span<const uint8_t> unpacked, size_t first, std::span<uint8_t> codes) {
  size_t index = 0;
  if (first % 2 != 0) codes[first / 2] |= static_cast<uint8_t>(unpacked[index++] << 4);
  uint8_t* const out = codes.data() + (first + index) / 2;
  const uint8_t* const pairs = unpacked.data() + index;
  const size_t count = (unpacked.size() - index) / 2;
  for (size_t pair = 0; pair < count; ++pair) out[pair] = static_cast<uint8_t>(pairs[2 * pair] | pairs[2 * pair + 1] << 4);
  if (index + 2 * count < unpacked.size()) out[count] = unpacked.back();
}

}  // namespace

int64_t groups_per_row(const CodeFormat& format, int64_t columns) {
  if (columns <= 0) return 0;
  if (format.group_size <= 0 || format.group_size >= columns) return 1;
  return (columns - 1) / format.group_size + 1;
}

size_t code_row_bytes(int bits, int64_t columns) {
  const auto count = static_cast<size_t>(columns);
  return bits == 8 ? count : (count + 7) / 8 * 4;
}

void quantize_row(std::span<const float> in, const CodeFormat& format, std::span<uint8_t> codes, std::span<uint16_t> scales,
                  std::span<uint8_t> zero_points) {
  const size_t columns = in.size();
  const size_t group_size = format.group_size <= 0 ? columns : static_cast<size_t>(format.group_size);
  std::array<uint8_t, piece_columns> unpacked;
  if (format.bits == 4) std::fill(codes.begin(), codes.end(), uint8_t{0});
  for (size_t first = 0, group = 0; first < columns; first += group_size, ++group) {
    const std::span<const float> values = in.subspan(first, std::min(group_size, columns - first));
    const Grid grid = grid_of(range_of(values), format);
    scales[group] = f32_to_f16(grid.scale);
    if (!format.symmetric) zero_points[group] = static_cast<uint8_t>(grid.zero_point);
    if (format.bits == 8) {
      encode(values, grid, format, codes.data() + first);
      continue;
    }
    for (size_t done = 0; done < values.size(); done += piece_columns) {
      const std::span<const float> piece = values.subspan(done, std::min(piece_columns, values.size() - done));
      encode(piece, grid, format, unpacked.data());
      pack({unpacked.data(), piece.size()}, first + done, codes);
    }
  }
}

float int8_error(std::span<const float> in, size_t tensor_weights) {
  if (in.empty()) return 0;
  constexpr CodeFormat format{8, -1, false};
  const Grid grid = grid_of(range_of(in), format);
  const auto columns = static_cast<float>(in.size());
  if (std::max(tensor_weights, in.size()) < fewest_weights_for_openvino) {
    std::array<float, fewest_weights_for_openvino> squares;
    square_errors(in, grid, 255, squares.data());
    return pairwise_sum(std::span(squares).first(in.size())) / columns;
  }
  LaneSum sum;
  std::array<float, piece_columns> squares;
  for (size_t done = 0; done < in.size(); done += piece_columns) {
    const std::span<const float> piece = in.subspan(done, std::min(piece_columns, in.size() - done));
    square_errors(piece, grid, 255, squares.data());
    sum.add(std::span(squares).first(piece.size()));
  }
  return sum.total() / columns;
}

double int8_sensitivity(float largest_error, DType stored) {
  const double epsilon = stored == DType::F32 ? 0x1p-23 : 0x1p-10;
  return 1 / (static_cast<double>(largest_error) + epsilon);
}

}  // namespace philo
