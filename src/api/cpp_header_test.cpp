// philo.hpp: handles, errors and callbacks in C++.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "philo/philo.hpp"

namespace {

const std::string tiny = std::string(PHILO_SOURCE_DIR) + "/tests/data/models/mini-4k";

TEST(CppHeader, AnswersInAConversation) {
  philo::Model model(tiny, {{"weight-format", "fp32"}});
  EXPECT_EQ(nlohmann::json::parse(model.report()).at("kv_format"), "fp32");
  philo::Conversation talk(model);
  talk.set_system("Be brief.");
  talk.add("user", "Hello");
  std::string streamed;
  philo::Callbacks callbacks;
  callbacks.on_text = [&](std::string_view text, philo_token) {
    streamed += text;
    return true;
  };
  const auto report = nlohmann::json::parse(talk.answer({{"max-new-tokens", "5"}}, callbacks));
  EXPECT_EQ(report.at("text"), streamed);
  EXPECT_EQ(talk.tokens().size(), report.at("prompt_ids").size() + report.at("ids").size());
  const philo::Tokenizer tokenizer(model);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("Hello, you")), "Hello, you");
}

TEST(CppHeader, ErrorsAreExceptions) {
  try {
    philo::Model model("/no/such/model");
    FAIL();
  } catch (const philo::Error& error) {
    EXPECT_EQ(error.status(), PHILO_INPUT);
    EXPECT_NE(std::string(error.what()).find("/no/such/model"), std::string::npos);
  }
  EXPECT_THROW(philo::check_options("generate", {{"top-p", "2"}}), philo::Error);
}

TEST(CppHeader, ExceptionsOfCallbacksComeOut) {
  philo::Model model(tiny);
  philo::Conversation talk(model);
  talk.assign({1, 2, 3});
  philo::Callbacks callbacks;
  callbacks.on_text = [](std::string_view, philo_token) -> bool { throw std::runtime_error("mine"); };
  try {
    talk.continue_tokens({{"ignore-eos", "true"}}, callbacks);
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "mine");
  }
  callbacks = {};
  callbacks.on_progress = [](std::string_view, uint64_t, uint64_t) -> bool { throw std::runtime_error("loading"); };
  EXPECT_THROW(philo::Model(tiny, {}, callbacks), std::runtime_error);
}

}  // namespace
