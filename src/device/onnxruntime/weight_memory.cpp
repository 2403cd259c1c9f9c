// Fills what has to be filled and says where each initializer lies.
#include "device/onnxruntime/weight_memory.h"

#include <cstring>
#include <map>

#include "base/error.h"
#include "device/load_report.h"
#include "machine/memory.h"

namespace philo::onnxruntime {
namespace {

ElementType element_type(const OnnxInitializer& initializer) {
  switch (initializer.type) {
    case onnx::DataType::Float: return ElementType::F32;
    case onnx::DataType::Float16: return ElementType::F16;
    case onnx::DataType::Bfloat16: return ElementType::Bf16;
    case onnx::DataType::Int64: return ElementType::I64;
    case onnx::DataType::Int32: return ElementType::I32;
    case onnx::DataType::Int8: return ElementType::I8;
    case onnx::DataType::Uint8: return ElementType::U8;
    case onnx::DataType::Bool: return ElementType::Bool;
    default: throw Error(ErrorCode::Failed, initializer.name + ": no device takes its type");
  }
}

}  // namespace

WeightMemory::WeightMemory(const OnnxModel& model, const DeviceOptions& options) {
  std::map<uint64_t, std::span<const std::byte>> stored;  // by place in the data
  own_bytes_ = model.data_bytes;
  for (const OnnxMatrix& matrix : model.matrices) {
    const std::span<const std::byte> numbers = stored_numbers(matrix);
    if (numbers.empty()) continue;
    stored[matrix.numbers] = numbers;
    shared_.push_back(matrix.segment);
    own_bytes_ -= numbers.size();
  }
  const size_t available = memory_status().available_bytes;
  if (available != 0 && own_bytes_ > available)
    throw Error(ErrorCode::Resource, "the weights take " + std::to_string(own_bytes_ >> 20) + " MiB as ONNX Runtime wants them and " + std::to_string(available >> 20) +
                                         " MiB are free; close other programs or choose a smaller --weight-format");
  // Zeros that nobody wrote to take no memory: where the checkpoint's own bytes are taken, these stay unused.
  data_.reset(static_cast<std::byte*>(std::calloc(model.data_bytes, 1)));
  if (data_ == nullptr) throw Error(ErrorCode::Resource, "no memory for weights of " + std::to_string(model.data_bytes >> 20) + " MiB; close other programs or choose a smaller --weight-format");
  const std::span<std::byte> data(data_.get(), model.data_bytes);
  std::memcpy(data.data() + model.tables_offset, model.tables.data(), model.tables.size());
  const bool filled = fill_matrices(std::span(model.matrices), options, [](const OnnxMatrix& matrix) { return matrix.rows; },
                                    [&](const OnnxMatrix& matrix, int64_t first, int64_t last) { fill_rows(matrix, first, last, data, !stored.contains(matrix.numbers)); });
  if (!filled) throw Error(ErrorCode::Stopped, "stopped while the weights were read");
  for (const OnnxInitializer& initializer : model.initializers) names_.push_back(initializer.name);
  for (size_t i = 0; i < names_.size(); ++i) {
    const OnnxInitializer& initializer = model.initializers[i];
    const auto found = stored.find(initializer.offset);
    // ONNX Runtime reads its initializers and never writes them.
    void* const place = found == stored.end() ? data.data() + initializer.offset : const_cast<std::byte*>(found->second.data());
    tensors_.push_back({names_[i].c_str(), element_type(initializer), initializer.shape, place, initializer.bytes});
  }
}

void WeightMemory::release_checkpoint() const {
  for (const Segment& segment : shared_) release_pages(segment);
}

}  // namespace philo::onnxruntime
