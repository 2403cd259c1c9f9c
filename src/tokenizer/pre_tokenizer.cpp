// Split, ByteLevel and Metaspace.
#include "tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"

namespace philo {
namespace {

// The pattern of GPT-2's tokenizer, which ByteLevel with use_regex stands for.
constexpr std::string_view gpt2_pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Printable Latin-1 stands for itself; the others follow from U+0100 on, in the order of the bytes.
struct Spelling {
  std::array<char32_t, 256> of_byte{};
  std::array<int16_t, 0x144> byte_of{};
  Spelling() {
    byte_of.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const bool itself = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      const char32_t code_point = itself ? static_cast<char32_t>(byte) : next++;
      of_byte[static_cast<size_t>(byte)] = code_point;
      byte_of[code_point] = static_cast<int16_t>(byte);
    }
  }
};
const Spelling& spelling() {
  static const Spelling value;
  return value;
}

void end_word(PreTokenizer::Words& out) {
  if (out.text.size() > (out.ends.empty() ? 0 : out.ends.back())) out.ends.push_back(out.text.size());
}

}  // namespace

char32_t spelling_of_byte(unsigned char byte) { return spelling().of_byte[byte]; }
int byte_of_spelling(char32_t code_point) { return code_point < 0x144 ? spelling().byte_of[code_point] : -1; }

PreTokenizer::PreTokenizer(const Json* json, const std::string& file) {
  if (json != nullptr) add(*json, file, 0);
}

bool PreTokenizer::byte_level() const {
  return std::any_of(steps_.begin(), steps_.end(), [](const Step& step) { return step.kind == Kind::ByteLevel; });
}

void PreTokenizer::add(const Json& json, const std::string& file, int depth) {
  const JsonObject object(json, file, "pre_tokenizer");
  if (steps_.size() >= 4) throw object.wrong("pretokenizers", "has more than 4 steps");
  const std::string type = object.text("type").value_or("");
  if (type == "Sequence") {
    const Json* list = object.find("pretokenizers");
    if (list == nullptr || !list->is_array()) throw object.wrong("pretokenizers", "expected a list");
    if (depth > 4) throw object.wrong("pretokenizers", "nests too deep");
    for (const Json& element : *list) add(element, file, depth + 1);
  } else if (type == "Split") {
    add_split(object);
  } else if (type == "ByteLevel") {
    Step step{Kind::ByteLevel};
    const auto prefix = object.boolean("add_prefix_space");
    if (!prefix) throw object.wrong("add_prefix_space", "is missing; expected true or false");
    step.prefix_space = *prefix;
    if (object.boolean("use_regex").value_or(true)) step.pattern = Pattern(gpt2_pattern, file);
    steps_.push_back(std::move(step));
  } else if (type == "Metaspace") {
    add_metaspace(object);
  } else {
    throw object.wrong("type", "the pre-tokenizer " + shown(type) + " is not supported; Sequence, Split, ByteLevel and Metaspace are");
  }
}

void PreTokenizer::add_split(const JsonObject& object) {
  constexpr std::array<std::string_view, 5> names = {"Isolated", "Removed", "Contiguous", "MergedWithPrevious", "MergedWithNext"};
  const auto behavior = object.text("behavior");
  const auto name = std::find(names.begin(), names.end(), behavior.value_or(""));
  if (name == names.end()) throw object.wrong("behavior", "is " + shown(behavior.value_or("")) + ", which is not known");
  const auto pattern = object.object("pattern");
  const auto invert = object.boolean("invert");
  if (!pattern || !invert) throw object.wrong("pattern", "Split needs \"pattern\", \"behavior\" and \"invert\"");
  Step step{Kind::Split};
  step.behavior = static_cast<Behavior>(name - names.begin());
  step.invert = *invert;
  if (const auto text = pattern->text("String")) {
    step.pattern = Pattern::literal(*text, object.file());
  } else if (const auto expression = pattern->text("Regex")) {
    step.pattern = Pattern(*expression, object.file());
  } else {
    throw object.wrong("pattern", "expected {\"String\": …} or {\"Regex\": …}");
  }
  steps_.push_back(std::move(step));
}

