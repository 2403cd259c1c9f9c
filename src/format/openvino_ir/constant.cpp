// Walks from the operation that multiplies back to the constants.
#include "format/openvino_ir/constant.h"

#include <cstring>

namespace philo {
namespace {

constexpr int most_passed = 16;  // conversions and reshapes in a row

bool is_constant(const OpenvinoNode& node) { return node.type == "Const"; }

Tensor tensor_of(const OpenvinoGraph& graph, const OpenvinoNode& node, DType dtype, std::vector<int64_t> shape) {
  return {node.name, dtype, std::move(shape), node.bytes, graph.constants};
}

int64_t product(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

template <class Integer>
std::vector<float> integers(std::span<const std::byte> bytes) {
  std::vector<float> out(bytes.size() / sizeof(Integer));
  for (size_t i = 0; i < out.size(); ++i) {
    Integer value;
    std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    out[i] = static_cast<float>(value);
  }
  return out;
}

// The constants that one matrix of codes is made of.
class Decompression {
 public:
  Decompression(const OpenvinoGraph& graph, const OpenvinoNode& multiply, std::string name) : graph_(graph), multiply_(multiply) { matrix_.name = std::move(name); }

  // `reshaped` is the shape that follows the Multiply, where a Reshape does.
  CodedMatrix read(const std::optional<std::vector<float>>& reshaped) {
    if (multiply_.inputs.size() != 2) throw graph_.wrong(multiply_, "should have two inputs");
    const OpenvinoNode *weights = &graph_.at(behind_converts(graph_, multiply_.inputs[0])), *scales = &graph_.at(behind_converts(graph_, multiply_.inputs[1]));
    if (is_constant(*weights) && openvino_float_type(weights->element_type)) std::swap(weights, scales);
    const OpenvinoNode* zero_points = nullptr;
    if (weights->type == "Subtract" && weights->inputs.size() == 2) {
      zero_points = &graph_.at(behind_converts(graph_, weights->inputs[1]));
      weights = &graph_.at(behind_converts(graph_, weights->inputs[0]));
    }
    if (!is_constant(*weights)) throw graph_.wrong(*weights, "stands where the codes of a compressed weight are expected");
    if (!is_constant(*scales) || !openvino_float_type(scales->element_type)) throw graph_.wrong(*scales, "stands where the scales of " + shown(weights->name) + " are expected (f16, bf16 or f32)");
    read_codes(*weights, zero_points == nullptr);
    check_reshape(*weights, reshaped);
    const int64_t parts = matrix_.rows * matrix_.groups();
    if (product(scales->shape) != parts) throw graph_.wrong(*scales, "has the shape " + shape_text(scales->shape) + ", expected a scale for each of " + std::to_string(parts) + " groups");
    matrix_.scales = tensor_of(graph_, *scales, *openvino_float_type(scales->element_type), {matrix_.rows, matrix_.groups()});
    if (zero_points != nullptr) read_zero_points(*zero_points, parts);
    return std::move(matrix_);
  }

 private:
  void read_codes(const OpenvinoNode& node, bool symmetric) {
    const std::string& type = node.element_type;
    if (type == "u8") matrix_.codes_kind = CodedMatrix::Codes::Bytes;
    else if (type == "i8") matrix_.codes_kind = CodedMatrix::Codes::SignedBytes;
    else if (type == "u4") matrix_.codes_kind = CodedMatrix::Codes::Nibbles;
    else if (type == "i4") matrix_.codes_kind = CodedMatrix::Codes::SignedNibbles;
    else throw graph_.wrong(node, "holds weights of the type " + shown(type) + ", which philo does not compute with; export the model with --weight-format fp16, int8 or int4");
    if (symmetric && type[0] == 'u') throw graph_.wrong(node, "holds unsigned codes without zero points, which NNCF does not write; export the model again");
    const std::vector<int64_t>& shape = node.shape;
    if ((shape.size() != 2 && shape.size() != 3) || product(shape) < 1)
      throw graph_.wrong(node, "has the shape " + shape_text(shape) + ", expected (rows, columns) or (rows, groups, columns of a group)");
    const int bits = openvino_element_bits(type);
    matrix_.rows = shape[0];
    matrix_.columns = shape.size() == 2 ? shape[1] : shape[1] * shape[2];
    matrix_.format = {bits, shape.size() == 2 || shape[1] == 1 ? -1 : shape[2], symmetric};
    matrix_.zero_points_kind = CodedMatrix::ZeroPoints::None;
    if (bits == 8) matrix_.codes = tensor_of(graph_, node, type == "u8" ? DType::U8 : DType::I8, {matrix_.rows, matrix_.columns});
    else matrix_.codes = tensor_of(graph_, node, DType::U8, {static_cast<int64_t>(node.bytes.size())});
  }

  void check_reshape(const OpenvinoNode& codes, const std::optional<std::vector<float>>& reshaped) const {
    const bool grouped = codes.shape.size() == 3;
    if (grouped != reshaped.has_value()) throw graph_.wrong(codes, grouped ? "is no matrix where it is multiplied with" : "is a matrix that is reshaped, which NNCF does not write");
    if (!grouped) return;
    const bool fits = reshaped->size() == 2 && ((*reshaped)[0] == static_cast<float>(matrix_.rows) || (*reshaped)[0] == -1) &&
                      ((*reshaped)[1] == static_cast<float>(matrix_.columns) || (*reshaped)[1] == -1);
    if (!fits) throw graph_.wrong(codes, "has the shape " + shape_text(codes.shape) + " and is reshaped to something else than (rows, columns)");
  }

  void read_zero_points(const OpenvinoNode& node, int64_t parts) {
    if (!is_constant(node)) throw graph_.wrong(node, "stands where zero points are expected");
    using Kind = CodedMatrix::ZeroPoints;
    const std::string& type = node.element_type;
    const bool one_for_all = product(node.shape) == 1 && parts != 1;
    if (openvino_element_bits(type) != matrix_.format.bits || (type[0] == 'u') != (codes_are_unsigned()))
      throw graph_.wrong(node, "holds zero points of the type " + shown(type) + " for codes of another; philo reads zero points of the codes' type");
    if (one_for_all) {
      const int implied = codes_are_unsigned() ? implied_zero_point(matrix_.format.bits) : 0;
      const int mask = matrix_.format.bits == 4 ? 15 : 255;
      if ((std::to_integer<int>(node.bytes[0]) & mask) != implied)
        throw graph_.wrong(node, "is one zero point for all groups that is not the middle of the range, which philo does not read; export the model again");
      matrix_.format.symmetric = true;
      return;
    }
    if (product(node.shape) != parts) throw graph_.wrong(node, "has the shape " + shape_text(node.shape) + ", expected a zero point for each of " + std::to_string(parts) + " groups");
    if (type == "u8" || type == "i8") {
      matrix_.zero_points_kind = type == "u8" ? Kind::Bytes : Kind::SignedBytes;
      matrix_.zero_points = tensor_of(graph_, node, type == "u8" ? DType::U8 : DType::I8, {matrix_.rows, matrix_.groups()});
    } else {
      matrix_.zero_points_kind = type == "u4" ? Kind::Nibbles : Kind::SignedNibbles;
      matrix_.zero_points = tensor_of(graph_, node, DType::U8, {static_cast<int64_t>(node.bytes.size())});
    }
  }

  bool codes_are_unsigned() const { return matrix_.codes_kind == CodedMatrix::Codes::Bytes || matrix_.codes_kind == CodedMatrix::Codes::Nibbles; }

  const OpenvinoGraph& graph_;
  const OpenvinoNode& multiply_;
  CodedMatrix matrix_{};
};

}  // namespace

std::optional<DType> openvino_float_type(std::string_view element_type) {
  if (element_type == "f32") return DType::F32;
  if (element_type == "f16") return DType::F16;
  if (element_type == "bf16") return DType::BF16;
  return {};
}

OpenvinoValue behind_converts(const OpenvinoGraph& graph, OpenvinoValue value) {
  for (int passed = 0; passed < most_passed; ++passed) {
    const OpenvinoNode& node = graph.at(value);
    if (node.type != "Convert" || node.inputs.size() != 1) return value;
    value = node.inputs[0];
  }
  throw graph.wrong(graph.at(value), "follows on too many conversions");
}

std::optional<std::vector<float>> openvino_numbers(const OpenvinoGraph& graph, OpenvinoValue value, size_t most) {
  const OpenvinoNode& node = graph.at(behind_converts(graph, value));
  const int bits = openvino_element_bits(node.element_type);
  if (!is_constant(node) || bits < 8 || node.bytes.size() / static_cast<size_t>(bits / 8) > most) return {};
  if (const std::optional<DType> dtype = openvino_float_type(node.element_type)) {
    std::vector<float> out(node.bytes.size() / dtype_bytes(*dtype));
    read_elements(tensor_of(graph, node, *dtype, node.shape), 0, out);
    return out;
  }
  if (node.element_type == "i64") return integers<int64_t>(node.bytes);
  if (node.element_type == "i32") return integers<int32_t>(node.bytes);
  return {};
}

OpenvinoMatrix openvino_matrix(const OpenvinoGraph& graph, OpenvinoValue value, const std::string& name) {
  const OpenvinoNode* node = &graph.at(behind_converts(graph, value));
  std::optional<std::vector<float>> reshaped;
  if (node->type == "Reshape" && node->inputs.size() == 2) {
    reshaped = openvino_numbers(graph, node->inputs[1], 8);
    if (!reshaped) throw graph.wrong(*node, "reshapes a weight to a shape that is no constant");
    node = &graph.at(behind_converts(graph, node->inputs[0]));
  }
  if (node->type == "Multiply") return Decompression(graph, *node, name).read(reshaped);
  if (!is_constant(*node) || reshaped) throw graph.wrong(*node, "stands where the weight " + shown(name) + " is expected: a constant, or one that is decompressed");
  const std::optional<DType> dtype = openvino_float_type(node->element_type);
  if (!dtype)
    throw graph.wrong(*node, "holds weights of the type " + shown(node->element_type) + ", which philo does not compute with; export the model with --weight-format fp16, int8 or int4");
  if (node->shape.size() != 2) throw graph.wrong(*node, "has the shape " + shape_text(node->shape) + ", expected (rows, columns)");
  Tensor tensor = tensor_of(graph, *node, *dtype, node->shape);
  tensor.name = name;
  return tensor;
}

}  // namespace philo
