// config.json in every form of the family, held against transformers' own numbers, and every contradiction by name.
#include "model/config.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>

#include "base/file.h"
#include "base/refusal.h"

namespace philo {
namespace {

const std::string golden_folder = PHILO_SOURCE_DIR "/tests/golden/rope";

ModelConfig parse(const Json& json) { return parse_config(json, "config.json"); }

Json mini() { return {{"model_type", "phi3"}, {"architectures", {"Phi3ForCausalLM"}}}; }

Json long_rope(const char* type = "longrope") {
  Json json = mini();
  json["max_position_embeddings"] = 131072;
  json["original_max_position_embeddings"] = 4096;
  json["rope_scaling"] = {{"type", type}, {"short_factor", std::vector<double>(48, 1.0)}, {"long_factor", std::vector<double>(48, 2.0)}};
  return json;
}

// Differences in units of the last place.
int64_t distance(float value, uint32_t bits) {
  return std::abs(static_cast<int64_t>(std::bit_cast<uint32_t>(value)) - static_cast<int64_t>(bits));
}

void expect_frequencies(const ModelConfig& config, bool long_factors, const Json& bits) {
  const std::vector<float> frequencies = rope_frequencies(config, long_factors);
  ASSERT_EQ(frequencies.size(), bits.size());
  for (size_t k = 0; k < frequencies.size(); ++k) {
    // torch's vectorized powers may be one unit beside the correctly rounded ones.
    EXPECT_LE(distance(frequencies[k], bits[k].get<uint32_t>()), 1) << (long_factors ? "long " : "short ") << k;
  }
}

TEST(Config, AgreesWithTransformersForTheFamily) {
  size_t files = 0;
  for (const std::string& name : folder_entries(golden_folder)) {
    const Json golden = read_json_file(join_path(golden_folder, name));
    for (const char* form : {"config", "legacy_config"}) {
      SCOPED_TRACE(name + " " + form);
      const ModelConfig config = parse(golden[form]);
      EXPECT_EQ(config.rotary_size, golden["rotary_size"].get<int64_t>());
      const auto factor = golden["attention_factor"].get<float>();
      EXPECT_EQ(config.long_rope ? config.long_rope->attention_factor : 1.0f, factor);
      expect_frequencies(config, false, golden["short_bits"]);
      expect_frequencies(config, config.long_rope.has_value(), golden["long_bits"]);
    }
    ++files;
  }
  EXPECT_GE(files, 8u);
}

TEST(Config, ReadsPhi4Mini) {
  const ModelConfig config = parse(read_json_file(golden_folder + "/phi-4-mini.json")["config"]);
  EXPECT_EQ(config.hidden_size, 3072);
  EXPECT_EQ(config.intermediate_size, 8192);
  EXPECT_EQ(config.layers, 32);
  EXPECT_EQ(config.heads, 24);
  EXPECT_EQ(config.kv_heads, 8);
  EXPECT_EQ(config.head_size, 128);
  EXPECT_EQ(config.rotary_size, 96);
  EXPECT_EQ(config.vocabulary, 200064);
  EXPECT_EQ(config.context, 131072);
  EXPECT_EQ(config.window, 262144);
  EXPECT_TRUE(config.tied);
  EXPECT_EQ(config.long_rope->original_context, 4096);
  EXPECT_FALSE(config.long_factors(4096));
  EXPECT_TRUE(config.long_factors(4097));
}

TEST(Config, TakesTransformersDefaultsForMissingKeys) {
  const ModelConfig config = parse(mini());
  EXPECT_EQ(config.hidden_size, 3072);
  EXPECT_EQ(config.intermediate_size, 8192);
  EXPECT_EQ(config.layers, 32);
  EXPECT_EQ(config.heads, 32);
  EXPECT_EQ(config.kv_heads, 32);
  EXPECT_EQ(config.head_size, 96);
  EXPECT_EQ(config.rotary_size, 96);
  EXPECT_EQ(config.vocabulary, 32064);
  EXPECT_EQ(config.context, 4096);
  EXPECT_EQ(config.rope_theta, 10000);
  EXPECT_EQ(config.rms_epsilon, 1e-5f);
  EXPECT_FALSE(config.window.has_value());
  EXPECT_FALSE(config.long_rope.has_value());
  EXPECT_FALSE(config.long_factors(100000));
  EXPECT_FALSE(config.tied);
}

TEST(Config, AcceptsEveryFormOfTheRopeKeys) {
  for (const char* type : {"longrope", "su", "yarn"}) {
    EXPECT_NEAR(parse(long_rope(type)).long_rope->attention_factor, 1.1902380714, 1e-6) << type;
  }
  Json json = long_rope();
  json["rope_parameters"] = json["rope_scaling"];
  json.erase("rope_scaling");
  json.erase("original_max_position_embeddings");
  json["rope_parameters"]["original_max_position_embeddings"] = 64;
  json["rope_parameters"]["rope_theta"] = 250000.0;
  json["rope_parameters"]["rope_type"] = "longrope";
  const ModelConfig config = parse(json);
  EXPECT_EQ(config.long_rope->original_context, 64);
  EXPECT_EQ(config.rope_theta, 250000);

  json = mini();
  json["rope_scaling"] = nullptr;
  json["rope_parameters"] = Json::object();
  json["sliding_window"] = nullptr;
  json["head_dim"] = nullptr;
  json["num_key_value_heads"] = nullptr;
  EXPECT_FALSE(parse(json).long_rope.has_value());
  json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 5000}, {"partial_rotary_factor", 0.5}};
  EXPECT_EQ(parse(json).rotary_size, 48);
  EXPECT_EQ(parse(json).rope_theta, 5000);
}

