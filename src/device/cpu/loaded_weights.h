// A plan's weights as the kernels read them: in place in the mapped file, or in memory of our own.
#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "device/cpu/buffer.h"
#include "device/cpu/kernels/kernels.h"
#include "device/cpu/panels.h"
#include "device/device.h"
#include "machine/thread_pool.h"
#include "model/segment_rows.h"

namespace philo {

// Rows of a matrix in one format: floats, or integer codes.
struct MatrixPart {
  size_t rows;
  const std::byte* data = nullptr;         // (rows, columns) of `format`; nullptr for integer codes
  FloatFormat format = FloatFormat::F32;
  const Panels* panels = nullptr;          // integer codes of a Linear
  std::shared_ptr<RowReader> reader = {};  // integer codes of an Embed, decoded row by row where they lie
};

struct Matrix {
  std::vector<MatrixPart> parts;  // stacked along the rows
  size_t rows, columns;
};

size_t element_bytes(FloatFormat format);

// Why the kernels can't compute with this segment, or nothing.
std::optional<std::string> refuses_segment(const Segment& segment);

class LoadedWeights {
 public:
  // Throws ErrorCode::Stopped where the progress sink asks for it, ErrorCode::Device for a number that the format can't hold.
  LoadedWeights(const Plan& plan, const DeviceOptions& options, const Kernels& kernels, ThreadPool& pool);

  const Matrix& matrix(const Weight* weight) const { return matrices_.at(weight); }         // of Embed and Linear
  const float* norm(const Weight* weight) const { return norms_.at(weight).floats(); }      // (columns), of RmsNorm
  size_t read_bytes() const { return read_bytes_; }    // of the matrices that each token passes
  size_t memory_bytes() const { return memory_bytes_; }  // beyond the mapped files
  bool has_codes() const { return !panels_.empty(); }    // Linear steps multiply with integer codes

 private:
  class Loader;

  std::map<const Weight*, Matrix> matrices_;
  std::map<const Weight*, Buffer> norms_;
  std::map<std::pair<const std::byte*, FloatFormat>, Buffer> converted_;  // by where the tensor lies: a tied head shares the embedding's
  std::vector<std::unique_ptr<Panels>> panels_;
  size_t read_bytes_ = 0, memory_bytes_ = 0;
};

// Bytes that loading will allocate for the matrices.
size_t allocated_bytes(const Plan& plan);

}  // namespace philo
