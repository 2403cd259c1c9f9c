// tokenize_lines FOLDER: reads JSON lines from stdin, texts or lists of ids, and writes what philo's tokenizer makes of them, so
// that a script can hold it against other tokenizers.
#include <cstdio>
#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "tokenizer/tokenizer.h"

namespace {

std::string streamed(const philo::Tokenizer& tokenizer, const std::vector<philo::Token>& ids, bool skip_special) {
  philo::TextStream stream(tokenizer, {skip_special, true});
  std::string text;
  for (const philo::Token id : ids) text += stream.push(id);
  return text + stream.finish();
}

}  // namespace

int main(int count, char** arguments) try {
  if (count != 2) return 2;
  const auto tokenizer = philo::read_tokenizer(arguments[1]);
  for (std::string line; std::getline(std::cin, line);) {
    const philo::Json input = philo::parse_json(line, "stdin");
    philo::Json output;
    std::vector<philo::Token> ids;
    if (input.is_string()) {
      output["special"] = tokenizer->encode(input.get_ref<const std::string&>(), true);
      ids = tokenizer->encode(input.get_ref<const std::string&>(), false);
      output["ids"] = ids;
    } else {
      ids = input.get<std::vector<philo::Token>>();
    }
    output["text"] = tokenizer->decode(ids, false);
    output["skipped"] = tokenizer->decode(ids, true);
    output["streamed"] = streamed(*tokenizer, ids, true);
    std::cout << output.dump() << '\n';
  }
  return 0;
} catch (const philo::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
