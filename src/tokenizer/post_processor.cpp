// Reads the template for a single text.
#include "tokenizer/post_processor.h"

#include "base/error.h"

namespace philo {

PostProcessor::PostProcessor(const Json* json, const std::string& file) {
  if (json != nullptr) add(*json, file, 0);
}

void PostProcessor::add(const Json& json, const std::string& file, int depth) {
  const JsonObject object(json, file, "post_processor");
  const std::string type = object.text("type").value_or("");
  if (type == "ByteLevel") return;  // moves offsets only
  if (type == "Sequence") {
    const Json* list = object.find("processors");
    if (list == nullptr || !list->is_array()) throw object.wrong("processors", "expected a list");
    if (depth > 4) throw object.wrong("processors", "nests too deep");
    for (const Json& element : *list) add(element, file, depth + 1);
    return;
  }
  if (type != "TemplateProcessing") {
    throw object.wrong("type", "the post-processor " + shown(type) + " is not supported; TemplateProcessing, ByteLevel and Sequence are");
  }
  if (has_template_) throw object.wrong("type", "a second TemplateProcessing is not supported");
  has_template_ = true;
  add_template(object);
}

void PostProcessor::add_template(const JsonObject& object) {
  const Json* single = object.find("single");
  if (single == nullptr || !single->is_array()) throw object.wrong("single", "expected a list");
  const auto known = object.object("special_tokens");
  bool after = false;
  for (const Json& element : *single) {
    const JsonObject piece(element, object.file(), "post_processor.single");
    if (const auto sequence = piece.object("Sequence")) {
      if (after || sequence->text("id").value_or("") != "A") throw object.wrong("single", "expected the sequence \"A\" once");
      after = true;
      continue;
    }
    const auto special = piece.object("SpecialToken");
    if (!special) throw object.wrong("single", "expected SpecialToken or Sequence, found " + shown(element.dump()));
    const std::string name = special->text("id").value_or("");
    const auto token = known ? known->object(name.c_str()) : std::nullopt;
    const Json* ids = token ? token->find("ids") : nullptr;
    if (ids == nullptr || !ids->is_array()) throw object.wrong("special_tokens", "does not say the ids of " + shown(name));
    for (const Json& id : *ids) {
      if (!id.is_number_unsigned() || id.get<uint64_t>() >= (1u << 24)) throw object.wrong("special_tokens", "has the id " + shown(id.dump()));
      (after ? after_ : before_).push_back(id.get<Token>());
    }
  }
  if (!after) throw object.wrong("single", "does not contain the text itself (the sequence \"A\")");
}

}  // namespace philo
