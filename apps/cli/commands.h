// The commands of the program.
#pragma once

#include <memory>
#include <vector>

#include "options.h"

std::unique_ptr<Command> make_run(CLI::App& program);
std::unique_ptr<Command> make_chat(CLI::App& program);
std::unique_ptr<Command> make_convert(CLI::App& program);
std::unique_ptr<Command> make_score(CLI::App& program);
std::unique_ptr<Command> make_tokenize(CLI::App& program);
std::unique_ptr<Command> make_inspect(CLI::App& program);
std::unique_ptr<Command> make_devices(CLI::App& program);
std::unique_ptr<Command> make_selftest(CLI::App& program);
std::unique_ptr<Command> make_bench(CLI::App& program);
std::unique_ptr<Command> make_completion(CLI::App& program);
