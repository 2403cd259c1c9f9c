// GroupQueryAttention, PagedAttention or MultiHeadAttention, with the rotation inside or before it.
#include "format/onnx/attention.h"

#include <algorithm>
#include <array>

#include "format/onnx/constant.h"

namespace philo {
namespace {

constexpr int most_depth = 32;

bool is_any(std::string_view type, std::initializer_list<std::string_view> names) { return std::find(names.begin(), names.end(), type) != names.end(); }

// A query, key or value, followed back to its projection.
struct Source {
  int projection = -1;
  const OnnxFileNode* rotation = nullptr;
};

Source source_of(const OnnxFileGraph& graph, int value) {
  Source out;
  for (int depth = 0; depth < most_depth; ++depth) {
    const OnnxFileNode* node = graph.node_of(value);
    if (node == nullptr) break;
    if (OnnxMatrices::is_product(node)) {
      out.projection = value;
      return out;
    }
    if (node->type == "RotaryEmbedding") {
      if (out.rotation != nullptr) throw graph.wrong(*node, "rotates a second time");
      out.rotation = node;
      value = node->input(0);
    } else if (node->type == "Concat" && node->inputs.size() == 2) {
      value = graph.node_of(node->input(0)) == nullptr ? node->input(1) : node->input(0);  // past keys or values are an input of the model
    } else if (is_any(node->type, {"Reshape", "Transpose", "Expand", "Unsqueeze", "Squeeze", "Cast", "Identity"})) {
      value = node->input(0);
    } else {
      throw graph.wrong(*node, "stands where a query, key or value projection is expected (a bias, a norm or another network)");
    }
  }
  throw graph.wrong_value(value, "stands where a query, key or value projection is expected");
}

void refuse_inputs(const OnnxFileGraph& graph, const OnnxFileNode& node, std::initializer_list<std::pair<size_t, const char*>> refused) {
  for (const auto& [place, what] : refused)
    if (node.input(place) >= 0) throw graph.wrong(node, std::string("has ") + what + ", which the dense Phi-3 family has not");
}

void read_numbers(const OnnxFileGraph& graph, const OnnxFileNode& node, OnnxAttention& out) {
  out.heads = onnx_integer(graph, node, "num_heads", 0);
  if (out.heads < 1) throw graph.wrong(node, "has " + std::to_string(out.heads) + " heads");
  if (const float scale = onnx_real(graph, node, "scale", 0); scale != 0) out.scale = scale;
  if (onnx_real(graph, node, "softcap", 0) != 0) throw graph.wrong(node, "caps its scores (softcap), which the dense Phi-3 family does not");
  if (onnx_integer(graph, node, "smooth_softmax", 0) > 0) throw graph.wrong(node, "has a smooth softmax, which the dense Phi-3 family has not");
  if (const int64_t window = onnx_integer(graph, node, "local_window_size", -1); window > 0) out.window = window;
}

void read_rotation(const OnnxFileGraph& graph, const OnnxFileNode& node, const Source& query, const Source& key, const Source& value, size_t cosines, OnnxAttention& out) {
  out.positions = -1;
  if (onnx_integer(graph, node, "do_rotary", 0) != 0) {
    if (query.rotation != nullptr || key.rotation != nullptr) throw graph.wrong(node, "rotates queries or keys that are rotated already");
    if (onnx_integer(graph, node, "rotary_interleaved", 0) != 0) throw graph.wrong(node, "rotates neighbouring numbers (rotary_interleaved), not halves as a Phi-3 does");
    out.cosines = node.input(cosines);
    out.sines = node.input(cosines + 1);
    if (node.type == "GroupQueryAttention") out.positions = node.input(9);
    return;
  }
  const OnnxFileNode *first = query.rotation, *second = key.rotation;
  if (first == nullptr || second == nullptr || value.rotation != nullptr) throw graph.wrong(node, "has queries, keys or values that are not rotated as a Phi-3's");
  for (const OnnxFileNode* rotation : {first, second}) {
    if (onnx_integer(graph, *rotation, "interleaved", 0) != 0) throw graph.wrong(*rotation, "rotates neighbouring numbers (interleaved), not halves as a Phi-3 does");
    if (onnx_real(graph, *rotation, "scale", 1) != 1) throw graph.wrong(*rotation, "scales what it rotates");
  }
  if (first->input(1) != second->input(1) || first->input(2) != second->input(2) || first->input(3) != second->input(3)) throw graph.wrong(node, "rotates queries and keys by different angles");
  out.positions = first->input(1);
  out.cosines = first->input(2);
  out.sines = first->input(3);
}

}  // namespace

OnnxAttention read_onnx_attention(const OnnxFileGraph& graph, int value) {
  const OnnxFileNode* node = graph.node_of(behind_casts(graph, value));
  for (int depth = 0; depth < most_depth && node != nullptr && is_any(node->type, {"Reshape", "Transpose"}); ++depth) node = graph.node_of(behind_casts(graph, node->input(0)));
  if (node == nullptr || !is_any(node->type, {"GroupQueryAttention", "PagedAttention", "MultiHeadAttention"}))
    throw graph.wrong_value(value, "stands where GroupQueryAttention is expected; philo reads what ONNX Runtime GenAI's builder makes of a Phi-3");
  OnnxAttention out{};
  read_numbers(graph, *node, out);
  size_t cosines = 7;
  if (node->type == "GroupQueryAttention") {
    refuse_inputs(graph, *node, {{10, "a bias on its scores"}, {11, "attention sinks"}, {14, "norms of queries or keys"}, {15, "norms of queries or keys"}});
    out.kv_heads = onnx_integer(graph, *node, "kv_num_heads", 0);
  } else if (node->type == "PagedAttention") {
    refuse_inputs(graph, *node, {{11, "attention sinks"}, {12, "norms of queries or keys"}, {13, "norms of queries or keys"}});
    out.kv_heads = onnx_integer(graph, *node, "kv_num_heads", 0);
    cosines = 8;
  } else {
    refuse_inputs(graph, *node, {{3, "a bias"}});
    if (onnx_integer(graph, *node, "unidirectional", 0) == 0 && node->input(5) < 0 && node->input(4) < 0) throw graph.wrong(*node, "has no mask, so that tokens see what comes after them");
  }
  if (out.kv_heads < 0 || (node->type != "MultiHeadAttention" && out.kv_heads == 0)) throw graph.wrong(*node, "has " + std::to_string(out.kv_heads) + " heads of keys and values");
  const Source query = source_of(graph, node->input(0));
  out.projections = {query.projection};
  if (node->input(1) < 0 && node->input(2) < 0) {
    if (out.kv_heads == 0) throw graph.wrong(*node, "takes query, key and value from one input, which philo reads of GroupQueryAttention alone");
    read_rotation(graph, *node, query, query, {}, cosines, out);
    return out;
  }
  const Source key = source_of(graph, node->input(1)), values = source_of(graph, node->input(2));
  if (query.projection == key.projection || query.projection == values.projection || key.projection == values.projection)
    throw graph.wrong(*node, "takes two of query, key and value from one projection");
  out.projections = {query.projection, key.projection, values.projection};
  read_rotation(graph, *node, query, key, values, cosines, out);
  return out;
}

}  // namespace philo
