// ONNX's TensorProto: a constant, wherever its numbers lie.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "format/onnx/graph.h"
#include "format/onnx/message.h"

namespace philo {

// What all constants of one model share.
struct OnnxTensorSource {
  const MappedFile* mapped;      // the file that the messages lie in; nullptr where it is memory
  const OpenOnnxExternal& open;
  std::map<const std::byte*, size_t>& files;  // gets the size of each
};

// Numbers that are stored as lists become bytes, which `owned` gets.
OnnxConstant read_onnx_tensor(Message<onnx::Tensor> message, const OnnxTensorSource& source, std::vector<std::shared_ptr<const std::vector<std::byte>>>& owned);

}  // namespace philo
