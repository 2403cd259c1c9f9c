// Reads layers and edges, resolves ports to places in lists, and orders the layers to find cycles.
#include "format/openvino_ir/graph.h"

#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

namespace philo {
namespace {

struct ElementType {
  std::string_view name;
  int bits;
};
constexpr std::array<ElementType, 24> element_types = {{{"f64", 64}, {"f32", 32}, {"f16", 16}, {"bf16", 16}, {"i64", 64}, {"i32", 32}, {"i16", 16}, {"i8", 8},
                                                        {"i4", 4},   {"u64", 64}, {"u32", 32}, {"u16", 16},  {"u8", 8},   {"u4", 4},   {"u2", 2},   {"u1", 1},
                                                        {"boolean", 8}, {"nf4", 4}, {"f8e4m3", 8}, {"f8e5m2", 8}, {"f8e8m0", 8}, {"f4e2m1", 4}, {"u3", 0}, {"u6", 0}}};

constexpr size_t most_ports = 4096, most_dimensions = 64;

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

Error wrong_layer(const std::string& file, const OpenvinoNode& node, const std::string& what) {
  return input_error(file, "layer " + shown(node.name) + " (" + shown(node.type, 40) + ") " + what);
}

struct Layer {
  OpenvinoNode node;
  std::map<int64_t, int> inputs, outputs;  // port id to place
};

class Reader {
 public:
  Reader(const std::string& file, std::span<const std::byte> constants, const std::string& constants_file)
      : file_(file), constants_(constants), constants_file_(constants_file) {}

  OpenvinoGraph read(std::string_view xml) {
    const XmlDocument document(xml, file_);
    const std::optional<XmlElement> net = document.root("net");
    if (!net) throw input_error(file_, "is no OpenVINO model: its root element is no \"net\"");
    if (const auto version = net->attribute("version"); version != "11" && version != "10")
      throw input_error(file_, "is an OpenVINO model of version " + shown(version.value_or("(none)")) + "; philo reads 10 and 11, which OpenVINO writes since 2022; export the model again");
    const std::optional<XmlElement> layers = net->child("layers"), edges = net->child("edges");
    if (!layers || !edges) throw input_error(file_, "has no \"layers\" or no \"edges\": the file is damaged");
    layers->each("layer", [&](XmlElement layer) { add_layer(layer); });
    edges->each("edge", [&](XmlElement edge) { add_edge(edge); });
    OpenvinoGraph graph{file_, {}};
    graph.nodes.reserve(layers_.size());
    for (Layer& layer : layers_) graph.nodes.push_back(std::move(layer.node));
    check_inputs(graph);
    check_cycles(graph);
    return graph;
  }

 private:
  int64_t id(XmlElement element, const char* attribute, const char* what) const {
    const auto text = element.attribute(attribute);
    const std::optional<int64_t> value = text ? number(*text) : std::nullopt;
    if (!value || *value < 0) throw input_error(file_, std::string(what) + " has the " + attribute + " " + shown(text.value_or("(none)")) + "; expected a number from 0");
    return *value;
  }

  void add_ports(XmlElement layer, const char* list, std::map<int64_t, int>& ports) {
    const std::optional<XmlElement> element = layer.child(list);
    if (!element) return;
    element->each("port", [&](XmlElement port) {
      const int64_t port_id = id(port, "id", "a port");
      const int place = static_cast<int>(ports.size());
      if (ports.size() >= most_ports || !ports.emplace(port_id, place).second)
        throw input_error(file_, "layer " + shown(layer.attribute("name").value_or("")) + " has too many ports or one twice");
    });
  }

  void add_layer(XmlElement element) {
    Layer layer;
    const int64_t layer_id = id(element, "id", "a layer");
    layer.node.name = element.attribute("name").value_or("");
    layer.node.type = element.attribute("type").value_or("");
    if (layer.node.type.empty()) throw input_error(file_, "layer " + shown(layer.node.name) + " has no type");
    if (!places_.emplace(layer_id, static_cast<int>(layers_.size())).second) throw input_error(file_, "layer " + std::to_string(layer_id) + " is there a second time");
    if (const auto data = element.child("data"))
      for (const char* key : kept_) {
        const auto value = data->attribute(key);
        if (value) layer.node.data.emplace(key, *value);
      }
    add_ports(element, "input", layer.inputs);
    add_ports(element, "output", layer.outputs);
    layer.node.inputs.resize(layer.inputs.size());
    if (layer.node.type == "Const") read_constant(layer.node);
    layers_.push_back(std::move(layer));
  }

  Error wrong(const OpenvinoNode& node, const std::string& what) const { return wrong_layer(file_, node, what); }

  std::string take(OpenvinoNode& node, const char* key) const {
    const auto found = node.data.find(key);
    if (found == node.data.end()) throw wrong(node, std::string("has no ") + shown(key));
    return found->second;
  }

