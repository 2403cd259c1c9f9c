// A Hugging Face folder becomes a checkpoint. Only headers and text files are read here; weights stay mapped.
#include "checkpoint/hugging_face.h"

#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "format/compressed_tensors.h"
#include "format/safetensors.h"
#include "model/plan.h"

namespace philo {
namespace {

constexpr JsonLimits settings_limits = {.bytes = size_t{16} << 20, .depth = 64};

std::string first_architecture(const JsonObject& config) {
  const Json* names = config.find("architectures");
  return names == nullptr || names->empty() ? "Phi3ForCausalLM" : names->front().get<std::string>();
}

}  // namespace

std::optional<JsonObject> quantization_of(const JsonObject& config) {
  for (const char* key : {"quantization_config", "compression_config"}) {
    if (!config.has(key)) continue;
    const std::optional<JsonObject> quantization = config.object(key);
    if (!quantization) throw config.wrong(key, "expected an object");
    const std::string method = quantization->text("quant_method").value_or("unnamed");
    if (method == "compressed-tensors") return quantization;
    throw config.wrong(key, "the weights are quantized by " + shown(method) +
                                ", which this version does not read; it reads compressed-tensors and unquantized folders (F32, F16, BF16)");
  }
  return {};
}

GenerationDefaults parse_generation_defaults(const JsonObject& json) {
  GenerationDefaults out;
  out.do_sample = json.boolean("do_sample");
  out.temperature = json.number("temperature");
  out.top_p = json.number("top_p");
  out.min_p = json.number("min_p");
  out.repetition_penalty = json.number("repetition_penalty");
  out.top_k = json.integer("top_k");
  out.max_new_tokens = json.integer("max_new_tokens");
  return out;
}

void check_token_ids(const Tokenizer& tokenizer, int64_t vocabulary, const std::string& folder, std::vector<std::string>& notes) {
  if (tokenizer.size() <= vocabulary) return;
  constexpr int64_t most_beyond = 1 << 20;
  const std::string rows = "but config.json's vocab_size is " + std::to_string(vocabulary) + "; the tokenizer and the model don't belong together";
  if (tokenizer.size() - vocabulary > most_beyond) {
    throw input_error(folder, "the tokenizer's ids go to " + std::to_string(tokenizer.size() - 1) + ", " + rows);
  }
  std::map<Token, const AddedToken*> added;
  for (const AddedToken& token : tokenizer.added_tokens()) {
    if (token.id >= vocabulary) added[token.id] = &token;
  }
  const TokenizerSettings& settings = tokenizer.settings();
  for (auto id = static_cast<Token>(vocabulary); id < tokenizer.size(); ++id) {
    const std::string piece = tokenizer.piece(id);
    if (piece.empty() && !added.contains(id)) continue;
    const std::string what = "token " + shown(piece) + " has the id " + std::to_string(id) + ", ";
    if (!added.contains(id)) throw input_error(folder, what + rows);
    const std::string& text = added[id]->text;
    for (const auto* role : {&settings.bos_token, &settings.eos_token, &settings.unk_token}) {
      if (*role == text) throw input_error(folder, what + "and the tokenizer's settings use it, " + rows);
    }
    if (settings.chat_template && settings.chat_template->find(text) != std::string::npos) {
      throw input_error(folder, what + "and the chat template uses it, " + rows);
    }
  }
  if (added.empty()) return;
  notes.push_back(std::to_string(added.size()) + " added tokens from " + shown(added.begin()->second->text) +
                  " on have ids beyond the model's " + std::to_string(vocabulary) + " rows; texts with them can't be computed");
}

std::shared_ptr<const ChatTemplate> open_chat_template(const Tokenizer& tokenizer, const std::string& folder,
                                                       std::vector<std::string>& notes) {
  const std::optional<std::string>& source = tokenizer.settings().chat_template;
  if (!source) return nullptr;
  try {
    return std::make_shared<const ChatTemplate>(*source, join_path(folder, "chat template"));
  } catch (const Error& error) {
    notes.push_back("the chat template can't be used: " + error.message());
    return nullptr;
  }
}

FolderConfig read_folder_config(const std::string& folder) {
  const std::string file = join_path(folder, "config.json");
  FolderConfig out{read_json_file(file, settings_limits), file, {}, {}};
  const JsonObject config(out.json, file);
  out.config = parse_config(out.json, file);
  out.architecture = first_architecture(config);
  return out;
}

void read_text_parts(const FolderConfig& config, Checkpoint& out, std::span<const EosSource> more_ends) {
  const std::string& folder = out.path;
  out.tokenizer = read_tokenizer(folder);
  check_token_ids(*out.tokenizer, out.config.vocabulary, folder, out.notes);
  out.chat_template = open_chat_template(*out.tokenizer, folder, out.notes);

  std::vector<EosSource> eos;
  const std::string generation_file = join_path(folder, "generation_config.json");
  if (is_file(generation_file) || is_folder(generation_file)) {
    const Json json = read_json_file(generation_file, settings_limits);
    const JsonObject generation(json, generation_file);
    out.defaults = parse_generation_defaults(generation);
    eos.push_back({"generation_config.json", eos_token_ids(generation)});
  }
  eos.push_back({file_name(config.file), eos_token_ids(JsonObject(config.json, config.file))});
  eos.insert(eos.end(), more_ends.begin(), more_ends.end());
  out.stop_tokens = stop_tokens(eos, *out.tokenizer, out.config.vocabulary, out.notes);
}

Checkpoint open_hugging_face(const std::string& folder) {
  Checkpoint out;
  out.path = folder;
  out.kind = "Hugging Face folder";
  const FolderConfig config = read_folder_config(folder);
  out.config = config.config;
  out.architecture = config.architecture;
  const std::optional<JsonObject> quantization = quantization_of(JsonObject(config.json, config.file));

  auto weights = std::make_shared<Weights>();
  out.weights_file = read_safetensors_folder(folder, *weights);
  if (quantization) out.notes = gather_compressed_tensors(*quantization, *weights, out.weights_file);
  out.weights = std::move(weights);
  for (std::string& note : plan_phi3(out.config, out.weights, out.weights_file).notes) out.notes.push_back(std::move(note));
  read_text_parts(config, out);
  return out;
}

}  // namespace philo
