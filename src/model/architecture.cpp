// Tells the dense Phi-3 family from its relatives by config.json's own words.
#include "model/architecture.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace philo {
namespace {

constexpr std::string_view dense_model_type = "phi3";
constexpr std::string_view dense_class = "Phi3ForCausalLM";

struct Relative {
  std::string_view model_type;    // "" where only the class tells
  std::string_view class_prefix;  // of "architectures"
  std::string_view what;
};

constexpr std::array<Relative, 13> relatives = {{
    {"phi3small", "Phi3Small", "Phi-3-small, an architecture of its own (block-sparse attention, LayerNorm, GEGELU)"},
    {"phimoe", "PhiMoE", "Phi-3.5-MoE, a mixture of experts with LayerNorm and biases"},
    {"phimoe", "PhimoeFor", "Phi-3.5-MoE, a mixture of experts with LayerNorm and biases"},
    {"phi3_v", "Phi3V", "Phi-3-vision or Phi-3.5-vision, which also takes images"},
    {"phi4mm", "Phi4MM", "Phi-4-multimodal, which also takes images and sound through adapters"},
    {"phi4_multimodal", "Phi4Multimodal", "Phi-4-multimodal, which also takes images and sound through adapters"},
    {"phi4flash", "Phi4Flash", "Phi-4-mini-flash, an architecture of its own (state-space layers and shared caches)"},
    {"phi", "PhiForCausalLM", "Phi-1, Phi-1.5 or Phi-2, the architecture before Phi-3 (parallel blocks, LayerNorm, biases)"},
    {"phi-msft", "PhiForCausalLM", "Phi-1, Phi-1.5 or Phi-2, the architecture before Phi-3 (parallel blocks, LayerNorm, biases)"},
    {"mixformer-sequential", "MixFormer", "Phi-1, Phi-1.5 or Phi-2, the architecture before Phi-3 (parallel blocks, LayerNorm, biases)"},
    {"llama", "Llama", "a Llama"},
    {"mistral", "Mistral", "a Mistral"},
    {"qwen2", "Qwen2For", "a Qwen2"},
}};

Error refusal(const JsonObject& config, const char* key, std::string_view found, std::string_view what) {
  std::string message = "is " + shown(found);
  if (!what.empty()) message += ": this is " + std::string(what);
  return config.wrong(key, message +
                               "; philo runs the dense Phi-3 family (model_type \"phi3\"): Phi-3-mini, Phi-3-medium, Phi-3.5-mini, "
                               "Phi-4-mini and Phi-4");
}

}  // namespace

void check_architecture(const JsonObject& config) {
  const std::optional<std::string> model_type = config.text("model_type");
  if (model_type && *model_type != dense_model_type) {
    for (const Relative& relative : relatives) {
      if (relative.model_type == *model_type) throw refusal(config, "model_type", *model_type, relative.what);
    }
    throw refusal(config, "model_type", *model_type, "");
  }
  const Json* classes = config.find("architectures");
  if (classes == nullptr) {
    if (!model_type) throw config.wrong("model_type", "is missing, and so is \"architectures\"; expected \"phi3\"");
    return;
  }
  if (!classes->is_array()) throw config.wrong("architectures", "expected a list of names, found " + shown(classes->dump()));
  if (classes->empty() && model_type) return;
  std::string first;
  for (const Json& name : *classes) {
    if (!name.is_string()) throw config.wrong("architectures", "expected a list of names, found " + shown(name.dump()) + " in it");
    if (name.get_ref<const std::string&>() == dense_class) return;
    if (first.empty()) first = name.get<std::string>();
  }
  for (const Relative& relative : relatives) {
    if (first.starts_with(relative.class_prefix)) throw refusal(config, "architectures", first, relative.what);
  }
  throw refusal(config, "architectures", first, first.starts_with("Phi3") ? "no causal language model (no head over the vocabulary)" : "");
}

}  // namespace philo
