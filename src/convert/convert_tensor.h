// One tensor's numbers in another format, piece by piece on all threads.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "format/safetensors.h"
#include "machine/thread_pool.h"
#include "tensor/coded_matrix.h"

namespace philo {

// A tensor of floats, or a matrix of codes that is to become one.
struct TensorSource {
  const Tensor* values;      // nullptr for codes
  const CodedMatrix* coded;  // nullptr for floats

  const std::string& name() const { return coded != nullptr ? coded->name : values->name; }
  const Tensor& numbers() const { return coded != nullptr ? coded->codes : *values; }
  std::vector<int64_t> shape() const;
  size_t weights() const;  // how many numbers
  size_t bytes() const { return coded != nullptr ? coded->bytes() : values->bytes.size(); }
};

// What a tensor is stored as: its numbers; for codes also scales, their zero points unless they are symmetric, and, where codes share bytes,
// the shape that they unpack to.
enum class Part : uint8_t { Numbers, Scale, ZeroPoint, Shape };

struct StoredPart {
  Part part;
  TensorEntry entry;
};

// Under compressed-tensors' names: "STEM.weight" or "STEM.weight_packed", "STEM.weight_scale", … `stem` is the module's name.
std::vector<StoredPart> stored_parts(const TensorSource& source, const MatrixFormat& format, const std::string& stem);

// Sums over a tensor's numbers.
struct ConversionError {
  double squared_difference = 0, squared = 0;
  void add(const ConversionError& other);
  double relative() const;           // root of their ratio; 0 where both are 0
  double signal_to_noise_db() const;  // infinite where nothing changed
};

// Takes the bytes of a part from `offset` on; called by several threads at once.
using PartSink = std::function<void(Part part, uint64_t offset, std::span<const std::byte> bytes)>;
// Called by the calling thread now and then with the bytes of the source that were done since; may throw.
using Advance = std::function<void(size_t source_bytes)>;

// How codes are laid out: as compressed-tensors has them (stored_parts() above); as OpenVINO's constants (emit/openvino_ir.h); or as
// quantize_row() gives them, row by row, with zero points of one byte. Only the first has Part::Shape.
enum class CodeLayout : uint8_t { CompressedTensors, Openvino, Plain };

// Source pages are read ahead and given back. Codes that are in the format already stay as they are, with scales of 32 bits where 16 can't
// hold them. Throws ErrorCode::Input where numbers are not finite or too large for the format.
ConversionError convert_tensor(const TensorSource& source, const MatrixFormat& format, CodeLayout layout, ThreadPool& pool, const PartSink& sink,
                               const Advance& advance);

}  // namespace philo
