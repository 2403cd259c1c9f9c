#include "options.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "input.h"
#include "terminal.h"

namespace {

size_t edits(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t column = 0; column <= b.size(); ++column) row[column] = column;
  for (size_t line = 1; line <= a.size(); ++line) {
    size_t diagonal = row[0];
    row[0] = line;
    for (size_t column = 1; column <= b.size(); ++column) {
      const size_t replaced = diagonal + (a[line - 1] == b[column - 1] ? 0 : 1);
      diagonal = row[column];
      row[column] = std::min({replaced, row[column] + 1, row[column - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  if (word.size() > 64) return best;
  size_t fewest = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const bool starts = word.size() >= 3 && candidate.compare(0, word.size(), word) == 0;
    const size_t count = starts ? 1 : edits(word, candidate);
    if (count >= fewest) continue;
    fewest = count;
    best = candidate;
  }
  return best;
}

std::string described(const nlohmann::json& option) {
  std::string text = option.at("help");
  if (!option.at("choices").empty()) {
    std::string choices;
    for (const auto& choice : option.at("choices"))
      choices += (choices.empty() ? "" : ", ") + choice.get<std::string>();
    text += ": " + choices;
  }
  if (option.at("repeats").get<bool>()) text += "; may repeat";
  if (const std::string fallback = option.at("default"); !fallback.empty()) text += " (default: " + fallback + ")";
  return text;
}

}  // namespace

Command::Command(CLI::App& program, const std::string& name, const std::string& description, bool reports)
    : app_(*program.add_subcommand(name, description)), reports_(reports) {
  app_.allow_extras();  // main names the nearest option
  app_.set_help_flag();
}

CLI::Option* Command::declare(const std::string& names, const std::string& value, const std::string& help) {
  CLI::Option* option = app_.add_option(names, help);
  return option->type_name(value)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(false);
}

CLI::Option* Command::declare_flag(const std::string& names, const std::string& help) {
  return app_.add_flag(names, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

void Command::declare_group(const std::string& group, const std::string& heading,
                            const std::vector<std::string>& without) {
  const auto table = nlohmann::json::parse(philo::describe_options(group));
  for (const auto& entry : table.at("options")) {
    const std::string name = entry.at("name");
    if (name == "cache-folder" || std::find(without.begin(), without.end(), name) != without.end()) continue;
    if (CLI::Option* known = app_.get_option_no_throw("--" + name)) {  // of another group, too: given once, for both
      declared_.push_back({group, name, known});
      continue;
    }
    const bool flag = entry.at("type") == "flag";
    CLI::Option* option =
        flag ? declare_flag("--" + name, described(entry)) : declare("--" + name, entry.at("value"), described(entry));
    option->group(heading);
    declared_.push_back({group, name, option});
  }
}

void Command::declare_model(bool demo_is_default) {
  const std::string help = demo_is_default ? "path of a model; without it the demo model answers" : "path of a model";
  model_ = app_.add_option("MODEL", help);
  model_->type_name("")->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(false);
  if (!demo_is_default) model_->required();
}

CLI::Option* Command::declare_place(const std::string& name, const std::string& help) {
  CLI::Option* place = app_.add_option(name, help);
  place->type_name("")->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(false)->required();
  return place;
}

void Command::teach(const std::string& examples) {
  if (reports_) {
    json_ = declare_flag("--json", "print one JSON object, and nothing else, on standard output");
    quiet_ = declare_flag("-q,--quiet", "no notes, no progress, no statistics");
    verbose_ = declare_flag("-v,--verbose", "say more: statistics, progress, full lists");
    for (CLI::Option* option : {json_, quiet_, verbose_}) option->group("Output");
  }
  app_.set_help_flag("-h,--help", "print this help")->group("Output");
  app_.footer("Examples:\n" + examples);
}

void Command::read_output_options(Output& output) const {
  const auto on = [](const CLI::Option* flag) {
    return flag != nullptr && flag->count() > 0 && flag->results().back() != "false";
  };
  output.json = on(json_);
  output.quiet = on(quiet_);
  output.verbose = on(verbose_);
}

philo::Options Command::given(const std::string& group) const {
  philo::Options options;
  for (const Declared& declared : declared_)
    if (declared.group == group)
      for (const std::string& value : declared.option->results()) options.set(declared.name, value);
  // The library never reads the environment; the program knows where caches lie.
  if (const std::string folder = cache_folder(); group == "load" && !folder.empty()) options.set("cache-folder", folder);
  philo::check_options(group, options);
  return options;
}

std::string Command::model_path() const { return has(model_) ? text(model_) : demo_model_path(); }

std::string Command::text(const CLI::Option* option) {
  if (option->count() > 1)
    throw usage_error(option->get_name() + " is given " + std::to_string(option->count()) + " times; give it once");
  return option->results().front();
}

std::string Command::note_without_effect(const std::vector<CLI::Option*>& options) const {
  std::string names;
  for (const CLI::Option* option : options)
    if (has(option)) names += (names.empty() ? "" : ", ") + option->get_name();
  return names;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  const std::string name = "  " + make_option_name(option, is_positional) + make_option_opts(option);
  const std::string text = make_option_desc(option);
  constexpr size_t indent = 30;
  const size_t width = std::clamp<size_t>(terminal_columns(), 60, 110) - indent;
  std::string out = name;
  if (name.size() + 2 > indent)
    out += "\n" + std::string(indent, ' ');
  else
    out += std::string(indent - name.size(), ' ');
  size_t column = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    if (column > 0 && column + 1 + (end - at) > width) {
      out += "\n" + std::string(indent, ' ');
      column = 0;
    }
    if (column > 0) {
      out += ' ';
      ++column;
    }
    out += text.substr(at, end - at);
    column += end - at;
    at = end + 1;
  }
  return out + "\n";
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  std::string usage =
      "Usage: " + (app->get_parent() != nullptr ? app->get_parent()->get_name() + " " + app->get_name() : name);
  for (const CLI::Option* option : app->get_options([](const CLI::Option* one) { return one->get_positional(); }))
    usage += option->get_required() ? " " + option->get_name(true) : " [" + option->get_name(true) + "]";
  if (!app->get_subcommands([](const CLI::App*) { return true; }).empty()) usage += " COMMAND";
  return usage + " [OPTIONS]\n";
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
  std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
  for (size_t at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n", at)) text.erase(at, 1);
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

std::string unknown_argument(const CLI::App& app, const std::string& argument) {
  const bool option = argument.size() > 1 && argument[0] == '-';
  const std::string word = argument.substr(0, argument.find('='));
  std::vector<std::string> known;
  if (option) {
    for (const CLI::Option* one : app.get_options()) {
      for (const std::string& name : one->get_lnames()) known.push_back("--" + name);
      for (const std::string& name : one->get_snames()) known.push_back("-" + name);
    }
  } else if (app.get_parent() == nullptr) {
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
      known.push_back(command->get_name());
  }
  const std::string best = nearest(word, known);
  const std::string kind = option ? "option" : app.get_parent() == nullptr ? "command" : "place for the argument";
  return "there is no " + kind + " \"" + word + "\"" + (best.empty() ? "" : "; the nearest is " + best);
}
