// Follows the residual stream from the head back to the embedding, layer by layer.
#include "format/openvino_ir/network.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "format/openvino_ir/attention.h"
#include "format/openvino_ir/constant.h"

namespace philo {
namespace {

constexpr size_t most_factors = 16, most_factor_numbers = 1 << 20, most_layers = 4096;

// The factors of a product of products.
struct Product {
  std::vector<OpenvinoValue> values;                // in the order of the graph
  std::vector<const OpenvinoNode*> constants;       // innermost first
};

struct Norm {
  std::vector<const OpenvinoNode*> weights;  // the norm's own first, then AWQ's factors
  OpenvinoValue input;
};

struct Layer {
  Norm attention_norm, mlp_norm;
  OpenvinoAttention attention;
  OpenvinoValue attention_out, down;          // MatMuls
  std::vector<OpenvinoValue> gate_up;         // one MatMul or two
  std::vector<const OpenvinoNode*> down_factors;  // AWQ's
};

class Walk {
 public:
  Walk(const OpenvinoGraph& graph, Weights& weights) : graph_(graph), weights_(weights) {}

  OpenvinoNetwork read() {
    const OpenvinoValue head = find_head();
    const Norm norm = read_norm(input_of(head));
    OpenvinoValue x = norm.input;
    std::vector<Layer> layers;
    for (; graph_.at(x).type == "Add"; x = layers.back().attention_norm.input) {
      if (layers.size() == most_layers) throw graph_.wrong(graph_.at(x), "ends more than " + std::to_string(most_layers) + " layers");
      layers.push_back(read_layer(x));
    }
    const OpenvinoNode& embedding = graph_.at(x);
    if (embedding.type != "Gather" || embedding.inputs.size() != 3) throw graph_.wrong(embedding, "stands where the sum that ends a layer, or the embedding, is expected");
    if (graph_.at(behind_converts(graph_, embedding.inputs[1])).type != "Parameter") throw graph_.wrong(embedding, "does not look tokens up");
    if (layers.empty()) throw graph_.wrong(embedding, "is followed by no layer");
    std::reverse(layers.begin(), layers.end());

    add_matrix(embedding.inputs[0], "model.embed_tokens.weight");
    for (size_t i = 0; i < layers.size(); ++i) add_layer(layers[i], "model.layers." + std::to_string(i) + ".");
    add_norm(norm, "model.norm.weight");
    out_.tied = place(matrix_input(head)) == place(embedding.inputs[0]);
    if (!out_.tied) add_matrix(matrix_input(head), "lm_head.weight");
    describe(layers);
    return std::move(out_);
  }

 private:
  OpenvinoValue find_head() {
    std::vector<OpenvinoValue> results;
    size_t inputs = 0;
    for (const OpenvinoNode& node : graph_.nodes) {
      if (node.type == "Result" && node.inputs.size() == 1) results.push_back(behind_converts(graph_, node.inputs[0]));
      if (node.type == "Parameter") ++inputs;
    }
    if (results.size() != 1)
      throw input_error(graph_.file, "has " + std::to_string(results.size()) + " results and " + std::to_string(inputs) +
                                         " inputs; philo reads stateful models with the logits alone: export the model with --task text-generation-with-past, without --disable-stateful");
    return check_product(results.front(), "the head");
  }

  // A MatMul with a weight, (rows, columns).
  OpenvinoValue check_product(OpenvinoValue value, const char* what) const {
    const OpenvinoNode& node = graph_.at(value);
    if (node.type != "MatMul" || node.inputs.size() != 2) throw graph_.wrong(node, std::string("stands where ") + what + " is expected, a MatMul");
    const auto flag = [&](const char* name) {
      const auto found = node.data.find(name);
      return found != node.data.end() && (found->second == "true" || found->second == "1");
    };
    if (!flag("transpose_b") || flag("transpose_a")) throw graph_.wrong(node, "does not multiply with a matrix of (rows, columns) from the right");
    return value;
  }

