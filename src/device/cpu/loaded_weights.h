// A plan's weights as the kernels read them: in place in the mapped file, or converted into memory of our own.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "device/cpu/buffer.h"
#include "device/cpu/kernels/kernels.h"
#include "device/device.h"
#include "machine/thread_pool.h"

namespace philo {

// Rows of a matrix in one format.
struct MatrixPart {
  const std::byte* data;  // (rows, columns)
  FloatFormat format;
  size_t rows;
};

struct Matrix {
  std::vector<MatrixPart> parts;  // stacked along the rows
  size_t rows, columns;
};

size_t element_bytes(FloatFormat format);

// Why the kernels can't read this tensor, or nothing.
std::optional<std::string> refuses_tensor(const Tensor& tensor);

class LoadedWeights {
 public:
  // Throws ErrorCode::Stopped where the progress sink asks for it, ErrorCode::Device for a number that the format can't hold.
  LoadedWeights(const Plan& plan, const DeviceOptions& options, const Kernels& kernels, ThreadPool& pool);

  const Matrix& matrix(const Weight* weight) const { return matrices_.at(weight); }         // of Embed and Linear
  const float* norm(const Weight* weight) const { return norms_.at(weight).floats(); }      // (columns), of RmsNorm
  size_t read_bytes() const { return read_bytes_; }    // of the matrices that each token passes
  size_t memory_bytes() const { return memory_bytes_; }  // beyond the mapped files

 private:
  std::map<const Weight*, Matrix> matrices_;
  std::map<const Weight*, Buffer> norms_;
  std::map<const std::byte*, Buffer> converted_;  // by where the tensor lies: a tied head shares the embedding's
  size_t read_bytes_ = 0, memory_bytes_ = 0;
};

// Bytes that the conversion to options.weight_format will allocate.
size_t conversion_bytes(const Plan& plan, WeightFormat format);

}  // namespace philo
