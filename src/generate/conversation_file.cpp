// Tensor "about" holds a JSON text, "tokens" all ids; the session's parts follow.
#include "generate/conversation_file.h"

#include <cstring>

#include "base/error.h"
#include "format/safetensors.h"

namespace philo {
namespace {

constexpr const char* kind = "philo conversation";
constexpr int64_t version = 1;
constexpr const char* no_file_of_ours = "is no conversation that philo saved";

void check_settings(const OrderedJson& saved, const OrderedJson& settings, const std::string& path) {
  for (const auto& [name, value] : settings.items()) {
    const auto found = saved.find(name);
    if (found != saved.end() && *found == value) continue;
    throw input_error(path, "was saved with " + name + " " + (found == saved.end() ? "unknown" : shown(found->dump())) + ", but now it is " +
                                shown(value.dump()) + "; open the same model with the same options, or begin a new conversation");
  }
}

std::vector<Token> read_tokens(const Weights& saved, const std::string& path) {
  const Tensor* const tensor = saved.find("tokens");
  if (tensor == nullptr || tensor->dtype != DType::I32 || tensor->shape.size() != 1) throw input_error(path, no_file_of_ours);
  std::vector<Token> tokens(tensor->elements());
  static_assert(sizeof(Token) == 4);
  std::memcpy(tokens.data(), tensor->bytes.data(), tensor->bytes.size());
  return tokens;
}

}  // namespace

void save_conversation(const std::string& path, const Conversation& conversation, const OrderedJson& settings, const OrderedJson& about) {
  const size_t cached = conversation.usable_tokens();
  const std::vector<CachePart> parts = cached == 0 ? std::vector<CachePart>() : conversation.session().parts();
  const std::string text = OrderedJson{{"kind", kind},
                                       {"version", version},
                                       {"settings", settings},
                                       {"cached_tokens", cached},
                                       {"long_factors", conversation.long_factors()},
                                       {"about", about}}
                               .dump();
  const std::vector<Token>& tokens = conversation.tokens();
  std::vector<TensorEntry> entries = {{"about", DType::U8, {static_cast<int64_t>(text.size())}},
                                      {"tokens", DType::I32, {static_cast<int64_t>(tokens.size())}}};
  for (const CachePart& part : parts) entries.push_back({part.name, part.dtype, part.shape});
  OutputFile file(path);
  SafetensorsWriter writer(file, entries);
  writer.write(0, 0, std::as_bytes(std::span(text)));
  writer.write(1, 0, std::as_bytes(std::span(tokens)));
  std::vector<std::byte> bytes;
  for (size_t part = 0; part < parts.size(); ++part) {
    bytes.resize(entry_bytes(entries[part + 2]));
    conversation.session().read_part(part, bytes);
    writer.write(part + 2, 0, bytes);
  }
  writer.finish();
  file.commit();
}

void restore_conversation(const std::string& path, Conversation& conversation, const OrderedJson& settings,
                          const std::function<void(const OrderedJson& about)>& take) {
  Weights saved;
  read_safetensors(path, saved);
  const Tensor* const text = saved.find("about");
  if (text == nullptr || text->dtype != DType::U8) throw input_error(path, no_file_of_ours);
  const OrderedJson about =
      parse_ordered_json(std::string_view(reinterpret_cast<const char*>(text->bytes.data()), text->bytes.size()), path + ": \"about\"");
  const auto holds = [&](const char* name, auto is) { return about.contains(name) && (about[name].*is)(); };
  const bool complete = about.is_object() && about.value("kind", OrderedJson()) == kind && holds("settings", &OrderedJson::is_object) &&
                        holds("cached_tokens", &OrderedJson::is_number_unsigned) && holds("long_factors", &OrderedJson::is_boolean);
  if (!complete) throw input_error(path, no_file_of_ours);
  if (about.value("version", OrderedJson()) != version)
    throw input_error(path, "has version " + about.value("version", OrderedJson()).dump() + " of the form, this program reads version " +
                                std::to_string(version));
  check_settings(about["settings"], settings, path);
  std::vector<Token> tokens = read_tokens(saved, path);
  take(about.value("about", OrderedJson()));
  conversation.restore(std::move(tokens), about["cached_tokens"].get<size_t>(), about["long_factors"].get<bool>(), saved, path);
}

}  // namespace philo
