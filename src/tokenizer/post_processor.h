// The ids that a tokenizer.json puts around a text: "post_processor".
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/token.h"

namespace philo {

class PostProcessor {
 public:
  // `json`: nullptr for none. Known: TemplateProcessing, ByteLevel (which adds nothing) and Sequences of them. Others throw.
  PostProcessor(const Json* json, const std::string& file);
  PostProcessor(std::vector<Token> before, std::vector<Token> after) : before_(std::move(before)), after_(std::move(after)) {}

  const std::vector<Token>& before() const { return before_; }
  const std::vector<Token>& after() const { return after_; }

 private:
  void add(const Json& json, const std::string& file, int depth);
  void add_template(const JsonObject& object);
  std::vector<Token> before_, after_;
  bool has_template_ = false;
};

}  // namespace philo
