// philo completion: scripts for shells, made from the options that the commands declare.
#include <map>
#include <nlohmann/json.hpp>

#include "commands.h"

namespace {

struct OptionWord {
  std::string long_name, short_name, help;
  bool takes_value, takes_file;
  std::vector<std::string> choices;
};

struct CommandWords {
  std::string name, help;
  std::vector<OptionWord> options;
  bool takes_path;
};

std::map<std::string, std::vector<std::string>> choices_by_option() {
  std::map<std::string, std::vector<std::string>> choices;
  for (const char* group : {"load", "conversation", "generate", "score", "inspect", "convert", "bench"}) {
    const auto table = nlohmann::json::parse(philo::describe_options(group));
    for (const auto& option : table.at("options"))
      if (!option.at("choices").empty())
        choices[option.at("name")] = option.at("choices").get<std::vector<std::string>>();
  }
  return choices;
}

std::vector<CommandWords> read_commands(const CLI::App& program) {
  const auto choices = choices_by_option();
  std::vector<CommandWords> commands;
  for (const CLI::App* app : program.get_subcommands([](const CLI::App*) { return true; })) {
    CommandWords command{app->get_name(), app->get_description(), {}, false};
    for (const CLI::Option* option : app->get_options()) {
      if (option->get_positional()) {
        command.takes_path = command.takes_path || option->get_name(true) == "MODEL" || option->get_name(true) == "SRC";
        continue;
      }
      if (option->get_group().empty()) continue;  // hidden
      const std::string type = option->get_type_name();
      OptionWord word{option->get_lnames().front(),
                      option->get_snames().empty() ? "" : option->get_snames().front(),
                      option->get_description(),
                      option->get_items_expected_max() > 0,
                      type == "F" || type == "IDS" || type == "OUT.safetensors" || type == "OLD.json",
                      {}};
      if (const auto known = choices.find(word.long_name); known != choices.end()) word.choices = known->second;
      if (!word.choices.empty()) word.takes_file = false;
      command.options.push_back(std::move(word));
    }
    if (command.name == "completion") command.options.push_back({"", "", "", false, false, {"bash", "zsh", "fish"}});
    commands.push_back(std::move(command));
  }
  return commands;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string escaped(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// Inside single quotes of zsh and bash.
std::string single_quoted(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out;
}

std::string bash_script(const std::vector<CommandWords>& commands) {
  std::vector<std::string> names;
  std::map<std::string, std::string> values;  // option to what completes its value
  std::string cases;
  for (const CommandWords& command : commands) {
    names.push_back(command.name);
    std::vector<std::string> words;
    for (const OptionWord& option : command.options) {
      if (option.long_name.empty()) {
        words = option.choices;
        continue;
      }
      words.push_back("--" + option.long_name);
      if (!option.takes_value) continue;
      const std::string action = !option.choices.empty()
                                     ? "COMPREPLY=($(compgen -W '" + joined(option.choices) + "' -- \"$word\"))"
                                 : option.takes_file ? "COMPREPLY=($(compgen -f -- \"$word\"))"
                                                     : "COMPREPLY=()";
      values["--" + option.long_name] = action;
      if (!option.short_name.empty()) values["-" + option.short_name] = action;
    }
    cases += "    " + command.name + ") words='" + joined(words) + "' ;;\n";
  }
  std::string script =
      "# bash completion for philo\n_philo() {\n  local word=${COMP_WORDS[COMP_CWORD]} "
      "before=${COMP_WORDS[COMP_CWORD-1]} words=\n";
  script += "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    COMPREPLY=($(compgen -W '" + joined(names) +
            " --help --version' -- \"$word\"))\n    return\n  fi\n";
  script += "  case $before in\n";
  for (const auto& [option, action] : values) script += "    " + option + ") " + action + "; return ;;\n";
  script += "  esac\n  case ${COMP_WORDS[1]} in\n" + cases + "  esac\n";
  script +=
      "  if [[ $word == -* || ${COMP_WORDS[1]} == completion ]]; then\n    COMPREPLY=($(compgen -W \"$words\" -- "
      "\"$word\"))\n  else\n";
  script += "    COMPREPLY=($(compgen -f -- \"$word\"))\n  fi\n}\ncomplete -o filenames -F _philo philo\n";
  return script;
}

std::string zsh_script(const std::vector<CommandWords>& commands) {
  std::string list, cases;
  for (const CommandWords& command : commands) {
    list += "    '" + single_quoted(command.name + ":" + command.help) + "'\n";
    cases += "    " + command.name + ")\n      _arguments";
    for (const OptionWord& option : command.options) {
      if (option.long_name.empty()) {
        cases += " '1:shell:(" + joined(option.choices) + ")'";
        continue;
      }
      const std::string help = "[" + escaped(option.help, "[]\\:") + "]";
      std::string value;
      if (option.takes_value)
        value = !option.choices.empty() ? ":value:(" + joined(option.choices) + ")"
                : option.takes_file     ? ":file:_files"
                                        : ":value:";
      cases += " \\\n        '*" + single_quoted("--" + option.long_name + help + value) + "'";
    }
    if (command.takes_path) cases += " \\\n        '1:model:_files'";
    cases += "\n      ;;\n";
  }
  return "#compdef philo\n_philo() {\n  local -a commands=(\n" + list +
         "  )\n  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n  local "
         "name=${words[2]}\n  shift words\n"
         "  (( CURRENT-- ))\n  case $name in\n" +
         cases + "  esac\n}\n_philo \"$@\"\n";
}

std::string fish_script(const std::vector<CommandWords>& commands) {
  std::string script = "# fish completion for philo\n";
  std::vector<std::string> names;
  for (const CommandWords& command : commands) names.push_back(command.name);
  for (const CommandWords& command : commands) {
    script += "complete -c philo -f -n 'not __fish_seen_subcommand_from " + joined(names) + "' -a " + command.name +
              " -d '" + escaped(command.help, "'\\") + "'\n";
    const std::string here = "complete -c philo -n '__fish_seen_subcommand_from " + command.name + "'";
    for (const OptionWord& option : command.options) {
      if (option.long_name.empty()) {
        script += here + " -f -a '" + joined(option.choices) + "'\n";
        continue;
      }
      script += here + " -l " + option.long_name + (option.short_name.empty() ? "" : " -s " + option.short_name);
      if (!option.choices.empty())
        script += " -x -a '" + joined(option.choices) + "'";
      else if (option.takes_value)
        script += option.takes_file ? " -r" : " -x";
      script += " -d '" + escaped(option.help, "'\\") + "'\n";
    }
  }
  return script;
}

class Completion : public Command {
 public:
  explicit Completion(CLI::App& program)
      : Command(program, "completion", "Print a completion script for a shell", false), program_(program) {
    shell_ = app().add_option("SHELL", "bash, zsh or fish");
    shell_->type_name("")->required();
    teach(R"(  philo completion bash > ~/.local/share/bash-completion/completions/philo
  philo completion zsh > "${fpath[1]}/_philo"
  philo completion fish > ~/.config/fish/completions/philo.fish)");
  }

  int run(Output& output) override {
    const std::string shell = text(shell_);
    const auto commands = read_commands(program_);
    if (shell == "bash")
      output.data(bash_script(commands));
    else if (shell == "zsh")
      output.data(zsh_script(commands));
    else if (shell == "fish")
      output.data(fish_script(commands));
    else
      throw usage_error("there is no completion for \"" + shell + "\"; expected bash, zsh or fish");
    return 0;
  }

 private:
  const CLI::App& program_;
  CLI::Option* shell_;
};

}  // namespace

std::unique_ptr<Command> make_completion(CLI::App& program) { return std::make_unique<Completion>(program); }
