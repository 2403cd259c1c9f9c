// Matrices of an ONNX graph, as MatMul, MatMulNBits, Gather and GatherBlockQuantized read them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "format/onnx/graph.h"
#include "tensor/coded_matrix.h"
#include "tensor/tensor.h"

namespace philo {

std::optional<DType> onnx_float_type(onnx::DataType type);  // nothing for what is no FLOAT, FLOAT16 or BFLOAT16

// The value behind type conversions.
int behind_casts(const OnnxGraph& graph, int value);

// The numbers of a float or integer constant; nothing for what is no constant or has more than `most` elements.
std::optional<std::vector<double>> onnx_numbers(const OnnxGraph& graph, int value, size_t most);

using OnnxMatrix = std::variant<Tensor, CodedMatrix>;

// Reads the matrices of one graph. What a graph holds the other way round (columns, rows), as floats and in the form of
// DequantizeLinear, is turned in memory; all else stays where it is. Throws ErrorCode::Input naming the operation for forms that philo
// does not read.
class OnnxMatrices {
 public:
  OnnxMatrices(const OnnxGraph& graph, std::vector<std::shared_ptr<const std::vector<std::byte>>>& owned) : graph_(graph), owned_(owned) {}

  static bool is_product(const OnnxNode* node);       // MatMul or MatMulNBits
  OnnxMatrix of_product(const OnnxNode& product, const std::string& name);  // (outputs, inputs)
  OnnxMatrix of_embedding(const OnnxNode& lookup, const std::string& name);  // (tokens, width)
  // The constant whose numbers these are, for finding a tied head.
  int place(const OnnxNode& node) const;

 private:
  friend class OnnxCodes;
  OnnxMatrix plain(int value, bool turned, const std::string& name);
  Tensor made(const std::string& name, DType dtype, std::vector<int64_t> shape, std::vector<std::byte> bytes);

  const OnnxGraph& graph_;
  std::vector<std::shared_ptr<const std::vector<std::byte>>>& owned_;
  size_t made_bytes_ = 0;
};

}  // namespace philo
