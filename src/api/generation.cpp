#include "api/generation.h"

#include "base/random_seed.h"
#include "base/utf8.h"
#include "bench/shares.h"

namespace philo {

namespace {

SamplingOptions read_sampling(const Options& options, const GenerationDefaults& defaults) {
  SamplingOptions sampling;
  sampling.do_sample = options.boolean("do-sample").value_or(defaults.do_sample.value_or(sampling.do_sample));
  sampling.temperature = options.number("temperature").value_or(defaults.temperature.value_or(sampling.temperature));
  sampling.top_k = options.integer("top-k").value_or(defaults.top_k.value_or(sampling.top_k));
  sampling.top_p = options.number("top-p").value_or(defaults.top_p.value_or(sampling.top_p));
  sampling.min_p = options.number("min-p").value_or(defaults.min_p.value_or(sampling.min_p));
  sampling.repetition_penalty =
      options.number("repetition-penalty").value_or(defaults.repetition_penalty.value_or(sampling.repetition_penalty));
  if (!sampling.do_sample) return sampling;
  const auto seed = options.integer("seed");
  sampling.seed = seed ? static_cast<uint64_t>(*seed) : random_seed();
  return sampling;
}

std::string unused_by_greedy(const Options& options) {
  std::string names;
  int count = 0;
  for (const char* name : {"temperature", "top-k", "top-p", "min-p", "seed"}) {
    if (!options.has(name)) continue;
    names.append(count++ == 0 ? "" : ", ").append(name);
  }
  if (count == 0) return "";
  return names + (count == 1 ? " is" : " are") + " unused without --do-sample";
}

OrderedJson number_or_null(std::optional<double> value) { return value ? OrderedJson(*value) : OrderedJson(nullptr); }

// Bytes of weights, keys and values that decoding reads each second.
double bytes_per_s(const LoadedModel& model, const Traits& traits, const Timings& timings) {
  if (timings.new_tokens < 2) return 0;
  const double tokens = static_cast<double>(timings.prompt_tokens) + static_cast<double>(timings.new_tokens) / 2;
  const double passes_per_token = static_cast<double>(timings.decode_passes) / static_cast<double>(timings.new_tokens - 1);
  return pass_bytes(traits, model.checkpoint.config, model.device_options.kv_format, tokens) *
         timings.decode_tokens_per_s * passes_per_token;
}

double operations_per_s(const Plan& plan, const Timings& timings) {
  if (timings.prefilled_tokens == 0 || timings.prefill_ms <= 0) return 0;
  return prefill_operations(plan, timings.prefilled_tokens) / timings.prefill_ms * 1e3;
}

OrderedJson logprobs_report(const Tokenizer& tokenizer, const std::vector<Choice>& choices) {
  const auto entry = [&](Token token, float logprob) {
    return OrderedJson{{"id", token}, {"text", utf8_repaired(tokenizer.bytes(token))}, {"logprob", logprob}};
  };
  OrderedJson list = OrderedJson::array();
  for (const Choice& choice : choices) {
    OrderedJson position = entry(choice.token, choice.logprob);
    position["top"] = OrderedJson::array();
    for (const TokenLogprob& other : choice.top) position["top"].push_back(entry(other.token, other.logprob));
    list.push_back(std::move(position));
  }
  return list;
}

}  // namespace

OrderedJson timings_report(const LoadedModel& model, const Timings& timings) {
  const Traits traits = model.network->traits();
  const Shares shares =
      shares_of_limits(traits, bytes_per_s(model, traits, timings), operations_per_s(*model.plan, timings));
  return {{"load_ms", model.load_ms},
          {"ttft_ms", timings.ttft_ms},
          {"tpot_ms", timings.tpot_ms},
          {"prompt_tokens", timings.prompt_tokens},
          {"new_tokens", timings.new_tokens},
          {"prefill_tokens_per_s", timings.prefill_tokens_per_s},
          {"decode_tokens_per_s", timings.decode_tokens_per_s},
          {"share_of_bandwidth", number_or_null(shares.bandwidth)},
          {"share_of_int8_peak", number_or_null(shares.int8_peak)},
          {"share_of_fp32_peak", number_or_null(shares.fp32_peak)},
          {"prefill_ms", timings.prefill_ms},
          {"prefilled_tokens", timings.prefilled_tokens},
          {"recomputed_tokens", timings.recomputed_tokens},
          {"decode_passes", timings.decode_passes},
          {"guessed_tokens", timings.guessed_tokens},
          {"agreed_tokens", timings.agreed_tokens}};
}

AnswerRequest read_request(const Options& options, const Checkpoint& checkpoint) {
  AnswerRequest request;
  GenerationOptions& generation = request.generation;
  generation.sampling = read_sampling(options, checkpoint.defaults);
  check(generation.sampling);
  const int64_t most = options.integer("max-new-tokens").value_or(checkpoint.defaults.max_new_tokens.value_or(1024));
  generation.max_new_tokens = static_cast<size_t>(std::max<int64_t>(1, most));
  generation.stop_texts = options.texts("stop");
  generation.top_logprobs = static_cast<size_t>(options.integer("logprobs").value_or(0));
  if (!options.flag("ignore-eos"))
    for (const StopToken& stop : checkpoint.stop_tokens) generation.stop_tokens.push_back(stop.id);
  if (!generation.sampling.do_sample)
    if (std::string note = unused_by_greedy(options); !note.empty()) request.notes.push_back(std::move(note));
  request.speculates = !options.flag("no-speculation");
  return request;
}

OrderedJson answer_report(const LoadedModel& model, const AnswerRequest& request, const Answer& answer,
                          std::span<const Token> prompt) {
  OrderedJson report = {{"text", answer.text}, {"ids", answer.ids}};
  report["prompt_ids"] = std::vector<Token>(prompt.begin(), prompt.end());
  report["finish_reason"] = finish_reason_name(answer.finish_reason);
  report["stop"] = nullptr;
  if (const auto* token = std::get_if<Token>(&answer.stop)) report["stop"] = *token;
  if (const auto* text = std::get_if<std::string>(&answer.stop)) report["stop"] = *text;
  report["device"] = model.device;
  report["weight_format"] = model.weight_format;
  if (request.generation.sampling.do_sample) report["seed"] = request.generation.sampling.seed;
  report["timings"] = timings_report(model, answer.timings);
  report["notes"] = model.notes;
  for (const std::string& note : request.notes) report["notes"].push_back(note);
  for (const std::string& note : answer.notes) report["notes"].push_back(note);
  if (request.generation.top_logprobs > 0)
    report["logprobs"] = logprobs_report(*model.checkpoint.tokenizer, answer.choices);
  return report;
}

}  // namespace philo
