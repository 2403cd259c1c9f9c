// A chat template's program, and what it sees: messages, tools and the special tokens.
#include "tokenizer/chat_template.h"

#include "base/error.h"
#include "tokenizer/template_interpreter.h"

namespace philo {
namespace {

constexpr size_t most_template_bytes = size_t{4} << 20;

}  // namespace

struct ChatTemplate::Program {
  std::string source, file;
  jinja::Body body;
};

ChatTemplate::ChatTemplate(std::string_view source, std::string file) : program_(std::make_unique<Program>()) {
  if (source.size() > most_template_bytes) {
    throw input_error(file, "the chat template is " + std::to_string(source.size()) + " bytes long, more than the limit of " +
                                std::to_string(most_template_bytes));
  }
  program_->source = source;
  program_->file = std::move(file);
  program_->body = jinja::parse_template(program_->source, program_->file);
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

const std::string& ChatTemplate::source() const { return program_->source; }

MarkedText ChatTemplate::render(const TemplateInput& input) const {
  jinja::Interpreter interpreter;
  try {
    const auto special = [&](const char* name, const std::string& token) {
      if (!token.empty()) interpreter.define(name, interpreter.text(token));
    };
    special("bos_token", input.bos_token);
    special("eos_token", input.eos_token);
    special("unk_token", input.unk_token);
    special("pad_token", input.pad_token);
    interpreter.define("messages", interpreter.from_json(input.messages, true, 1));
    interpreter.define("add_generation_prompt", jinja::Value::boolean(input.add_generation_prompt));
    interpreter.define("tools", interpreter.from_json(input.tools, true));  // transformers defines both, as None where not given
    interpreter.define("documents", jinja::Value::none());
    for (const auto& [name, value] : input.extra.items()) interpreter.define(name, interpreter.from_json(value, true));
    const jinja::Text text = interpreter.run(program_->body);
    return {text.str(), text.marks()};
  } catch (const jinja::Failure& failure) {
    throw input_error(program_->file, "line " + std::to_string(interpreter.line()) + ": " + failure.message);
  }
}

}  // namespace philo