  void read_constant(OpenvinoNode& node) const {
    node.element_type = take(node, "element_type");
    const std::string shape = take(node, "shape");
    uint64_t elements = 1;
    for (std::string_view rest = shape; !rest.empty();) {
      const size_t comma = rest.find(',');
      std::string_view part = rest.substr(0, comma);
      while (part.starts_with(' ')) part.remove_prefix(1);
      const std::optional<int64_t> dimension = number(part);
      if (!dimension || *dimension < 0 || node.shape.size() >= most_dimensions) throw wrong(node, "has the shape " + shown(shape) + ", which is no list of sizes");
      node.shape.push_back(*dimension);
      if (__builtin_mul_overflow(elements, static_cast<uint64_t>(*dimension), &elements) || elements > std::numeric_limits<int64_t>::max() / 64)
        throw wrong(node, "has the shape " + shown(shape) + ", whose product 64 bits can't hold");
      rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 1);
    }
    const std::optional<int64_t> offset = number(take(node, "offset")), size = number(take(node, "size"));
    if (!offset || !size || *offset < 0 || *size < 0) throw wrong(node, "has no offset or size that is a number from 0");
    const uint64_t bits = static_cast<uint64_t>(openvino_element_bits(node.element_type));
    if (bits != 0 && (elements * bits + 7) / 8 != static_cast<uint64_t>(*size))
      throw wrong(node, "has " + std::to_string(*size) + " bytes, but " + node.element_type + " of the shape " + shown(shape) + " takes " + std::to_string((elements * bits + 7) / 8));
    if (static_cast<uint64_t>(*offset) > constants_.size() || static_cast<uint64_t>(*size) > constants_.size() - static_cast<uint64_t>(*offset))
      throw input_error(constants_file_, "is " + std::to_string(constants_.size()) + " bytes long, but the constant " + shown(node.name) + " lies at " + std::to_string(*offset) +
                                             " and takes " + std::to_string(*size) + ": the file is cut off or belongs to another model; copy or export it again");
    node.bytes = constants_.subspan(static_cast<size_t>(*offset), static_cast<size_t>(*size));
  }

  Layer& layer(int64_t layer_id) {
    const auto found = places_.find(layer_id);
    if (found == places_.end()) throw input_error(file_, "an edge names layer " + std::to_string(layer_id) + ", which is not there");
    return layers_[static_cast<size_t>(found->second)];
  }

  void add_edge(XmlElement edge) {
    const int64_t from = id(edge, "from-layer", "an edge"), to = id(edge, "to-layer", "an edge");
    Layer &source = layer(from), &target = layer(to);
    const auto output = source.outputs.find(id(edge, "from-port", "an edge")), input = target.inputs.find(id(edge, "to-port", "an edge"));
    if (output == source.outputs.end() || input == target.inputs.end())
      throw input_error(file_, "the edge from layer " + std::to_string(from) + " to layer " + std::to_string(to) + " names a port that is not there");
    OpenvinoValue& place = target.node.inputs[static_cast<size_t>(input->second)];
    if (place.node >= 0) throw wrong(target.node, "has two edges into one port");
    place = {places_.find(from)->second, output->second};
  }

  void check_inputs(const OpenvinoGraph& graph) const {
    for (const OpenvinoNode& node : graph.nodes)
      for (const OpenvinoValue& input : node.inputs)
        if (input.node < 0) throw wrong(node, "has a port that no edge leads to");
  }

  // Takes away layer after layer that reads from none left; what stays lies on a cycle or behind one.
  void check_cycles(const OpenvinoGraph& graph) const {
    std::vector<size_t> open(graph.nodes.size());
    std::vector<std::vector<int>> readers(graph.nodes.size());
    std::vector<int> ready;
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      open[i] = graph.nodes[i].inputs.size();
      for (const OpenvinoValue& input : graph.nodes[i].inputs) readers[static_cast<size_t>(input.node)].push_back(static_cast<int>(i));
      if (open[i] == 0) ready.push_back(static_cast<int>(i));
    }
    size_t done = 0;
    for (; done < ready.size(); ++done)
      for (const int reader : readers[static_cast<size_t>(ready[done])])
        if (--open[static_cast<size_t>(reader)] == 0) ready.push_back(reader);
    if (done == graph.nodes.size()) return;
    for (size_t i = 0; i < open.size(); ++i)
      if (open[i] != 0) throw wrong(graph.nodes[i], "reads from itself through other layers: the edges form a cycle");
  }

  static constexpr std::array kept_ = {"element_type", "shape", "offset", "size", "transpose_a", "transpose_b", "axis", "variable_id", "destination_type", "causal", "variable_shape"};
  const std::string& file_;
  std::span<const std::byte> constants_;
  const std::string& constants_file_;
  std::vector<Layer> layers_;
  std::map<int64_t, int> places_;
};

}  // namespace

Error OpenvinoGraph::wrong(const OpenvinoNode& node, const std::string& what) const { return wrong_layer(file, node, what); }

int openvino_element_bits(std::string_view element_type) {
  for (const ElementType& type : element_types)
    if (type.name == element_type) return type.bits;
  return 0;
}

OpenvinoGraph parse_openvino_graph(std::string_view xml, const std::string& file, std::span<const std::byte> constants, const std::string& constants_file) {
  return Reader(file, constants, constants_file).read(xml);
}

}  // namespace philo
