// Pieces of rows: widen, round or quantize, hand on, and sum up what that changed.
#include "convert/convert_tensor.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <exception>
#include <limits>
#include <mutex>

#include "base/error.h"
#include "emit/openvino_ir.h"

namespace philo {
namespace {

constexpr size_t piece_weights = size_t{1} << 18;      // what one thread does at a time: its buffers stay in the second-level cache
constexpr size_t batch_bytes = size_t{64} << 20;       // of the source, between two calls of Advance; resident at once
constexpr uint8_t sign_bit = 0x80;                     // unsigned code to signed: minus 128

uint32_t largest_magnitude_bits(std::span<const float> values) {
  uint32_t largest = 0;
  for (const float value : values) largest = std::max(largest, std::bit_cast<uint32_t>(value) & 0x7FFFFFFFu);
  return largest;
}

// Sums in lanes, so that the loop can be vectorized and always rounds the same way.
class ErrorSum {
 public:
  void add(std::span<const float> values, std::span<const float> stored) {
    constexpr size_t lanes = 16;
    std::array<float, lanes> difference{}, square{};
    size_t i = 0;
    for (; i + lanes <= values.size(); i += lanes) {
      for (size_t lane = 0; lane < lanes; ++lane) {
        const float change = values[i + lane] - stored[i + lane];
        difference[lane] += change * change;
        square[lane] += values[i + lane] * values[i + lane];
      }
    }
    for (; i < values.size(); ++i) {
      const float change = values[i] - stored[i];
      difference[i % lanes] += change * change;
      square[i % lanes] += values[i] * values[i];
    }
    for (size_t lane = 0; lane < lanes; ++lane) {
      sums_.squared_difference += static_cast<double>(difference[lane]);
      sums_.squared += static_cast<double>(square[lane]);
    }
  }
  const ConversionError& sums() const { return sums_; }

 private:
  ConversionError sums_;
};

// One thread's buffers.
struct Scratch {
  std::vector<float> values, stored;  // (columns)
  std::vector<float> scales;          // (groups)
  std::vector<uint8_t> codes;         // (code_row_bytes)
  std::vector<uint8_t> zero_points;   // (groups)
  std::vector<std::byte> out;         // a piece in its new format
};

class TensorConverter {
 public:
  TensorConverter(const TensorSource& source, const MatrixFormat& format, CodeLayout layout, ThreadPool& pool, const PartSink& sink)
      : source_(source),
        layout_(layout),
        pool_(pool),
        sink_(sink),
        columns_(static_cast<size_t>(source.shape().back())),
        rows_(columns_ == 0 ? 0 : source.weights() / columns_),
        scratch_(pool.threads()) {
    if (const CodeFormat* codes = std::get_if<CodeFormat>(&format)) {
      codes_ = *codes;
      groups_ = static_cast<size_t>(groups_per_row(codes_, static_cast<int64_t>(columns_)));
      row_bytes_ = layout == CodeLayout::Openvino ? columns_ * static_cast<size_t>(codes_.bits) / 8 : code_row_bytes(codes_.bits, static_cast<int64_t>(columns_));
      keeps_codes_ = source.coded != nullptr && source.coded->format == codes_;
      if (keeps_codes_ && source.coded->scales.dtype != DType::F16) wide_scales_.resize(rows_ * groups_);
      else scales_.resize(rows_ * groups_);
      if (!codes_.symmetric) zero_points_.resize(rows_ * groups_);
      quantizes_ = true;
    } else {
      float_type_ = std::get<DType>(format);
      row_bytes_ = columns_ * dtype_bytes(float_type_);
    }
  }

