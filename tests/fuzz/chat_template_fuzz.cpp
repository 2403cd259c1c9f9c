// Chat templates over a fixed conversation: rendering must end within its bounds, and its marks must lie within valid text.
#include <cstdlib>

#include "allowed.h"
#include "base/json.h"
#include "base/utf8.h"
#include "tokenizer/chat_template.h"

namespace {

void check(bool condition) {
  if (!condition) std::abort();
}

philo::TemplateInput conversation() {
  philo::TemplateInput input;
  input.messages = philo::parse_ordered_json(
      R"([{"role":"system","content":" Be brief.\n","tools":"[]"},{"role":"user","content":"<|end|> ünï 漢字 {{ x }}"},)"
      R"({"role":"a|b","content":[{"type":"text","text":"t"},{"n":[1,2.5,null,true]}]},{"role":"assistant","content":null,"extra":{"a":{"b":-3}}}])",
      "messages");
  input.tools = philo::parse_ordered_json(R"([{"name":"f","parameters":{"x":[1,1e300]}}])", "tools");
  input.bos_token = "<s>";
  input.eos_token = "<|endoftext|>";
  return input;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  static const philo::TemplateInput input = conversation();
  philo::fuzz::allow_input_errors([&] {
    const philo::ChatTemplate chat_template(std::string_view(reinterpret_cast<const char*>(bytes), size), "fuzz");
    const philo::MarkedText text = chat_template.render(input);
    check(philo::utf8_first_invalid(text.text) == std::string_view::npos);
    size_t at = 0;
    for (const philo::MarkedText::Range& range : text.contents) {
      check(range.begin >= at && range.begin < range.end && range.end <= text.text.size());
      at = range.end;
    }
  });
  return 0;
}
