// The form is that of ONNX Runtime GenAI's builder, with three differences: no sliding window, which the graph itself keeps to and over which
// the runtime stops; a length by default that memory holds, because the caches are made for it at once; and every token that ends an answer.
#include "convert/genai_config.h"

#include <algorithm>

namespace philo {
namespace {

constexpr int64_t most_default_length = 4096;  // tokens

OrderedJson provider_options(OnnxTarget target) {
  switch (target) {
    case OnnxTarget::Cpu: return OrderedJson::array();
    // Capture asks for a graph without any operator on the processor, and replays it wrongly on some devices.
    case OnnxTarget::Dml: return {{{"dml", {{"enable_graph_capture", "0"}}}}};
    case OnnxTarget::Cuda: return {{{"cuda", {{"enable_cuda_graph", "0"}}}}};
    case OnnxTarget::Webgpu: return {{{"webgpu", {{"enableGraphCapture", "0"}, {"validationMode", "basic"}}}}};
  }
  return OrderedJson::array();
}

}  // namespace

OrderedJson genai_config(const Checkpoint& checkpoint, const OrderedJson& source, OnnxTarget target) {
  const ModelConfig& config = checkpoint.config;
  OrderedJson ends = OrderedJson::array();
  for (const StopToken& token : checkpoint.stop_tokens) ends.push_back(token.id);
  const auto token = [&](const char* key) -> OrderedJson {
    const auto found = source.find(key);
    return found != source.end() && found->is_number_integer() ? *found : OrderedJson(nullptr);
  };
  OrderedJson inputs = {{"input_ids", "input_ids"}, {"attention_mask", "attention_mask"}};
  if (target == OnnxTarget::Dml) inputs["position_ids"] = "position_ids";
  inputs["past_key_names"] = "past_key_values.%d.key";
  inputs["past_value_names"] = "past_key_values.%d.value";

  OrderedJson model = OrderedJson::object();
  if (const OrderedJson first = token("bos_token_id"); !first.is_null()) model["bos_token_id"] = first;
  model["context_length"] = config.context;
  model["decoder"] = {
      {"session_options", {{"log_id", "onnxruntime-genai"}, {"provider_options", provider_options(target)}}},
      {"filename", "model.onnx"},
      {"head_size", config.head_size},
      {"hidden_size", config.hidden_size},
      {"inputs", std::move(inputs)},
      {"outputs", {{"logits", "logits"}, {"present_key_names", "present.%d.key"}, {"present_value_names", "present.%d.value"}}},
      {"num_attention_heads", config.heads},
      {"num_hidden_layers", config.layers},
      {"num_key_value_heads", config.kv_heads}};
  model["eos_token_id"] = ends;
  // Nothing is padded where one prompt is computed at a time; GenAI asks for the key.
  OrderedJson padding = token("pad_token_id");
  model["pad_token_id"] = !padding.is_null() ? padding : ends.empty() ? OrderedJson(0) : ends.front();
  model["type"] = "phi3";
  model["vocab_size"] = config.vocabulary;

  const GenerationDefaults& defaults = checkpoint.defaults;
  return {{"model", std::move(model)},
          {"search",
           {{"diversity_penalty", 0.0},
            {"do_sample", defaults.do_sample.value_or(false)},
            {"early_stopping", true},
            {"length_penalty", 1.0},
            {"max_length", std::min(config.context, most_default_length)},
            {"min_length", 0},
            {"no_repeat_ngram_size", 0},
            {"num_beams", 1},
            {"num_return_sequences", 1},
            {"past_present_share_buffer", true},
            {"repetition_penalty", defaults.repetition_penalty.value_or(1.0)},
            {"temperature", defaults.temperature.value_or(1.0)},
            {"top_k", defaults.top_k.value_or(50)},
            {"top_p", defaults.top_p.value_or(1.0)}}}};
}

}  // namespace philo
