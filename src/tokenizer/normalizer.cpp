// Prepend and Replace, with the marks of contents kept in place.
#include "tokenizer/normalizer.h"

namespace philo {
namespace {

Error too_long() {
  return Error(ErrorCode::Input, "the tokenizer's normalizer makes a text more than 16 times longer; the tokenizer.json is damaged");
}

}  // namespace

Normalizer::Normalizer(const Json* json, const std::string& file) {
  if (json != nullptr) add(*json, file, 0);
}

void Normalizer::add(const Json& json, const std::string& file, int depth) {
  const JsonObject object(json, file, "normalizer");
  const std::string type = object.text("type").value_or("");
  if (type == "Sequence") {
    const Json* list = object.find("normalizers");
    if (list == nullptr || !list->is_array()) throw object.wrong("normalizers", "expected a list");
    if (depth > 4) throw object.wrong("normalizers", "nests too deep");
    for (const Json& element : *list) add(element, file, depth + 1);
  } else if (type == "Prepend") {
    const auto text = object.text("prepend");
    if (!text) throw object.wrong("prepend", "is missing");
    if (text->size() > 256) throw object.wrong("prepend", "is longer than 256 bytes");
    steps_.push_back({{}, *text});
  } else if (type == "Replace") {
    const auto pattern = object.object("pattern");
    if (!pattern || !object.has("content")) throw object.wrong("pattern", "Replace needs a pattern and a content");
    if (const auto text = pattern->text("String")) {
      steps_.push_back({Pattern::literal(*text, file), *object.text("content")});
    } else if (const auto expression = pattern->text("Regex")) {
      steps_.push_back({Pattern(*expression, file), *object.text("content")});
    } else {
      throw object.wrong("pattern", "expected {\"String\": …} or {\"Regex\": …}");
    }
  } else {
    throw object.wrong("type", "the normalizer " + shown(type) + " is not supported; Sequence, Prepend and Replace are");
  }
}

void Normalizer::apply(std::string& text, std::vector<MarkedText::Range>& contents) const {
  std::vector<Pattern::Match> matches;
  const size_t most_bytes = 16 * text.size() + 65536;
  for (const Step& step : steps_) {
    if (text.empty()) return;
    if (text.size() > most_bytes) throw too_long();
    if (!step.pattern) {
      text.insert(0, step.text);
      for (auto& range : contents) range = {range.begin + step.text.size(), range.end + step.text.size()};
      continue;
    }
    matches.clear();
    step.pattern->for_each(text, matches);
    std::string out;
    out.reserve(text.size() + text.size() / 2);
    size_t opening = 0, closing = 0;  // the next borders of `contents` to be moved
    for (const auto& match : matches) {
      const size_t start = out.size();
      if (out.size() > most_bytes) throw too_long();
      if (match.matched) {
        out += step.text;
      } else {
        out.append(text, match.begin, match.end - match.begin);
      }
      // A replaced character that lies in a content belongs to it as a whole.
      for (; opening < contents.size() && contents[opening].begin < match.end; ++opening) {
        contents[opening].begin = match.matched ? start : start + (contents[opening].begin - match.begin);
      }
      for (; closing < contents.size() && contents[closing].end <= match.end; ++closing) {
        contents[closing].end = match.matched ? out.size() : start + (contents[closing].end - match.begin);
      }
    }
    for (; opening < contents.size(); ++opening) contents[opening].begin = out.size();
    text = std::move(out);
  }
}

}  // namespace philo
