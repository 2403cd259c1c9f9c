// Reads nodes and constants, gives every name its value, and orders the operations to find cycles.
#include "format/onnx/graph.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>
#include <utility>

#include "format/onnx/message.h"
#include "format/onnx/tensor.h"

namespace philo {
namespace {

constexpr size_t most_nodes = 1 << 17, most_constants = 1 << 17, most_ports = 4096, most_attributes = 64, most_numbers = 1 << 14;
constexpr int deepest_branch = 4;

// What the whole model may hold, its branches among it.
struct Budget {
  size_t nodes = most_nodes, constants = most_constants;
};

struct NamedNode {
  OnnxFileNode node;
  std::vector<std::string> inputs, outputs;
};

class GraphReader {
 public:
  GraphReader(const std::string& file, const OnnxTensorSource& source, Budget& budget, int depth) : source_(source), budget_(budget), depth_(depth) { graph_.file = file; }

  OnnxFileGraph read(Message<onnx::Graph> message) {
    while (message.next()) read_field(message);
    for (size_t i = 0; i < graph_.constants.size(); ++i) graph_.values[static_cast<size_t>(define(graph_.constants[i].name))].constant = static_cast<int>(i);
    for (const std::string& name : inputs_)
      if (!places_.contains(name)) graph_.inputs.push_back(define(name));
    for (NamedNode& named : nodes_) add_node(named);
    for (size_t i = 0; i < nodes_.size(); ++i)
      for (const std::string& name : nodes_[i].inputs) graph_.nodes[i].inputs.push_back(name.empty() ? -1 : resolve(name, &graph_.nodes[i]));
    for (const std::string& name : outputs_) graph_.outputs.push_back(resolve(name, nullptr));
    check_cycles();
    return std::move(graph_);
  }

 private:
  void read_field(Message<onnx::Graph>& message) {
    switch (message.field()) {
      case onnx::Graph::Node: nodes_.push_back(read_node(message.message<onnx::Node>())); return;
      case onnx::Graph::Initializer: add_constant(message.message<onnx::Tensor>()); return;
      case onnx::Graph::Input: inputs_.push_back(name_of(message.message<onnx::ValueInfo>())); return;
      case onnx::Graph::Output: outputs_.push_back(name_of(message.message<onnx::ValueInfo>())); return;
      case onnx::Graph::SparseInitializer: throw input_error(graph_.file, "holds sparse constants, which no exporter of language models writes and philo does not read");
      default: message.skip();
    }
    if (inputs_.size() + outputs_.size() > most_constants) throw message.wrong("the graph has more than " + std::to_string(most_constants) + " inputs and outputs");
  }

  std::string name_of(Message<onnx::ValueInfo> message) const {
    std::string name;
    while (message.next()) {
      if (message.field() == onnx::ValueInfo::Name) name = message.text();
      else message.skip();
    }
    return name;
  }

  OnnxConstant& add_constant(Message<onnx::Tensor> message) {
    if (budget_.constants-- == 0) throw message.wrong("the model has more than " + std::to_string(most_constants) + " constants");
    graph_.constants.push_back(read_onnx_tensor(message, source_, graph_.owned));
    return graph_.constants.back();
  }

  NamedNode read_node(Message<onnx::Node> message) {
    if (budget_.nodes-- == 0) throw message.wrong("the model has more than " + std::to_string(most_nodes) + " operations");
    NamedNode named;
    std::vector<Message<onnx::Attribute>> attributes;  // read when the operation's name is known, which stands behind them
    while (message.next()) {
      switch (message.field()) {
        case onnx::Node::Input: named.inputs.push_back(message.text()); break;
        case onnx::Node::Output: named.outputs.push_back(message.text()); break;
        case onnx::Node::Name: named.node.name = message.text(); break;
        case onnx::Node::OpType: named.node.type = message.text(); break;
        case onnx::Node::Domain: named.node.domain = message.text(); break;
        case onnx::Node::Attribute: attributes.push_back(message.message<onnx::Attribute>()); break;
        default: message.skip();
      }
      if (named.inputs.size() > most_ports || named.outputs.size() > most_ports || attributes.size() > most_attributes)
        throw message.wrong("an operation has more than " + std::to_string(most_ports) + " inputs or outputs or " + std::to_string(most_attributes) + " attributes");
    }
    if (named.node.domain == "ai.onnx") named.node.domain.clear();
    for (const Message<onnx::Attribute>& attribute : attributes) read_attribute(attribute, named);
    return named;
  }

