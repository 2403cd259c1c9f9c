// For tests: a small Phi-3 as ONNX Runtime GenAI's builder writes it, in parts that a test can change.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <protozero/pbf_builder.hpp>
#include <string>
#include <utility>
#include <vector>

#include "format/onnx/schema.h"

namespace philo {

// Writes an ONNX model, message by message.
class FakeOnnxModel {
 public:
  struct Attribute {
    std::string name;
    onnx::AttributeType type = onnx::AttributeType::Int;
    int64_t integer = 0;
    float real = 0;
    std::string message;  // a Tensor or a Graph
    std::vector<int64_t> integers;
  };
  static Attribute number(std::string name, int64_t value) { return {std::move(name), onnx::AttributeType::Int, value, 0, {}, {}}; }
  static Attribute real(std::string name, float value) { return {std::move(name), onnx::AttributeType::Float, 0, value, {}, {}}; }
  static Attribute graph(std::string name, std::string message) { return {std::move(name), onnx::AttributeType::Graph, 0, 0, std::move(message), {}}; }
  static Attribute numbers(std::string name, std::vector<int64_t> values) { return {std::move(name), onnx::AttributeType::Ints, 0, 0, {}, std::move(values)}; }

  static std::string tensor(const std::string& name, onnx::DataType type, const std::vector<int64_t>& shape, const std::string& bytes) {
    return tensor_message(name, type, shape, [&](auto& out) { out.add_bytes(onnx::Tensor::RawData, bytes); });
  }
  template <class Fill>
  static std::string tensor_message(const std::string& name, onnx::DataType type, const std::vector<int64_t>& shape, Fill&& fill) {
    std::string message;
    protozero::pbf_builder<onnx::Tensor> out(message);
    out.add_packed_int64(onnx::Tensor::Dims, shape.begin(), shape.end());
    out.add_int32(onnx::Tensor::DataType, static_cast<int32_t>(type));
    out.add_string(onnx::Tensor::Name, name);
    fill(out);
    return message;
  }

  // The bytes of a constant lie in the file of external data.
  void constant(const std::string& name, onnx::DataType type, const std::vector<int64_t>& shape, const std::string& bytes) {
    if (inlined) {
      add(onnx::Graph::Initializer, tensor(name, type, shape, bytes));
      return;
    }
    const std::string offset = std::to_string(external.size()), length = std::to_string(bytes.size());
    external += bytes;
    add(onnx::Graph::Initializer, tensor_message(name, type, shape, [&](auto& out) {
          out.add_int32(onnx::Tensor::DataLocation, 1);
          for (const auto& [key, value] : {std::pair{std::string("location"), location}, {"offset", offset}, {"length", length}}) {
            std::string entry;
            protozero::pbf_builder<onnx::StringStringEntry> pair(entry);
            pair.add_string(onnx::StringStringEntry::Key, key);
            pair.add_string(onnx::StringStringEntry::Value, value);
            out.add_message(onnx::Tensor::ExternalData, entry);
          }
        }));
  }

  static std::string node_message(const std::string& type, const std::string& name, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
                                  const std::vector<Attribute>& attributes, const std::string& domain = "") {
    std::string message;
    protozero::pbf_builder<onnx::Node> out(message);
    for (const std::string& input : inputs) out.add_string(onnx::Node::Input, input);
    for (const std::string& output : outputs) out.add_string(onnx::Node::Output, output);
    out.add_string(onnx::Node::Name, name);
    out.add_string(onnx::Node::OpType, type);
    for (const Attribute& attribute : attributes) {
      std::string inner;
      protozero::pbf_builder<onnx::Attribute> one(inner);
      one.add_string(onnx::Attribute::Name, attribute.name);
      if (attribute.type == onnx::AttributeType::Int) one.add_int64(onnx::Attribute::I, attribute.integer);
      if (attribute.type == onnx::AttributeType::Float) one.add_float(onnx::Attribute::F, attribute.real);
      if (attribute.type == onnx::AttributeType::Tensor) one.add_message(onnx::Attribute::T, attribute.message);
      if (attribute.type == onnx::AttributeType::Graph) one.add_message(onnx::Attribute::G, attribute.message);
      for (const int64_t value : attribute.integers) one.add_int64(onnx::Attribute::Ints, value);
      one.add_int32(onnx::Attribute::Type, static_cast<int32_t>(attribute.type));
      out.add_message(onnx::Node::Attribute, inner);
    }
    if (!domain.empty()) out.add_string(onnx::Node::Domain, domain);
    return message;
  }
  static std::string value_message(const std::string& name) {
    std::string message;
    protozero::pbf_builder<onnx::ValueInfo>(message).add_string(onnx::ValueInfo::Name, name);
    return message;
  }

