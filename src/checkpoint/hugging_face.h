// Opens a Hugging Face folder: config.json, safetensors, tokenizer files, generation_config.json. Folders of other makers keep some of them.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "checkpoint/checkpoint.h"
#include "checkpoint/stop_tokens.h"

namespace philo {

Checkpoint open_hugging_face(const std::string& folder);

// config.json as it is and as philo understands it.
struct FolderConfig {
  Json json;
  std::string file;
  ModelConfig config;
  std::string architecture;
};
FolderConfig read_folder_config(const std::string& folder);

// Tokenizer, chat template, sampling defaults and stop tokens of the folder `out.path`, for the network `out.config`. `more_ends`: what other
// files of it say of stop tokens.
void read_text_parts(const FolderConfig& config, Checkpoint& out, std::span<const EosSource> more_ends = {});

// generation_config.json's sampling defaults; unknown keys are ignored as transformers does. Throws ErrorCode::Input for wrong types.
GenerationDefaults parse_generation_defaults(const JsonObject& json);

// config.json's description of quantized weights; nothing where they are plain. Throws ErrorCode::Input, naming the method, where it
// is one that this version does not read.
std::optional<JsonObject> quantization_of(const JsonObject& config);

// The tokenizer's ids must have rows in the embedding. Added tokens beyond it are tolerated, with a note, where neither the special
// tokens' settings nor the chat template use them; all else throws ErrorCode::Input.
void check_token_ids(const Tokenizer& tokenizer, int64_t vocabulary, const std::string& folder, std::vector<std::string>& notes);

// The settings' chat template, or nullptr where there is none. One that can't be used becomes a note, for plain text still works.
std::shared_ptr<const ChatTemplate> open_chat_template(const Tokenizer& tokenizer, const std::string& folder,
                                                       std::vector<std::string>& notes);

}  // namespace philo