TEST(Config, HeadsMayHaveASizeOfTheirOwn) {
  Json json = mini();
  json["head_dim"] = 128;
  const ModelConfig config = parse(json);
  EXPECT_EQ(config.head_size, 128);
  EXPECT_EQ(config.q_size(), 4096);
}

TEST(Config, AttentionFactorFollowsTheRatioOfTheLimits) {
  Json json = long_rope();
  json["max_position_embeddings"] = 4096;
  EXPECT_EQ(parse(json).long_rope->attention_factor, 1.0f);
  json["rope_scaling"]["attention_factor"] = 1.5;
  EXPECT_EQ(parse(json).long_rope->attention_factor, 1.5f);
}

struct BadConfig {
  const char* name;
  Json changes;  // a merge patch onto a LongRoPE config
  const char* key;
  const char* cause;
};

std::vector<BadConfig> bad_configs() {
  return {
      {"zero layers", {{"num_hidden_layers", 0}}, "num_hidden_layers", "is 0"},
      {"absurd layers", {{"num_hidden_layers", 1e9}}, "num_hidden_layers", "expected 1 to"},
      {"negative width", {{"hidden_size", -3072}}, "hidden_size", "is -3072"},
      {"width of 2^62", {{"hidden_size", int64_t{1} << 62}}, "hidden_size", "expected 1 to"},
      {"width beyond 64 bits", {{"hidden_size", UINT64_MAX}}, "hidden_size", "too large"},
      {"width is text", {{"hidden_size", "3072"}}, "hidden_size", "whole number"},
      {"fractional width", {{"hidden_size", 3072.5}}, "hidden_size", "whole number"},
      {"absurd vocabulary", {{"vocab_size", 1e12}}, "vocab_size", "expected 1 to"},
      {"absurd context", {{"max_position_embeddings", 1e15}}, "max_position_embeddings", "expected 1 to"},
      {"absurd intermediate", {{"intermediate_size", 0}}, "intermediate_size", "is 0"},
      {"heads don't divide", {{"num_attention_heads", 31}}, "num_attention_heads", "does not divide hidden_size"},
      {"kv heads don't divide", {{"num_key_value_heads", 5}}, "num_key_value_heads", "does not divide"},
      {"more kv heads than heads", {{"num_key_value_heads", 64}}, "num_key_value_heads", "does not divide"},
      {"absurd head", {{"head_dim", 1e9}}, "head_dim", "expected 1 to"},
      {"window of nothing", {{"sliding_window", 0}}, "sliding_window", "is 0"},
      {"window is text", {{"sliding_window", "none"}}, "sliding_window", "whole number"},
      {"other activation", {{"hidden_act", "gelu"}}, "hidden_act", "\"gelu\""},
      {"biases", {{"attention_bias", true}}, "attention_bias", "no biases"},
      {"epsilon of nothing", {{"rms_norm_eps", 0}}, "rms_norm_eps", "is 0"},
      {"epsilon is text", {{"rms_norm_eps", "1e-5"}}, "rms_norm_eps", "expected a number"},
      {"tie is a number", {{"tie_word_embeddings", 1}}, "tie_word_embeddings", "true or false"},
      {"theta of nothing", {{"rope_theta", 0}}, "rope_theta", "is 0"},
      {"odd rotary size", {{"partial_rotary_factor", 0.7}}, "partial_rotary_factor", "rotary size of 67"},
      {"no rotary size", {{"partial_rotary_factor", 0}}, "partial_rotary_factor", "rotary size of 0"},
      {"rotary beyond the head", {{"partial_rotary_factor", 1.5}}, "partial_rotary_factor", "1.5"},
      {"lists of another rotary size", {{"partial_rotary_factor", 0.5}}, "rope_scaling.short_factor", "48 numbers, expected half the rotary size, 24"},
      {"no long list", {{"rope_scaling", {{"long_factor", nullptr}}}}, "rope_scaling.long_factor", "is missing"},
      {"list of text", {{"rope_scaling", {{"long_factor", {"1"}}}}}, "rope_scaling.long_factor", "list of finite numbers"},
      {"zero divisor", {{"rope_scaling", {{"long_factor", std::vector<double>(48, 0.0)}}}}, "rope_scaling.long_factor", "holds 0.0"},
      {"lists without a type", {{"rope_scaling", {{"type", nullptr}}}}, "rope_scaling.short_factor", "not \"longrope\""},
      {"linear", {{"rope_scaling", {{"type", "linear"}}}}, "rope_scaling.type", "\"linear\""},
      {"two types", {{"rope_scaling", {{"rope_type", "default"}}}}, "rope_scaling.rope_type", "\"type\" is \"longrope\""},
      {"two thetas", {{"rope_theta", 10000}, {"rope_scaling", {{"rope_theta", 5000}}}}, "rope_scaling.rope_theta", "top level says 10000"},
      {"two original limits", {{"rope_scaling", {{"original_max_position_embeddings", 8}}}}, "rope_scaling.original_max_position_embeddings", "top level says 4096"},
      {"original limit of one", {{"original_max_position_embeddings", 1}}, "original_max_position_embeddings", "is 1"},
      {"negative attention factor", {{"rope_scaling", {{"attention_factor", -1}}}}, "rope_scaling.attention_factor", "is -1"},
      {"rope is a list", {{"rope_scaling", Json::array({1})}}, "rope_scaling", "JSON object"},
      {"two rope objects", {{"rope_parameters", {{"rope_type", "default"}}}}, "rope_scaling", "contradicts"},
  };
}