  // Returns the first output, NAME/output_0.
  std::string node(const std::string& type, const std::string& name, const std::vector<std::string>& inputs, const std::vector<Attribute>& attributes = {}, int outputs = 1,
                   const std::string& domain = "") {
    std::vector<std::string> names;
    for (int i = 0; i < outputs; ++i) names.push_back(name + "/output_" + std::to_string(i));
    add(onnx::Graph::Node, node_message(type, name, inputs, names, attributes, domain));
    return names[0];
  }
  void input(const std::string& name) { add(onnx::Graph::Input, value_message(name)); }
  void output(const std::string& name) { add(onnx::Graph::Output, value_message(name)); }
  void add(onnx::Graph field, const std::string& message) { protozero::pbf_builder<onnx::Graph>(body).add_message(field, message); }

  std::string model() const {
    std::string message;
    protozero::pbf_builder<onnx::Model> out(message);
    out.add_int64(onnx::Model::IrVersion, 10);
    out.add_message(onnx::Model::Graph, body);
    return message;
  }

  std::string body, external, location = "model.onnx.data";
  bool inlined = false;  // constants lie in the model itself
};

template <class Number>
std::string onnx_bytes(const std::vector<Number>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number)};
}

// What a test may change about the network below.
struct FakeOnnxPhi3 {
  enum class Form : uint8_t { Floats, Int4, Int8, Dequantized };
  int heads = 2, kv_heads = 1, head_size = 16, inner = 32, vocabulary = 320, layers = 2, context = 64, short_context = 0, window = -1;  // short_context: LongRoPE
  float epsilon = 1e-5f;
  double theta = 10000;
  Form form = Form::Int4;
  bool zero_points = false, tied = false, quantized_embedding = false, packed = true, pruned = false, joined_caches = false, inlined = false;
  std::string activation = "Sigmoid", norm = "SimplifiedLayerNormalization", logits = "logits", attention = "GroupQueryAttention";
  FakeOnnxModel::Attribute matrix_attribute = FakeOnnxModel::number("accuracy_level", 4);
  std::string bias;  // MatMulNBits' sixth input

  int hidden() const { return heads * head_size; }
  FakeOnnxModel model() const;
};

class FakeOnnxWriter {
 public:
  explicit FakeOnnxWriter(const FakeOnnxPhi3& net) : net_(net) { out_.inlined = net.inlined; }
  using Model = FakeOnnxModel;
  using Form = FakeOnnxPhi3::Form;

  FakeOnnxModel write() {
    for (const char* name : {"input_ids", "attention_mask", "position_ids"}) out_.input(name);
    const std::string tokens = embedding();
    caches();
    std::string x = tokens, skip;
    for (int i = 0; i < net_.layers; ++i) {
      const std::string layer = "/model/layers." + std::to_string(i) + "/", past = "past_key_values." + std::to_string(i) + ".";
      out_.input(past + "key");
      out_.input(past + "value");
      const std::string attended = attention(layer, norm(layer + "input_layernorm", x, skip), past);
      const std::string normed = norm(layer + "post_attention_layernorm", x, attended);
      const std::string gate = product(layer + "mlp/gate_proj", normed, net_.hidden(), net_.inner), up = product(layer + "mlp/up_proj", normed, net_.hidden(), net_.inner);
      const std::string silu = out_.node("Mul", layer + "mlp/act_fn/Mul", {gate, out_.node(net_.activation, layer + "mlp/act_fn/" + net_.activation, {gate})});
      skip = product(layer + "mlp/down_proj", out_.node("Mul", layer + "mlp/Mul", {silu, up}), net_.inner, net_.hidden());
    }
    std::string last = norm("/model/final_norm_layernorm", x, skip);
    if (net_.pruned) {
      out_.add(onnx::Graph::Initializer, Model::tensor("minus_one", onnx::DataType::Int64, {}, onnx_bytes<int64_t>({-1})));
      last = out_.node("Unsqueeze", "/lm_head/Unsqueeze", {out_.node("Gather", "/lm_head/Gather", {last, "minus_one"}, {Model::number("axis", 1)}), "minus_one"});
    }
    const std::string logits = product("/lm_head", last, net_.hidden(), net_.vocabulary);
    out_.add(onnx::Graph::Node, Model::node_message("Identity", "/logits", {logits}, {net_.logits}, {}));
    out_.output(net_.logits);
    return std::move(out_);
  }

