// The memory that a graph's initializers lie in: the checkpoint's own where it holds the same bytes, else philo's.
#pragma once

#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "device/device.h"
#include "device/onnxruntime/runtime.h"
#include "emit/onnx.h"

namespace philo::onnxruntime {

class WeightMemory {
 public:
  // Throws ErrorCode::Resource where there is no memory, ErrorCode::Stopped where the caller wants that. The checkpoint must outlive it.
  WeightMemory(const OnnxModel& model, const DeviceOptions& options);

  // Of the model that it was made for.
  const std::vector<NamedTensor>& tensors() const { return tensors_; }
  size_t own_bytes() const { return own_bytes_; }  // held beyond the checkpoint's

  // The checkpoint's pages are not needed for now: the system reads them again when they are.
  void release_checkpoint() const;

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::byte, Free> data_;
  size_t own_bytes_ = 0;
  std::vector<std::string> names_;
  std::vector<NamedTensor> tensors_;
  std::vector<Segment> shared_;  // whose numbers lie in the checkpoint
};

}  // namespace philo::onnxruntime
