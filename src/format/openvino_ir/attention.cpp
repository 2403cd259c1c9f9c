// Collects what lies between two matrix products and holds it to what a Phi-3 has there.
#include "format/openvino_ir/attention.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "format/openvino_ir/constant.h"

namespace philo {
namespace {

constexpr size_t most_numbers = 1 << 14;
constexpr int most_depth = 64;

// Operations that move numbers about and compute nothing; the first input is what they move.
bool only_moves(std::string_view type) {
  constexpr std::array names = {"Reshape", "Transpose", "Unsqueeze", "Squeeze", "Broadcast", "Tile", "Slice", "StridedSlice", "VariadicSplit", "Split", "Gather", "Convert"};
  return std::find(names.begin(), names.end(), type) != names.end();
}

// Everything that a query, key or value is made of, from the projection on.
struct Cone {
  std::set<int> projections, states, rotations;  // MatMuls; ReadValues; Cos and Sin
  std::optional<int64_t> first_column;           // of a fused projection, where a Slice or VariadicSplit says it
  std::optional<OpenvinoValue> cosine;
  float rotation_factor = 1;
};

class ConeWalk {
 public:
  explicit ConeWalk(const OpenvinoGraph& graph) : graph_(graph) {}

  Cone walk(OpenvinoValue from) {
    todo_.push_back(from);
    while (!todo_.empty()) {
      const OpenvinoValue value = todo_.back();
      todo_.pop_back();
      if (seen_.insert({value.node, value.output}).second) visit(value);
    }
    return cone_;
  }

 private:
  void visit(OpenvinoValue value) {
    const OpenvinoNode& node = graph_.at(value);
    if (node.type == "Const" || node.type == "Parameter") return;
    if (node.type == "MatMul") {
      cone_.projections.insert(value.node);
    } else if (node.type == "ReadValue") {
      cone_.states.insert(value.node);
    } else if (node.type == "Cos" || node.type == "Sin") {
      cone_.rotations.insert(value.node);
      if (node.type == "Cos") cone_.cosine = value;
    } else if (only_moves(node.type)) {
      if (node.inputs.empty()) throw graph_.wrong(node, "has no input");
      note_columns(node, value);
      todo_.push_back(node.inputs[0]);
    } else if (node.type == "Add" || node.type == "Multiply" || node.type == "Concat") {
      if (node.type == "Multiply") note_factor(node);
      todo_.insert(todo_.end(), node.inputs.begin(), node.inputs.end());
    } else {
      throw graph_.wrong(node, "is no part of a Phi-3's attention");
    }
  }

  void note_columns(const OpenvinoNode& node, OpenvinoValue value) {
    if (graph_.at(node.inputs[0]).type != "MatMul") return;
    if (node.type == "Slice" && node.inputs.size() >= 3) {
      if (const auto first = openvino_numbers(graph_, node.inputs[1], 1); first && first->size() == 1) cone_.first_column = static_cast<int64_t>(first->front());
    } else if (node.type == "VariadicSplit" || node.type == "Split") {
      cone_.first_column = value.output;
    }
  }

  // LongRoPE's factor: cos or sin times a number.
  void note_factor(const OpenvinoNode& node) {
    if (node.inputs.size() != 2) return;
    for (const int one : {0, 1}) {
      if (graph_.at(behind_converts(graph_, node.inputs[one])).type != "Cos") continue;
      const auto factor = openvino_numbers(graph_, node.inputs[1 - one], 1);
      if (factor && factor->size() == 1) cone_.rotation_factor = factor->front();
    }
  }

