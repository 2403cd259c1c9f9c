// ByteLevel, Metaspace, and the chain of Llama's tokenizers.
#include "tokenizer/decoder.h"

#include "base/error.h"
#include "base/utf8.h"
#include "tokenizer/pre_tokenizer.h"

namespace philo {

Decoder::Decoder(const Json* json, const std::string& file) {
  if (json == nullptr) throw input_error(file, "key \"decoder\": is missing; without it tokens can't become text");
  const JsonObject object(*json, file, "decoder");
  std::vector<const Json*> steps = {json};
  if (object.text("type").value_or("") == "Sequence") {
    const Json* list = object.find("decoders");
    if (list == nullptr || !list->is_array() || list->empty()) throw object.wrong("decoders", "expected a list");
    steps.clear();
    for (const Json& element : *list) steps.push_back(&element);
  }
  const JsonObject first(*steps[0], file, "decoder");
  const std::string type = first.text("type").value_or("");
  if (type == "ByteLevel" || type == "Metaspace") {
    if (steps.size() != 1) throw first.wrong("type", type + " together with other decoders is not supported");
    kind_ = type == "ByteLevel" ? Kind::ByteLevel : Kind::Metaspace;
    if (kind_ == Kind::ByteLevel) return;
    replacements_ = {{first.text("replacement").value_or(""), " "}};
    if (utf8_length(replacements_[0].first) != replacements_[0].first.size() || replacements_[0].first.empty()) {
      throw first.wrong("replacement", "expected one character");
    }
    drops_first_ = first.text("prepend_scheme").value_or("always") != "never" && first.boolean("add_prefix_space").value_or(true);
    return;
  }
  int stage = 0;
  for (const Json* step : steps) add(JsonObject(*step, file, "decoder"), stage);
}

// `stage`: how far the chain has come; each kind may only follow earlier ones.
void Decoder::add(const JsonObject& object, int& stage) {
  const std::string type = object.text("type").value_or("");
  const auto advance = [&](int from_at_most, int to) {
    if (stage > from_at_most) throw object.wrong("type", type + " at this place of the sequence is not supported");
    stage = to;
  };
  if (type == "Replace") {
    advance(0, 0);
    const auto pattern = object.object("pattern");
    const auto text = pattern ? pattern->text("String") : std::nullopt;
    const auto content = object.text("content");
    if (!text || text->empty() || !content) throw object.wrong("pattern", "expected {\"String\": …}, not empty, and a content");
    if (replacements_.size() == 2 || content->size() > 16) throw object.wrong("content", "more than two Replaces, or by more than 16 bytes, are not supported");
    replacements_.emplace_back(*text, *content);
  } else if (type == "ByteFallback") {
    advance(0, 1);
    byte_fallback_ = true;
  } else if (type == "Fuse") {
    advance(1, 2);
  } else if (type == "Strip") {
    if (stage != 2) throw object.wrong("type", "Strip is supported after Fuse only");
    stage = 3;
    const int64_t start = object.integer_in("start", 0, INT64_MAX), stop = object.integer_in("stop", 0, INT64_MAX);
    if (object.text("content").value_or("") != " " || start > 1 || stop != 0) {
      throw object.wrong("content", "only Strip of one space at the start is supported");
    }
    strips_ = start == 1;
  } else {
    throw object.wrong("type", "the decoder " + shown(type) +
                                   " is not supported; ByteLevel, Metaspace, Replace, ByteFallback, Fuse and Strip are");
  }
}

// Like Rust's from_str_radix, which also takes a plus sign.
int Decoder::byte_of(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return -1;
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const int lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  };
  const int high = piece[3] == '+' ? 0 : digit(piece[3]), low = digit(piece[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool Decoder::is_byte(std::string_view piece) const { return byte_fallback_ && byte_of(replaced(piece)) >= 0; }

std::string Decoder::replaced(std::string_view piece) const {
  std::string text(piece);
  for (const auto& [from, to] : replacements_) {
    size_t at = text.find(from);
    if (at == std::string::npos) continue;
    std::string out;
    size_t done = 0;
    for (; at != std::string::npos; at = text.find(from, done)) {
      out.append(text, done, at - done).append(to);
      done = at + from.size();
    }
    text = out.append(text, done);
  }
  return text;
}

std::string Decoder::bytes(std::string_view piece, bool first) const {
  if (kind_ == Kind::ByteLevel) {
    std::string out;
    for (size_t at = 0; at < piece.size(); at += utf8_length(piece.substr(at))) {
      const int byte = byte_of_spelling(utf8_decode(piece.substr(at)));
      if (byte < 0) return std::string(piece);  // not in this spelling as a whole
      out += static_cast<char>(byte);
    }
    return out;
  }
  std::string out = replaced(piece);
  if (kind_ == Kind::Metaspace) {
    if (!first || !drops_first_) return out;
    const std::string& mark = replacements_[0].first;
    out.clear();
    for (size_t at = 0; at < piece.size();) {
      if (piece.substr(at).starts_with(mark)) {
        at += mark.size();
      } else {
        out += piece[at++];
      }
    }
    return out;
  }
  if (byte_fallback_) {
    const int byte = byte_of(out);
    if (byte >= 0) return std::string(1, static_cast<char>(byte));
  }
  return out;
}

}  // namespace philo
