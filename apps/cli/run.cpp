// philo run: one answer, streamed.
#include <nlohmann/json.hpp>

#include "answer.h"
#include "commands.h"
#include "input.h"
#include "terminal.h"

namespace {

class Run : public Command {
 public:
  explicit Run(CLI::App& program) : Command(program, "run", "Answer one prompt, token by token") {
    declare_model(true);
    prompt_ = declare("-p,--prompt", "TEXT", "what to answer");
    prompt_file_ = declare("--prompt-file", "F", "what to answer, from a file, byte for byte; - is standard input");
    ids_ = declare("--ids", "1,2,3", "token ids to continue, as they are");
    ids_file_ = declare("--ids-file", "F", "token ids to continue, from a file, separated by commas or white space");
    system_ = declare("--system", "TEXT", "system message, ahead of the prompt");
    raw_ = declare_flag("--raw", "continue the prompt as it is, without the model's chat template");
    show_prompt_ = declare_flag("--show-prompt", "print the rendered prompt on standard error first");
    for (CLI::Option* option : {prompt_, prompt_file_, ids_, ids_file_, system_, raw_, show_prompt_})
      option->group("Prompt");
    declare_group("generate", "Answer");
    declare_group("conversation", "Model and device", {"overflow"});
    declare_group("load", "Model and device");
    teach(R"(  philo run -p "Tell me a story."
  philo run MODEL -p "Write a haiku." --do-sample --temperature 0.8 --seed 7
  philo run MODEL --prompt-file letter.txt --system "Summarize in one sentence." --max-new-tokens 60
  philo run MODEL --raw -p "The capital of France is" --max-new-tokens 5 --logprobs 3 --json)");
  }

  int run(Output& output) override {
    const philo::Options load = given("load"), conversation = given("conversation"), generate = given("generate");
    int prompts = 0;
    for (const CLI::Option* option : {prompt_, prompt_file_, ids_, ids_file_}) prompts += has(option);
    if (prompts != 1)
      throw usage_error(std::string(prompts == 0 ? "no prompt is given" : "more than one prompt is given") +
                        "; give one of -p TEXT, --prompt-file F, --ids 1,2,3 and --ids-file F");
    std::vector<philo_token> ids;
    std::string text_prompt;
    const bool as_ids = has(ids_) || has(ids_file_);
    if (has(ids_)) ids = parse_ids(text(ids_), "--ids");
    if (has(ids_file_)) ids = parse_ids(read_file(text(ids_file_)), text(ids_file_));
    if (has(prompt_)) text_prompt = text(prompt_);
    if (has(prompt_file_)) text_prompt = read_file(text(prompt_file_));
    const std::string system = has(system_) ? text(system_) : "";

    std::vector<std::string> own_notes;
    const auto note = [&](const std::string& sentence) {
      own_notes.push_back(sentence);
      output.note(sentence);
    };
    if (as_ids && has(raw_)) note("--raw has no effect with token ids: they are continued as they are");
    const bool plain = as_ids || has(raw_);
    if (plain && has(system_)) note("--system has no effect without the chat template");

    philo::Model model(model_path(), load, output.callbacks());
    output.end_progress();
    philo::Conversation talk(model, conversation, output.callbacks());
    const philo::Tokenizer tokenizer(model);
    if (!as_ids && has(raw_)) ids = tokenizer.encode(text_prompt);
    if (plain) {
      talk.assign(ids);
    } else {
      if (text_prompt.find('\0') != std::string::npos)
        throw input_error("the prompt holds a zero byte, which a message can't; use --raw");
      if (!system.empty()) talk.set_system(system);
      talk.add("user", text_prompt);
    }
    if (has(show_prompt_)) output.say(tokenizer.decode(plain ? ids : talk.prompt()));
    const uint64_t threads = nlohmann::json::parse(model.report()).at("threads");
    return answer(output, talk, plain, generate, own_notes, threads);
  }

 private:
  static int answer(Output& output, philo::Conversation& talk, bool plain, const philo::Options& generate,
                    const std::vector<std::string>& own_notes, uint64_t threads) {
    const StopsOnInterrupt stops(talk);
    philo::Callbacks callbacks = output.callbacks();
    callbacks.on_text = [&](std::string_view piece, philo_token) {
      if (!output.json && !piece.empty()) output.data(piece);
      output.end_progress();
      return !interrupted();
    };
    const std::string json = plain ? talk.continue_tokens(generate, callbacks) : talk.answer(generate, callbacks);
    output.end_progress();
    auto report = nlohmann::ordered_json::parse(json);
    for (const std::string& note : own_notes) report["notes"].push_back(note);
    if (!output.json) output.data("\n");
    if (output.json || output.shows_statistics()) complete_shares(output, talk, threads, report);
    if (output.json)
      output.data(report.dump() + "\n");
    else
      say_after_answer(output, report);
    return report["finish_reason"] == "stopped" ? PHILO_STOPPED : 0;
  }

  CLI::Option *prompt_, *prompt_file_, *ids_, *ids_file_, *system_, *raw_, *show_prompt_;
};

}  // namespace

std::unique_ptr<Command> make_run(CLI::App& program) { return std::make_unique<Run>(program); }