  const OpenvinoGraph& graph_;
  std::vector<OpenvinoValue> todo_;
  std::set<std::pair<int, int>> seen_;
  Cone cone_;
};

// The window that a mask holds: Greater(key, query + constant) or Greater(key, query - constant).
std::optional<int64_t> window_of(const OpenvinoGraph& graph, OpenvinoValue mask) {
  std::vector<OpenvinoValue> todo = {mask};
  std::set<int> seen;
  std::optional<int64_t> window;
  while (!todo.empty()) {
    const OpenvinoNode& node = graph.at(todo.back());
    const int place = todo.back().node;
    todo.pop_back();
    if (!seen.insert(place).second) continue;
    if (node.type == "ReadValue" || node.type == "MatMul" || node.type == "ShapeOf") continue;
    if ((node.type == "Greater" || node.type == "Less") && node.inputs.size() == 2) {
      const OpenvinoNode& edge = graph.at(behind_converts(graph, node.inputs[node.type == "Greater" ? 1 : 0]));
      if ((edge.type == "Add" || edge.type == "Subtract") && edge.inputs.size() == 2)
        for (const OpenvinoValue& input : edge.inputs) {
          const auto number = openvino_numbers(graph, input, 1);
          if (!number || number->size() != 1 || number->front() == 0 || std::fabs(number->front()) > 1e9f) continue;
          const auto found = static_cast<int64_t>(edge.type == "Add" ? -number->front() : number->front());
          if (window && *window != found) throw graph.wrong(edge, "holds another sliding window than the mask's other part");
          window = found;
        }
    }
    todo.insert(todo.end(), node.inputs.begin(), node.inputs.end());
  }
  return window;
}

// "?,2,?,64" gives 2 and 64.
void read_state(const OpenvinoGraph& graph, const OpenvinoNode& state, OpenvinoAttention& out) {
  const auto shape = state.data.find("variable_shape");
  std::vector<int64_t> sizes;
  if (shape != state.data.end())
    for (std::string_view rest = shape->second; !rest.empty();) {
      const std::string_view part = rest.substr(0, rest.find(','));
      int64_t size = -1;
      std::from_chars(part.data(), part.data() + part.size(), size);
      sizes.push_back(size);
      rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    }
  if (sizes.size() != 4 || sizes[1] < 1 || sizes[3] < 1) throw graph.wrong(state, "is no state of keys or values of a known number of heads and size: (batch, heads, tokens, size)");
  if (out.kv_heads != 0 && (out.kv_heads != sizes[1] || out.head_size != sizes[3])) throw graph.wrong(state, "has another shape than the state beside it");
  out.kv_heads = sizes[1];
  out.head_size = sizes[3];
}

}  // namespace

OpenvinoAttention read_openvino_attention(const OpenvinoGraph& graph, OpenvinoValue value) {
  const OpenvinoNode* node = &graph.at(value);
  for (int depth = 0; only_moves(node->type) && !node->inputs.empty() && depth < most_depth; ++depth) node = &graph.at(node->inputs[0]);
  if (node->type == "Multiply") throw graph.wrong(*node, "scales what the output projection reads, which philo can't take over exactly; export the model without --awq");
  if (node->type != "ScaledDotProductAttention" || node->inputs.size() < 4)
    throw graph.wrong(*node, "stands where ScaledDotProductAttention with a mask is expected; philo reads what optimum-intel from 1.20 on exports from a Phi-3");
  OpenvinoAttention out{};
  const Cone query = ConeWalk(graph).walk(node->inputs[0]), key = ConeWalk(graph).walk(node->inputs[1]), values = ConeWalk(graph).walk(node->inputs[2]);
  for (const Cone* cone : {&query, &key, &values}) {
    if (cone->projections.size() != 1) throw graph.wrong(*node, "has a query, key or value that comes from " + std::to_string(cone->projections.size()) + " projections; expected one");
    if (cone->states.size() != (cone == &query ? 0 : 1))
      throw graph.wrong(*node, "keeps no past keys and values in the model (stateful models do); export the model with --task text-generation-with-past, without --disable-stateful");
    if (cone->rotations.size() != (cone == &values ? 0u : 2u)) throw graph.wrong(*node, "has queries, keys or values that are not rotated as a Phi-3's");
    out.projections.push_back({*cone->projections.begin(), 0});
  }
  if (out.projections[0] == out.projections[1] && out.projections[1] == out.projections[2]) {
    if (!query.first_column || !key.first_column || !values.first_column || *query.first_column != 0 || *key.first_column <= 0 || *values.first_column <= *key.first_column)
      throw graph.wrong(*node, "does not take query, key and value from its projection in this order");
    out.projections.resize(1);
  } else if (out.projections[0] == out.projections[1] || out.projections[0] == out.projections[2] || out.projections[1] == out.projections[2]) {
    throw graph.wrong(*node, "takes two of query, key and value from one projection");
  }
  if (!query.cosine || query.rotations != key.rotations) throw graph.wrong(*node, "rotates queries and keys by different angles");
  read_state(graph, graph.nodes[static_cast<size_t>(*key.states.begin())], out);
  read_state(graph, graph.nodes[static_cast<size_t>(*values.states.begin())], out);
  out.cosine = *query.cosine;
  out.rotation_factor = query.rotation_factor;
  if (node->inputs.size() > 4) {
    const auto scale = openvino_numbers(graph, node->inputs[4], 1);
    if (!scale || scale->size() != 1) throw graph.wrong(*node, "has a scale that is no constant");
    out.scale = scale->front();
  }
  out.window = window_of(graph, node->inputs[3]);
  return out;
}

namespace {

// Evaluates expressions; gives up on those that no exporter writes, before shared parts make them take for ever.
class Evaluation {
 public:
  Evaluation(const OpenvinoGraph& graph, bool choose) : graph_(graph), choose_(choose) {}

