// For tests: the description of a small Phi-3 as optimum's exporter writes it, in parts that a test can change, and its constants.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace philo {

class FakeOpenvinoGraph {
 public:
  using Attributes = std::vector<std::pair<std::string, std::string>>;
  struct Port {
    int layer = -1, port = 0;
  };

  // `outputs` ports follow the inputs' numbers, as in real files.
  Port add(const std::string& type, const std::string& name, std::vector<Port> inputs, const Attributes& attributes = {}, int outputs = 1) {
    const int id = next_++;
    std::string text = "<layer id=\"" + std::to_string(id) + "\" name=\"" + name + "\" type=\"" + type + "\" version=\"opset1\">";
    if (!attributes.empty()) {
      text += "<data";
      for (const auto& [key, value] : attributes) text += " " + key + "=\"" + value + "\"";
      text += " />";
    }
    const int count = static_cast<int>(inputs.size());
    if (count > 0) {
      text += "<input>";
      for (int i = 0; i < count; ++i) text += "<port id=\"" + std::to_string(i) + "\" precision=\"FP32\"><dim>-1</dim></port>";
      text += "</input>";
    }
    if (outputs > 0) {
      text += "<output>";
      for (int i = 0; i < outputs; ++i) text += "<port id=\"" + std::to_string(count + i) + "\" precision=\"FP32\" />";
      text += "</output>";
    }
    layers += text + "</layer>\n";
    for (int i = 0; i < count; ++i) edge(inputs[static_cast<size_t>(i)], {id, i});
    return {id, count};
  }
  void edge(Port from, Port to) {
    edges += "<edge from-layer=\"" + std::to_string(from.layer) + "\" from-port=\"" + std::to_string(from.port) + "\" to-layer=\"" + std::to_string(to.layer) + "\" to-port=\"" +
             std::to_string(to.port) + "\" />\n";
  }

  Port constant(const std::string& name, const std::string& type, const std::string& shape, const std::string& bytes) {
    const Port made = add("Const", name, {}, {{"element_type", type}, {"shape", shape}, {"offset", std::to_string(constants.size())}, {"size", std::to_string(bytes.size())}});
    constants += bytes;
    return made;
  }
  template <class Number>
  static std::string bytes_of(std::initializer_list<Number> numbers) {
    std::string out(numbers.size() * sizeof(Number), '\0');
    std::memcpy(out.data(), numbers.begin(), out.size());
    return out;
  }
  static std::string counted(size_t bytes, int first) {
    std::string out(bytes, '\0');
    for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>(first + static_cast<int>(i) * 7);
    return out;
  }
  Port number(float value) { return constant("number" + std::to_string(next_), "f32", "1, 1, 1", bytes_of<float>({value})); }
  Port integer(int64_t value) { return constant("integer" + std::to_string(next_), "i64", "", bytes_of<int64_t>({value})); }
  Port convert(Port from, const std::string& type) { return add("Convert", "convert" + std::to_string(next_), {from}, {{"destination_type", type}}); }

  // Codes, through what decompresses them: u4 and u8 with zero points, i4 and i8 without.
  Port coded(const std::string& name, const std::string& type, int rows, int columns, int group) {
    const int bits = type.ends_with('4') ? 4 : 8, groups = columns / group;
    const std::string grouped = groups == 1 && bits == 8 ? std::to_string(rows) + ", " + std::to_string(columns)
                                                         : std::to_string(rows) + ", " + std::to_string(groups) + ", " + std::to_string(group);
    const std::string parts = bits == 8 ? std::to_string(rows) + ", 1" : std::to_string(rows) + ", " + std::to_string(groups) + ", 1";
    const auto count = static_cast<size_t>(rows * columns * bits / 8), scales = static_cast<size_t>(rows * groups);
    Port value = convert(constant(name, type, grouped, counted(count, 3)), "f16");
    if (type.starts_with('u')) value = add("Subtract", name + "/subtract", {value, convert(constant(name + "/zero_point", type, parts, counted((scales * static_cast<size_t>(bits) + 7) / 8, 0x57)), "f16")});
    std::string halves;
    for (size_t i = 0; i < scales; ++i) halves += bytes_of<uint16_t>({static_cast<uint16_t>(0x2000 + i % 64)});
    value = add("Multiply", name + "/fq_weights_1", {value, constant(name + "/scale", "f16", parts, halves)});
    if (bits == 4) value = add("Reshape", name + "/reshape", {value, constant(name + "/shape", "i64", "2", bytes_of<int64_t>({rows, columns}))});
    return convert(value, "f32");
  }
  Port floats(const std::string& name, int rows, int columns) {
    std::string bytes;
    for (int i = 0; i < rows * columns; ++i) bytes += bytes_of<float>({static_cast<float>(i % 13) / 8 - 0.7f});
    return constant(name, "f32", std::to_string(rows) + ", " + std::to_string(columns), bytes);
  }

