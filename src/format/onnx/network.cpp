// Follows the residual stream from the head back to the embedding, layer by layer.
#include "format/onnx/network.h"

#include <algorithm>
#include <array>
#include <utility>

#include "format/onnx/attention.h"
#include "format/onnx/constant.h"

namespace philo {
namespace {

constexpr size_t most_layers = 4096;

bool is(const OnnxFileNode* node, std::string_view type) { return node != nullptr && node->type == type; }

// A norm's weights and what it normalizes: a value, or the sum of two that SkipSimplifiedLayerNormalization adds itself.
struct Norm {
  int weights = -1;
  int input = -1;  // the value, or the output that hands the sum on; -1 where nothing does
  std::optional<std::array<int, 2>> sum;
};

struct Layer {
  Norm attention_norm, mlp_norm;
  OnnxAttention attention;
  int attention_out, down;     // values of products
  std::vector<int> gate_up;    // one product or two
};

class Walk {
 public:
  Walk(const OnnxFileGraph& graph, Weights& weights) : graph_(graph), weights_(weights), matrices_(graph, owned_) {}

  OnnxNetwork read(const std::string& logits) {
    const int head = find_head(logits);
    const Norm norm = read_norm(head_input(head));
    std::vector<Layer> layers;
    const Norm* last = &norm;
    while (const auto sum = sum_of(*last)) {
      if (layers.size() == most_layers) throw graph_.wrong_value(last->input, "ends more than " + std::to_string(most_layers) + " layers");
      layers.push_back(read_layer(*sum));
      last = &layers.back().attention_norm;
    }
    const int embedding = behind_casts(graph_, last->input);
    const OnnxFileNode* lookup = graph_.node_of(embedding);
    if (lookup == nullptr && embedding >= 0)
      throw graph_.wrong_value(embedding, "comes in where the embedding is expected: the model was exported without it (exclude_embeds); export it whole");
    if (!is(lookup, "Gather") && !is(lookup, "GatherBlockQuantized") && !is(lookup, "Mul")) throw graph_.wrong_value(embedding, "stands where the sum that ends a layer, or the embedding, is expected");
    if (!is(lookup, "Mul") && graph_.node_of(behind_casts(graph_, lookup->input(1))) != nullptr) throw graph_.wrong(*lookup, "does not look tokens up");
    if (layers.empty()) throw graph_.wrong(*lookup, "is followed by no layer");
    std::reverse(layers.begin(), layers.end());
    add_weights(*lookup, layers, norm, head);
    describe(layers);
    for (auto& one : owned_) weights_.keep(std::move(one));
    for (const auto& one : graph_.owned) weights_.keep(one);
    return std::move(out_);
  }

 private:
  int find_head(const std::string& logits) {
    const auto named = [&](int value) { return graph_.values[static_cast<size_t>(value)].name == logits; };
    const auto found = std::find_if(graph_.outputs.begin(), graph_.outputs.end(), named);
    if (found == graph_.outputs.end())
      throw input_error(graph_.file, "has no output " + shown(logits) + ": the model was exported without its head (exclude_lm_head) or is another network; export it whole");
    return check_product(behind_casts(graph_, *found), "the head over the vocabulary");
  }

  // What the head reads; where it reads the last token alone, what that is taken from.
  int head_input(int head) {
    int value = input_of(head);
    for (const char* type : {"Unsqueeze", "Gather"}) {
      const OnnxFileNode* node = graph_.node_of(value);
      if (!is(node, type)) continue;
      value = behind_casts(graph_, node->input(0));
      out_.last_row_only = true;
    }
    return value;
  }

  int check_product(int value, const char* what) const {
    const OnnxFileNode* node = graph_.node_of(value);
    if (!OnnxMatrices::is_product(node)) throw graph_.wrong_value(value, std::string("stands where the product of ") + what + " is expected (MatMul or MatMulNBits)");
    return value;
  }
  const OnnxFileNode& product(int value) const { return *graph_.node_of(value); }
  int input_of(int value) const { return behind_casts(graph_, product(value).input(0)); }

  std::optional<double> single(int value) const {
    const auto numbers = onnx_numbers(graph_, value, 1);
    if (!numbers || numbers->size() != 1) return {};
    return numbers->front();
  }