 private:
  std::string embedding() {
    const int rows = net_.vocabulary, columns = net_.hidden();
    if (net_.tied) return out_.node("Gather", "/model/embed_tokens/Gather", {out_.node("Transpose", "/model/embed_tokens/Transpose", {"/lm_head.weight"}, {Model::numbers("perm", {1, 0})}), "input_ids"});
    if (!net_.quantized_embedding) {
      out_.constant("model.embed_tokens.weight", onnx::DataType::Float, {rows, columns}, floats(rows * columns));
      return out_.node("Gather", "/model/embed_tokens/Gather", {"model.embed_tokens.weight", "input_ids"});
    }
    out_.constant("embed_Q4", onnx::DataType::Uint4, {rows, columns}, counted(rows * columns / 2));
    out_.constant("embed_scales", onnx::DataType::Float, {rows, columns / 16}, floats(rows * columns / 16));
    out_.constant("embed_zero_points", onnx::DataType::Uint4, {rows, columns / 16}, counted(rows * columns / 32));
    return out_.node("GatherBlockQuantized", "/model/embed_tokens/Gather_Q4", {"embed_Q4", "input_ids", "embed_scales", "embed_zero_points"},
                     {Model::number("block_size", 16), Model::number("gather_axis", 0), Model::number("quantize_axis", 1)}, 1, "com.microsoft");
  }

  std::string table(int rows, double stretch, double (*function)(double)) const {
    std::vector<float> numbers;
    for (int position = 0; position < rows; ++position)
      for (int pair = 0; pair < net_.head_size / 2; ++pair)
        numbers.push_back(static_cast<float>(function(position * static_cast<double>(static_cast<float>(1 / (stretch * std::pow(net_.theta, 2.0 * pair / net_.head_size)))))));
    return onnx_bytes(numbers);
  }

  void caches() {
    const int half = net_.head_size / 2, rows = net_.context, near = net_.short_context;
    for (const auto& [name, function] : {std::pair{std::string("cos_cache"), static_cast<double (*)(double)>(std::cos)}, {"sin_cache", static_cast<double (*)(double)>(std::sin)}}) {
      if (near == 0) {
        out_.constant(name, onnx::DataType::Float, {rows, half}, table(rows, 1, function));
      } else if (net_.joined_caches) {
        out_.constant(name, onnx::DataType::Float, {near + rows, half}, table(near, 1, function) + table(rows, 4, function));
      }
    }
    if (near == 0 || net_.joined_caches) return;
    const auto branch = [&](int count, double stretch) {
      std::string body;
      protozero::pbf_builder<onnx::Graph> graph(body);
      graph.add_message(onnx::Graph::Initializer, Model::tensor("cosines", onnx::DataType::Float, {count, half}, table(count, stretch, std::cos)));
      graph.add_message(onnx::Graph::Initializer, Model::tensor("sines", onnx::DataType::Float, {count, half}, table(count, stretch, std::sin)));
      graph.add_message(onnx::Graph::Output, Model::value_message("cosines"));
      graph.add_message(onnx::Graph::Output, Model::value_message("sines"));
      return body;
    };
    out_.add(onnx::Graph::Initializer, Model::tensor("limit", onnx::DataType::Int64, {}, onnx_bytes<int64_t>({near})));
    const std::string longer = out_.node("Greater", "/model/Greater", {out_.node("Shape", "/model/Shape", {"attention_mask"}), "limit"});
    out_.add(onnx::Graph::Node, Model::node_message("If", "/model/If", {longer}, {"cos_cache", "sin_cache"}, {Model::graph("then_branch", branch(rows, 4)), Model::graph("else_branch", branch(near, 1))}));
  }

  std::string norm(const std::string& name, std::string& x, const std::string& skip) {
    out_.constant(name + ".weight", onnx::DataType::Float, {net_.hidden()}, floats(net_.hidden()));
    const std::vector<Model::Attribute> attributes = {Model::real("epsilon", net_.epsilon)};
    if (skip.empty()) return out_.node(net_.norm, name + "/LayerNorm", {x, name + ".weight"}, attributes);
    const std::string before = x;
    x = name + "/SkipLayerNorm/output_3";
    return out_.node("Skip" + net_.norm, name + "/SkipLayerNorm", {before, skip, name + ".weight"}, attributes, 4, "com.microsoft");
  }

