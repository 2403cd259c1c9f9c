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
int behind_casts(const OnnxFileGraph& graph, int value);

// The numbers of a float or integer constant; nothing for what is no constant or has more than `most` elements.
std::optional<std::vector<double>> onnx_numbers(const OnnxFileGraph& graph, int value, size_t most);

using OnnxFileMatrix = std::variant<Tensor, CodedMatrix>;

// Reads the matrices of one graph. What a graph holds the other way round (columns, rows), as floats and in the form of
// DequantizeLinear, is turned in memory; all else stays where it is. Throws ErrorCode::Input naming the operation for forms that philo
// does not read.
class OnnxMatrices {
 public:
  OnnxMatrices(const OnnxFileGraph& graph, std::vector<std::shared_ptr<const std::vector<std::byte>>>& owned) : graph_(graph), owned_(owned) {}

  static bool is_product(const OnnxFileNode* node);       // MatMul or MatMulNBits
  OnnxFileMatrix of_product(const OnnxFileNode& product, const std::string& name);  // (outputs, inputs)
  OnnxFileMatrix of_embedding(const OnnxFileNode& lookup, const std::string& name);  // (tokens, width)
  // Where the numbers lie, for finding a tied head; nullptr where that can't be told.
  const std::byte* place(const OnnxFileNode& node) const;

 private:
  friend class OnnxCodes;
  OnnxFileMatrix plain(int value, bool turned, const std::string& name);
  Tensor made(const std::string& name, DType dtype, std::vector<int64_t> shape, std::vector<std::byte> bytes);

  const OnnxFileGraph& graph_;
  std::vector<std::shared_ptr<const std::vector<std::byte>>>& owned_;
  size_t made_bytes_ = 0;
};

}  // namespace philo
