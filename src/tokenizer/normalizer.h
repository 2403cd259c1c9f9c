// What a tokenizer.json does to a piece of text before anything else: "normalizer".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "tokenizer/pattern.h"
#include "tokenizer/tokenizer.h"

namespace philo {

class Normalizer {
 public:
  // `json`: the file's "normalizer", nullptr for none. Known: Sequence, Prepend, Replace. Others throw ErrorCode::Input by name.
  Normalizer(const Json* json, const std::string& file);
  bool empty() const { return steps_.empty(); }

  // Changes `text`; `contents` follow their characters.
  void apply(std::string& text, std::vector<MarkedText::Range>& contents) const;

 private:
  struct Step {
    std::optional<Pattern> pattern;  // without one: prepend
    std::string text;
  };
  void add(const Json& json, const std::string& file, int depth);
  std::vector<Step> steps_;
};

}  // namespace philo
