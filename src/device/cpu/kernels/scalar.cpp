// The reference kernels: each is the formula in plain C++, written without regard to speed. They run everywhere.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "device/cpu/kernels/kernels.h"
#include "tensor/tensor.h"

namespace philo {
namespace {

// a * b + c rounded once. C libraries without the instruction are slow at it, and the one of MinGW rounds twice. The product is exact in
// double; where the sum is not, it is rounded to odd, which keeps the second rounding right (Boldo and Melquiond, IEEE TC 57(4), 2008).
float fused(float a, float b, float c) {
  const double product = double{a} * double{b}, addend = c, sum = product + addend;
  const double part = sum - product, error = (product - (sum - part)) + (addend - part);
  auto bits = std::bit_cast<uint64_t>(sum);
  if (error != 0 && std::isfinite(sum) && (bits & 1) == 0) bits += (error > 0) == (sum > 0) ? 1 : -1;
  return static_cast<float>(std::bit_cast<double>(bits));
}

template <FloatFormat format>
float stored(const std::byte* values, size_t index) {
  if constexpr (format == FloatFormat::F32) {
    float value;
    std::memcpy(&value, values + index * sizeof value, sizeof value);
    return value;
  } else {
    uint16_t bits;
    std::memcpy(&bits, values + index * sizeof bits, sizeof bits);
    return format == FloatFormat::F16 ? f16_to_f32(bits) : bf16_to_f32(bits);
  }
}

template <FloatFormat format>
void embed(const std::byte* row, size_t width, float* out) {
  for (size_t i = 0; i < width; ++i) out[i] = stored<format>(row, i);
}

template <FloatFormat format>
void linear(const LinearTask& task) {
  for (size_t token = 0; token < task.tokens; ++token)
    for (size_t row = 0; row < task.rows; ++row) {
      const float* in = task.in + token * task.in_stride;
      const std::byte* weight = task.weight + row * task.depth * (format == FloatFormat::F32 ? 4 : 2);
      // Eight partial sums, as pairwise summation would keep: one running sum over 17,920 terms loses three digits.
      float sums[8] = {};
      for (size_t k = 0; k < task.depth; ++k) sums[k % 8] += stored<format>(weight, k) * in[k];
      task.out[token * task.out_stride + row] = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
    }
}

void quantize_input(const float* in, size_t depth, size_t group, int8_t* codes, float* scales, int32_t* sums) {
  for (size_t begin = 0; begin < depth; begin += group) {
    const size_t end = std::min(depth, begin + group);
    // The greatest magnitude by its bits, among which those of what is not a number come last.
    uint32_t greatest = 0;
    for (size_t k = begin; k < end; ++k) greatest = std::max(greatest, std::bit_cast<uint32_t>(in[k]) & 0x7fffffffu);
    const auto maximum = std::bit_cast<float>(greatest);
    const bool finite = greatest < 0x7f800000u, empty = !finite || maximum < 1e-30f;
    const float factor = empty ? 0.0f : 127.0f / maximum;
    *scales++ = finite ? (empty ? 0.0f : maximum / 127.0f) : std::numeric_limits<float>::quiet_NaN();
    int32_t sum = 0;
    for (size_t k = begin; k < end; ++k) {
      codes[k] = empty ? int8_t{0} : static_cast<int8_t>(std::nearbyint(in[k] * factor));
      sum += codes[k];
    }
    *sums++ = sum;
  }
  for (size_t k = depth; k % 8 != 0; ++k) codes[k] = 0;
}

// One row of an integer matrix.
struct CodedRow {
  const PanelMatrix& weight;
  size_t panel, place;  // of the row

  template <int bits>
  int32_t code(size_t k) const {
    const std::byte* const lines = weight.codes + panel * panel_lines(bits, weight.depth) * panel_line_bytes + 4 * place;
    if constexpr (bits == 8) return std::to_integer<int32_t>(lines[k / 4 * panel_line_bytes + k % 4]);
    const auto both = std::to_integer<int32_t>(lines[k / 8 * panel_line_bytes + k % 4]);
    return k % 8 < 4 ? both & 15 : both >> 4;
  }
  size_t scale_index(size_t group) const { return (panel * (weight.depth / weight.group) + group) * panel_rows + place; }
  float scale(size_t group) const {
    return weight.scale_format == FloatFormat::F16 ? stored<FloatFormat::F16>(weight.scales, scale_index(group))
                                                   : stored<FloatFormat::F32>(weight.scales, scale_index(group));
  }
  int32_t zero_point(size_t group) const {
    return weight.zero_points == nullptr ? 1 << (weight.bits - 1) : weight.zero_points[scale_index(group)];
  }
};

template <int bits>
void coded_linear_i8(const CodedLinearTask& task) {
  const PanelMatrix& weight = task.weight;
  const bool by_row = weight.group == weight.depth;
  const size_t span = input_group(weight.depth, weight.group), groups = input_groups(weight.depth, weight.group);
  for (size_t token = 0; token < task.tokens; ++token)
    for (size_t i = 0; i < task.rows; ++i) {
      const CodedRow row{weight, task.first_panel + i / panel_rows, i % panel_rows};
      const int8_t* const in = task.input.codes + token * task.input.stride;
      float sum = 0;
      for (size_t group = 0; group < groups; ++group) {
        const size_t weight_group = by_row ? 0 : group;
        int32_t dot = -row.zero_point(weight_group) * task.input.sums[token * groups + group];
        for (size_t k = group * span; k < std::min(weight.depth, (group + 1) * span); ++k) dot += row.code<bits>(k) * in[k];
        const auto exact = static_cast<float>(dot);
        sum = fused(by_row ? exact : exact * row.scale(weight_group), task.input.scales[token * groups + group], sum);
      }
      task.out[token * task.out_stride + i] = by_row ? sum * row.scale(0) : sum;
    }
}

template <int bits>
void coded_linear_f32(const CodedLinearTask& task) {
  const PanelMatrix& weight = task.weight;
  const bool by_row = weight.group == weight.depth;
  const size_t span = input_group(weight.depth, weight.group), groups = input_groups(weight.depth, weight.group);
  for (size_t token = 0; token < task.tokens; ++token)
    for (size_t i = 0; i < task.rows; ++i) {
      const CodedRow row{weight, task.first_panel + i / panel_rows, i % panel_rows};
      const float* const in = task.in + token * task.in_stride;
      float sum = 0;
      for (size_t group = 0; group < groups; ++group) {
        const size_t weight_group = by_row ? 0 : group;
        const int32_t zero_point = row.zero_point(weight_group);
        float part = 0;
        for (size_t k = group * span; k < std::min(weight.depth, (group + 1) * span); ++k)
          part = fused(static_cast<float>(row.code<bits>(k) - zero_point), in[k], part);
        sum = by_row ? sum + part : fused(part, row.scale(weight_group), sum);
      }
      task.out[token * task.out_stride + i] = by_row ? sum * row.scale(0) : sum;
    }
}

void rms_norm(const float* in, const float* weight, size_t width, float epsilon, float* out) {
  double squares = 0;
  for (size_t i = 0; i < width; ++i) squares += double{in[i]} * double{in[i]};
  const auto factor = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(width) + double{epsilon}));
  for (size_t i = 0; i < width; ++i) out[i] = in[i] * factor * weight[i];
}

