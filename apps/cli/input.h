// What the commands read: files, token ids and the demo model's place.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <philo/philo.hpp>

// The whole file; "-" is standard input. Throws CommandError where it can't be read, naming it.
std::string read_file(const std::string& path);

// Numbers separated by commas or white space. `source` names the option or file in messages.
std::vector<philo_token> parse_ids(std::string_view text, const std::string& source);

// share/philo/demo beside the folder of the program. Throws CommandError where no model is there.
std::string demo_model_path();

// Writes under a temporary name and renames; throws CommandError, with PHILO_RESOURCE where the disk is full.
void write_file(const std::string& path, std::string_view text);