  ConversionError run(const Advance& advance) {
    const std::span<const std::byte> numbers = source_.numbers().bytes;
    const size_t source_row_bytes = rows_ == 0 ? 0 : numbers.size() / rows_;
    const size_t piece_rows = std::max<size_t>(1, piece_weights / std::max<size_t>(1, columns_));
    const size_t batch_rows = std::max<size_t>(1, batch_bytes / std::max<size_t>(1, source_row_bytes) / piece_rows) * piece_rows;
    const auto part = [&](size_t row) {
      const size_t begin = std::min(row, rows_) * source_row_bytes, end = std::min(row + batch_rows, rows_) * source_row_bytes;
      return numbers.subspan(begin, end - begin);
    };
    std::vector<ConversionError> errors((rows_ + piece_rows - 1) / piece_rows);
    const MappedFile* const file = source_.numbers().file;
    if (file != nullptr) file->prefetch(part(0));
    for (size_t row = 0; row < rows_; row += batch_rows) {
      if (file != nullptr) file->prefetch(part(row + batch_rows));
      const size_t last = std::min(row + batch_rows, rows_), pieces = (last - row + piece_rows - 1) / piece_rows;
      pool_.run(pieces, [&](size_t index, size_t thread) {
        const size_t begin = row + index * piece_rows, end = std::min(begin + piece_rows, last);
        convert_piece(begin, end, scratch_[thread], errors[begin / piece_rows]);
      });
      if (problem_) std::rethrow_exception(problem_);
      if (file != nullptr) file->release(part(row));
      advance(part(row).size());
    }
    write_scales();
    ConversionError sum;
    for (const ConversionError& error : errors) sum.add(error);
    return sum;
  }

 private:
  void convert_piece(size_t begin, size_t end, Scratch& scratch, ConversionError& error) noexcept {
    try {
      scratch.values.resize(columns_);
      scratch.stored.resize(columns_);
      scratch.out.resize((end - begin) * row_bytes_);
      ErrorSum sum;
      for (size_t row = begin; row < end; ++row) {
        if (source_.coded != nullptr) {
          source_.coded->read_row(static_cast<int64_t>(row), scratch.values);
        } else {
          read_elements(*source_.values, row * columns_, scratch.values);
        }
        const std::span<std::byte> out = std::span(scratch.out).subspan((row - begin) * row_bytes_, row_bytes_);
        keeps_codes_ ? keep(row, scratch, out) : quantizes_ ? quantize(row, scratch, out) : round(row, scratch, out);
        sum.add(scratch.values, scratch.stored);
      }
      sink_(Part::Numbers, begin * row_bytes_, scratch.out);
      error = sum.sums();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!problem_) problem_ = std::current_exception();
    }
  }

  Error cannot(size_t row, const std::string& what) const {
    return Error(ErrorCode::Input, "tensor " + shown(source_.name()) + ", row " + std::to_string(row) + ": " + what);
  }

  void quantize(size_t row, Scratch& scratch, std::span<std::byte> out) {
    if (largest_magnitude_bits(scratch.values) >= 0x7F800000u) {
      throw cannot(row, "holds NaN or infinity, which can't be quantized; the checkpoint is damaged");
    }
    const std::span<uint16_t> scales = std::span(scales_).subspan(row * groups_, groups_);
    const std::span<uint8_t> zero_points = codes_.symmetric ? std::span<uint8_t>() : std::span(zero_points_).subspan(row * groups_, groups_);
    scratch.codes.resize(code_row_bytes(codes_.bits, static_cast<int64_t>(columns_)));
    const std::span<uint8_t> codes = scratch.codes;
    quantize_row(scratch.values, codes_, codes, scales, zero_points);
    scratch.scales.resize(groups_);
    for (size_t group = 0; group < groups_; ++group) {
      scratch.scales[group] = f16_to_f32(scales[group]);
      if (std::isfinite(scratch.scales[group])) continue;
      throw cannot(row, "holds numbers too large for a float16 scale; use --keep to leave the tensor in fp32");
    }
    scratch.zero_points.assign(groups_, static_cast<uint8_t>(implied_zero_point(codes_.bits)));
    decode_row(codes_, codes, scratch.scales, codes_.symmetric ? std::span<const uint8_t>(scratch.zero_points) : zero_points, scratch.stored);
    lay_out(codes, out);
  }

