// philo tokenize: text to tokens and tokens to text.
#include <nlohmann/json.hpp>

#include "commands.h"
#include "input.h"

namespace {

class Tokenize : public Command {
 public:
  explicit Tokenize(CLI::App& program) : Command(program, "tokenize", "Text to tokens and back") {
    declare_model(false);
    prompt_ = declare("-p,--prompt", "TEXT", "text");
    file_ = declare("--file", "F", "text from a file; - is standard input");
    ids_ = declare("--ids", "1,2,3", "token ids");
    ids_file_ = declare("--ids-file", "F", "token ids from a file, separated by commas or white space");
    chat_ = declare("--chat", "F", "JSON list of {\"role\", \"content\"}, through the model's chat template");
    no_cue_ = declare_flag("--no-generation-prompt", "with --chat: without the cue that makes the model answer");
    parse_special_ =
        declare_flag("--parse-special", "with --chat: let messages write control tokens, as Hugging Face does");
    for (CLI::Option* option : {prompt_, file_, ids_, ids_file_, chat_, no_cue_, parse_special_})
      option->group("Input");
    teach(R"(  philo tokenize MODEL -p "Hello, world!"
  philo tokenize MODEL --file book.txt --json
  philo tokenize MODEL --ids 15043,29892
  philo tokenize MODEL --chat messages.json --no-generation-prompt)");
  }

  int run(Output& output) override {
    int inputs = 0;
    for (const CLI::Option* option : {prompt_, file_, ids_, ids_file_, chat_}) inputs += has(option);
    if (inputs != 1) throw usage_error("give one of -p TEXT, --file F, --ids 1,2,3, --ids-file F and --chat F");
    if (!has(chat_))
      if (const std::string unused = note_without_effect({no_cue_, parse_special_}); !unused.empty())
        output.note(unused + " has no effect without --chat");
    const philo::Tokenizer tokenizer(model_path());
    const std::vector<philo_token> tokens = read_tokens(tokenizer);
    std::vector<std::string> pieces;
    for (const philo_token token : tokens) pieces.push_back(tokenizer.piece(token));
    if (output.json) {
      nlohmann::ordered_json report = {{"ids", tokens}, {"pieces", pieces}, {"text", tokenizer.decode(tokens)}};
      output.data(report.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
      return 0;
    }
    if (has(ids_) || has(ids_file_)) {
      output.data(tokenizer.decode(tokens) + "\n");
      return 0;
    }
    std::string table;
    for (size_t index = 0; index < tokens.size(); ++index)
      table += std::to_string(tokens[index]) + "\t" + pieces[index] + "\n";
    output.data(table);
    output.say(std::to_string(tokens.size()) + " tokens");
    return 0;
  }

 private:
  std::vector<philo_token> read_tokens(const philo::Tokenizer& tokenizer) const {
    if (has(ids_)) return parse_ids(text(ids_), "--ids");
    if (has(ids_file_)) return parse_ids(read_file(text(ids_file_)), text(ids_file_));
    if (has(prompt_)) return tokenizer.encode(text(prompt_));
    if (has(file_)) return tokenizer.encode(read_file(text(file_)));
    return tokenizer.encode_chat(read_file(text(chat_)), !has(no_cue_), has(parse_special_));
  }

  CLI::Option *prompt_, *file_, *ids_, *ids_file_, *chat_, *no_cue_, *parse_special_;
};

}  // namespace

std::unique_ptr<Command> make_tokenize(CLI::App& program) { return std::make_unique<Tokenize>(program); }
