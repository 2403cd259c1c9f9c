// Writes messages one into the other; the graph's fields are kept serialized and joined at the end.
#include "emit/onnx_graph.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <protozero/pbf_builder.hpp>

#include "base/error.h"

namespace philo {
namespace {

using protozero::pbf_builder;

// What ONNX Runtime GenAI 0.18 writes; DirectML's last packages know it.
constexpr int64_t ir_version = 10;
constexpr int64_t operator_set = 21;

// Large tensors are mapped: ONNX asks for whole pages, 64 kB on Windows.
constexpr uint64_t page = 65536;
constexpr uint64_t large_bytes = 1 << 20;
constexpr uint64_t small_alignment = 64;

template <typename Enum>
int32_t raw(Enum value) {
  return static_cast<int32_t>(value);
}

void add_value_info(std::string& out, onnx::Graph field, std::string_view name, onnx::DataType type, std::span<const OnnxDimension> shape) {
  pbf_builder<onnx::Graph> graph(out);
  pbf_builder<onnx::ValueInfo> info(graph, field);
  info.add_string(onnx::ValueInfo::Name, name.data(), name.size());
  pbf_builder<onnx::Type> whole(info, onnx::ValueInfo::Type);
  pbf_builder<onnx::TensorType> tensor(whole, onnx::Type::TensorType);
  tensor.add_int32(onnx::TensorType::ElementType, raw(type));
  pbf_builder<onnx::TensorShape> dimensions(tensor, onnx::TensorType::Shape);
  for (const OnnxDimension& one : shape) {
    pbf_builder<onnx::Dimension> dimension(dimensions, onnx::TensorShape::Dimension);
    if (const auto* value = std::get_if<int64_t>(&one)) dimension.add_int64(onnx::Dimension::Value, *value);
    else dimension.add_string(onnx::Dimension::Parameter, std::get<std::string>(one));
  }
}

void add_external(pbf_builder<onnx::Tensor>& tensor, const char* key, const std::string& value) {
  pbf_builder<onnx::StringStringEntry> entry(tensor, onnx::Tensor::ExternalData);
  entry.add_string(onnx::StringStringEntry::Key, key);
  entry.add_string(onnx::StringStringEntry::Value, value);
}

void add_attribute(pbf_builder<onnx::Node>& node, std::string_view name, const OnnxOperator::Setting& setting) {
  pbf_builder<onnx::Attribute> attribute(node, onnx::Node::Attribute);
  attribute.add_string(onnx::Attribute::Name, name.data(), name.size());
  onnx::AttributeType type = onnx::AttributeType::Int;
  if (const auto* real = std::get_if<float>(&setting)) {
    attribute.add_float(onnx::Attribute::F, *real);
    type = onnx::AttributeType::Float;
  } else if (const auto* integer = std::get_if<int64_t>(&setting)) {
    attribute.add_int64(onnx::Attribute::I, *integer);
  } else {
    attribute.add_message(onnx::Attribute::G, std::get<std::string>(setting));
    type = onnx::AttributeType::Graph;
  }
  attribute.add_enum(onnx::Attribute::Type, raw(type));
}

void add_operator_set(pbf_builder<onnx::Model>& model, std::string_view domain, int64_t version) {
  pbf_builder<onnx::OperatorSetId> id(model, onnx::Model::OpsetImport);
  id.add_string(onnx::OperatorSetId::Domain, domain.data(), domain.size());
  id.add_int64(onnx::OperatorSetId::Version, version);
}

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

}  // namespace

size_t onnx_bytes(onnx::DataType type) {
  switch (type) {
    case onnx::DataType::Uint8:
    case onnx::DataType::Bool: return 1;
    case onnx::DataType::Float16:
    case onnx::DataType::Bfloat16: return 2;
    case onnx::DataType::Float:
    case onnx::DataType::Int32: return 4;
    case onnx::DataType::Int64: return 8;
    default: throw Error(ErrorCode::Failed, "an ONNX type that no graph here has");
  }
}

std::string OnnxGraphWriter::add(OnnxOperator node) {
  if (node.outputs.empty()) node.outputs.push_back(node.name + "/output_0");
  pbf_builder<onnx::Graph> graph(nodes_);
  pbf_builder<onnx::Node> message(graph, onnx::Graph::Node);
  for (const std::string& input : node.inputs) message.add_string(onnx::Node::Input, input);
  for (const std::string& output : node.outputs) message.add_string(onnx::Node::Output, output);
  message.add_string(onnx::Node::Name, node.name);
  message.add_string(onnx::Node::OpType, node.type.data(), node.type.size());
  if (!node.domain.empty()) message.add_string(onnx::Node::Domain, node.domain.data(), node.domain.size());
  for (const auto& [name, setting] : node.attributes) add_attribute(message, name, setting);
  return node.outputs.front();
}

void OnnxGraphWriter::input(std::string_view name, onnx::DataType type, std::span<const OnnxDimension> shape) {
  add_value_info(inputs_, onnx::Graph::Input, name, type, shape);
}

void OnnxGraphWriter::output(std::string_view name, onnx::DataType type, std::span<const OnnxDimension> shape) {
  add_value_info(outputs_, onnx::Graph::Output, name, type, shape);
}

std::string OnnxGraphWriter::literal(std::string name, onnx::DataType type, std::span<const int64_t> shape, std::string_view bytes) {
  if (!known_literals_.insert(name).second) return name;
  pbf_builder<onnx::Graph> graph(literals_);
  pbf_builder<onnx::Tensor> tensor(graph, onnx::Graph::Initializer);
  for (const int64_t dimension : shape) tensor.add_int64(onnx::Tensor::Dims, dimension);
  tensor.add_int32(onnx::Tensor::DataType, raw(type));
  tensor.add_string(onnx::Tensor::Name, name);
  tensor.add_bytes(onnx::Tensor::RawData, bytes.data(), bytes.size());
  return name;
}

std::string OnnxGraphWriter::integers(std::initializer_list<int64_t> values) {
  std::string name, bytes;
  for (const int64_t value : values) {
    name += (name.empty() ? "" : ", ") + std::to_string(value);
    bytes += bytes_of(value);
  }
  const std::array<int64_t, 1> shape = {static_cast<int64_t>(values.size())};
  return literal("/model/constants/INT64/[" + name + "]", onnx::DataType::Int64, shape, bytes);
}

std::string OnnxGraphWriter::integer(int64_t value) { return literal("/model/constants/INT64/" + std::to_string(value), onnx::DataType::Int64, {}, bytes_of(value)); }

uint64_t OnnxGraphWriter::reserve(uint64_t bytes) {
  const uint64_t alignment = bytes >= large_bytes ? page : small_alignment;
  const uint64_t offset = (reserved_ + alignment - 1) / alignment * alignment;
  reserved_ = offset + bytes;
  return offset;
}

std::string OnnxGraphWriter::constant(std::string name, onnx::DataType type, std::vector<int64_t> shape, uint64_t offset) {
  uint64_t bytes = onnx_bytes(type);
  for (const int64_t dimension : shape) bytes *= static_cast<uint64_t>(dimension);
  initializers_.push_back({name, type, std::move(shape), offset, bytes});
  return name;
}

std::string OnnxGraphWriter::branch(std::string_view name) const {
  std::string out = nodes_ + outputs_;
  pbf_builder<onnx::Graph>(out).add_string(onnx::Graph::Name, name.data(), name.size());
  return out;
}

std::string OnnxGraphWriter::model() const {
  std::string graph = branch("main_graph") + literals_ + inputs_;
  {
    pbf_builder<onnx::Graph> message(graph);
    for (const OnnxInitializer& one : initializers_) {
      pbf_builder<onnx::Tensor> tensor(message, onnx::Graph::Initializer);
      for (const int64_t dimension : one.shape) tensor.add_int64(onnx::Tensor::Dims, dimension);
      tensor.add_int32(onnx::Tensor::DataType, raw(one.type));
      tensor.add_string(onnx::Tensor::Name, one.name);
      add_external(tensor, "location", onnx_data_file);
      add_external(tensor, "offset", std::to_string(one.offset));
      add_external(tensor, "length", std::to_string(one.bytes));
      tensor.add_enum(onnx::Tensor::DataLocation, raw(onnx::DataLocation::External));
    }
  }
  std::string out;
  pbf_builder<onnx::Model> model(out);
  model.add_int64(onnx::Model::IrVersion, ir_version);
  model.add_string(onnx::Model::ProducerName, "philo");
  add_operator_set(model, onnx_domain, operator_set);
  add_operator_set(model, microsoft_domain, 1);
  model.add_message(onnx::Model::Graph, graph);
  return out;
}

}  // namespace philo
