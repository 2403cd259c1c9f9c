// Walks the plan's steps and writes for each the operators that ONNX Runtime GenAI's builder would.
#include "emit/onnx.h"

#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "emit/onnx_graph.h"
#include "emit/onnx_weights.h"

namespace philo {
namespace {

using onnx::DataType;

// What GroupQueryAttention asks of heads that it rotates itself.
constexpr int64_t rotated_head_multiple = 16;

class Emitter {
 public:
  Emitter(const Plan& plan, const OnnxVariant& variant)
      : plan_(plan), config_(plan.config), variant_(variant), weights_(graph_, variant), float_(weights_.graph_float()) {
    const bool fits = config_.head_size % rotated_head_multiple == 0 && config_.rotary_size % rotated_head_multiple == 0;
    rotates_inside_ = fits && variant.target != OnnxTarget::Dml;
    // A choice between two tables copies one of them in every pass; rows of one table are chosen by the positions instead. Only the
    // processor's GroupQueryAttention is known to take them.
    by_position_ = !rotates_inside_ || variant.target == OnnxTarget::Cpu;
    chooses_factors_ = config_.long_rope && (variant.factors == OnnxFactors::Length || variant.factors == OnnxFactors::Input);
    context_ = variant.context > 0 ? variant.context : config_.context;
  }

  OnnxModel emit() {
    add_inputs();
    values_.resize(plan_.widths.size());
    for (size_t number = 0; number < plan_.steps.size(); ++number) {
      const Step& step = plan_.steps[number];
      const Op next = number + 1 < plan_.steps.size() ? plan_.steps[number + 1].op : Op::Embed;
      values_[static_cast<size_t>(step.out)] = run(step, next);
    }
    OnnxModel model;
    model.tables_offset = (graph_.reserved_bytes() + 63) / 64 * 64;
    for (Table& table : tables_) {
      const uint64_t offset = graph_.reserve(table.bytes.size());
      model.tables.resize(offset - model.tables_offset);
      model.tables.insert(model.tables.end(), table.bytes.begin(), table.bytes.end());
      graph_.constant(table.name, float_, {table.rows, config_.rotary_size / 2}, offset);
    }
    model.graph = graph_.model();
    model.initializers = graph_.take_initializers();
    model.matrices = weights_.take_matrices();
    model.data_bytes = model.tables_offset + model.tables.size();
    model.tensors = plan_.tensors;
    return model;
  }

 private:
  // A value of the plan: one of the graph's; q, k and v, or gate and up, side by side; or two whose sum the norm behind them adds up.
  using Parts = std::vector<std::string>;
  struct Result {
    Parts parts;
    bool is_sum = false;
  };

  struct Table {
    std::string name;
    int64_t rows;
    std::vector<std::byte> bytes;
  };

  static std::string layer_name(int layer) { return "/model/layers." + std::to_string(layer); }

  std::string add(std::string_view type, std::string name, std::vector<std::string> inputs, std::vector<std::pair<std::string_view, OnnxOperator::Setting>> attributes = {}) {
    return graph_.add({type, onnx_domain, std::move(name), std::move(inputs), std::move(attributes)});
  }
  std::string cast(const std::string& value, const std::string& name, DataType to) { return add("Cast", name, {value}, {{"to", static_cast<int64_t>(to)}}); }

  void add_inputs() {
    using Shape = std::vector<OnnxDimension>;
    const std::string batch = "batch_size", added = "sequence_length", total = "total_sequence_length", past = "past_sequence_length";
    graph_.input("input_ids", DataType::Int64, Shape{batch, added});
    graph_.input("attention_mask", DataType::Int64, Shape{batch, total});
    if (variant_.target == OnnxTarget::Dml) graph_.input("position_ids", DataType::Int64, Shape{batch, added});
    graph_.output("logits", float_, Shape{batch, variant_.chosen_rows ? "num_logits" : added, config_.vocabulary});
    for (int64_t layer = 0; layer < config_.layers; ++layer) {
      for (const char* kind : {".key", ".value"}) {
        const std::string name = std::to_string(layer) + kind;
        graph_.input("past_key_values." + name, float_, Shape{batch, config_.kv_heads, past, config_.head_size});
        graph_.output("present." + name, float_, Shape{batch, config_.kv_heads, total, config_.head_size});
      }
    }
    if (config_.long_rope && variant_.factors == OnnxFactors::Input) graph_.input("long_factors", DataType::Bool, {});
    if (variant_.chosen_rows) graph_.input("logit_rows", DataType::Int64, Shape{"num_logits"});
    add_lengths();
  }