  void note_epsilon(double found, int value) {
    const auto epsilon = static_cast<float>(found);
    if (out_.epsilon != 0 && out_.epsilon != epsilon) throw graph_.wrong_value(value, "has another epsilon than the other norms");
    if (!(epsilon > 0 && epsilon < 1)) throw graph_.wrong_value(value, "has the epsilon " + std::to_string(found));
    out_.epsilon = epsilon;
  }

  Norm read_norm(int value) {
    const OnnxFileNode* node = graph_.node_of(value);
    if (is(node, "SimplifiedLayerNormalization") || is(node, "RMSNormalization")) {
      if (const int64_t axis = onnx_integer(graph_, *node, "axis", -1); axis != -1 && axis != 2) throw graph_.wrong(*node, "normalizes along another axis than the last");
      note_epsilon(static_cast<double>(onnx_real(graph_, *node, "epsilon", 1e-5f)), value);
      return {node->input(1), behind_casts(graph_, node->input(0)), {}};
    }
    if (is(node, "SkipSimplifiedLayerNormalization")) {
      if (node->input(3) >= 0) throw graph_.wrong(*node, "adds a bias; the dense Phi-3 family has none");
      if (graph_.values[static_cast<size_t>(value)].output != 0) throw graph_.wrong(*node, "is read by another output than its first");
      note_epsilon(static_cast<double>(onnx_real(graph_, *node, "epsilon", 1e-5f)), value);
      return {node->input(2), node->outputs.size() > 3 ? node->outputs[3] : -1, std::array{behind_casts(graph_, node->input(0)), behind_casts(graph_, node->input(1))}};
    }
    if (is(node, "Mul")) return read_spelled_norm(value);
    throw graph_.wrong_value(value, "stands where a norm (SimplifiedLayerNormalization) is expected");
  }

  // Spelled out: (1 / sqrt(mean(x^2) + epsilon)) * x * weights.
  Norm read_spelled_norm(int value) {
    const auto wrong = [&](const char* what) { return graph_.wrong_value(value, std::string("stands where a norm (RMSNorm) is expected, and has ") + what); };
    const auto take = [&](int from, std::string_view type, const char* what) {
      const OnnxFileNode* node = graph_.node_of(behind_casts(graph_, from));
      if (!is(node, type) || node->inputs.size() < 2) throw wrong(what);
      return node;
    };
    const OnnxFileNode* outer = graph_.node_of(value);
    const bool weights_first = graph_.constant_of(behind_casts(graph_, outer->input(0))) != nullptr;
    const OnnxFileNode* inner = take(outer->input(weights_first ? 1 : 0), "Mul", "no product of x and the root");
    const bool root_first = is(graph_.node_of(behind_casts(graph_, inner->input(0))), "Div");
    const OnnxFileNode* division = take(inner->input(root_first ? 0 : 1), "Div", "no division by a root");
    const int x = behind_casts(graph_, inner->input(root_first ? 1 : 0));
    const OnnxFileNode* root = graph_.node_of(behind_casts(graph_, division->input(1)));
    if (single(division->input(0)) != 1.0 || !is(root, "Sqrt")) throw wrong("no division by a root");
    const OnnxFileNode* sum = take(root->input(0), "Add", "no mean of squares plus epsilon");
    const std::optional<double> epsilon = single(sum->input(1));
    const OnnxFileNode* mean = take(sum->input(0), "ReduceMean", "no mean of squares");
    const OnnxFileNode* square = take(mean->input(0), "Pow", "no squares");
    if (!epsilon || single(square->input(1)) != 2.0 || behind_casts(graph_, square->input(0)) != x) throw wrong("no mean of x's squares plus epsilon");
    note_epsilon(*epsilon, value);
    return {outer->input(weights_first ? 0 : 1), x, {}};
  }

  // The two parts of what a norm normalizes; nothing where it is no sum.
  std::optional<std::array<int, 2>> sum_of(const Norm& norm) const {
    if (norm.sum) return norm.sum;
    const OnnxFileNode* node = graph_.node_of(norm.input);
    if (is(node, "Add")) return std::array{behind_casts(graph_, node->input(0)), behind_casts(graph_, node->input(1))};
    if (is(node, "SkipSimplifiedLayerNormalization") && graph_.values[static_cast<size_t>(norm.input)].output == 3)
      return std::array{behind_casts(graph_, node->input(0)), behind_casts(graph_, node->input(1))};
    return {};
  }