void PreTokenizer::add_metaspace(const JsonObject& object) {
  Step step{Kind::Metaspace};
  step.replacement = object.text("replacement").value_or("");
  if (step.replacement.empty() || utf8_length(step.replacement) != step.replacement.size()) {
    throw object.wrong("replacement", "expected one character, found " + shown(step.replacement));
  }
  const auto scheme = object.text("prepend_scheme");
  const bool never = !object.boolean("add_prefix_space").value_or(true);
  if (!scheme) {
    step.prefix = never ? Prefix::Never : Prefix::Always;
  } else if (*scheme == "first" || *scheme == "never" || *scheme == "always") {
    step.prefix = *scheme == "first" ? Prefix::First : *scheme == "never" ? Prefix::Never : Prefix::Always;
    if (never && step.prefix != Prefix::Never) throw object.wrong("prepend_scheme", "contradicts add_prefix_space: false");
  } else {
    throw object.wrong("prepend_scheme", "is " + shown(*scheme) + ", expected first, never or always");
  }
  step.split = object.boolean("split").value_or(true);
  steps_.push_back(std::move(step));
}

void PreTokenizer::apply(std::string_view text, bool first, Words& out) const {
  out.text.assign(text);
  out.ends.clear();
  end_word(out);
  std::vector<Pattern::Match> matches;
  for (const Step& step : steps_) {
    const Words words = std::exchange(out, Words{});
    out.text.reserve(words.text.size() + words.text.size() / 4);
    size_t begin = 0;
    for (const size_t end : words.ends) {
      apply_step(step, std::string_view(words.text).substr(begin, end - begin), first && begin == 0, matches, out);
      begin = end;
    }
  }
}

void PreTokenizer::apply_step(const Step& step, std::string_view word, bool first, std::vector<Pattern::Match>& matches, Words& out) const {
  if (step.kind == Kind::Split) {
    cut(step, word, matches, out);
    return;
  }
  if (step.kind == Kind::ByteLevel) {
    std::string prefixed;
    if (step.prefix_space && !word.starts_with(' ')) word = prefixed.append(" ").append(word);
    matches.clear();
    if (step.pattern) {
      step.pattern->for_each(word, matches);
    } else {
      matches.push_back({0, word.size(), true});
    }
    for (const auto& match : matches) {
      for (const char byte : word.substr(match.begin, match.end - match.begin)) {
        utf8_append(out.text, spelling_of_byte(static_cast<unsigned char>(byte)));
      }
      end_word(out);
    }
    return;
  }
  std::string text;
  for (const char byte : word) {
    if (byte == ' ') {
      text += step.replacement;
    } else {
      text += byte;
    }
  }
  const bool prefix = step.prefix == Prefix::Always || (step.prefix == Prefix::First && first);
  if (prefix && !text.starts_with(step.replacement)) text.insert(0, step.replacement);
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t next = step.split ? std::min(text.find(step.replacement, begin + 1), text.size()) : text.size();
    out.text.append(text, begin, next - begin);
    end_word(out);
    begin = next;
  }
}

// The behaviors of a Split, as tokenizers defines them on the list of matches and what lies between.
void PreTokenizer::cut(const Step& step, std::string_view word, std::vector<Pattern::Match>& matches, Words& out) {
  matches.clear();
  step.pattern->for_each(word, matches);
  for (size_t i = 0; i < matches.size(); ++i) {
    const auto& match = matches[i];
    const bool matched = match.matched != step.invert;
    const auto was_matched = [&](size_t index) { return matches[index].matched != step.invert; };
    if (step.behavior == Behavior::Removed && matched) continue;
    bool join = false;  // with the part before
    if (i > 0) {
      switch (step.behavior) {
        case Behavior::Contiguous: join = was_matched(i - 1) == matched; break;
        case Behavior::MergedWithPrevious: join = matched && !was_matched(i - 1); break;
        case Behavior::MergedWithNext: join = was_matched(i - 1) && !matched; break;
        case Behavior::Isolated: case Behavior::Removed: break;
      }
    }
    if (join && !out.ends.empty()) out.ends.pop_back();
    out.text.append(word, match.begin, match.end - match.begin);
    out.ends.push_back(out.text.size());
  }
}

}  // namespace philo
