// philo chat: a conversation in the terminal.
#include <nlohmann/json.hpp>

#include "answer.h"
#include "commands.h"
#include "input.h"
#include "line_editor.h"
#include "terminal.h"

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* chat_help =
    R"(A line is a message. A line that ends with \ goes on in the next one; """ starts and ends a message of several lines.
  /system TEXT  replace the system message; without TEXT remove it
  /reset        forget the conversation, keep the system message
  /stats        speed of the last answer, tokens and memory of the conversation
  /save FILE    write the messages as JSON
  /keep FILE    write the conversation with all that is computed of it
  /resume FILE  take up a conversation that was kept, with the same model
  /help         this help
  /quit         end; so does Ctrl-D
Ctrl-C stops an answer and keeps the conversation.)";

class Talk {
 public:
  Talk(Output& output, philo::Conversation& conversation, uint64_t threads, philo::Options options, LineEditor& lines,
       const philo::Tokenizer* shows_prompt)
      : output_(output),
        conversation_(conversation),
        threads_(threads),
        options_(std::move(options)),
        lines_(lines),
        shows_prompt_(shows_prompt) {}

  // Until the end of the input or /quit; the exit code.
  int run() {
    std::string message;
    while (true) {
      const LineEditor::Result result = read_message(message);
      if (result == LineEditor::Result::End) break;
      if (result == LineEditor::Result::Interrupt) {
        if (!lines_.interactive() || leaving_) return PHILO_STOPPED;
        leaving_ = true;
        clear_interrupt();
        output_.say("Ctrl-C again ends the chat, as Ctrl-D does; /help lists the commands");
        continue;
      }
      leaving_ = false;
      if (message.find_first_not_of(" \t\n") == std::string::npos) continue;
      if (message[0] == '/') {
        if (!command(message)) break;
      } else if (!answer(message)) {
        return exit_code_;
      }
    }
    return exit_code_;
  }

  const Json& answers() const { return answers_; }

 private:
  LineEditor::Result read_message(std::string& message) {
    message.clear();
    std::string line;
    LineEditor::Result result = lines_.read("> ", line);
    if (result != LineEditor::Result::Line) return result;
    if (line.starts_with("\"\"\"")) {
      message = line.substr(3);
      while (!message.ends_with("\"\"\"")) {
        result = lines_.read("\xe2\x80\xa6 ", line);
        if (result != LineEditor::Result::Line) return result;
        message += (message.empty() ? "" : "\n") + line;
      }
      message.resize(message.size() - 3);
      if (message.ends_with('\n')) message.pop_back();
      return result;
    }
    while (line.ends_with('\\')) {
      message += line.substr(0, line.size() - 1) + "\n";
      result = lines_.read("\xe2\x80\xa6 ", line);
      if (result == LineEditor::Result::Interrupt) return result;
      if (result == LineEditor::Result::End) line.clear();
    }
    message += line;
    return LineEditor::Result::Line;
  }

  // False: the chat ends.
  bool command(const std::string& line) {
    const size_t space = line.find_first_of(" \t\n");
    const std::string name = line.substr(0, space);
    const size_t start = space == std::string::npos ? std::string::npos : line.find_first_not_of(" \t\n", space);
    const std::string argument = start == std::string::npos ? "" : line.substr(start);
    if (name == "/quit" || name == "/exit") return false;
    if (name == "/help") {
      output_.say(chat_help);
    } else if (name == "/reset") {
      conversation_.clear();
      output_.say("the conversation is forgotten");
    } else if (name == "/system") {
      conversation_.set_system(argument);
      output_.say(argument.empty() ? "there is no system message now" : "the system message is replaced");
    } else if (name == "/stats") {
      statistics();
    } else if (name == "/save") {
      save(argument);
    } else if (name == "/keep" || name == "/resume") {
      with_file(name, argument);
    } else {
      output_.error("there is no command " + name + "; /help lists them");
    }
    return true;
  }

  void statistics() {
    if (output_.quiet) return;
    if (!answers_.empty()) {
      complete_shares(output_, conversation_, threads_, answers_.back());
      clear_interrupt();
      output_.say(statistics_text(answers_.back()));
    }
    const Json report = Json::parse(conversation_.report());
    output_.say(report.at("messages").dump() + " messages, " + report.at("tokens").dump() + " tokens of a context of " +
                report.at("context").dump() + ", " + bytes_text(report.at("cache_bytes").get<double>()) +
                " for keys and values");
  }

  void save(const std::string& path) {
    if (path.empty()) return output_.error("/save needs the name of a file");
    try {
      write_file(path, Json::parse(conversation_.messages()).dump(2) + "\n");
      output_.say("saved " + path);
    } catch (const CommandError& problem) {
      output_.error(problem.what());
      exit_code_ = problem.exit_code();
    }
  }