  OpenvinoValue input_of(OpenvinoValue product) const { return behind_converts(graph_, graph_.at(product).inputs[0]); }
  OpenvinoValue matrix_input(OpenvinoValue product) const { return graph_.at(product).inputs[1]; }

  Product product_of(OpenvinoValue value) const {
    Product out;
    std::vector<OpenvinoValue> todo = {value};
    while (!todo.empty()) {
      const OpenvinoValue one = behind_converts(graph_, todo.back());
      todo.pop_back();
      const OpenvinoNode& node = graph_.at(one);
      if (out.values.size() + out.constants.size() + todo.size() > most_factors) throw graph_.wrong(node, "belongs to a product of too many factors");
      if (node.type == "Multiply") todo.insert(todo.end(), node.inputs.rbegin(), node.inputs.rend());
      else if (node.type == "Const") out.constants.push_back(&node);
      else out.values.push_back(one);
    }
    return out;
  }

  std::optional<float> single(OpenvinoValue value) const {
    const auto numbers = openvino_numbers(graph_, value, 1);
    if (!numbers || numbers->size() != 1) return {};
    return numbers->front();
  }

  // x / sqrt(mean(x^2) + epsilon), times weights.
  Norm read_norm(OpenvinoValue value) {
    const OpenvinoNode& last = graph_.at(value);
    const Product product = product_of(value);
    const auto wrong = [&](const char* what) { return graph_.wrong(last, std::string("stands where a norm (RMSNorm) is expected, and has ") + what); };
    if (product.values.size() != 2) throw wrong("other factors");
    if (product.constants.empty()) throw wrong("no weights");
    Norm norm{product.constants, {}};
    // The norm's own weight is multiplied first: next to x itself, or innermost.
    for (const int one : {0, 1}) {
      const OpenvinoNode* inverse = &graph_.at(product.values[one]);
      if (inverse->type == "Divide" && inverse->inputs.size() == 2 && single(inverse->inputs[0]) == 1.0f) inverse = &graph_.at(inverse->inputs[1]);
      else if (inverse->type == "Power" && inverse->inputs.size() == 2 && single(inverse->inputs[1]) == -1.0f) inverse = &graph_.at(inverse->inputs[0]);
      else if (!(inverse->type == "Power" && inverse->inputs.size() == 2 && single(inverse->inputs[1]) == -0.5f)) continue;
      if (inverse->inputs.empty()) throw wrong("no root");
      if (inverse->type != "Sqrt" && !(inverse->type == "Power" && single(inverse->inputs.back()) == -0.5f)) throw wrong("no square root");
      norm.input = behind_converts(graph_, product.values[1 - one]);
      read_mean(graph_.at(inverse->inputs[0]), norm.input);
      return norm;
    }
    throw wrong("no division by a root");
  }

  void read_mean(const OpenvinoNode& sum, OpenvinoValue x) {
    if (sum.type != "Add" || sum.inputs.size() != 2) throw graph_.wrong(sum, "stands where the mean of squares plus epsilon is expected");
    for (const int one : {0, 1}) {
      const std::optional<float> epsilon = single(sum.inputs[1 - one]);
      const OpenvinoNode& mean = graph_.at(behind_converts(graph_, sum.inputs[one]));
      if (!epsilon || mean.type != "ReduceMean" || mean.inputs.empty()) continue;
      const OpenvinoNode& square = graph_.at(behind_converts(graph_, mean.inputs[0]));
      const bool power = square.type == "Power" && square.inputs.size() == 2 && single(square.inputs[1]) == 2.0f;
      const bool multiplied = square.type == "Multiply" && square.inputs.size() == 2 && square.inputs[0] == square.inputs[1];
      if ((!power && !multiplied) || !(behind_converts(graph_, square.inputs[0]) == x)) throw graph_.wrong(square, "is no square of what is normalized");
      out_.epsilons.push_back(*epsilon);
      return;
    }
    throw graph_.wrong(sum, "stands where the mean of squares plus epsilon is expected");
  }