  // How many tokens each sequence holds, less one, and how long the longest is; as GroupQueryAttention takes them, and before.
  void add_lengths() {
    const std::string base = "/model/attn_mask_reformat/attn_mask_subgraph/";
    const std::string count = add("ReduceSum", base + "ReduceSum", {"attention_mask", graph_.integers({1})}, {{"keepdims", int64_t{0}}});
    last_ = add("Sub", base + "Sub", {count, graph_.integers({1})});
    last32_ = cast(last_, base + "Sub/Cast", DataType::Int32);
    const std::string shape = add("Shape", base + "Shape", {"attention_mask"});
    total_ = add("Gather", base + "Gather", {shape, graph_.integer(1)}, {{"axis", int64_t{0}}});
    total32_ = cast(total_, base + "Gather/Cast", DataType::Int32);
  }

  Result run(const Step& step, Op next) {
    const auto input = [&](size_t index) -> Result& { return values_[static_cast<size_t>(step.in[index])]; };
    switch (step.op) {
      case Op::Embed: return {{weights_.rows_of("/model/embed_tokens", step.weight->segments.front(), "input_ids")}};
      case Op::RmsNorm: return {{norm(step, input(0))}};
      case Op::Linear: return {linear(step, summed(input(0), step.layer), next)};
      case Op::Attend: return {{attend(input(0).parts, step.layer)}};
      case Op::SwiGlu: return {{swiglu(input(0).parts, step.layer)}};
      case Op::Add: return {{summed(input(0), step.layer), summed(input(1), step.layer)}, true};
    }
    throw Error(ErrorCode::Failed, "a step that no graph has");
  }

  std::string summed(Result& x, int layer) {
    if (x.is_sum) x = {{add("Add", layer_name(layer) + "/residual_add" + std::to_string(sums_++) + "/Add", x.parts)}};
    return x.parts.front();
  }

  // The norm of a sum also gives the sum, which stands for it from here on.
  std::string norm(const Step& step, Result& x) {
    const bool last = step.layer < 0;
    const int layer = last ? static_cast<int>(config_.layers) : step.layer;
    const char* kind = last ? "final_norm" : step.weight->name.ends_with("attention_norm") ? "input" : "post_attention";
    const std::string base = layer_name(layer) + "/" + kind + "_layernorm";
    std::string tensor = base.substr(1) + ".weight";
    for (char& letter : tensor) letter = letter == '/' ? '.' : letter;
    const std::string weight = weights_.norm(tensor, step.weight->segments.front());
    const std::string out = base + "/output_0";
    if (x.is_sum) {
      const std::string sum = base + "/output_3";
      OnnxOperator node{"SkipSimplifiedLayerNormalization", microsoft_domain, base + "/SkipLayerNorm", {x.parts[0], x.parts[1], weight}, {{"epsilon", config_.rms_epsilon}}, {out}};
      if (!last) node.outputs = {out, "", "", sum};
      graph_.add(std::move(node));
      x = {{sum}};
    } else {
      graph_.add({"SimplifiedLayerNormalization", onnx_domain, base + "/LayerNorm", {x.parts.front(), weight},
                  {{"axis", int64_t{-1}}, {"epsilon", config_.rms_epsilon}, {"stash_type", int64_t{1}}}, {out}});
    }
    if (!last || !variant_.chosen_rows) return out;
    return add("Gather", base + "/Gather", {out, "logit_rows"}, {{"axis", int64_t{1}}});
  }