  void read_attribute(Message<onnx::Attribute> message, NamedNode& named) {
    OnnxAttribute out;
    std::string name;
    std::optional<Message<onnx::Tensor>> tensor;
    while (message.next()) {
      switch (message.field()) {
        case onnx::Attribute::Name: name = message.text(); break;
        case onnx::Attribute::Type: out.type = static_cast<onnx::AttributeType>(message.integer()); break;
        case onnx::Attribute::I: out.integer = message.integer(); break;
        case onnx::Attribute::F: out.real = message.real(); break;
        case onnx::Attribute::S: out.text = std::string(message.bytes().substr(0, 256)); break;
        case onnx::Attribute::Ints: message.add_integers(out.integers, most_numbers); break;
        case onnx::Attribute::T: tensor = message.message<onnx::Tensor>(); break;
        case onnx::Attribute::G: out.graph = read_branch(message.message<onnx::Graph>()); break;
        default: message.skip();
      }
    }
    if (named.node.type == "Constant" && named.node.domain.empty()) {
      take_constant(named, name, out, tensor);
      return;
    }
    if (!named.node.attributes.emplace(name, std::move(out)).second) throw graph_.wrong(named.node, "has the attribute " + shown(name) + " twice");
  }

  std::shared_ptr<const OnnxFileGraph> read_branch(Message<onnx::Graph> message) {
    if (depth_ == deepest_branch) throw message.wrong("graphs lie in graphs deeper than " + std::to_string(deepest_branch));
    return std::make_shared<const OnnxFileGraph>(GraphReader(graph_.file, source_, budget_, depth_ + 1).read(message));
  }

  // A Constant's output is a constant like any other; so the operation itself goes.
  void take_constant(NamedNode& named, const std::string& name, const OnnxAttribute& attribute, const std::optional<Message<onnx::Tensor>>& tensor) {
    if (named.outputs.size() != 1 || !named.inputs.empty()) throw graph_.wrong(named.node, "is a Constant with inputs or without one output");
    if (named.node.attributes.contains("value")) throw graph_.wrong(named.node, "is a Constant with two values");
    named.node.attributes.emplace("value", OnnxAttribute{});
    if (tensor) {
      add_constant(*tensor).name = named.outputs[0];
      return;
    }
    if (budget_.constants-- == 0) throw graph_.wrong(named.node, "is one constant too many");
    OnnxConstant constant{named.outputs[0], onnx::DataType::Int64, {}, {}, nullptr};
    auto bytes = std::make_shared<std::vector<std::byte>>();
    const auto append = [&](const auto& value) {
      const auto* from = reinterpret_cast<const std::byte*>(&value);
      bytes->insert(bytes->end(), from, from + sizeof value);
    };
    if (name == "value_int") {
      append(attribute.integer);
    } else if (name == "value_float") {
      constant.type = onnx::DataType::Float;
      append(attribute.real);
    } else if (name == "value_ints") {
      constant.shape = {static_cast<int64_t>(attribute.integers.size())};
      for (const int64_t value : attribute.integers) append(value);
    } else {
      throw graph_.wrong(named.node, "is a Constant of the form " + shown(name) + ", which philo does not read");
    }
    constant.bytes = *bytes;
    graph_.owned.push_back(std::move(bytes));
    graph_.constants.push_back(std::move(constant));
  }

  int define(const std::string& name) {
    const auto [at, added] = places_.try_emplace(name, static_cast<int>(graph_.values.size()));
    if (name.empty() || !added) throw input_error(graph_.file, name.empty() ? "names an input, output or constant with nothing" : "the value " + shown(name) + " is there a second time");
    graph_.values.push_back({name});
    return at->second;
  }

  void add_node(NamedNode& named) {
    const int place = static_cast<int>(graph_.nodes.size());
    const bool constant = named.node.type == "Constant" && named.node.domain.empty();
    if (constant && named.node.attributes.empty()) throw graph_.wrong(named.node, "is a Constant without a value");
    for (size_t i = 0; i < named.outputs.size() && !constant; ++i) {
      if (named.outputs[i].empty()) {
        named.node.outputs.push_back(-1);
        continue;
      }
      const int value = define(named.outputs[i]);
      graph_.values[static_cast<size_t>(value)].node = place;
      graph_.values[static_cast<size_t>(value)].output = static_cast<int>(i);
      named.node.outputs.push_back(value);
    }
    graph_.nodes.push_back(std::move(named.node));
  }

  int resolve(const std::string& name, const OnnxFileNode* reader) {
    const auto found = places_.find(name);
    if (found != places_.end()) return found->second;
    if (depth_ > 0) return define(name);  // of the graph around
    if (reader == nullptr) throw input_error(graph_.file, "has the output " + shown(name) + ", which nothing computes");
    throw graph_.wrong(*reader, "reads " + shown(name) + ", which is no constant, no input and no operation's output: a constant is missing, or the file is damaged; copy or export it again");
  }