  // Add(x, product): the product, and x.
  std::pair<OpenvinoValue, OpenvinoValue> read_sum(OpenvinoValue value, const char* what) const {
    const OpenvinoNode& sum = graph_.at(value);
    if (sum.type != "Add" || sum.inputs.size() != 2) throw graph_.wrong(sum, std::string("stands where the sum after ") + what + " is expected");
    const OpenvinoValue a = behind_converts(graph_, sum.inputs[0]), b = behind_converts(graph_, sum.inputs[1]);
    const bool first = graph_.at(a).type == "MatMul";
    if (!first && graph_.at(b).type != "MatMul") throw graph_.wrong(sum, std::string("does not add ") + what + " to what comes before it (a bias, or another network)");
    return {check_product(first ? a : b, what), first ? b : a};
  }

  Layer read_layer(OpenvinoValue end) {
    Layer layer;
    const auto [down, middle] = read_sum(end, "the down projection");
    layer.down = down;
    read_gate_up(input_of(down), layer);
    layer.mlp_norm = read_norm(input_of(layer.gate_up.front()));
    expect_same(layer.mlp_norm.input, middle);
    const auto [attention_out, begin] = read_sum(middle, "the attention's output projection");
    layer.attention_out = attention_out;
    layer.attention = read_openvino_attention(graph_, input_of(attention_out));
    for (const OpenvinoValue& projection : layer.attention.projections) check_product(projection, "the query, key and value projection");
    const OpenvinoValue source = input_of(layer.attention.projections.front());
    for (const OpenvinoValue& projection : layer.attention.projections) expect_same(input_of(projection), source);
    layer.attention_norm = read_norm(source);
    expect_same(layer.attention_norm.input, begin);
    return layer;
  }

  void expect_same(OpenvinoValue a, OpenvinoValue b) const {
    if (!(a == b)) throw graph_.wrong(graph_.at(a), "is read where " + shown(graph_.at(b).name) + " is expected: the graph is no Phi-3's");
  }

  // up * silu(gate), and AWQ's factors beside.
  void read_gate_up(OpenvinoValue value, Layer& layer) const {
    const Product product = product_of(value);
    const auto wrong = [&](const std::string& what) { return graph_.wrong(graph_.at(value), "stands where up * silu(gate) is expected, and " + what); };
    if (product.values.size() != 2) throw wrong("is another product");
    const int swish = graph_.at(product.values[0]).type == "Swish" ? 0 : 1;
    const OpenvinoNode& activation = graph_.at(product.values[swish]);
    if (activation.type != "Swish" || activation.inputs.empty()) throw wrong("has no Swish");
    if (activation.inputs.size() == 2 && single(activation.inputs[1]) != 1.0f) throw wrong("has a Swish with a beta");
    layer.down_factors = product.constants;
    const OpenvinoValue gate = behind_converts(graph_, activation.inputs[0]), up = behind_converts(graph_, product.values[1 - swish]);
    const OpenvinoNode &gate_node = graph_.at(gate), &up_node = graph_.at(up);
    if (gate_node.type == "MatMul" && up_node.type == "MatMul") {
      layer.gate_up = {check_product(gate, "the gate projection"), check_product(up, "the up projection")};
      expect_same(input_of(gate), input_of(up));
      return;
    }
    if (gate_node.inputs.empty() || up_node.inputs.empty() || gate_node.type != up_node.type) throw wrong("has a gate or an up part that is no part of a projection");
    const bool split = (gate_node.type == "VariadicSplit" || gate_node.type == "Split") && gate.node == up.node && gate.output == 0 && up.output == 1;
    const auto begin = [&](const OpenvinoNode& node) { return node.type == "Slice" && node.inputs.size() >= 3 ? single(node.inputs[1]).value_or(-1) : -1; };
    const bool sliced = begin(gate_node) == 0 && begin(up_node) > 0 && gate_node.inputs[0] == up_node.inputs[0];
    if (!split && !sliced) throw wrong("does not take gate and up from one projection in this order");
    layer.gate_up = {check_product(behind_converts(graph_, gate_node.inputs[0]), "the gate and up projection")};
  }

