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

// What bounds computing here, as philo::machine reports it with these options: from the user's cache, or measured now.
nlohmann::ordered_json machine_limits(Output& output, philo::Options options);

// Where statistics are shown or reported, puts the shares of what the machine can do into the report of the last
// answer. Measures where nobody did yet; Ctrl-C leaves the shares out.
void complete_shares(Output& output, const philo::Conversation& conversation, uint64_t threads,
                     nlohmann::ordered_json& report);

// "31 prompt tokens in 120 ms (258/s, 40 % of the int8 peak); 100 new tokens, 24.1/s, 60 % of the memory's read
// bandwidth"
std::string statistics_text(const nlohmann::ordered_json& report);

// Log-probabilities where they were asked for, why the answer ended where that surprises, statistics.
void say_after_answer(Output& output, const nlohmann::ordered_json& report);