  Parts linear(const Step& step, const std::string& x, Op next) {
    const std::vector<Segment>& segments = step.weight->segments;
    const auto parts = [&](std::span<const std::pair<const char*, int64_t>> names, const std::string& base) {
      Parts out;
      int64_t first = 0;
      for (size_t i = 0; i < names.size(); ++i) {
        const bool fused = segments.size() == 1;
        out.push_back(weights_.product(base + names[i].first + "/MatMul", segments[fused ? 0 : i], fused ? first : 0, names[i].second, x));
        first += names[i].second;
      }
      return out;
    };
    if (step.layer < 0) return {weights_.product("/lm_head/MatMul", segments.front(), 0, config_.vocabulary, x, "logits")};
    const std::string base = layer_name(step.layer);
    if (next == Op::SwiGlu) {
      const std::array<std::pair<const char*, int64_t>, 2> names = {{{"gate_proj", config_.intermediate_size}, {"up_proj", config_.intermediate_size}}};
      return parts(names, base + "/mlp/");
    }
    if (next == Op::Attend) {
      const int64_t q = config_.q_size(), kv = config_.kv_size();
      if (segments.size() == 1 && rotates_inside_) return {weights_.product(base + "/attn/qkv_proj/MatMul", segments.front(), 0, q + 2 * kv, x)};
      const std::array<std::pair<const char*, int64_t>, 3> names = {{{"q_proj", q}, {"k_proj", kv}, {"v_proj", kv}}};
      return parts(names, base + "/attn/");
    }
    const bool attention = step.weight->name.ends_with("attention_out");
    return {weights_.product(base + (attention ? "/attn/o_proj" : "/mlp/down_proj") + "/MatMul", segments.front(), 0, config_.hidden_size, x)};
  }

  std::string swiglu(const Parts& gate_up, int layer) {
    const std::string base = layer_name(layer) + "/mlp/";
    const std::string sigmoid = add("Sigmoid", base + "act_fn/Sigmoid", {gate_up[0]});
    const std::string silu = add("Mul", base + "act_fn/Mul", {gate_up[0], sigmoid});
    return add("Mul", base + "Mul", {silu, gate_up[1]});
  }

  std::string attend(Parts qkv, int layer) {
    if (cosine_.empty()) add_rotation();
    const std::string base = layer_name(layer) + "/attn/", number = std::to_string(layer);
    if (!rotates_inside_) {
      qkv[0] = rotated(qkv[0], base + "q_rotary", config_.heads);
      qkv[1] = rotated(qkv[1], base + "k_rotary", config_.kv_heads);
    }
    qkv.resize(3);
    std::vector<std::string> inputs = {qkv[0], qkv[1], qkv[2], "past_key_values." + number + ".key", "past_key_values." + number + ".value", last32_, total32_};
    if (rotates_inside_) {
      inputs.insert(inputs.end(), {cosine_, sine_});
      if (!positions_.empty()) inputs.push_back(positions_);
    }
    const bool windowed = config_.window && *config_.window < config_.context;
    const std::string out = base + "GroupQueryAttention/output_0";
    graph_.add({"GroupQueryAttention", microsoft_domain, base + "GroupQueryAttention", std::move(inputs),
                {{"num_heads", config_.heads},
                 {"kv_num_heads", config_.kv_heads},
                 {"scale", 1 / std::sqrt(static_cast<float>(config_.head_size))},
                 {"local_window_size", windowed ? *config_.window : int64_t{-1}},
                 {"do_rotary", int64_t{rotates_inside_}},
                 {"rotary_interleaved", int64_t{0}}},
                {out, "present." + number + ".key", "present." + number + ".value"}});
    return out;
  }

  std::string rotated(const std::string& x, const std::string& base, int64_t heads) {
    const bool whole = config_.rotary_size == config_.head_size;
    return graph_.add({"RotaryEmbedding", microsoft_domain, base + "/RotaryEmbedding", {x, positions_, cosine_, sine_},
                       {{"interleaved", int64_t{0}}, {"num_heads", whole ? 0 : heads}, {"rotary_embedding_dim", whole ? 0 : config_.rotary_size}}});
  }

  // One row for each position, (rows, rotary_size / 2); short and long factors' one after the other where positions choose.
  void add_rotation() {
    const bool is_long = variant_.factors == OnnxFactors::Long;
    if (!chooses_factors_) {
      add_tables("", {{is_long, context_}});
    } else if (by_position_) {
      add_tables("", {{false, config_.long_rope->original_context}, {true, context_}});
    } else {
      add_tables("_small", {{false, config_.long_rope->original_context}});
      add_tables("_large", {{true, context_}});
    }
    cosine_ = "cos_cache";
    sine_ = "sin_cache";
    if (!by_position_) {
      if (chooses_factors_) add_choice_of_tables();
    } else if (chooses_factors_ || !rotates_inside_) {
      add_positions();
    }
  }

  std::string takes_long_factors() {
    if (variant_.factors == OnnxFactors::Input) return "long_factors";
    return add("Greater", "/model/rope_caches_subgraph/Greater", {total_, graph_.integer(config_.long_rope->original_context)});
  }

