// Builds the protobuf of an ONNX model: nodes, initializers and where in the external data each lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "emit/onnx.h"

namespace philo {

size_t onnx_bytes(onnx::DataType type);  // of an element of a whole number of bytes

// Values are known by their names; an empty one is an input that is left out.
struct OnnxOperator {
  using Setting = std::variant<int64_t, float, std::string>;  // a string is a serialized graph

  std::string_view type;    // "MatMul"
  std::string_view domain;  // onnx_domain, microsoft_domain
  std::string name;         // unique; its outputs are NAME/output_0, …
  std::vector<std::string> inputs;
  std::vector<std::pair<std::string_view, Setting>> attributes = {};
  std::vector<std::string> outputs = {};  // instead of the one named after the node
};

inline constexpr std::string_view onnx_domain = "";
inline constexpr std::string_view microsoft_domain = "com.microsoft";

using OnnxDimension = std::variant<int64_t, std::string>;  // a number, or the name of one that is known when it runs

class OnnxGraphWriter {
 public:
  std::string add(OnnxOperator node);  // the name of its first output

  void input(std::string_view name, onnx::DataType type, std::span<const OnnxDimension> shape);
  void output(std::string_view name, onnx::DataType type, std::span<const OnnxDimension> shape);

  // Numbers that stand in the graph itself; equal ones are one.
  std::string integers(std::initializer_list<int64_t> values);  // Int64, one dimension
  std::string integer(int64_t value);                           // Int64, no dimension

  // Room in the external data for bytes that the caller fills in: where it begins.
  uint64_t reserve(uint64_t bytes);
  std::string constant(std::string name, onnx::DataType type, std::vector<int64_t> shape, uint64_t offset);

  uint64_t reserved_bytes() const { return reserved_; }
  std::vector<OnnxInitializer> take_initializers() { return std::move(initializers_); }
  std::string model() const;
  std::string branch(std::string_view name) const;  // of an If

 private:
  std::string literal(std::string name, onnx::DataType type, std::span<const int64_t> shape, std::string_view bytes);

  std::string nodes_, literals_, inputs_, outputs_;  // serialized fields of the graph
  std::set<std::string> known_literals_;
  std::vector<OnnxInitializer> initializers_;
  uint64_t reserved_ = 0;
};

}  // namespace philo
