// render_lines: reads JSON lines {"template", "messages", "tools", "add_generation_prompt", …} from stdin and writes for each what
// philo's chat template gives: {"text", "contents"} or {"error"}.
#include <cstdio>
#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "tokenizer/chat_template.h"

namespace {

philo::OrderedJson rendered(const philo::OrderedJson& line) {
  philo::TemplateInput input;
  input.messages = line.at("messages");
  input.add_generation_prompt = line.value("add_generation_prompt", true);
  input.bos_token = line.value("bos_token", "<s>");
  input.eos_token = line.value("eos_token", "<|endoftext|>");
  if (line.contains("tools")) input.tools = line.at("tools");
  if (line.contains("extra")) input.extra = line.at("extra");
  try {
    const philo::ChatTemplate chat_template(line.at("template").get<std::string>(), "template");
    const philo::MarkedText text = chat_template.render(input);
    philo::OrderedJson contents = philo::OrderedJson::array();
    for (const philo::MarkedText::Range& range : text.contents) contents.push_back({range.begin, range.end});
    return {{"text", text.text}, {"contents", contents}};
  } catch (const philo::Error& error) {
    return {{"error", error.message()}};
  }
}

}  // namespace

int main() try {
  for (std::string line; std::getline(std::cin, line);)
    std::cout << rendered(philo::parse_ordered_json(line, "stdin", {.depth = 200})).dump(-1, ' ', true, philo::OrderedJson::error_handler_t::replace) << '\n';
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
