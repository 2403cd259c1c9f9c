// What run and chat share around an answer: Ctrl-C and what is said afterwards.
#pragma once

#include <nlohmann/json.hpp>

#include <philo/philo.hpp>

#include "output.h"

// While it lives, Ctrl-C stops this conversation's answer.
class StopsOnInterrupt {
 public:
  explicit StopsOnInterrupt(philo::Conversation& conversation);
  ~StopsOnInterrupt();
  StopsOnInterrupt(const StopsOnInterrupt&) = delete;
  StopsOnInterrupt& operator=(const StopsOnInterrupt&) = delete;
};

// "31 prompt tokens in 120 ms (258 /s), 100 new tokens at 24.1 /s"
std::string statistics_text(const nlohmann::ordered_json& report);

// Log-probabilities where they were asked for, why the answer ended where that surprises, statistics.
void say_after_answer(Output& output, const nlohmann::ordered_json& report);
