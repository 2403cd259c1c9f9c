// The plan of the dense Phi-3 family, from tensors under Hugging Face names.
#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string_view>

#include "base/error.h"
#include "model/plan.h"

namespace philo {
namespace {

constexpr std::string_view embedding_name = "model.embed_tokens.weight";
constexpr std::string_view head_name = "lm_head.weight";

// One of the tensors that a weight is stacked from, and its rows.
struct Part {
  std::string_view name;  // below the layer's prefix
  int64_t rows;
};

class Builder {
 public:
  Builder(const ModelConfig& config, std::shared_ptr<const Weights> tensors, const std::string& file) : file_(file) {
    plan_.config = config;
    plan_.tensors = std::move(tensors);
  }

  Plan build() {
    const ModelConfig& config = plan_.config;
    const Weight* embedding = matrix("embed", "", std::array{Part{embedding_name, config.vocabulary}}, config.hidden_size);
    Value x = step(Op::Embed, {-1, -1}, embedding, -1, config.hidden_size);
    for (int layer = 0; layer < static_cast<int>(config.layers); ++layer) x = add_layer(layer, x);
    x = step(Op::RmsNorm, {x, -1}, norm("norm", "model.norm.weight"), -1, config.hidden_size);
    step(Op::Linear, {x, -1}, head(embedding), -1, config.vocabulary);
    note_unused();
    return std::move(plan_);
  }

 private:
  Value add_layer(int layer, Value x) {
    const ModelConfig& config = plan_.config;
    const int64_t hidden = config.hidden_size, inner = config.intermediate_size, q = config.q_size(), kv = config.kv_size();
    const std::string ours = "layers." + std::to_string(layer) + ".", theirs = "model." + ours;

    Value h = step(Op::RmsNorm, {x, -1}, norm(ours + "attention_norm", theirs + "input_layernorm.weight"), layer, hidden);
    const Weight* qkv = fused(ours + "qkv", theirs + "self_attn.", "qkv_proj.weight",
                              std::array{Part{"q_proj.weight", q}, Part{"k_proj.weight", kv}, Part{"v_proj.weight", kv}}, hidden);
    h = step(Op::Linear, {h, -1}, qkv, layer, q + 2 * kv);
    h = step(Op::Attend, {h, -1}, nullptr, layer, q);
    h = step(Op::Linear, {h, -1}, matrix(ours + "attention_out", theirs + "self_attn.", std::array{Part{"o_proj.weight", hidden}}, q),
             layer, hidden);
    x = step(Op::Add, {x, h}, nullptr, layer, hidden);

    h = step(Op::RmsNorm, {x, -1}, norm(ours + "mlp_norm", theirs + "post_attention_layernorm.weight"), layer, hidden);
    const Weight* gate_up = fused(ours + "gate_up", theirs + "mlp.", "gate_up_proj.weight",
                                  std::array{Part{"gate_proj.weight", inner}, Part{"up_proj.weight", inner}}, hidden);
    h = step(Op::Linear, {h, -1}, gate_up, layer, 2 * inner);
    h = step(Op::SwiGlu, {h, -1}, nullptr, layer, inner);
    h = step(Op::Linear, {h, -1}, matrix(ours + "down", theirs + "mlp.", std::array{Part{"down_proj.weight", hidden}}, inner), layer,
             hidden);
    return step(Op::Add, {x, h}, nullptr, layer, hidden);
  }

  Value step(Op op, std::array<Value, 2> in, const Weight* weight, int layer, int64_t width) {
    const auto out = static_cast<Value>(plan_.widths.size());
    plan_.widths.push_back(width);
    plan_.steps.push_back({op, out, in, weight, layer});
    return out;
  }

  const Weight* keep(Weight weight) {
    plan_.weights.push_back(std::make_shared<const Weight>(std::move(weight)));
    return plan_.weights.back().get();
  }

  // The tensor of that name, of a type that devices read and of the expected shape.
  const Tensor* tensor(const std::string& name, std::span<const int64_t> shape) {
    const Tensor* found = plan_.tensors->find(name);
    if (found == nullptr) throw missing(name, shape);
    if (found->dtype != DType::F32 && found->dtype != DType::F16 && found->dtype != DType::BF16) {
      throw input_error(file_, "tensor " + shown(name) + " is " + std::string(dtype_name(found->dtype)) +
                                   "; expected F32, F16 or BF16, or integer codes that config.json's \"quantization_config\" describes");
    }
    if (!std::equal(shape.begin(), shape.end(), found->shape.begin(), found->shape.end())) throw wrong_shape(name, found->shape, shape);
    used_.insert(found->name);
    return found;
  }

  // Rows of a matrix, stored as floats or as codes.
  Segment segment(const std::string& name, int64_t rows, int64_t columns) {
    const CodedMatrix* coded = plan_.tensors->find_coded(name);
    if (coded == nullptr) {
      const Tensor* values = tensor(name, std::array{rows, columns});
      return {values, nullptr, rows, values->dtype};
    }
    if (coded->rows != rows || coded->columns != columns)
      throw wrong_shape(name, std::array{coded->rows, coded->columns}, std::array{rows, columns});
    used_.insert(coded->name);
    return {nullptr, coded, rows, coded->format};
  }

