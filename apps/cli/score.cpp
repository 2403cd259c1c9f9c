// philo score: the perplexity of a text.
#include <nlohmann/json.hpp>

#include "commands.h"
#include "input.h"

namespace {

class Score : public Command {
 public:
  explicit Score(CLI::App& program) : Command(program, "score", "Perplexity of a text") {
    declare_model(false);
    text_file_ = declare("--text-file", "F", "raw text; - is standard input");
    ids_file_ = declare("--ids-file", "F", "token ids, separated by commas or white space");
    text_file_->group("Text");
    ids_file_->group("Text");
    declare_group("score", "Scoring");
    declare_group("load", "Model and device");
    teach(R"(  philo score MODEL --text-file book.txt
  philo score MODEL --text-file book.txt --context 2048 --stride 1024 --json
  philo score MODEL --ids-file ids.txt --logits logits.safetensors)");
  }

  int run(Output& output) override {
    const philo::Options load = given("load"), options = given("score");
    if (has(text_file_) == has(ids_file_)) throw usage_error("give one of --text-file F and --ids-file F");
    std::string content;
    std::vector<philo_token> ids;
    if (has(text_file_)) content = read_file(text(text_file_));
    if (has(ids_file_)) ids = parse_ids(read_file(text(ids_file_)), text(ids_file_));
    philo::Model model(model_path(), load, output.callbacks());
    output.end_progress();
    const std::string json = has(ids_file_) ? model.score(ids, options, output.callbacks())
                                            : model.score(content, options, output.callbacks());
    output.end_progress();
    if (output.json) {
      output.data(json + "\n");
      return 0;
    }
    const auto report = nlohmann::json::parse(json);
    std::string text = "tokens " + report.at("tokens").dump() + ", scored " + report.at("scored_tokens").dump() + "\n";
    text += "mean negative log-likelihood " + fixed(report.at("mean_negative_log_likelihood").get<double>(), 6) + "\n";
    text += "perplexity " + fixed(report.at("perplexity").get<double>(), 4) + "\n";
    if (report.at("word_perplexity").is_number())
      text += "word perplexity " + fixed(report.at("word_perplexity").get<double>(), 4) + "\n";
    output.data(text);
    return 0;
  }

 private:
  CLI::Option *text_file_, *ids_file_;
};

}  // namespace

std::unique_ptr<Command> make_score(CLI::App& program) { return std::make_unique<Score>(program); }