  // As they are stored, in the other layout.
  void keep(size_t row, Scratch& scratch, std::span<std::byte> out) {
    const auto number = static_cast<int64_t>(row);
    scratch.codes.resize(code_row_bytes(codes_.bits, static_cast<int64_t>(columns_)));
    scratch.scales.resize(groups_);
    source_.coded->read_codes(number, scratch.codes);
    source_.coded->read_scales(number, scratch.scales);
    for (size_t group = 0; group < groups_; ++group) {
      const size_t at = row * groups_ + group;
      if (wide_scales_.empty()) scales_[at] = f32_to_f16(scratch.scales[group]);
      else wide_scales_[at] = scratch.scales[group];
    }
    if (!codes_.symmetric) source_.coded->read_zero_points(number, std::span(zero_points_).subspan(row * groups_, groups_));
    lay_out(scratch.codes, out);
    scratch.stored = scratch.values;
  }

  void lay_out(std::span<const uint8_t> codes, std::span<std::byte> out) const {
    std::memcpy(out.data(), codes.data(), out.size());
    if (layout_ == CodeLayout::Openvino) {
      to_openvino_codes(codes_, out);
    } else if (layout_ == CodeLayout::CompressedTensors && codes_.bits == 8) {
      for (std::byte& code : out) code ^= std::byte{sign_bit};
    }
  }

  void round(size_t row, Scratch& scratch, std::span<std::byte> out) {
    if (source_.values != nullptr && float_type_ == source_.values->dtype) {
      std::memcpy(out.data(), source_.values->bytes.data() + row * row_bytes_, row_bytes_);
      scratch.stored = scratch.values;
      return;
    }
    if (float_type_ == DType::F32) {
      std::memcpy(out.data(), scratch.values.data(), row_bytes_);
      scratch.stored = scratch.values;
      return;
    }
    for (size_t i = 0; i < columns_; ++i) {
      const uint16_t bits = float_type_ == DType::F16 ? f32_to_f16(scratch.values[i]) : f32_to_bf16(scratch.values[i]);
      std::memcpy(out.data() + 2 * i, &bits, sizeof bits);
      scratch.stored[i] = float_type_ == DType::F16 ? f16_to_f32(bits) : bf16_to_f32(bits);
      if (std::isinf(scratch.stored[i]) && std::isfinite(scratch.values[i])) {
        throw cannot(row, "holds numbers too large for fp16; use --keep to leave the tensor in fp32");
      }
    }
  }

  void write_scales() {
    if (!quantizes_) return;
    sink_(Part::Scale, 0, wide_scales_.empty() ? std::as_bytes(std::span(scales_)) : std::as_bytes(std::span(wide_scales_)));
    if (layout_ == CodeLayout::Openvino) {
      if (!codes_.symmetric) sink_(Part::ZeroPoint, 0, openvino_zero_points());
      return;
    }
    if (layout_ == CodeLayout::Plain) {
      if (!codes_.symmetric) sink_(Part::ZeroPoint, 0, std::as_bytes(std::span(zero_points_)));
      return;
    }
    if (codes_.symmetric) {
    } else if (codes_.bits == 8) {
      for (uint8_t& zero_point : zero_points_) zero_point ^= sign_bit;
      sink_(Part::ZeroPoint, 0, std::as_bytes(std::span(zero_points_)));
    } else {
      sink_(Part::ZeroPoint, 0, packed_zero_points());
    }
    if (codes_.bits == 4) {
      const std::array<int64_t, 2> shape = {static_cast<int64_t>(rows_), static_cast<int64_t>(columns_)};
      sink_(Part::Shape, 0, std::as_bytes(std::span(shape)));
    }
  }

  // (rows, groups); two of 4 bits share a byte.
  std::vector<std::byte> openvino_zero_points() const {
    if (codes_.bits == 8) return std::vector<std::byte>(reinterpret_cast<const std::byte*>(zero_points_.data()), reinterpret_cast<const std::byte*>(zero_points_.data()) + zero_points_.size());
    std::vector<std::byte> packed((zero_points_.size() + 1) / 2);
    for (size_t i = 0; i < zero_points_.size(); ++i) packed[i / 2] |= static_cast<std::byte>(zero_points_[i] << (i % 2 == 0 ? 0 : 4));
    return packed;
  }