  bool is_there(const std::string& name) const {
    return plan_.tensors->find(name) != nullptr || plan_.tensors->find_coded(name) != nullptr;
  }

  Error wrong_shape(const std::string& name, std::span<const int64_t> found, std::span<const int64_t> expected) const {
    return input_error(file_, "tensor " + shown(name) + " has the shape " + shape_text(found) + ", but config.json asks for " + shape_text(expected));
  }

  Error missing(const std::string& name, std::span<const int64_t> shape) const {
    const std::string stem = name.substr(0, name.size() - std::string_view("weight").size());
    for (const char* kind : {"qweight", "weight_packed", "weight_quantized"}) {
      if (plan_.tensors->find(stem + kind) == nullptr) continue;
      return input_error(file_, "tensor " + shown(name) + " is missing and " + shown(stem + kind) +
                                    " is there: the weights are quantized, but config.json has no \"quantization_config\" of the "
                                    "compressed-tensors form, the one that this version reads");
    }
    return input_error(file_, "tensor " + shown(name) + " is missing; expected it with the shape " + shape_text(shape) + " among " +
                                  std::to_string(plan_.tensors->tensors().size() + plan_.tensors->coded().size()) + " tensors");
  }

  const Weight* norm(std::string name, const std::string& tensor_name) {
    const int64_t width = plan_.config.hidden_size;
    const Tensor* values = tensor(tensor_name, std::array{width});
    return keep({std::move(name), {{values, nullptr, 1, values->dtype}}, 1, width});
  }

  const Weight* matrix(std::string name, const std::string& prefix, std::span<const Part> parts, int64_t columns) {
    Weight weight{std::move(name), {}, 0, columns};
    for (const Part& part : parts) {
      weight.segments.push_back(segment(prefix + std::string(part.name), part.rows, columns));
      weight.rows += part.rows;
    }
    return keep(std::move(weight));
  }

  // One tensor for all parts, as Phi-3 stores them, or one for each, as Llama-shaped copies do.
  const Weight* fused(std::string name, const std::string& prefix, std::string_view whole, std::span<const Part> parts, int64_t columns) {
    const bool split = !is_there(prefix + std::string(whole)) && is_there(prefix + std::string(parts[0].name));
    if (split) return matrix(std::move(name), prefix, parts, columns);
    int64_t rows = 0;
    for (const Part& part : parts) rows += part.rows;
    return matrix(std::move(name), prefix, std::array{Part{whole, rows}}, columns);
  }

  const Weight* head(const Weight* embedding) {
    const bool stored = is_there(std::string(head_name));
    if (stored && !plan_.config.tied) return matrix("head", "", std::array{Part{head_name, plan_.config.vocabulary}}, plan_.config.hidden_size);
    if (!stored && !plan_.config.tied) {
      plan_.notes.push_back(std::string(head_name) + " is missing although tie_word_embeddings is false; the embedding takes its place");
    }
    Weight tied = *embedding;
    tied.name = "head";
    return keep(std::move(tied));
  }

  void note_unused() {
    size_t count = 0;
    std::string names;
    for (const auto& [name, tensor] : plan_.tensors->tensors()) {
      if (used_.contains(name) || name.ends_with("rotary_emb.inv_freq")) continue;
      if (name.ends_with(".bias")) {
        throw input_error(file_, "tensor " + shown(name) + " is a bias; the dense Phi-3 family has none");
      }
      if (++count <= 3) names += (names.empty() ? "" : ", ") + name;
    }
    for (const auto& [name, matrix] : plan_.tensors->coded())
      if (!used_.contains(name) && ++count <= 3) names += (names.empty() ? "" : ", ") + name;
    if (count == 0) return;
    plan_.notes.push_back(std::to_string(count) + (count == 1 ? " tensor is not used: " : " tensors are not used: ") + names +
                          (count > 3 ? ", …" : ""));
  }

  const std::string& file_;
  Plan plan_;
  std::set<std::string_view> used_;  // names in plan_.tensors
};

}  // namespace

std::vector<std::pair<std::string, std::vector<int64_t>>> phi3_tensors(const ModelConfig& config) {
  const int64_t hidden = config.hidden_size, inner = config.intermediate_size;
  std::vector<std::pair<std::string, std::vector<int64_t>>> list = {{std::string(embedding_name), {config.vocabulary, hidden}}};
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    list.push_back({prefix + "input_layernorm.weight", {hidden}});
    list.push_back({prefix + "self_attn.qkv_proj.weight", {config.q_size() + 2 * config.kv_size(), hidden}});
    list.push_back({prefix + "self_attn.o_proj.weight", {hidden, config.q_size()}});
    list.push_back({prefix + "post_attention_layernorm.weight", {hidden}});
    list.push_back({prefix + "mlp.gate_up_proj.weight", {2 * inner, hidden}});
    list.push_back({prefix + "mlp.down_proj.weight", {hidden, inner}});
  }
  list.push_back({"model.norm.weight", {hidden}});
  if (!config.tied) list.push_back({std::string(head_name), {config.vocabulary, hidden}});
  return list;
}

Plan plan_phi3(const ModelConfig& config, std::shared_ptr<const Weights> tensors, const std::string& file) {
  return Builder(config, std::move(tensors), file).build();
}

}  // namespace philo
