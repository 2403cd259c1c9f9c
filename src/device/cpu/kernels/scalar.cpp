// The reference kernels: each is the formula in plain C++, written without regard to speed. They run everywhere.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "device/cpu/kernels/kernels.h"
#include "tensor/tensor.h"

namespace philo {
namespace {

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

template <FloatFormat format>
void attend(const AttendTask& task) {
  const size_t size = task.head_size;
  for (size_t row = 0; row < task.rows; ++row) {
    const size_t first = task.first[row], last = task.last[row];
    if (first >= last) continue;
    float scores[key_block_tokens];
    float maximum = task.maximum[row];
    for (size_t key = first; key < last; ++key) {
      double dot = 0;
      for (size_t i = 0; i < size; ++i) dot += double{task.queries[row][i]} * double{stored<format>(task.keys, key * size + i)};
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
      for (size_t i = 0; i < size; ++i) out[i] += share * stored<format>(task.values, key * size + i);
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

size_t multiply_adds(size_t rounds, float* out) {
  float sums[16] = {};
  for (size_t round = 0; round < rounds; ++round)
    for (float& sum : sums) sum = sum * 0.5f + 1.0f;
  std::copy(sums, sums + 16, out);
  return rounds * 16 * 2;
}

}  // namespace

extern const Kernels kernels_scalar;
const Kernels kernels_scalar = {
    .isa = "scalar",
    .embed = {embed<FloatFormat::F32>, embed<FloatFormat::F16>, embed<FloatFormat::BF16>},
    .linear = {linear<FloatFormat::F32>, linear<FloatFormat::F16>, linear<FloatFormat::BF16>},
    .rms_norm = rms_norm,
    .rope = rope,
    .store_f16 = store_f16,
    .attend_f32 = attend<FloatFormat::F32>,
    .attend_f16 = attend<FloatFormat::F16>,
    .swiglu = swiglu,
    .add = add,
    .multiply_adds = multiply_adds,
};

}  // namespace philo
