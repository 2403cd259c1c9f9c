// Constants of an OpenVINO graph as numbers, and the subgraphs that decompress integer codes as matrices of codes.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "format/openvino_ir/graph.h"
#include "tensor/coded_matrix.h"
#include "tensor/tensor.h"

namespace philo {

std::optional<DType> openvino_float_type(std::string_view element_type);  // nothing for what is no F32, F16 or BF16

// The operation behind type conversions.
OpenvinoValue behind_converts(const OpenvinoGraph& graph, OpenvinoValue value);

// The numbers of a float or integer constant behind type conversions; nothing for what is no constant or has more than `most` elements.
std::optional<std::vector<float>> openvino_numbers(const OpenvinoGraph& graph, OpenvinoValue value, size_t most);

// A matrix as MatMul and Gather read it: a float constant (rows, columns), or codes through Convert, Subtract (zero points), Multiply
// (scales), Reshape and Convert. Views point into the file of constants. Throws ErrorCode::Input naming the operation for any other form.
using OpenvinoMatrix = std::variant<Tensor, CodedMatrix>;
OpenvinoMatrix openvino_matrix(const OpenvinoGraph& graph, OpenvinoValue value, const std::string& name);

}  // namespace philo