  // Where the numbers of a matrix lie, whatever stands between.
  const std::byte* place(OpenvinoValue value) const {
    const OpenvinoMatrix matrix = openvino_matrix(graph_, value, "");
    if (const auto* tensor = std::get_if<Tensor>(&matrix)) return tensor->bytes.data();
    return std::get<CodedMatrix>(matrix).codes.bytes.data();
  }

  void add(OpenvinoMatrix matrix) {
    if (auto* tensor = std::get_if<Tensor>(&matrix)) weights_.add(std::move(*tensor), graph_.file);
    else weights_.add_coded(std::move(std::get<CodedMatrix>(matrix)), graph_.file);
  }
  void add_matrix(OpenvinoValue value, const std::string& name) { add(openvino_matrix(graph_, value, name)); }

  std::vector<float> vector_of(const OpenvinoNode& node) const {
    const OpenvinoValue value{static_cast<int>(&node - graph_.nodes.data()), 0};
    auto numbers = openvino_numbers(graph_, value, most_factor_numbers);
    if (!numbers) throw graph_.wrong(node, "holds no numbers that philo reads");
    return std::move(*numbers);
  }

  std::vector<float> product_of_constants(const std::vector<const OpenvinoNode*>& constants) const {
    std::vector<float> product = vector_of(*constants.front());
    for (size_t i = 1; i < constants.size(); ++i) {
      const std::vector<float> factor = vector_of(*constants[i]);
      if (factor.size() != product.size() && factor.size() != 1) throw graph_.wrong(*constants[i], "has " + std::to_string(factor.size()) + " numbers beside " + std::to_string(product.size()));
      for (size_t k = 0; k < product.size(); ++k) product[k] *= factor[factor.size() == 1 ? 0 : k];
    }
    return product;
  }

  // Numbers that no file holds.
  Tensor made(const std::string& name, std::vector<float> numbers, std::vector<int64_t> shape) {
    auto kept = std::make_shared<std::vector<float>>(std::move(numbers));
    weights_.keep(kept);
    return {name, DType::F32, std::move(shape), std::as_bytes(std::span(*kept)), nullptr};
  }

  void add_norm(const Norm& norm, const std::string& name) {
    const OpenvinoNode& own = *norm.weights.front();
    const auto count = static_cast<int64_t>(vector_of(own).size());
    if (norm.weights.size() == 1) {
      const std::optional<DType> dtype = openvino_float_type(own.element_type);
      if (!dtype) throw graph_.wrong(own, "holds a norm's weights as " + shown(own.element_type) + "; expected f32, f16 or bf16");
      weights_.add({name, *dtype, {count}, own.bytes, graph_.constants}, graph_.file);
      return;
    }
    ++out_.folded_scales;
    weights_.add(made(name, product_of_constants(norm.weights), {count}), graph_.file);
  }

  void add_layer(const Layer& layer, const std::string& prefix) {
    add_norm(layer.attention_norm, prefix + "input_layernorm.weight");
    constexpr std::array split_names = {"q_proj.weight", "k_proj.weight", "v_proj.weight"};
    const auto& projections = layer.attention.projections;
    for (size_t i = 0; i < projections.size(); ++i)
      add_matrix(matrix_input(projections[i]), prefix + "self_attn." + (projections.size() == 1 ? "qkv_proj.weight" : split_names[i]));
    add_matrix(matrix_input(layer.attention_out), prefix + "self_attn.o_proj.weight");
    add_norm(layer.mlp_norm, prefix + "post_attention_layernorm.weight");
    const std::string mlp = prefix + "mlp.";
    if (layer.gate_up.size() == 2) {
      add_matrix(matrix_input(layer.gate_up[0]), mlp + "gate_proj.weight");
      add(scaled(matrix_input(layer.gate_up[1]), mlp + "up_proj.weight", layer.down_factors, false));
    } else {
      add(scaled(matrix_input(layer.gate_up[0]), mlp + "gate_up_proj.weight", layer.down_factors, true));
    }
    add_matrix(matrix_input(layer.down), mlp + "down_proj.weight");
  }