void rope(const float* in, const float* cosine, const float* sine, size_t rotary_size, size_t head_size, float* out) {
  const size_t half = rotary_size / 2;
  for (size_t k = 0; k < half; ++k) {
    out[k] = in[k] * cosine[k] - in[k + half] * sine[k];
    out[k + half] = in[k + half] * cosine[k] + in[k] * sine[k];
  }
  std::copy(in + rotary_size, in + head_size, out + rotary_size);
}

void store_f16(const float* in, size_t width, std::byte* out) {
  for (size_t i = 0; i < width; ++i) {
    const uint16_t bits = f32_to_f16(in[i]);
    std::memcpy(out + i * sizeof bits, &bits, sizeof bits);
  }
}

enum class KeyFormat { F32, F16, I8 };

template <KeyFormat format>
float cached(const std::byte* elements, const float* scales, size_t key, size_t index) {
  if constexpr (format == KeyFormat::F32) return stored<FloatFormat::F32>(elements, index);
  if constexpr (format == KeyFormat::F16) return stored<FloatFormat::F16>(elements, index);
  return scales[key] * static_cast<float>(static_cast<int8_t>(elements[index]));
}

template <KeyFormat format>
void attend(const AttendTask& task) {
  const size_t size = task.head_size;
  for (size_t row = 0; row < task.rows; ++row) {
    const size_t first = task.first[row], last = task.last[row];
    if (first >= last) continue;
    float scores[key_block_tokens];
    float maximum = task.maximum[row];
    for (size_t key = first; key < last; ++key) {
      double dot = 0;
      for (size_t i = 0; i < size; ++i) dot += double{task.queries[row][i]} * double{cached<format>(task.keys, task.key_scales, key, i * key_block_tokens + key)};
      scores[key] = static_cast<float>(dot) * task.scale;
      maximum = std::max(maximum, scores[key]);
    }
    const float correction = std::exp(task.maximum[row] - maximum);
    float* out = task.out + row * size;
    for (size_t i = 0; i < size; ++i) out[i] *= correction;
    float sum = task.sum[row] * correction;
    for (size_t key = first; key < last; ++key) {
      const float share = std::exp(scores[key] - maximum);
      sum += share;
      for (size_t i = 0; i < size; ++i) out[i] += share * cached<format>(task.values, task.value_scales, key, key * size + i);
    }
    task.maximum[row] = maximum;
    task.sum[row] = sum;
  }
}

void swiglu(const float* gate, const float* up, size_t width, float* out) {
  for (size_t i = 0; i < width; ++i) out[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

void add(const float* a, const float* b, size_t width, float* out) {
  for (size_t i = 0; i < width; ++i) out[i] = a[i] + b[i];
}

}  // namespace

extern const Kernels kernels_scalar;
const Kernels kernels_scalar = {
    .isa = "scalar",
    .embed = {embed<FloatFormat::F32>, embed<FloatFormat::F16>, embed<FloatFormat::BF16>},
    .linear = {linear<FloatFormat::F32>, linear<FloatFormat::F16>, linear<FloatFormat::BF16>},
    .quantize_input = quantize_input,
    .coded_linear_i8 = {coded_linear_i8<4>, coded_linear_i8<8>},
    .coded_linear_f32 = {coded_linear_f32<4>, coded_linear_f32<8>},
    .rms_norm = rms_norm,
    .rope = rope,
    .store_f16 = store_f16,
    .attend_f32 = attend<KeyFormat::F32>,
    .attend_f16 = attend<KeyFormat::F16>,
    .attend_i8 = attend<KeyFormat::I8>,
    .swiglu = swiglu,
    .add = add,
};

}  // namespace philo
