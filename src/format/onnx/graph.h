// The graph of an ONNX model: operations, the values between them and the constants, each checked against the file that it lies in.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "format/onnx/schema.h"

namespace philo {

struct OnnxConstant {
  std::string name;
  onnx::DataType type;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;  // exactly what type and shape take, 4-bit elements without padding between rows
  const MappedFile* file;            // where they lie; nullptr: in memory
  int64_t elements() const;
};

struct OnnxFileGraph;

struct OnnxAttribute {
  onnx::AttributeType type = onnx::AttributeType::Undefined;
  int64_t integer = 0;
  float real = 0;
  std::string text;
  std::vector<int64_t> integers;
  std::shared_ptr<const OnnxFileGraph> graph;
};

struct OnnxFileNode {
  std::string name, type, domain;   // "/model/layers.0/attn/qkv_proj/MatMul_Q4", "MatMulNBits", "com.microsoft"
  std::vector<int> inputs, outputs;  // values; -1 for one that is left out
  std::map<std::string, OnnxAttribute, std::less<>> attributes;

  int input(size_t place) const { return place < inputs.size() ? inputs[place] : -1; }
};

struct OnnxValue {
  std::string name;
  int node = -1, output = 0;  // what computes it; -1 for inputs of the model, constants and, inside of a branch, what the graph around computes
  int constant = -1;          // among the constants
};

struct OnnxFileGraph {
  std::string file;  // model.onnx, for messages
  std::vector<OnnxFileNode> nodes;  // no node reads from itself, directly or through others
  std::vector<OnnxValue> values;
  std::vector<OnnxConstant> constants;
  std::vector<int> inputs, outputs;  // values; inputs without the constants among them
  std::vector<std::shared_ptr<const std::vector<std::byte>>> owned;  // bytes of constants that were not stored as bytes
  size_t file_bytes = 0;  // of the model and its external data: what is made from them in memory has its bound by it

  const OnnxFileNode* node_of(int value) const;          // nullptr where nothing computes it
  const OnnxConstant* constant_of(int value) const;  // nullptr where it is none
  int find(std::string_view value) const;            // -1 where there is none
  Error wrong(const OnnxFileNode& node, const std::string& what) const;  // names the operation
  Error wrong_value(int value, const std::string& what) const;
};

// Attributes, or what ONNX says of those that are left out. Throws ErrorCode::Input for one of another type.
int64_t onnx_integer(const OnnxFileGraph& graph, const OnnxFileNode& node, std::string_view name, int64_t fallback);
float onnx_real(const OnnxFileGraph& graph, const OnnxFileNode& node, std::string_view name, float fallback);

int onnx_element_bits(onnx::DataType type);  // 0 for types that philo does not know the size of
std::string onnx_type_name(onnx::DataType type);  // "FLOAT16"

// A file of external data.
struct OnnxExternal {
  std::span<const std::byte> bytes;
  const MappedFile* file;
  std::string path;
};
using OpenOnnxExternal = std::function<OnnxExternal(const std::string& location)>;

// Throws ErrorCode::Input with file and cause: no ONNX model, messages that end early, names that repeat or lead nowhere, operations in
// cycles, constants whose shape wraps, whose bytes are more or fewer than their shape takes, or that lie past the end of their file; and
// for models that philo does not read: sparse constants, functions, strings. `mapped` is the file that `model` views, or nullptr.
OnnxFileGraph parse_onnx_graph(std::span<const std::byte> model, const std::string& file, const MappedFile* mapped, const OpenOnnxExternal& open);

}  // namespace philo
