// Runs the philo program as people and scripts do: with arguments, input, signals and closed or full outputs.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

struct Outcome {
  int exit_code = -1;  // -signal where a signal ended it
  std::string out, error;
};

struct Start {
  std::vector<std::string> arguments;
  std::string input;     // standard input
  std::string out_path;  // where standard output goes instead, "-" to close it
  std::string program;   // "": philo
  std::map<std::string, std::string> environment;
  std::string interrupt_after;  // SIGINT once standard output holds this
  bool close_output_after_first_byte = false;
  bool terminal = false;  // standard streams are one pseudo-terminal; `out` holds all that it shows
  std::vector<std::pair<std::string, std::string>>
      typed;  // with a terminal: once it shows the first, the second is typed
};

Outcome run_process(const Start& start);
Outcome philo(std::vector<std::string> arguments, std::string input = "");

testing::AssertionResult says(const std::string& text, const std::string& part);
