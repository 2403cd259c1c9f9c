// A path of any kind becomes config, weights, tokenizer and defaults.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "model/config.h"
#include "tensor/weights.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"

namespace philo {

// What generation_config.json says; unset keys are transformers' defaults.
struct GenerationDefaults {
  std::optional<bool> do_sample;
  std::optional<double> temperature, top_p, min_p, repetition_penalty;
  std::optional<int64_t> top_k, max_new_tokens;
};

// A token that ends an answer, and who says so.
struct StopToken {
  Token id;
  std::string source;  // "generation_config.json", "config.json", "tokenizer_config.json", "the tokenizer's <|end|>"; joined by ", "
};

struct Checkpoint {
  std::string path, kind;  // kind: "Hugging Face folder"
  ModelConfig config;
  std::string architecture;  // as config.json names it: "Phi3ForCausalLM"
  std::shared_ptr<const Weights> weights;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const ChatTemplate> chat_template;  // nullptr where the checkpoint has none that can be used
  GenerationDefaults defaults;
  std::vector<StopToken> stop_tokens;  // ascending by id; the union of phi3-spec §8.6
  std::vector<std::string> notes;      // what people should know: unused tensors, ignored keys
  std::string weights_file;            // for messages
  std::map<std::string, OrderedJson> made_files;  // by name: what the folder says in another form than config.json and generation_config.json
};

// Weights are mapped, not read. Throws ErrorCode::Input naming file, what was found, what was expected and what to do.
Checkpoint open_checkpoint(const std::string& path);

// The same without weights: for `tokenize`.
struct TextParts {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const ChatTemplate> chat_template;  // nullptr where there is none that can be used
  std::vector<std::string> notes;
};
TextParts open_tokenizer(const std::string& path);

}  // namespace philo