  void add_choice_of_tables() {
    const auto branch = [&](const std::string& size, int64_t rows) {
      OnnxGraphWriter tables;
      for (const std::string name : {"cos_cache", "sin_cache"}) {
        const std::string out = tables.add({"Identity", onnx_domain, "/" + size + "/" + name + "/Identity", {name + "_" + size}, {}, {name + "_" + size + "_chosen"}});
        tables.output(out, float_, std::vector<OnnxDimension>{rows, config_.rotary_size / 2});
      }
      return tables.branch(size + "_rotemb_caches_graph");
    };
    graph_.add({"If", onnx_domain, "/model/rope_caches_subgraph/If", {takes_long_factors()},
                {{"then_branch", branch("large", context_)}, {"else_branch", branch("small", config_.long_rope->original_context)}}, {cosine_, sine_}});
  }

  // Rows of the tables, (batch, new). Without the input, as GroupQueryAttention counts itself: a first prompt begins at 0 and may be
  // padded on its right, what follows ends at each sequence's own length.
  void add_positions() {
    const std::string base = "/model/pos_ids_reformat/";
    positions_ = "position_ids";
    if (variant_.target != OnnxTarget::Dml) {
      const std::string added = add("Gather", base + "Gather", {add("Shape", base + "Shape", {"input_ids"}), graph_.integer(1)}, {{"axis", int64_t{0}}});
      const std::string past = add("Sub", base + "Sub", {total_, added});
      const std::string follows = cast(add("Greater", base + "Greater", {past, graph_.integer(0)}), base + "Cast", DataType::Int64);
      const std::string begin = add("Sub", base + "Sub_1", {add("Add", base + "Add", {last_, graph_.integer(1)}), added});
      const std::string start = add("Unsqueeze", base + "Unsqueeze", {add("Mul", base + "Mul", {begin, follows}), graph_.integers({1})});
      const std::string range = add("Range", base + "Range", {graph_.integer(0), added, graph_.integer(1)});
      positions_ = add("Add", base + "Add_1", {start, range});
    }
    if (!chooses_factors_) return;
    const std::string is_long = cast(takes_long_factors(), base + "Cast_1", DataType::Int64);
    const std::string rows = add("Mul", base + "Mul_1", {is_long, graph_.integer(config_.long_rope->original_context)});
    positions_ = add("Add", base + "Add_2", {rows, positions_});
  }

  void add_tables(const std::string& suffix, std::initializer_list<std::pair<bool, int64_t>> parts) {
    Table cosine{"cos_cache" + suffix, 0, {}}, sine{"sin_cache" + suffix, 0, {}};
    const float factor = config_.long_rope ? config_.long_rope->attention_factor : 1.0f;
    for (const auto& [is_long, rows] : parts) {
      const std::vector<float> frequencies = rope_frequencies(config_, is_long);
      for (int64_t position = 0; position < rows; ++position) {
        for (const float frequency : frequencies) {
          const float angle = static_cast<float>(position) * frequency;
          append(cosine.bytes, std::cos(angle) * factor);
          append(sine.bytes, std::sin(angle) * factor);
        }
      }
      cosine.rows += rows;
      sine.rows += rows;
    }
    tables_.push_back(std::move(cosine));
    tables_.push_back(std::move(sine));
  }

  void append(std::vector<std::byte>& out, float value) const {
    const uint16_t half = f32_to_f16(value);
    const auto bytes = variant_.half ? std::as_bytes(std::span(&half, 1)) : std::as_bytes(std::span(&value, 1));
    out.insert(out.end(), bytes.begin(), bytes.end());
  }

  const Plan& plan_;
  const ModelConfig& config_;
  const OnnxVariant& variant_;
  OnnxGraphWriter graph_;
  OnnxWeights weights_;
  DataType float_;
  bool rotates_inside_, by_position_, chooses_factors_;
  int64_t context_;
  std::vector<Result> values_;  // by the plan's
  std::vector<Table> tables_;
  std::string last_, last32_, total_, total32_, positions_, cosine_, sine_;
  int sums_ = 0;
};

}  // namespace

OnnxModel emit_onnx(const Plan& plan, const OnnxVariant& variant) { return Emitter(plan, variant).emit(); }

}  // namespace philo
