// A model's folder: tokenizer.json and the files beside it that say more.
#include <charconv>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "tokenizer/tokenizer.h"

namespace philo {
namespace {

// A special token's name: a string, or an object with its text in "content".
std::optional<std::string> token_text(const JsonObject& config, const char* key) {
  const Json* value = config.find(key);
  if (value == nullptr) return {};
  if (value->is_string()) return value->get<std::string>();
  const auto text = value->is_object() ? config.object(key)->text("content") : std::nullopt;
  if (!text) throw config.wrong(key, "expected a token, found " + shown(value->dump()));
  return text;
}

// "added_tokens_decoder": {"32000": {"content": …, "special": …, …}, …}
void read_added_tokens(const JsonObject& config, std::vector<AddedToken>& out) {
  const auto list = config.object("added_tokens_decoder");
  if (!list) return;
  for (const auto& [name, value] : list->value().items()) {
    Token id = -1;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (error != std::errc() || end != name.data() + name.size() || id < 0) {
      throw config.wrong("added_tokens_decoder", "expected ids as keys, found " + shown(name));
    }
    const JsonObject token(value, config.file(), "added_tokens_decoder." + name);
    const auto text = token.text("content");
    if (!text) throw token.wrong("content", "is missing");
    const bool special = token.boolean("special").value_or(false);
    out.push_back({id, *text, special, token.boolean("lstrip").value_or(false), token.boolean("rstrip").value_or(false),
                   token.boolean("single_word").value_or(false), token.boolean("normalized").value_or(!special)});
  }
}

// "additional_special_tokens", also under its newer name: a list of tokens, or an object of them.
void read_special_tokens(const JsonObject& config, std::vector<std::string>& out) {
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
    const Json* list = config.find(key);
    if (list == nullptr) continue;
    if (!list->is_array() && !list->is_object()) throw config.wrong(key, "expected a list of tokens");
    for (const Json& element : *list) {
      const Json text = element.is_object() ? element.value("content", Json()) : element;
      if (!text.is_string()) throw config.wrong(key, "expected tokens, found " + shown(element.dump()));
      out.push_back(text.get<std::string>());
    }
  }
}

// A template, or a list of named ones of which "default" counts.
std::optional<std::string> template_of(const JsonObject& config) {
  const Json* value = config.find("chat_template");
  if (value == nullptr) return {};
  if (value->is_string()) return value->get<std::string>();
  if (!value->is_array()) throw config.wrong("chat_template", "expected a template or a list of named ones");
  std::optional<std::string> found;
  for (const Json& element : *value) {
    const JsonObject entry(element, config.file(), "chat_template");
    if (entry.text("name").value_or("") == "default") found = entry.text("template");
  }
  return found;
}

void read_names(const JsonObject& config, TokenizerSettings& settings) {
  const auto fill = [&](std::optional<std::string>& slot, const char* key) {
    if (!slot) slot = token_text(config, key);
  };
  fill(settings.bos_token, "bos_token");
  fill(settings.eos_token, "eos_token");
  fill(settings.unk_token, "unk_token");
  fill(settings.pad_token, "pad_token");
}

}  // namespace

std::unique_ptr<Tokenizer> read_tokenizer(const std::string& folder) {
  constexpr size_t most_bytes = size_t{256} << 20;
  const std::string path = join_path(folder, "tokenizer.json");
  if (!is_file(path)) {
    throw input_error(path, is_file(join_path(folder, "tokenizer.model"))
                                ? "is missing; there is a tokenizer.model: save the model again with transformers' AutoTokenizer to get a tokenizer.json"
                                : "is missing; a model's folder needs one");
  }
  TokenizerSettings settings;
  const std::string config_path = join_path(folder, "tokenizer_config.json");
  if (is_file(config_path)) {
    const Json json = read_json_file(config_path);
    const JsonObject config(json, config_path);
    settings.add_bos = config.boolean("add_bos_token");
    settings.add_eos = config.boolean("add_eos_token");
    read_names(config, settings);
    settings.chat_template = template_of(config);
    read_added_tokens(config, settings.added_tokens);
    read_special_tokens(config, settings.special_tokens);
  }
  const std::string names_path = join_path(folder, "special_tokens_map.json");
  if (is_file(names_path)) {
    const Json json = read_json_file(names_path);
    read_names(JsonObject(json, names_path), settings);
  }
  // A file of its own counts before the one inside tokenizer_config.json.
  const std::string jinja_path = join_path(folder, "chat_template.jinja"), template_path = join_path(folder, "chat_template.json");
  if (is_file(jinja_path)) {
    settings.chat_template = read_text_file(jinja_path, size_t{16} << 20);
  } else if (is_file(template_path)) {
    const Json json = read_json_file(template_path);
    if (auto found = template_of(JsonObject(json, template_path))) settings.chat_template = std::move(found);
  }
  return parse_tokenizer(read_text_file(path, most_bytes), path, std::move(settings));
}

}  // namespace philo