  // AWQ multiplies what the down projection reads, column by column. Each column is a row of the up projection, so that its scales take the
  // factor: in float32, the gate's rows unchanged.
  OpenvinoMatrix scaled(OpenvinoValue value, const std::string& name, const std::vector<const OpenvinoNode*>& constants, bool gate_first) {
    OpenvinoMatrix matrix = openvino_matrix(graph_, value, name);
    if (constants.empty()) return matrix;
    const std::vector<float> factors = product_of_constants(constants);
    Tensor* const values = std::get_if<Tensor>(&matrix);
    Tensor& target = values != nullptr ? *values : std::get<CodedMatrix>(matrix).scales;
    const auto rows = static_cast<size_t>(target.shape[0]), columns = static_cast<size_t>(target.shape[1]), first = gate_first ? rows / 2 : 0;
    if (factors.size() != 1 && factors.size() != rows - first)
      throw graph_.wrong(*constants.front(), "holds " + std::to_string(factors.size()) + " factors for " + std::to_string(rows - first) + " columns of the down projection");
    std::vector<float> numbers(rows * columns);
    read_elements(target, 0, numbers);
    for (size_t row = first; row < rows; ++row)
      for (size_t column = 0; column < columns; ++column) numbers[row * columns + column] *= factors[factors.size() == 1 ? 0 : row - first];
    target = made(target.name, std::move(numbers), target.shape);
    ++out_.folded_scales;
    return matrix;
  }

  void describe(const std::vector<Layer>& layers) {
    const OpenvinoAttention& first = layers.front().attention;
    out_.layers = static_cast<int64_t>(layers.size());
    for (const Layer& layer : layers) {
      const OpenvinoAttention& one = layer.attention;
      if (one.kv_heads != first.kv_heads || one.head_size != first.head_size || one.window != first.window || !(one.cosine == first.cosine) || one.scale != first.scale ||
          one.rotation_factor != first.rotation_factor)
        throw graph_.wrong(graph_.at(layer.attention_out), "follows an attention that differs from the first layer's");
    }
    OpenvinoRotation rotation = read_openvino_rotation(graph_, first.cosine, first.rotation_factor);
    out_.kv_heads = first.kv_heads;
    out_.head_size = first.head_size;
    out_.short_frequencies = std::move(rotation.short_frequencies);
    out_.long_frequencies = std::move(rotation.long_frequencies);
    out_.long_limit = rotation.long_limit;
    out_.rotation_factor = rotation.factor;
    out_.attention_scale = first.scale;
    out_.window = first.window;
    out_.rounded = std::any_of(graph_.nodes.begin(), graph_.nodes.end(), [](const OpenvinoNode& node) { return node.type == "Const" && node.element_type == "f16" && node.bytes.size() == 2; });
  }

  const OpenvinoGraph& graph_;
  Weights& weights_;
  OpenvinoNetwork out_{};
};

}  // namespace

OpenvinoNetwork read_openvino_network(const OpenvinoGraph& graph, Weights& weights) { return Walk(graph, weights).read(); }

OpenvinoNetwork read_openvino_folder(const std::string& folder, Weights& weights) {
  const std::string description = join_path(folder, "openvino_model.xml"), constants = join_path(folder, "openvino_model.bin");
  if (!is_file(constants)) throw input_error(constants, "is missing; it holds the weights of openvino_model.xml: copy both, or export the model again");
  const std::shared_ptr<const MappedFile> file = MappedFile::open(constants);
  const std::string xml = read_text_file(description, XmlLimits{}.bytes);
  OpenvinoGraph graph = parse_openvino_graph(xml, description, file->bytes(), constants);
  graph.constants = file.get();
  weights.keep(file);
  return read_openvino_network(graph, weights);
}

}  // namespace philo
