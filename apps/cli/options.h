// The options of a command: the library's own, declared from its table, and the program's.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include <philo/philo.hpp>

#include "output.h"

// One command of the program. `run` gives the exit code.
class Command {
 public:
  Command(CLI::App& program, const std::string& name, const std::string& description, bool reports = true);
  virtual ~Command() = default;
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  CLI::App& app() { return app_; }
  virtual int run(Output& output) = 0;
  void read_output_options(Output& output) const;

 protected:
  // Declares the library's options of a group under a heading, but those in `without`.
  void declare_group(const std::string& group, const std::string& heading,
                     const std::vector<std::string>& without = {});
  void declare_model(bool demo_is_default);
  CLI::Option* declare_place(const std::string& name, const std::string& help);  // a required argument
  CLI::Option* declare(const std::string& names, const std::string& value, const std::string& help);
  CLI::Option* declare_flag(const std::string& names, const std::string& help);
  void teach(const std::string& examples);  // the last thing that a command declares

  philo::Options given(const std::string& group) const;  // checked by the library
  std::string model_path() const;                        // throws where the demo model is wanted and not there
  bool names_model() const { return has(model_); }
  static bool has(const CLI::Option* option) { return option->count() > 0; }
  static std::string text(const CLI::Option* option);  // throws where it is given twice
  std::string note_without_effect(const std::vector<CLI::Option*>& options) const;

 private:
  struct Declared {
    std::string group, name;
    CLI::Option* option;
  };
  CLI::App& app_;
  bool reports_;
  std::vector<Declared> declared_;
  CLI::Option *model_ = nullptr, *json_ = nullptr, *quiet_ = nullptr, *verbose_ = nullptr;
};

// Help with descriptions wrapped to the terminal's width.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

// Why these left-over arguments are wrong, with the nearest option or command.
std::string unknown_argument(const CLI::App& app, const std::string& argument);