  std::string xml() const { return "<?xml version=\"1.0\"?>\n<net name=\"Model0\" version=\"11\"><layers>" + layers + "</layers><edges>" + edges + "</edges><rt_info /></net>\n"; }

  std::string layers, edges, constants;

 private:
  int next_ = 0;
};

// What a test may change about the network below.
struct FakePhi3 {
  int heads = 2, kv_heads = 1, head_size = 4, inner = 8, vocabulary = 16, layers = 2, window = 5;
  float epsilon = 1e-5f;
  std::string weight_type = "u4";   // of the projections; "f32" for floats
  std::string activation = "Swish", normalized = "ReduceMean";
  bool awq = false, bias = false, biased_norm = false, tied = false, stateful = true, rotated_keys = true, swapped_qkv = false;

  int hidden() const { return heads * head_size; }
  FakeOpenvinoGraph graph() const;
};

class FakePhi3Writer {
 public:
  explicit FakePhi3Writer(const FakePhi3& net) : net_(net) {}
  using Port = FakeOpenvinoGraph::Port;

  FakeOpenvinoGraph write() {
    const Port tokens = out_.add("Parameter", "input_ids", {}, {{"element_type", "i64"}}), mask_input = out_.add("Parameter", "attention_mask", {});
    const Port positions = out_.add("Parameter", "position_ids", {});
    beams_ = out_.add("Parameter", "beam_idx", {});
    const Port table = out_.coded("self.model.embed_tokens._openvino_orig_weight", "u8", net_.vocabulary, net_.hidden(), net_.hidden());
    Port x = out_.add("Gather", "embedding", {table, out_.convert(tokens, "i32"), out_.integer(0)});
    rotation(positions);
    mask(mask_input);
    for (int i = 0; i < net_.layers; ++i) x = layer(x, i);
    x = norm(x, "norm");
    const Port head = net_.tied ? table : out_.floats("self.lm_head", net_.vocabulary, net_.hidden());
    x = out_.add("MatMul", "lm_head", {x, head}, {{"transpose_a", "false"}, {"transpose_b", "true"}});
    out_.add("Result", "logits", {x}, {}, 0);
    return out_;
  }

