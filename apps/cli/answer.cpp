#include "answer.h"

#include "terminal.h"

StopsOnInterrupt::StopsOnInterrupt(philo::Conversation& conversation) { stop_on_interrupt(conversation.get()); }
StopsOnInterrupt::~StopsOnInterrupt() { stop_on_interrupt(nullptr); }

nlohmann::ordered_json machine_limits(Output& output, philo::Options options) {
  if (const std::string folder = cache_folder(); !folder.empty()) options.set("cache-folder", folder);
  const std::string report = philo::machine(options, output.callbacks());
  output.end_progress();
  return nlohmann::ordered_json::parse(report);
}

void complete_shares(Output& output, const philo::Conversation& conversation, uint64_t threads,
                     nlohmann::ordered_json& report) {
  const auto& timings = report.at("timings");
  const bool complete = timings.at("share_of_bandwidth").is_number() &&
                        (timings.at("share_of_int8_peak").is_number() || timings.at("share_of_fp32_peak").is_number());
  if (complete || threads == 0) return;
  try {
    machine_limits(output, {{"threads", std::to_string(threads)}});
  } catch (const philo::Error& problem) {
    output.end_progress();
    if (problem.status() != PHILO_STOPPED) output.note(problem.what());
    return;
  }
  report["timings"] = nlohmann::ordered_json::parse(conversation.report()).at("timings");
}

std::string statistics_text(const nlohmann::ordered_json& report) {
  const auto& timings = report.at("timings");
  const auto count = [&](const char* key) { return std::to_string(timings.at(key).get<uint64_t>()); };
  const auto number = [&](const char* key, int digits) { return fixed(timings.at(key).get<double>(), digits); };
  std::string text = count("prompt_tokens") + " prompt tokens";
  if (timings.at("prefilled_tokens") != timings.at("prompt_tokens"))
    text += ", " + count("prefilled_tokens") + " of them new,";
  const auto share = [&](const char* key, const char* whole) {
    return timings.at(key).is_number() ? ", " + fixed(100 * timings.at(key).get<double>(), 0) + " % of " + whole : "";
  };
  text += " in " + number("prefill_ms", 0) + " ms (" + number("prefill_tokens_per_s", 0) + "/s" +
          share("share_of_int8_peak", "the int8 peak") + share("share_of_fp32_peak", "the fp32 peak") + "); " +
          count("new_tokens") + " new tokens";
  if (timings.at("new_tokens").get<uint64_t>() > 1) text += ", " + number("decode_tokens_per_s", 1) + "/s";
  text += share("share_of_bandwidth", "the memory's read bandwidth");
  if (timings.at("guessed_tokens").get<uint64_t>() > 0)
    text += "; " + count("agreed_tokens") + " of " + count("guessed_tokens") + " guesses right";
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
