// genai_config.json: what ONNX Runtime GenAI notes down beside a model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "checkpoint/checkpoint.h"

namespace philo {

struct GenaiConfig {
  Json json;
  std::string file;
  std::string model, logits;  // the ONNX model's file name and the name of its output
  int64_t context;
  std::optional<int64_t> window;
  std::optional<int64_t> layers, heads, kv_heads, head_size, hidden_size, vocabulary;

  JsonObject model_object() const;
  GenerationDefaults defaults() const;  // what "search" says
};

// Keys that philo does not know are passed over. Throws ErrorCode::Input naming the key for wrong types and for models of another kind
// than phi3.
GenaiConfig read_genai_config(const std::string& folder);

}  // namespace philo