  // Of a sum: the product, and what it is added to.
  std::pair<int, int> parts_of(const std::array<int, 2>& sum, const char* what) const {
    const bool first = OnnxMatrices::is_product(graph_.node_of(sum[0]));
    if (first && OnnxMatrices::is_product(graph_.node_of(sum[1]))) throw graph_.wrong_value(sum[1], "is added to another product: the graph is no Phi-3's");
    return {check_product(sum[first ? 0 : 1], what), sum[first ? 1 : 0]};
  }

  Layer read_layer(const std::array<int, 2>& end) {
    Layer layer{};
    const auto [down, middle] = parts_of(end, "the down projection");
    layer.down = down;
    read_gate_up(input_of(down), layer);
    layer.mlp_norm = read_norm(input_of(layer.gate_up.front()));
    expect_same(layer.mlp_norm.input, middle);
    const auto sum = sum_of(layer.mlp_norm);
    if (!sum) throw graph_.wrong_value(middle, "stands where the sum after the attention is expected");
    const auto [attention_out, begin] = parts_of(*sum, "the attention's output projection");
    layer.attention_out = attention_out;
    layer.attention = read_onnx_attention(graph_, input_of(attention_out));
    const int source = input_of(layer.attention.projections.front());
    for (const int projection : layer.attention.projections) expect_same(input_of(projection), source);
    layer.attention_norm = read_norm(source);
    expect_same(layer.attention_norm.input, begin);
    return layer;
  }

  void expect_same(int a, int b) const {
    if (a != b || a < 0) throw graph_.wrong_value(b, "is read where " + (a < 0 ? std::string("the sum that a norm hands on") : shown(graph_.values[static_cast<size_t>(a)].name)) + " is expected: the graph is no Phi-3's");
  }

  // gate of silu(gate): gate * sigmoid(gate), QuickGelu or Swish; -1 for other values.
  int activated(int value) const {
    const OnnxFileNode* node = graph_.node_of(value);
    if (is(node, "QuickGelu")) return onnx_real(graph_, *node, "alpha", 1.702f) == 1.0f ? behind_casts(graph_, node->input(0)) : -1;
    if (is(node, "Swish")) return onnx_real(graph_, *node, "alpha", 1.0f) == 1.0f ? behind_casts(graph_, node->input(0)) : -1;
    if (!is(node, "Mul")) return -1;
    for (const size_t one : {size_t{0}, size_t{1}}) {
      const int gate = behind_casts(graph_, node->input(one));
      const OnnxFileNode* sigmoid = graph_.node_of(behind_casts(graph_, node->input(1 - one)));
      if (is(sigmoid, "Sigmoid") && behind_casts(graph_, sigmoid->input(0)) == gate) return gate;
    }
    return -1;
  }

  // up * silu(gate).
  void read_gate_up(int value, Layer& layer) const {
    const OnnxFileNode* node = graph_.node_of(value);
    const auto wrong = [&](const char* what) { return graph_.wrong_value(value, std::string("stands where up * silu(gate) is expected, and ") + what); };
    if (!is(node, "Mul")) throw wrong("is no product");
    const int a = behind_casts(graph_, node->input(0)), b = behind_casts(graph_, node->input(1));
    const int first = activated(a), gate = first >= 0 ? first : activated(b), up = first >= 0 ? b : a;
    if (gate < 0) throw wrong("has no silu");
    const OnnxFileNode *gate_node = graph_.node_of(gate), *up_node = graph_.node_of(up);
    if (OnnxMatrices::is_product(gate_node)) {
      layer.gate_up = {check_product(gate, "the gate projection"), check_product(up, "the up projection")};
      expect_same(input_of(up), input_of(gate));
      return;
    }
    if (!is(gate_node, "Split") || gate_node != up_node || gate_node->outputs.size() != 2 || gate_node->outputs[0] != gate || gate_node->outputs[1] != up)
      throw wrong("does not take gate and up from one projection in this order");
    if (const auto sizes = onnx_numbers(graph_, gate_node->input(1), 2); sizes && (sizes->size() != 2 || (*sizes)[0] != (*sizes)[1])) throw wrong("takes parts of different sizes");
    layer.gate_up = {check_product(behind_casts(graph_, gate_node->input(0)), "the gate and up projection")};
  }

