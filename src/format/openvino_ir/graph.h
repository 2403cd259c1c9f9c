// The graph of an OpenVINO model: openvino_model.xml as operations and what they read, each checked against the file of constants.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "format/openvino_ir/xml.h"

namespace philo {

// An output of an operation.
struct OpenvinoValue {
  int node = -1;
  int output = 0;
  bool operator==(const OpenvinoValue&) const = default;
};

struct OpenvinoNode {
  std::string name, type;  // "__module.model.layers.0/aten::add/Add", "Add"; constants are "Const"
  std::map<std::string, std::string, std::less<>> data;
  std::vector<OpenvinoValue> inputs;  // by port
  // Of a constant:
  std::string element_type;           // "f16", "u4", …
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;   // in the file of constants
};

struct OpenvinoGraph {
  std::string file;             // openvino_model.xml, for messages
  std::vector<OpenvinoNode> nodes;    // no node reads from itself, directly or through others
  const MappedFile* constants = nullptr;

  const OpenvinoNode& at(OpenvinoValue value) const { return nodes[static_cast<size_t>(value.node)]; }
  Error wrong(const OpenvinoNode& node, const std::string& what) const;  // names the operation
};

// Bits of one element of a constant ("u4": 4), 0 for types that philo does not know the size of.
int openvino_element_bits(std::string_view element_type);

// Throws ErrorCode::Input with file and cause: no IR, an IR version that differs, layers or ports that repeat or are missing, edges in
// cycles, constants whose shape wraps, whose size is another than their shape's, or that lie past the end of `constants`.
// The graph's views point into `constants`; `constants_file` names it.
OpenvinoGraph parse_openvino_graph(std::string_view xml, const std::string& file, std::span<const std::byte> constants, const std::string& constants_file);

}  // namespace philo
