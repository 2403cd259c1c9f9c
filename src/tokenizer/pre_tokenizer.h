// How a tokenizer.json cuts a text into words for byte-pair encoding: "pre_tokenizer".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "tokenizer/pattern.h"

namespace philo {

// GPT-2's spelling of bytes: each byte as one visible character below U+0144.
char32_t spelling_of_byte(unsigned char byte);
int byte_of_spelling(char32_t code_point);  // -1 where it spells none

class PreTokenizer {
 public:
  // `json`: the file's "pre_tokenizer", nullptr for none. Known: Sequence, Split, ByteLevel, Metaspace. Others throw ErrorCode::Input.
  PreTokenizer(const Json* json, const std::string& file);
  bool byte_level() const;

  // The text that words are cut from, and where each of them ends.
  struct Words {
    std::string text;
    std::vector<size_t> ends;
  };
  // `first`: the text begins where the whole input begins.
  void apply(std::string_view text, bool first, Words& out) const;

 private:
  enum class Kind { Split, ByteLevel, Metaspace };
  enum class Behavior { Isolated, Removed, Contiguous, MergedWithPrevious, MergedWithNext };
  enum class Prefix { First, Never, Always };
  struct Step {
    Kind kind;
    std::optional<Pattern> pattern = {};  // Split; ByteLevel with use_regex
    Behavior behavior = Behavior::Isolated;
    bool invert = false;
    bool prefix_space = false;  // ByteLevel
    std::string replacement = {};    // Metaspace
    Prefix prefix = Prefix::Always;
    bool split = true;
  };
  void add(const Json& json, const std::string& file, int depth);
  void add_split(const JsonObject& object);
  void add_metaspace(const JsonObject& object);
  void apply_step(const Step& step, std::string_view word, bool first, std::vector<Pattern::Match>& matches, Words& out) const;
  static void cut(const Step& step, std::string_view word, std::vector<Pattern::Match>& matches, Words& out);

  std::vector<Step> steps_;
};

}  // namespace philo
