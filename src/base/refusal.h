// For tests: the Error that refuses something, and what it says.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/error.h"

namespace philo {

// The Error that `act` throws. The test fails where it throws none, or one without a message.
template <class Act>
Error thrown(Act&& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_FALSE(error.message().empty());
    return error;
  }
  ADD_FAILURE() << "nothing was refused";
  return {ErrorCode::Failed, ""};
}

// The message of the Error that `act` throws; its code must be `code`.
template <class Act>
std::string refusal(Act&& act, ErrorCode code = ErrorCode::Input) {
  const Error error = thrown(act);
  EXPECT_EQ(error.code(), code) << error.message();
  return error.message();
}

inline testing::AssertionResult says(std::string_view text, std::string_view part) {
  if (text.find(part) != std::string_view::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "no \"" << part << "\" in: " << text;
}

}  // namespace philo