  std::vector<float> of(OpenvinoValue value) {
    constexpr int most_steps = 256;
    const OpenvinoNode& node = graph_.at(value);
    if (++steps_ > most_steps) throw graph_.wrong(node, "belongs to an expression of constants that is too long");
    if (node.type == "Const") {
      auto numbers = openvino_numbers(graph_, value, most_numbers);
      if (!numbers || numbers->empty()) throw graph_.wrong(node, "holds no numbers that philo reads");
      return std::move(*numbers);
    }
    if (node.type == "Select" && node.inputs.size() == 3) {
      if (select_ == nullptr) select_ = &node;
      return of(node.inputs[choose_ ? 1 : 2]);
    }
    if ((node.type == "Convert" || node.type == "Unsqueeze" || node.type == "Reshape" || node.type == "Squeeze" || node.type == "Broadcast") && !node.inputs.empty())
      return of(node.inputs[0]);
    const bool known = node.type == "Multiply" || node.type == "Divide" || node.type == "Power";
    if (!known || node.inputs.size() != 2) throw graph_.wrong(node, "stands where constants are expected that the rotation's frequencies follow from");
    std::vector<float> a = of(node.inputs[0]), b = of(node.inputs[1]);
    if (a.size() == 1) a.resize(b.size(), a[0]);
    if (b.size() == 1) b.resize(a.size(), b[0]);
    if (a.size() != b.size()) throw graph_.wrong(node, "has inputs of different sizes");
    for (size_t i = 0; i < a.size(); ++i) a[i] = node.type == "Multiply" ? a[i] * b[i] : node.type == "Divide" ? a[i] / b[i] : std::pow(a[i], b[i]);
    return a;
  }

  const OpenvinoNode* select() const { return select_; }  // the first one that was passed

 private:
  const OpenvinoGraph& graph_;
  bool choose_;
  int steps_ = 0;
  const OpenvinoNode* select_ = nullptr;
};

}  // namespace

OpenvinoRotation read_openvino_rotation(const OpenvinoGraph& graph, OpenvinoValue cosine, float factor) {
  const OpenvinoNode* node = &graph.at(cosine);
  for (int depth = 0; depth < most_depth; ++depth) {
    if (node->inputs.empty()) throw graph.wrong(*node, "has no input");
    node = &graph.at(node->inputs[0]);
    if (!only_moves(node->type) && node->type != "Concat") break;
  }
  if (node->type != "MatMul" || node->inputs.size() != 2) throw graph.wrong(*node, "stands where the angles of the rotation are expected: frequencies times positions");
  Evaluation near(graph, false), far(graph, true);
  OpenvinoRotation out{near.of(node->inputs[0]), far.of(node->inputs[0]), {}, factor};
  if (near.select() == nullptr) return out;
  const OpenvinoNode& condition = graph.at(behind_converts(graph, near.select()->inputs[0]));
  const auto limit = condition.type == "Greater" && condition.inputs.size() == 2 ? openvino_numbers(graph, condition.inputs[1], 1) : std::nullopt;
  if (!limit || limit->size() != 1 || !(limit->front() >= 0 && limit->front() < 2e9f)) throw graph.wrong(condition, "stands where the length is compared with the limit of the short LongRoPE factors");
  out.long_limit = static_cast<int64_t>(limit->front());
  return out;
}

}  // namespace philo