  std::string attention(const std::string& layer, const std::string& x, const std::string& past) {
    const int q = net_.hidden(), kv = net_.kv_heads * net_.head_size;
    std::vector<std::string> inputs;
    if (net_.packed) inputs = {product(layer + "attn/qkv_proj", x, net_.hidden(), q + 2 * kv), "", ""};
    else inputs = {product(layer + "attn/q_proj", x, net_.hidden(), q), product(layer + "attn/k_proj", x, net_.hidden(), kv), product(layer + "attn/v_proj", x, net_.hidden(), kv)};
    inputs.insert(inputs.end(), {past + "key", past + "value", "attention_mask", "attention_mask", "cos_cache", "sin_cache"});
    const std::string out = out_.node(net_.attention, layer + "attn/GroupQueryAttention", inputs,
                                      {Model::number("num_heads", net_.heads), Model::number("kv_num_heads", net_.kv_heads), Model::real("scale", 1 / std::sqrt(static_cast<float>(net_.head_size))),
                                       Model::number("local_window_size", net_.window), Model::number("do_rotary", 1)},
                                      3, "com.microsoft");
    return product(layer + "attn/o_proj", out, q, net_.hidden());
  }

  // x times the transpose of (rows, columns).
  std::string product(const std::string& name, const std::string& x, int columns, int rows) {
    constexpr int block = 16;
    const int groups = (columns + block - 1) / block, bits = net_.form == Form::Int8 ? 8 : 4;
    const bool floats_only = net_.form == Form::Floats || (net_.tied && name == "/lm_head");
    const auto count = static_cast<int>(rows * groups * block * bits / 8);
    if (floats_only) {
      out_.constant(name + ".weight", onnx::DataType::Float, {columns, rows}, floats(rows * columns));
      return out_.node("MatMul", name + "/MatMul", {x, name + ".weight"});
    }
    if (net_.form == Form::Dequantized) {
      out_.constant(name + "_Q4", net_.zero_points ? onnx::DataType::Uint4 : onnx::DataType::Int4, {columns, rows}, counted(rows * columns / 2));
      out_.constant(name + "_scales", onnx::DataType::Float, {groups, rows}, floats(rows * groups));
      std::vector<std::string> inputs = {name + "_Q4", name + "_scales"};
      if (net_.zero_points) {
        out_.constant(name + "_zero_points", onnx::DataType::Uint4, {groups, rows}, counted((rows * groups + 1) / 2));
        inputs.push_back(name + "_zero_points");
      }
      return out_.node("MatMul", name + "/MatMul", {x, out_.node("DequantizeLinear", name + "/DQ", inputs, {Model::number("axis", 0), Model::number("block_size", block)})});
    }
    out_.constant(name + "_Q4", onnx::DataType::Uint8, {rows, groups, block * bits / 8}, counted(count));
    out_.constant(name + "_scales", onnx::DataType::Float, {rows, groups}, floats(rows * groups));
    std::vector<std::string> inputs = {x, name + "_Q4", name + "_scales"};
    if (net_.zero_points) {
      const int bytes = bits == 4 ? (groups + 1) / 2 : groups;
      out_.constant(name + "_zero_points", onnx::DataType::Uint8, {rows, bytes}, counted(rows * bytes));
      inputs.push_back(name + "_zero_points");
    }
    if (!net_.bias.empty()) {
      inputs.resize(5);
      inputs.push_back(net_.bias);
    }
    return out_.node("MatMulNBits", name + "/MatMul_Q4", inputs, {Model::number("K", columns), Model::number("N", rows), Model::number("bits", bits), Model::number("block_size", block), net_.matrix_attribute}, 1,
                     "com.microsoft");
  }

  // Numbers that no two places share.
  std::string floats(int count) {
    std::vector<float> numbers;
    for (int i = 0; i < count; ++i) numbers.push_back(static_cast<float>((next_++ * 37) % 1009) / 1009 - 0.5f);
    return onnx_bytes(numbers);
  }
  std::string counted(int count) {
    std::string bytes;
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(next_++ * 61 % 251);
    return bytes;
  }

  const FakeOnnxPhi3& net_;
  Model out_;
  int next_ = 0;
};

inline FakeOnnxModel FakeOnnxPhi3::model() const { return FakeOnnxWriter(*this).write(); }

}  // namespace philo
