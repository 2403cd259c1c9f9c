// Builds the text of an OpenVINO IR, version 11: layers, edges and where in the weights each constant lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace philo {

enum class IrType : uint8_t { F32, F16, BF16, I64, I32, I8, U8, I4, U4, Boolean, String };

size_t ir_bytes(IrType type, int64_t elements);  // of a constant; two 4-bit numbers share a byte, over the ends of rows

using IrShape = std::vector<int64_t>;  // -1 = known only when it runs

// What an operation yields.
struct IrValue {
  int layer = -1;
  int port = 0;  // index among the layer's outputs
};

struct IrOutput {
  IrType type;
  IrShape shape;
  std::string names = {};  // of the tensor, separated by commas
};

struct IrLayer {
  std::string_view type;    // "MatMul"
  std::string_view opset;   // "opset1", "extension"
  std::string name;         // unique; one is made from type and number where this is empty
  std::vector<std::pair<std::string, std::string>> attributes;
  std::vector<IrValue> inputs;
  std::vector<IrOutput> outputs;
  bool decompression = false;  // marks a Convert that plugins must not fold into the constant before it
};

// "key" with a value, or with entries below it.
struct IrInfo {
  std::string key, value;
  std::vector<IrInfo> entries = {};
};

class IrGraph {
 public:
  IrValue add(IrLayer layer);  // its first output

  IrValue parameter(std::string name, IrType type, IrShape shape);
  void result(IrValue value, std::string name = {});

  // Numbers that the graph itself needs; equal ones share their bytes. They lie behind the matrices.
  IrValue literal(IrType type, IrShape shape, std::span<const std::byte> bytes);
  IrValue integers(std::initializer_list<int64_t> values);  // I64, one dimension
  IrValue integer(int64_t value);                           // I64, no dimension
  IrValue floats(IrShape shape, std::span<const float> values);
  IrValue real(float value, IrShape shape = {});

  // Room for a constant whose bytes the caller fills in: where it begins. Each begins at a multiple of 64.
  uint64_t reserve(uint64_t bytes);
  IrValue constant(std::string name, IrType type, IrShape shape, uint64_t offset);

  const IrOutput& output(IrValue value) const;

  uint64_t literals_offset() const;  // behind everything that was reserved
  const std::vector<std::byte>& literals() const { return literals_; }
  std::string xml(std::string_view model_name, std::span<const IrInfo> info) const;

 private:
  struct Data {
    bool literal;
    uint64_t offset, bytes;
  };
  int take(IrLayer layer);

  std::vector<IrLayer> layers_;
  std::map<int, Data> constants_;  // by layer
  std::map<std::string, uint64_t> literal_offsets_;  // by their bytes
  std::vector<std::byte> literals_;
  uint64_t reserved_ = 0;
};

}  // namespace philo