 private:
  Port multiply(Port a, Port b) { return out_.add("Multiply", unique("multiply"), {a, b}); }
  std::string unique(const std::string& name) { return name + std::to_string(count_++); }
  Port product(Port x, const std::string& name, int rows, int columns) {
    const Port weight = net_.weight_type == "f32" ? out_.floats(name, rows, columns) : out_.coded(name, net_.weight_type, rows, columns, net_.weight_type.ends_with('4') ? 4 : columns);
    const Port made = out_.add("MatMul", unique(name + "/MatMul"), {x, weight}, {{"transpose_a", "false"}, {"transpose_b", "true"}});
    return net_.bias ? out_.add("Add", unique("bias"), {made, out_.floats(name + ".bias", 1, rows)}) : made;
  }
  Port norm(Port x, const std::string& name) {
    const Port square = out_.add("Power", unique(name), {x, out_.number(2)});
    const Port mean = out_.add(net_.normalized, unique(name), {square, out_.integer(-1)});
    const Port root = out_.add("Sqrt", unique(name), {out_.add("Add", unique(name), {mean, out_.number(net_.epsilon)})});
    const Port even = multiply(x, out_.add("Divide", unique(name), {out_.number(1), root}));
    const Port scaled = multiply(out_.floats(name + ".weight", 1, net_.hidden()), even);
    return net_.biased_norm ? out_.add("Add", unique(name), {scaled, out_.floats(name + ".bias", 1, net_.hidden())}) : scaled;
  }
  void rotation(Port positions) {
    std::string frequencies;
    for (int i = 0; i < net_.head_size / 2; ++i) frequencies += FakeOpenvinoGraph::bytes_of<float>({i == 0 ? 1.0f : 0.01f});
    const Port inverse = out_.constant("inv_freq", "f32", "1, " + std::to_string(net_.head_size / 2) + ", 1", frequencies);
    const Port angles = out_.add("Transpose", "angles", {out_.add("MatMul", "freqs", {inverse, out_.convert(positions, "f32")}, {{"transpose_a", "false"}, {"transpose_b", "false"}}), out_.integer(0)});
    const Port both = out_.add("Concat", "emb", {angles, angles}, {{"axis", "-1"}});
    cosine_ = out_.add("Unsqueeze", "cos", {out_.add("Cos", "Cos", {both}), out_.integer(1)});
    sine_ = out_.add("Unsqueeze", "sin", {out_.add("Sin", "Sin", {both}), out_.integer(1)});
  }
  void mask(Port input) {
    const Port keys = out_.add("Range", "keys", {input}), queries = out_.add("Range", "queries", {input});
    Port seen = out_.add("LessEqual", "le", {keys, queries});
    if (net_.window > 0) seen = out_.add("BitwiseAnd", "and", {seen, out_.add("Greater", "gt", {keys, out_.add("Add", "oldest", {queries, out_.integer(-net_.window)})})});
    mask_ = out_.add("Select", "mask", {seen, out_.number(0), out_.number(-65504)});
  }
  Port columns(Port x, int first, int last) { return out_.add("Slice", unique("slice"), {x, out_.integer(first), out_.integer(last), out_.integer(1), out_.integer(2)}); }
  Port rotated(Port x) {
    const Port swapped = out_.add("Concat", unique("swapped"), {multiply(columns(x, 2, 4), out_.number(-1)), columns(x, 0, 2)}, {{"axis", "-1"}});
    return out_.add("Add", unique("rotated"), {multiply(x, cosine_), multiply(swapped, sine_)});
  }
  Port extended(Port added, const std::string& name) {
    if (!net_.stateful) return added;
    const Port read = out_.add("ReadValue", unique("past"), {out_.number(0)}, {{"variable_id", name}, {"variable_shape", "?," + std::to_string(net_.kv_heads) + ",?," + std::to_string(net_.head_size)}});
    const Port all = out_.add("Concat", unique("all"), {out_.add("Gather", unique("gather"), {read, beams_, out_.integer(0)}), added}, {{"axis", "-2"}});
    out_.add("Assign", unique("assign"), {all}, {{"variable_id", name}}, 0);
    return all;
  }
  Port layer(Port x, int index) {
    const std::string name = "self.model.layers." + std::to_string(index) + ".";
    const int hidden = net_.hidden(), kv = net_.kv_heads * net_.head_size;
    const Port qkv = product(norm(x, name + "input_layernorm"), name + "self_attn.qkv_proj", hidden + 2 * kv, hidden);
    const Port query = rotated(columns(qkv, net_.swapped_qkv ? hidden : 0, hidden)), fresh = columns(qkv, net_.swapped_qkv ? 0 : hidden, hidden + kv);
    const Port keys = extended(net_.rotated_keys ? rotated(fresh) : fresh, name + "key"), values = extended(columns(qkv, hidden + kv, hidden + 2 * kv), name + "value");
    const Port attended = out_.add("ScaledDotProductAttention", unique("sdpa"), {query, keys, values, mask_, out_.number(0.5f)}, {{"causal", "false"}});
    const Port attention = out_.add("Reshape", unique("reshape"), {attended, out_.integer(0)});
    x = out_.add("Add", unique(name + "add"), {x, product(attention, name + "self_attn.o_proj", hidden, hidden)});
    const Port gate_up = product(norm(x, name + "post_attention_layernorm"), name + "mlp.gate_up_proj", 2 * net_.inner, hidden);
    const Port split = out_.add("VariadicSplit", unique("split"), {gate_up, out_.integer(-1), out_.integer(0)}, {}, 2);
    Port active = out_.add(net_.activation, unique("silu"), {split});
    if (net_.awq) {
      std::string factors;
      for (int i = 0; i < net_.inner; ++i) factors += FakeOpenvinoGraph::bytes_of<float>({static_cast<float>(i + 2)});
      active = multiply(active, out_.constant(unique("awq_mul/scale"), "f32", "1, 1, " + std::to_string(net_.inner), factors));
    }
    const Port inner = multiply({split.layer, split.port + 1}, active);
    return out_.add("Add", unique(name + "add"), {x, product(inner, name + "mlp.down_proj", hidden, net_.inner)});
  }

  const FakePhi3& net_;
  FakeOpenvinoGraph out_;
  Port beams_, cosine_, sine_, mask_;
  int count_ = 0;
};

inline FakeOpenvinoGraph FakePhi3::graph() const { return FakePhi3Writer(*this).write(); }

}  // namespace philo