  void with_file(const std::string& command, const std::string& path) {
    if (path.empty()) return output_.error(command + " needs the name of a file");
    try {
      if (command == "/keep") conversation_.save(path);
      else conversation_.restore(path);
    } catch (const philo::Error& problem) {
      exit_code_ = problem.status();
      return output_.error(problem.what());
    }
    const auto report = Json::parse(conversation_.report());
    output_.say((command == "/keep" ? "kept " : "resumed ") + report.at("messages").dump() + " messages, " + report.at("tokens").dump() + " tokens");
  }

  bool answer(const std::string& message) {
    if (message.find('\0') != std::string::npos) throw input_error("a message holds a zero byte; remove it");
    clear_interrupt();
    conversation_.add("user", message);
    const StopsOnInterrupt stops(conversation_);
    philo::Callbacks callbacks = output_.callbacks();
    callbacks.on_text = [&](std::string_view piece, philo_token) {
      if (!output_.json && !piece.empty()) output_.data(piece);
      output_.end_progress();
      return !interrupted();
    };
    Json report;
    try {
      if (shows_prompt_ != nullptr) output_.say(shows_prompt_->decode(conversation_.prompt(output_.callbacks())));
      report = Json::parse(conversation_.answer(options_, callbacks));
    } catch (const philo::Error& problem) {
      output_.end_progress();
      if (!lines_.interactive() || problem.status() != PHILO_INPUT) throw;
      conversation_.remove_last();
      output_.error(problem.what());
      exit_code_ = problem.status();
      return true;
    }
    output_.end_progress();
    exit_code_ = 0;
    if (!output_.json) output_.data("\n");
    if (report.at("ids").empty()) conversation_.remove_last();
    const bool stopped = report.at("finish_reason") == "stopped";
    if (output_.json || output_.shows_statistics()) complete_shares(output_, conversation_, threads_, report);
    if (!stopped) clear_interrupt();  // Ctrl-C while the machine was measured
    say_after_answer(output_, report);
    answers_.push_back(std::move(report));
    if (!stopped) return true;
    output_.say("stopped");
    clear_interrupt();
    if (lines_.interactive()) return true;
    exit_code_ = PHILO_STOPPED;
    return false;
  }

  Output& output_;
  philo::Conversation& conversation_;
  uint64_t threads_;  // that compute
  philo::Options options_;
  LineEditor& lines_;
  const philo::Tokenizer* shows_prompt_;  // nullptr: prompts are not shown
  Json answers_ = Json::array();
  int exit_code_ = 0;
  bool leaving_ = false;
};

class Chat : public Command {
 public:
  explicit Chat(CLI::App& program) : Command(program, "chat", "A conversation in the terminal") {
    declare_model(true);
    system_ = declare("--system", "TEXT", "system message, ahead of the conversation");
    show_prompt_ = declare_flag("--show-prompt", "print each rendered prompt on standard error first");
    system_->group("Prompt");
    declare_group("generate", "Answer");
    declare_group("conversation", "Model and device");
    declare_group("load", "Model and device");
    teach(R"(  philo chat
  philo chat MODEL --system "You are a pirate." --do-sample --temperature 0.7
  philo chat MODEL < questions.txt             one question a line, answers on standard output)");
  }

  int run(Output& output) override {
    const philo::Options load = given("load"), conversation = given("conversation");
    const philo::Options generate = given("generate");
    const std::string system = has(system_) ? text(system_) : "";
    philo::Model model(model_path(), load, output.callbacks());
    output.end_progress();
    philo::Conversation talk(model, conversation, output.callbacks());
    if (!system.empty()) talk.set_system(system);
    introduce(output, model, talk);
    const std::string folder = state_folder();
    const auto lines = make_line_editor(folder.empty() ? "" : folder + "/history");
    const philo::Tokenizer tokenizer(model);
    const uint64_t threads = Json::parse(model.report()).at("threads");
    Talk session(output, talk, threads, generate, *lines, has(show_prompt_) ? &tokenizer : nullptr);
    const int code = session.run();
    if (output.json) {
      Json report = {{"messages", Json::parse(talk.messages())}, {"answers", session.answers()}};
      output.data(report.dump() + "\n");
    }
    return code;
  }

 private:
  static void introduce(Output& output, const philo::Model& model, const philo::Conversation& talk) {
    const Json report = Json::parse(model.report());
    const auto word = [&](const char* key) { return report.at(key).get<std::string>(); };
    if (!report.at("chat").get<bool>())
      throw input_error(word("path") + ": the model has no chat template; philo run --raw continues plain text");
    std::string device = word("device");
    if (!word("isa").empty()) {
      const std::string prefill = report.at("prefill_threads").dump(), decode = report.at("decode_threads").dump();
      device += " (" + word("isa") + ", " + prefill + " threads" + (decode == prefill ? ")" : ", " + decode + " to decode)");
    }
    output.say(word("path") + " on " + device + ", weights " + word("weight_format") + ", keys and values " +
               word("kv_format") + ", context " + Json::parse(talk.report()).at("context").dump() +
               "; /help lists the commands");
  }

  CLI::Option *system_, *show_prompt_;
};

}  // namespace

std::unique_ptr<Command> make_chat(CLI::App& program) { return std::make_unique<Chat>(program); }
