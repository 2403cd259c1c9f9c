// The command line: parses, runs one command and turns errors into exit codes.
#include <algorithm>
#include <new>

#include "commands.h"
#include "input.h"
#include "terminal.h"

namespace {

constexpr const char* program_footer = R"(Examples:
  philo run -p "Tell me a story."              one answer of the demo model
  philo run models/Phi-3-mini-4k-instruct -p "What is a llama?"
  philo chat models/Phi-3-mini-4k-instruct     a conversation; /help says what it knows
  philo inspect models/Phi-3-mini-4k-instruct  what is in a model and what memory it takes
  philo convert models/Phi-3-mini-4k-instruct models/phi-3-int4   a copy with weights in 4 bits
  philo bench models/phi-3-int4                how fast this machine runs it, beside what it could

PHILO_ONNXRUNTIME names the folder of ONNX Runtime, for the devices onnxruntime:...

philo COMMAND --help explains each command. Exit codes: 0 done, 1 failed, 2 wrong command line, 3 the input can't be used,
4 the device can't be used, 5 not enough memory or disk, 130 stopped by Ctrl-C.)";

int run_program(CLI::App& program, const std::vector<std::unique_ptr<Command>>& commands,
                std::vector<std::string> arguments, Output& output) {
  if (arguments.empty()) {
    output.say(program.help());
    return PHILO_USAGE;
  }
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    program.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    output.data(program.help());
    return 0;
  } catch (const CLI::CallForVersion&) {
    output.data("philo " + philo::version() + "\n");
    return 0;
  } catch (const CLI::ParseError& problem) {
    const auto chosen = program.get_subcommands();
    const CLI::App& app = chosen.empty() ? program : *chosen.front();
    const auto extras = app.remaining();
    const std::string name = chosen.empty() ? "philo" : "philo " + app.get_name();
    throw usage_error((extras.empty() ? std::string(problem.what()) : unknown_argument(app, extras.front())) +
                      "; see " + name + " --help");
  }
  const auto chosen = program.get_subcommands();
  const CLI::App& app = chosen.empty() ? program : *chosen.front();
  if (const auto extras = app.remaining(); !extras.empty()) {
    const std::string name = chosen.empty() ? "philo" : "philo " + app.get_name();
    throw usage_error(unknown_argument(app, extras.front()) + "; see " + name + " --help");
  }
  for (const auto& command : commands) {
    if (!command->app().parsed()) continue;
    command->read_output_options(output);
    catch_interrupts();
    return command->run(output);
  }
  throw usage_error("no command is given; see philo --help");
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments = start_program(argc, argv);
  Output output;
  try {
    // Before any library of a vendor is loaded: nothing is sent from here.
    set_variable("ORT_DISABLE_TELEMETRY", "1");
    if (const std::string place = variable("PHILO_ONNXRUNTIME"); !place.empty()) philo::set_onnxruntime(place);
    CLI::App program("philo runs Phi-3-class language models on this machine.", "philo");
    program.formatter(std::make_shared<HelpFormatter>());
    program.allow_windows_style_options(false);
    program.set_help_flag("-h,--help", "print this help");
    program.set_version_flag("-V,--version", "philo " + philo::version(), "print the version");
    program.allow_extras();
    program.footer(program_footer);
    std::vector<std::unique_ptr<Command>> commands;
    for (const auto make : {make_run, make_chat, make_convert, make_score, make_tokenize, make_inspect, make_devices,
                            make_selftest, make_bench, make_completion})
      commands.push_back(make(program));
    return run_program(program, commands, std::move(arguments), output);
  } catch (const CommandError& error) {
    output.end_progress();
    if (error.what()[0] != '\0') output.error(error.what());
    return error.exit_code();
  } catch (const philo::Error& error) {
    output.end_progress();
    if (error.status() != PHILO_STOPPED) output.error(error.what());
    return error.status();
  } catch (const std::bad_alloc&) {
    output.error("out of memory");
    return PHILO_RESOURCE;
  } catch (const std::exception& error) {
    output.error(error.what());
    return PHILO_FAILED;
  }
}