  std::array<int64_t, 2> add(OnnxFileMatrix matrix) {
    std::array<int64_t, 2> shape{};
    if (auto* tensor = std::get_if<Tensor>(&matrix)) {
      shape = {tensor->shape[0], tensor->shape[1]};
      weights_.add(std::move(*tensor), graph_.file);
    } else {
      auto& coded = std::get<CodedMatrix>(matrix);
      shape = {coded.rows, coded.columns};
      weights_.add_coded(std::move(coded), graph_.file);
    }
    return shape;
  }
  std::array<int64_t, 2> add_product(int value, const std::string& name) { return add(matrices_.of_product(product(value), name)); }

  void add_norm(const Norm& norm, const std::string& name) {
    const OnnxConstant* constant = graph_.constant_of(behind_casts(graph_, norm.weights));
    const std::optional<DType> dtype = constant == nullptr ? std::nullopt : onnx_float_type(constant->type);
    if (!dtype) throw graph_.wrong_value(norm.weights, "stands where a norm's weights are expected: a constant of FLOAT, FLOAT16 or BFLOAT16");
    weights_.add({name, *dtype, {constant->elements()}, constant->bytes, constant->file}, graph_.file);
  }

  void add_weights(const OnnxFileNode& lookup, const std::vector<Layer>& layers, const Norm& norm, int head) {
    const auto shape = add(matrices_.of_embedding(lookup, "model.embed_tokens.weight"));
    out_.vocabulary = shape[0];
    out_.hidden_size = shape[1];
    for (size_t i = 0; i < layers.size(); ++i) add_layer(layers[i], "model.layers." + std::to_string(i) + ".");
    add_norm(norm, "model.norm.weight");
    const std::byte* const place = matrices_.place(product(head));
    out_.tied = place != nullptr && place == matrices_.place(lookup);
    if (!out_.tied) add_product(head, "lm_head.weight");
  }

  void add_layer(const Layer& layer, const std::string& prefix) {
    add_norm(layer.attention_norm, prefix + "input_layernorm.weight");
    constexpr std::array names = {"q_proj.weight", "k_proj.weight", "v_proj.weight"};
    const OnnxAttention& attention = layer.attention;
    std::array<int64_t, 3> rows{};
    const bool fused = attention.projections.size() == 1;
    for (size_t i = 0; i < attention.projections.size(); ++i)
      rows[i] = add_product(attention.projections[i], prefix + "self_attn." + (fused ? "qkv_proj.weight" : names[i]))[0];
    const int64_t parts = fused ? attention.heads + 2 * attention.kv_heads : attention.heads;
    if (rows[0] % parts != 0) throw graph_.wrong_value(attention.projections[0], "has " + std::to_string(rows[0]) + " rows, which " + std::to_string(parts) + " heads don't divide");
    const int64_t head_size = rows[0] / parts;
    if (!fused && (rows[1] % head_size != 0 || rows[2] != rows[1])) throw graph_.wrong_value(attention.projections[1], "has " + std::to_string(rows[1]) + " rows for heads of " + std::to_string(head_size));
    const int64_t kv_heads = fused ? attention.kv_heads : rows[1] / head_size;
    if (attention.kv_heads != 0 && attention.kv_heads != kv_heads) throw graph_.wrong_value(attention.projections[1], "has rows for " + std::to_string(kv_heads) + " heads, expected " + std::to_string(attention.kv_heads));
    if (out_.head_size != 0 && (out_.head_size != head_size || out_.kv_heads != kv_heads || out_.heads != attention.heads)) throw graph_.wrong_value(layer.attention_out, "follows heads of another number or size than the first layer's");
    out_.heads = attention.heads;
    out_.kv_heads = kv_heads;
    out_.head_size = head_size;
    add_product(layer.attention_out, prefix + "self_attn.o_proj.weight");
    add_norm(layer.mlp_norm, prefix + "post_attention_layernorm.weight");
    if (layer.gate_up.size() == 2) {
      add_product(layer.gate_up[0], prefix + "mlp.gate_proj.weight");
      add_product(layer.gate_up[1], prefix + "mlp.up_proj.weight");
    } else {
      add_product(layer.gate_up[0], prefix + "mlp.gate_up_proj.weight");
    }
    out_.intermediate_size = add_product(layer.down, prefix + "mlp.down_proj.weight")[1];
  }