std::string refusal_of(const Json& json) { return refusal([&] { parse(json); }); }

TEST(Config, RefusesContradictionsAndAbsurdNumbersWithTheKey) {
  for (const BadConfig& bad : bad_configs()) {
    SCOPED_TRACE(bad.name);
    Json json = long_rope();
    json.merge_patch(bad.changes);
    const std::string message = refusal_of(json);
    EXPECT_TRUE(says(message, std::string("config.json: key \"") + bad.key + "\""));
    EXPECT_TRUE(says(message, bad.cause));
  }
  EXPECT_TRUE(says(refusal_of(Json::array()), "should be a JSON object"));
}

TEST(Config, RefusesOtherArchitecturesByName) {
  const std::vector<std::array<const char*, 3>> others = {
      {"phi3small", "Phi3SmallForCausalLM", "Phi-3-small"}, {"phimoe", "PhiMoEForCausalLM", "Phi-3.5-MoE"},
      {"phi3_v", "Phi3VForCausalLM", "vision"},             {"phi4mm", "Phi4MMForCausalLM", "Phi-4-multimodal"},
      {"phi4_multimodal", "Phi4MultimodalForCausalLM", "Phi-4-multimodal"},
      {"phi4flash", "Phi4FlashForCausalLM", "Phi-4-mini-flash"},
      {"phi", "PhiForCausalLM", "Phi-2"},                   {"llama", "LlamaForCausalLM", "Llama"},
      {"mistral", "MistralForCausalLM", "Mistral"},         {"qwen2", "Qwen2ForCausalLM", "Qwen2"},
      {"gemma", "GemmaForCausalLM", "gemma"},
  };
  for (const auto& [type, architecture, word] : others) {
    for (const Json& json : {Json{{"model_type", type}, {"architectures", {architecture}}}, Json{{"model_type", type}},
                             Json{{"architectures", {architecture}}}, Json{{"model_type", "phi3"}, {"architectures", {architecture}}}}) {
      const std::string message = refusal_of(json);
      EXPECT_TRUE(says(message, "philo runs the dense Phi-3 family"));
      const bool named = message.find(word) != std::string::npos || message.find(architecture) != std::string::npos;
      EXPECT_TRUE(named) << message;
    }
  }
  EXPECT_TRUE(says(refusal_of({{"model_type", "phi3"}, {"architectures", {"Phi3ForSequenceClassification"}}}), "no head over the vocabulary"));
  EXPECT_TRUE(says(refusal_of(Json::object()), "model_type"));
  EXPECT_TRUE(says(refusal_of({{"model_type", 3}}), "expected a string"));
  EXPECT_TRUE(says(refusal_of({{"model_type", "phi3"}, {"architectures", {3}}}), "list of names"));
  EXPECT_NO_THROW(parse({{"model_type", "phi3"}}));
  EXPECT_NO_THROW(parse(Json{{"architectures", {"Phi3ForCausalLM"}}}));
}

}  // namespace
}  // namespace philo
