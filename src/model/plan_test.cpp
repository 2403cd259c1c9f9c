// Plans of the family against golden texts, from tensors that have shapes only.
#include "model/plan.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/refusal.h"

namespace philo {
namespace {

enum class Layout { Fused, Split };

ModelConfig family(const std::string& name) {
  return parse_config(read_json_file(PHILO_SOURCE_DIR "/tests/golden/rope/" + name + ".json")["config"], name);
}

void add(Weights& weights, std::string name, std::vector<int64_t> shape, DType dtype) {
  weights.add({std::move(name), dtype, std::move(shape), {}}, "fake");
}

Weights tensors_of(const ModelConfig& config, Layout layout = Layout::Fused, DType dtype = DType::BF16) {
  Weights weights;
  const int64_t hidden = config.hidden_size, inner = config.intermediate_size, q = config.q_size(), kv = config.kv_size();
  add(weights, "model.embed_tokens.weight", {config.vocabulary, hidden}, dtype);
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    add(weights, prefix + "input_layernorm.weight", {hidden}, dtype);
    if (layout == Layout::Fused) {
      add(weights, prefix + "self_attn.qkv_proj.weight", {q + 2 * kv, hidden}, dtype);
      add(weights, prefix + "mlp.gate_up_proj.weight", {2 * inner, hidden}, dtype);
    } else {
      add(weights, prefix + "self_attn.q_proj.weight", {q, hidden}, dtype);
      add(weights, prefix + "self_attn.k_proj.weight", {kv, hidden}, DType::F16);
      add(weights, prefix + "self_attn.v_proj.weight", {kv, hidden}, DType::F16);
      add(weights, prefix + "mlp.gate_proj.weight", {inner, hidden}, dtype);
      add(weights, prefix + "mlp.up_proj.weight", {inner, hidden}, dtype);
    }
    add(weights, prefix + "self_attn.o_proj.weight", {hidden, q}, dtype);
    add(weights, prefix + "post_attention_layernorm.weight", {hidden}, dtype);
    add(weights, prefix + "mlp.down_proj.weight", {hidden, inner}, dtype);
  }
  add(weights, "model.norm.weight", {hidden}, dtype);
  if (!config.tied) add(weights, "lm_head.weight", {config.vocabulary, hidden}, dtype);
  return weights;
}

Plan plan_of(const ModelConfig& config, Weights weights) {
  return plan_phi3(config, std::make_shared<const Weights>(std::move(weights)), "model.safetensors");
}

// A plan that changed on purpose: the text that is meant to become the golden file is left beside the test's temporary files.
void expect_golden(const Plan& plan, const std::string& name) {
  const std::string file = PHILO_SOURCE_DIR "/tests/golden/plans/" + name + ".txt";
  const std::string expected = is_file(file) ? read_text_file(file) : "", found = plan_text(plan);
  if (found == expected) return;
  const std::string left = join_path(testing::TempDir(), name + ".txt");
  OutputFile out(left);
  out.write(found);
  out.commit();
  ADD_FAILURE() << file << " differs from the plan, which is now in " << left;
}

TEST(Plan, OfTheFamily) {
  for (const char* name : {"phi-3-mini-4k", "phi-3.5-mini", "phi-3-medium-4k", "phi-4-mini", "phi-4"}) {
    const ModelConfig config = family(name);
    const Plan plan = plan_of(config, tensors_of(config));
    EXPECT_TRUE(plan.notes.empty()) << name;
    expect_golden(plan, name);
  }
}

TEST(Plan, OfSplitProjections) {
  ModelConfig config = family("phi-3-medium-4k");
  config.layers = 2;
  expect_golden(plan_of(config, tensors_of(config, Layout::Split)), "split-projections");
}

TEST(Plan, MiniHas323StepsAndEachValueIsAssignedOnce) {
  const ModelConfig config = family("phi-3-mini-4k");
  const Plan plan = plan_of(config, tensors_of(config));
  ASSERT_EQ(plan.steps.size(), 323u);
  std::vector<int> assigned(plan.widths.size(), 0);
  for (const Step& step : plan.steps) {
    for (const Value in : step.in) {
      if (in < 0) continue;
      EXPECT_EQ(assigned[static_cast<size_t>(in)], 1);
    }
    EXPECT_EQ(assigned[static_cast<size_t>(step.out)]++, 0);
    const bool has_weight = step.op == Op::Embed || step.op == Op::RmsNorm || step.op == Op::Linear;
    EXPECT_EQ(step.weight != nullptr, has_weight);
  }
  EXPECT_EQ(plan.widths[static_cast<size_t>(plan.steps.back().out)], config.vocabulary);
}

TEST(Plan, TiedHeadIsTheEmbedding) {
  ModelConfig config = family("phi-4-mini");
  config.layers = 1;
  const Plan plan = plan_of(config, tensors_of(config));
  EXPECT_EQ(plan.steps.back().weight->segments[0].values, plan.steps.front().weight->segments[0].values);
  EXPECT_EQ(plan.steps.back().weight->name, "head");

  Weights both = tensors_of(config);
  add(both, "lm_head.weight", {config.vocabulary, config.hidden_size}, DType::BF16);
  const Plan ignores = plan_of(config, std::move(both));
  EXPECT_EQ(ignores.steps.back().weight->segments[0].values->name, "model.embed_tokens.weight");
  EXPECT_EQ(ignores.notes, std::vector<std::string>{"1 tensor is not used: lm_head.weight"});

  Weights without = tensors_of(config);
  config.tied = false;
  const Plan noted = plan_of(config, std::move(without));
  EXPECT_EQ(noted.steps.back().weight->segments[0].values->name, "model.embed_tokens.weight");
  ASSERT_EQ(noted.notes.size(), 1u);
  EXPECT_TRUE(says(noted.notes[0], "lm_head.weight is missing"));
}

TEST(Plan, NotesUnusedTensors) {
  ModelConfig config = family("phi-3-mini-4k");
  config.layers = 1;
  Weights weights = tensors_of(config);
  add(weights, "model.layers.0.self_attn.rotary_emb.inv_freq", {48}, DType::F32);
  EXPECT_TRUE(plan_of(config, std::move(weights)).notes.empty());
  config.layers = 2;
  Weights more = tensors_of(config);
  config.layers = 1;
  const Plan plan = plan_of(config, std::move(more));
  ASSERT_EQ(plan.notes.size(), 1u);
  EXPECT_TRUE(plan.notes[0].starts_with("6 tensors are not used: model.layers.1.input_layernorm.weight, ")) << plan.notes[0];
}

TEST(Plan, SliceKeepsSomeLayersAndNumbersThemAnew) {
  ModelConfig config = family("phi-3-medium-4k");
  config.layers = 4;
  const Plan whole = plan_of(config, tensors_of(config));
  const Plan part = slice(whole, 1, 3);
  EXPECT_EQ(part.config.layers, 2);
  ASSERT_EQ(part.steps.size(), 20u);
  EXPECT_EQ(part.steps[0].in[0], 0);
  EXPECT_EQ(part.widths[0], config.hidden_size);
  EXPECT_EQ(part.steps[0].layer, 0);
  EXPECT_EQ(part.steps[19].layer, 1);
  EXPECT_EQ(part.steps[1].weight->name, "layers.1.qkv");
  EXPECT_EQ(part.widths.size(), 21u);
  EXPECT_EQ(part.steps[19].out, 20);
  EXPECT_EQ(part.steps[4].in, (std::array<Value, 2>{0, 4}));
  EXPECT_THROW(slice(whole, 2, 2), Error);
  EXPECT_THROW(slice(whole, 0, 5), Error);
  EXPECT_THROW(slice(whole, -1, 2), Error);
}

TEST(Plan, TakesTheThreeFloatTypesOnly) {
  ModelConfig config = family("phi-3-mini-4k");
  config.layers = 1;
  for (const DType dtype : {DType::F32, DType::F16, DType::BF16}) EXPECT_NO_THROW(plan_of(config, tensors_of(config, Layout::Fused, dtype)));
  for (const DType dtype : {DType::F64, DType::I8, DType::U8, DType::F8E4M3}) {
    const std::string message = refusal([&] { plan_of(config, tensors_of(config, Layout::Fused, dtype)); });
    EXPECT_TRUE(says(message, "\"model.embed_tokens.weight\" is " + std::string(dtype_name(dtype))));
  }
}

std::string refusal_of(const ModelConfig& config, Weights weights) {
  const std::string message = refusal([&] { plan_of(config, std::move(weights)); });
  EXPECT_TRUE(message.starts_with("model.safetensors: ")) << message;
  return message;
}

Weights without(const Weights& from, std::string_view name) {
  Weights out;
  for (const auto& [key, tensor] : from.tensors()) {
    if (key != name) out.add(tensor, "fake");
  }
  return out;
}

TEST(Plan, NamesWhatIsMissingOrMisshapen) {
  ModelConfig config = family("phi-3-mini-4k");
  config.layers = 2;
  const Weights good = tensors_of(config);
  for (const auto& [name, tensor] : good.tensors()) {
    if (name == "lm_head.weight") continue;
    EXPECT_TRUE(says(refusal_of(config, without(good, name)), "tensor \"" + name + "\" is missing")) << name;
    Weights misshapen = without(good, name);
    add(misshapen, name, {7}, DType::F32);
    const std::string message = refusal_of(config, std::move(misshapen));
    EXPECT_TRUE(says(message, "tensor \"" + name + "\" has the shape (7), but config.json asks for " + shape_text(tensor.shape)));
  }
  Weights misshapen = without(good, "lm_head.weight");
  add(misshapen, "lm_head.weight", {config.hidden_size, config.vocabulary}, DType::F32);
  EXPECT_TRUE(says(refusal_of(config, std::move(misshapen)), "(3072, 32064), but config.json asks for (32064, 3072)"));

  Weights biased = without(good, "");
  add(biased, "model.layers.0.self_attn.o_proj.bias", {3072}, DType::F32);
  EXPECT_TRUE(says(refusal_of(config, std::move(biased)), "is a bias"));
  Weights quantized = without(good, "model.layers.1.mlp.down_proj.weight");
  add(quantized, "model.layers.1.mlp.down_proj.qweight", {3072}, DType::I32);
  EXPECT_TRUE(says(refusal_of(config, std::move(quantized)), "quantized"));
  EXPECT_TRUE(says(refusal_of(config, Weights()), "among 0 tensors"));
}

}  // namespace
}  // namespace philo