  void describe(const std::vector<Layer>& layers) {
    const OnnxAttention& first = layers.front().attention;
    out_.layers = static_cast<int64_t>(layers.size());
    for (const Layer& layer : layers) {
      const OnnxAttention& one = layer.attention;
      if (one.window != first.window || one.scale != first.scale || one.cosines != first.cosines || one.sines != first.sines || one.positions != first.positions)
        throw graph_.wrong_value(layer.attention_out, "follows an attention that differs from the first layer's");
    }
    out_.attention_scale = first.scale;
    out_.window = first.window;
    out_.rotation = read_onnx_rotation(graph_, first.cosines, first.sines, first.positions);
  }

  const OnnxFileGraph& graph_;
  Weights& weights_;
  std::vector<std::shared_ptr<const std::vector<std::byte>>> owned_;
  OnnxMatrices matrices_;
  OnnxNetwork out_{};
};

// Only what lies in the model's folder is opened: whoever made the file must not choose what else of this computer becomes weights. Folders
// of the Hugging Face cache hold links; there the data must lie beside the file that the model's own link leads to.
class ExternalFiles {
 public:
  ExternalFiles(const std::string& folder, const std::string& model, Weights& weights) : folder_(folder), model_(model), weights_(weights) {}

  OnnxExternal open(const std::string& location) {
    const auto known = files_.find(location);
    if (known != files_.end()) return {known->second->bytes(), known->second.get(), known->second->path()};
    check(location);
    const std::string path = join_path(folder_, location);
    if (!is_file(path)) throw input_error(path, "is missing or no plain file; it holds weights of " + file_name(model_) + ": copy both, or export the model again");
    if (!lies_in(path, folder_) && !lies_in(path, folder_of(model_)))
      throw input_error(path, "is a link that leads out of the model's folder, which philo does not follow; copy the file into the folder");
    constexpr size_t most_files = 4096;
    if (files_.size() == most_files) throw input_error(model_, "has weights in more than " + std::to_string(most_files) + " files");
    const auto file = MappedFile::open(path);
    files_.emplace(location, file);
    weights_.keep(file);
    return {file->bytes(), file.get(), path};
  }

 private:
  void check(const std::string& location) const {
    const auto outside = [&] {
      if (location.empty() || location.front() == '/' || location.find_first_of(std::string_view("\\:\0", 3)) != location.npos) return true;
      for (std::string_view rest = location;;) {
        const size_t slash = rest.find('/');
        const std::string_view part = rest.substr(0, slash);
        if (part.empty() || part == "." || part == "..") return true;
        if (slash == rest.npos) return false;
        rest.remove_prefix(slash + 1);
      }
    };
    if (outside()) throw input_error(model_, "has weights in the file " + shown(location) + ", which is no name of a file in the model's folder; philo opens nothing else. Export the model again");
  }

  const std::string& folder_;
  const std::string& model_;
  Weights& weights_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
};

}  // namespace

OnnxNetwork read_onnx_network(const OnnxFileGraph& graph, const std::string& logits, Weights& weights) { return Walk(graph, weights).read(logits); }

OnnxNetwork read_onnx_folder(const std::string& folder, const std::string& model, const std::string& logits, Weights& weights) {
  const std::string path = join_path(folder, model);
  if (!is_file(path)) throw input_error(path, "is missing or no plain file; it holds the model: copy it from where the folder was made, or export the model again");
  const std::shared_ptr<const MappedFile> file = MappedFile::open(path);
  weights.keep(file);
  ExternalFiles external(folder, path, weights);
  const OnnxFileGraph graph = parse_onnx_graph(file->bytes(), path, file.get(), [&](const std::string& location) { return external.open(location); });
  return read_onnx_network(graph, logits, weights);
}

}  // namespace philo
