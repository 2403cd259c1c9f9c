// Chat templates: an interpreter for the part of Jinja that chat templates use, with white space as transformers sets it.
// Not there, and refused while parsing: inheritance, imports, recursive loops, str.format(). Integers have 64 bits; beyond them is an
// error. `safe` and `escape` give plain strings.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "tokenizer/tokenizer.h"

namespace philo {

struct TemplateInput {
  OrderedJson messages = OrderedJson::array();  // objects with "role", "content" and whatever else the template reads
  bool add_generation_prompt = true;
  std::string bos_token, eos_token, unk_token, pad_token;
  OrderedJson tools;                            // null: not defined
  OrderedJson extra = OrderedJson::object();    // further variables
};

class ChatTemplate {
 public:
  // Throws ErrorCode::Input naming `file` and the line for what is not valid or not supported.
  ChatTemplate(std::string_view source, std::string file);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // Renders as jinja2 does under transformers (trim_blocks, lstrip_blocks). Characters that come from messages, tools and further
  // variables are marked as contents, through concatenation, slicing and filters; a message's role is not where it is a plain word
  // (letters, digits, _ and -), because templates make control tokens of it. Throws ErrorCode::Input for raise_exception(), wrong types and templates
  // that loop or write without bound.
  MarkedText render(const TemplateInput& input) const;
  const std::string& source() const;

 private:
  struct Program;
  std::unique_ptr<Program> program_;
};

}  // namespace philo
