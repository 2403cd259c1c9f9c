// Integer matrices and quantized inputs as the grid, the benchmark and the fuzzer make them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "device/cpu/buffer.h"
#include "device/cpu/kernels/kernels.h"
#include "tensor/tensor.h"

namespace philo {

struct CodedFormat {
  int bits;
  size_t group;  // 0: one scale for each row
  bool asymmetric;
  FloatFormat scales;
};
constexpr CodedFormat coded_formats[] = {
    {4, 128, false, FloatFormat::F16}, {4, 64, false, FloatFormat::F16}, {4, 32, false, FloatFormat::F32}, {4, 0, false, FloatFormat::F16},
    {4, 128, true, FloatFormat::F32},  {4, 64, true, FloatFormat::F16},  {4, 32, true, FloatFormat::F16},  {4, 0, true, FloatFormat::F32},
    {8, 0, false, FloatFormat::F16},   {8, 0, true, FloatFormat::F32},   {8, 128, false, FloatFormat::F16}, {8, 64, true, FloatFormat::F32},
    {8, 32, true, FloatFormat::F16},   {4, 16, false, FloatFormat::F16}, {4, 16, true, FloatFormat::F32},   {8, 16, true, FloatFormat::F32}};

inline std::string name_of(const CodedFormat& format) {
  return "int" + std::to_string(format.bits) + (format.asymmetric ? " asymmetric" : " symmetric") +
         (format.group == 0 ? std::string(" by row") : " by " + std::to_string(format.group));
}
// Groups divide the depth.
inline bool fits(const CodedFormat& format, size_t depth) { return format.group == 0 || (depth % format.group == 0 && depth > format.group); }

// A matrix in panels with numbers from a generator; codes beyond its rows and columns are random as well.
class CodedMatrix {
 public:
  CodedMatrix(const CodedFormat& format, size_t rows, size_t depth, unsigned seed)
      : format_(format),
        rows_(rows),
        depth_(depth),
        codes_(panels() * panel_lines(format.bits, depth) * panel_line_bytes, "a test matrix"),
        scales_(panels() * groups() * panel_rows * 4, "scales of a test matrix"),
        zero_points_(panels() * groups() * panel_rows) {
    std::mt19937 random(seed);
    for (size_t i = 0; i < codes_.bytes(); ++i) codes_.data()[i] = static_cast<std::byte>(random());
    for (size_t i = 0; i < panels() * groups() * panel_rows; ++i) {
      const float scale = (static_cast<float>(random() % 1000) + 500.0f) * (random() % 4 == 0 ? -1e-5f : 1e-5f);
      const uint16_t half = f32_to_f16(scale);
      if (format.scales == FloatFormat::F32) std::memcpy(scales_.data() + 4 * i, &scale, 4);
      else std::memcpy(scales_.data() + 2 * i, &half, 2);
      zero_points_[i] = static_cast<uint8_t>(random() % (format.bits == 4 ? 16u : 256u));
    }
  }
  // Every byte of the codes becomes one of the pattern's, over and over: two codes of 4 bits or one of 8.
  void fill_codes(std::span<const uint8_t> pattern) {
    for (size_t i = 0; i < codes_.bytes(); ++i) codes_.data()[i] = std::byte{pattern[i % pattern.size()]};
  }

  size_t rows() const { return rows_; }
  size_t panels() const { return (rows_ + panel_rows - 1) / panel_rows; }
  size_t group() const { return format_.group == 0 ? depth_ : format_.group; }
  size_t groups() const { return depth_ / group(); }
  PanelMatrix view() const {
    return {format_.bits, depth_, group(), codes_.data(), scales_.data(), format_.scales, format_.asymmetric ? zero_points_.data() : nullptr};
  }
  int code(size_t row, size_t k) const {
    const std::byte* const lines =
        codes_.data() + row / panel_rows * panel_lines(format_.bits, depth_) * panel_line_bytes + 4 * (row % panel_rows);
    if (format_.bits == 8) return std::to_integer<int>(lines[k / 4 * panel_line_bytes + k % 4]);
    return std::to_integer<int>(lines[k / 8 * panel_line_bytes + k % 4]) >> (k % 8 < 4 ? 0 : 4) & 15;
  }
  double value(size_t row, size_t k) const {
    const size_t i = (row / panel_rows * groups() + k / group()) * panel_rows + row % panel_rows;
    float scale;
    uint16_t half;
    std::memcpy(&scale, scales_.data() + 4 * (format_.scales == FloatFormat::F32 ? i : 0), 4);
    std::memcpy(&half, scales_.data() + 2 * i, 2);
    if (format_.scales == FloatFormat::F16) scale = f16_to_f32(half);
    return (code(row, k) - (format_.asymmetric ? zero_points_[i] : 1 << (format_.bits - 1))) * static_cast<double>(scale);
  }

 private:
  CodedFormat format_;
  size_t rows_, depth_;
  Buffer codes_, scales_;
  std::vector<uint8_t> zero_points_;
};

// Some tokens' activations, quantized by one table; `padding` bytes lie between tokens.
class CodedInput {
 public:
  CodedInput(const Kernels& kernels, const std::vector<float>& in, size_t depth, size_t group, size_t padding = 0)
      : stride_((depth + 7) / 8 * 8 + padding), groups_(input_groups(depth, group)) {
    const size_t tokens = in.size() / depth;
    codes_.assign(tokens * stride_ + 1, 77);
    scales_.resize(tokens * groups_);
    sums_.resize(tokens * groups_);
    for (size_t token = 0; token < tokens; ++token)
      kernels.quantize_input(in.data() + token * depth, depth, input_group(depth, group), codes_.data() + token * stride_,
                             scales_.data() + token * groups_, sums_.data() + token * groups_);
  }
  QuantizedInput view(size_t token = 0) const {
    return {codes_.data() + token * stride_, stride_, scales_.data() + token * groups_, sums_.data() + token * groups_};
  }
  size_t groups() const { return groups_; }
  const std::vector<int8_t>& codes() const { return codes_; }  // one byte more than was to be written, 77
  const std::vector<float>& scales() const { return scales_; }
  const std::vector<int32_t>& sums() const { return sums_; }

 private:
  size_t stride_, groups_;
  std::vector<int8_t> codes_;
  std::vector<float> scales_;
  std::vector<int32_t> sums_;
};

}  // namespace philo
