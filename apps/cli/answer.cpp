#include "answer.h"

#include "terminal.h"

StopsOnInterrupt::StopsOnInterrupt(philo::Conversation& conversation) { stop_on_interrupt(conversation.get()); }
StopsOnInterrupt::~StopsOnInterrupt() { stop_on_interrupt(nullptr); }

std::string statistics_text(const nlohmann::ordered_json& report) {
  const auto& timings = report.at("timings");
  const auto count = [&](const char* key) { return std::to_string(timings.at(key).get<uint64_t>()); };
  const auto number = [&](const char* key, int digits) { return fixed(timings.at(key).get<double>(), digits); };
  std::string text = count("prompt_tokens") + " prompt tokens";
  if (timings.at("prefilled_tokens") != timings.at("prompt_tokens"))
    text += ", " + count("prefilled_tokens") + " of them new,";
  text += " in " + number("prefill_ms", 0) + " ms (" + number("prefill_tokens_per_s", 0) + "/s); " +
          count("new_tokens") + " new tokens";
  if (timings.at("new_tokens").get<uint64_t>() > 1) text += ", " + number("decode_tokens_per_s", 1) + "/s";
  if (timings.at("share_of_bandwidth").is_number())
    text += ", " + fixed(100 * timings.at("share_of_bandwidth").get<double>(), 0) + " % of the memory's read bandwidth";
  if (report.contains("seed")) text += "; seed " + report.at("seed").dump();
  return text;
}

void say_after_answer(Output& output, const nlohmann::ordered_json& report) {
  if (report.contains("logprobs")) {
    for (const auto& position : report.at("logprobs")) {
      std::string line = position.at("id").dump() + " " + position.at("text").dump() + " " +
                         fixed(position.at("logprob").get<double>(), 4) + " :";
      for (const auto& other : position.at("top"))
        line += " " + other.at("text").dump() + " " + fixed(other.at("logprob").get<double>(), 4);
      output.say(line);
    }
  }
  if (report.at("finish_reason") == "context")
    output.note("the answer ends here because the context is full; --context sets a larger one");
  if (output.shows_statistics()) output.say(statistics_text(report));
}