  // Takes away operation after operation that reads from none left; what stays lies on a cycle or behind one.
  void check_cycles() const {
    std::vector<size_t> open(graph_.nodes.size());
    std::vector<std::vector<int>> readers(graph_.nodes.size());
    std::vector<int> ready;
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (const int input : graph_.nodes[i].inputs) {
        const int source = input < 0 ? -1 : graph_.values[static_cast<size_t>(input)].node;
        if (source < 0) continue;
        ++open[i];
        readers[static_cast<size_t>(source)].push_back(static_cast<int>(i));
      }
      if (open[i] == 0) ready.push_back(static_cast<int>(i));
    }
    size_t done = 0;
    for (; done < ready.size(); ++done)
      for (const int reader : readers[static_cast<size_t>(ready[done])])
        if (--open[static_cast<size_t>(reader)] == 0) ready.push_back(reader);
    if (done == graph_.nodes.size()) return;
    for (size_t i = 0; i < open.size(); ++i)
      if (open[i] != 0) throw graph_.wrong(graph_.nodes[i], "reads from itself through other operations: they form a cycle");
  }

  OnnxFileGraph graph_;
  const OnnxTensorSource& source_;
  Budget& budget_;
  int depth_;
  std::vector<NamedNode> nodes_;
  std::vector<std::string> inputs_, outputs_;
  std::unordered_map<std::string, int> places_;
};

}  // namespace

const OnnxFileNode* OnnxFileGraph::node_of(int value) const {
  const int node = value < 0 ? -1 : values[static_cast<size_t>(value)].node;
  return node < 0 ? nullptr : &nodes[static_cast<size_t>(node)];
}

const OnnxConstant* OnnxFileGraph::constant_of(int value) const {
  const int constant = value < 0 ? -1 : values[static_cast<size_t>(value)].constant;
  return constant < 0 ? nullptr : &constants[static_cast<size_t>(constant)];
}

int OnnxFileGraph::find(std::string_view value) const {
  const auto found = std::find_if(values.begin(), values.end(), [&](const OnnxValue& one) { return one.name == value; });
  return found == values.end() ? -1 : static_cast<int>(found - values.begin());
}

Error OnnxFileGraph::wrong(const OnnxFileNode& node, const std::string& what) const {
  return input_error(file, "the operation " + shown(node.name.empty() && !node.outputs.empty() && node.outputs[0] >= 0 ? values[static_cast<size_t>(node.outputs[0])].name : node.name) + " (" +
                               shown(node.type, 40) + ") " + what);
}

Error OnnxFileGraph::wrong_value(int value, const std::string& what) const {
  if (const OnnxFileNode* node = node_of(value)) return wrong(*node, what);
  return input_error(file, (value < 0 ? std::string("an input that is left out") : "the value " + shown(values[static_cast<size_t>(value)].name)) + " " + what);
}

int64_t onnx_integer(const OnnxFileGraph& graph, const OnnxFileNode& node, std::string_view name, int64_t fallback) {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return fallback;
  if (found->second.type != onnx::AttributeType::Int) throw graph.wrong(node, "has the attribute " + shown(name) + ", which is no integer");
  return found->second.integer;
}

float onnx_real(const OnnxFileGraph& graph, const OnnxFileNode& node, std::string_view name, float fallback) {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return fallback;
  if (found->second.type != onnx::AttributeType::Float) throw graph.wrong(node, "has the attribute " + shown(name) + ", which is no float");
  return found->second.real;
}

OnnxFileGraph parse_onnx_graph(std::span<const std::byte> model, const std::string& file, const MappedFile* mapped, const OpenOnnxExternal& open) {
  const auto* const begin = reinterpret_cast<const char*>(model.data());
  Message<onnx::Model> message(std::string_view(begin, model.size()), {&file, begin});
  std::optional<Message<onnx::Graph>> graph;
  bool has_version = false;
  while (message.next()) {
    switch (message.field()) {
      case onnx::Model::IrVersion: has_version = message.integer() > 0; break;
      case onnx::Model::Graph: graph = message.message<onnx::Graph>(); break;
      case onnx::Model::Functions: throw input_error(file, "has functions of its own, which ONNX Runtime GenAI's builder does not write and philo does not read");
      default: message.skip();
    }
  }
  if (!has_version || !graph) throw input_error(file, "is no ONNX model: it has no version or no graph; the file is cut off, damaged or something else");
  Budget budget;
  std::map<const std::byte*, size_t> files = {{model.data(), model.size()}};
  const OnnxTensorSource source{mapped, open, files};
  OnnxFileGraph out = GraphReader(file, source, budget, 0).read(*graph);
  for (const auto& [place, bytes] : files) out.file_bytes += bytes;
  return out;
}

}  // namespace philo