  // Eight rows share a 32-bit word, the first in its lowest nibble: (rows / 8, groups).
  std::vector<std::byte> packed_zero_points() const {
    std::vector<std::byte> packed((rows_ + 7) / 8 * groups_ * 4);
    for (size_t row = 0; row < rows_; ++row) {
      for (size_t group = 0; group < groups_; ++group) {
        const uint8_t nibble = zero_points_[row * groups_ + group];
        packed[(row / 8 * groups_ + group) * 4 + row % 8 / 2] |= static_cast<std::byte>(row % 2 == 0 ? nibble : nibble << 4);
      }
    }
    return packed;
  }

  const TensorSource& source_;
  CodeLayout layout_;
  ThreadPool& pool_;
  const PartSink& sink_;
  size_t columns_, rows_;
  std::vector<Scratch> scratch_;
  bool quantizes_ = false, keeps_codes_ = false;
  CodeFormat codes_{};
  DType float_type_ = DType::F32;
  size_t groups_ = 0, row_bytes_ = 0;
  std::vector<uint16_t> scales_;      // (rows, groups)
  std::vector<float> wide_scales_;    // likewise, instead of them
  std::vector<uint8_t> zero_points_;  // (rows, groups)
  std::mutex mutex_;
  std::exception_ptr problem_;  // the first one of any thread
};

}  // namespace

void ConversionError::add(const ConversionError& other) {
  squared_difference += other.squared_difference;
  squared += other.squared;
}

double ConversionError::relative() const { return squared > 0 ? std::sqrt(squared_difference / squared) : 0; }

double ConversionError::signal_to_noise_db() const {
  return squared_difference > 0 ? 10 * std::log10(squared / squared_difference) : std::numeric_limits<double>::infinity();
}

std::vector<int64_t> TensorSource::shape() const {
  if (coded != nullptr) return {coded->rows, coded->columns};
  return values->shape.empty() ? std::vector<int64_t>{1} : values->shape;
}

size_t TensorSource::weights() const {
  return coded != nullptr ? static_cast<size_t>(coded->rows) * static_cast<size_t>(coded->columns) : values->elements();
}

std::vector<StoredPart> stored_parts(const TensorSource& source, const MatrixFormat& format, const std::string& stem) {
  const std::string name = stem + ".weight";
  if (const DType* dtype = std::get_if<DType>(&format)) return {{Part::Numbers, {name, *dtype, source.shape()}}};
  const CodeFormat& codes = std::get<CodeFormat>(format);
  const int64_t rows = source.shape().at(0), columns = source.shape().at(1), groups = groups_per_row(codes, columns);
  std::vector<StoredPart> parts;
  if (codes.bits == 4) {
    parts.push_back({Part::Numbers, {name + "_packed", DType::I32, {rows, (columns + 7) / 8}}});
  } else {
    parts.push_back({Part::Numbers, {name, DType::I8, {rows, columns}}});
  }
  const bool kept = source.coded != nullptr && source.coded->format == codes;
  parts.push_back({Part::Scale, {name + "_scale", kept && source.coded->scales.dtype != DType::F16 ? DType::F32 : DType::F16, {rows, groups}}});
  if (!codes.symmetric && codes.bits == 4) parts.push_back({Part::ZeroPoint, {name + "_zero_point", DType::I32, {(rows + 7) / 8, groups}}});
  if (!codes.symmetric && codes.bits == 8) parts.push_back({Part::ZeroPoint, {name + "_zero_point", DType::I8, {rows, groups}}});
  if (codes.bits == 4) parts.push_back({Part::Shape, {name + "_shape", DType::I64, {2}}});
  return parts;
}

ConversionError convert_tensor(const TensorSource& source, const MatrixFormat& format, CodeLayout layout, ThreadPool& pool, const PartSink& sink,
                               const Advance& advance) {
  return TensorConverter(source, format, layout, pool, sink).run(advance);
}

}  // namespace philo
