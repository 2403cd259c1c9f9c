// What a parser may do with bad input: throw an Error that blames the input, and nothing else.
#pragma once

#include <cstdlib>

#include "base/error.h"

namespace philo::fuzz {

template <class Act>
void allow_input_errors(Act act) {
  try {
    act();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::Input || error.message().empty()) std::abort();
  }
}

}  // namespace philo::fuzz
