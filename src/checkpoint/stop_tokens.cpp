// The union of everything that names a token which ends an answer.
#include "checkpoint/stop_tokens.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace philo {

std::vector<int64_t> eos_token_ids(const JsonObject& config) {
  constexpr const char* key = "eos_token_id";
  const Json* value = config.find(key);
  if (value == nullptr) return {};
  const auto id_of = [&](const Json& id) {
    if (!id.is_number_integer() || (id.is_number_unsigned() && id.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))) {
      throw config.wrong(key, "expected a token id or a list of token ids, found " + shown(id.dump()));
    }
    return id.get<int64_t>();
  };
  if (!value->is_array()) return {id_of(*value)};
  std::vector<int64_t> ids;
  for (const Json& id : *value) ids.push_back(id_of(id));
  return ids;
}

std::vector<StopToken> stop_tokens(std::span<const EosSource> sources, const Tokenizer& tokenizer, int64_t vocabulary,
                                   std::vector<std::string>& notes) {
  std::map<Token, std::string> found;
  const auto add = [&](int64_t id, const std::string& source) {
    if (id < 0 || id >= vocabulary) {
      notes.push_back(source + " ends answers with token " + std::to_string(id) + ", but the model's tokens are 0 to " +
                      std::to_string(vocabulary - 1) + "; it is ignored");
      return;
    }
    std::string& said = found[static_cast<Token>(id)];
    if (said != source && !said.ends_with(", " + source)) said += (said.empty() ? "" : ", ") + source;
  };
  for (const EosSource& source : sources) {
    for (const int64_t id : source.ids) add(id, source.source);
  }
  if (const auto& text = tokenizer.settings().eos_token) {
    const std::optional<Token> id = tokenizer.find(*text);
    if (id) {
      add(*id, "tokenizer_config.json");
    } else {
      notes.push_back("tokenizer_config.json: the end token " + shown(*text) + " is not in the vocabulary; it is ignored");
    }
  }
  static constexpr std::array<std::string_view, 3> known = {"<|end|>", "<|im_end|>", "<|endoftext|>"};
  for (const AddedToken& token : tokenizer.added_tokens()) {
    const bool ends = token.special && std::find(known.begin(), known.end(), token.text) != known.end();
    if (ends) add(token.id, "the tokenizer's " + token.text);
  }
  std::vector<StopToken> out;
  for (auto& [id, source] : found) out.push_back({id, std::move(source)});
  if (out.empty()) notes.push_back("no file names a token that ends an answer; answers end at --max-new-tokens only");
  return out;
}

}  // namespace philo
