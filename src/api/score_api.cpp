// The scoring part of the C interface.
#include <cmath>
#include <cstring>

#include "api/handles.h"
#include "api/options.h"
#include "base/utf8.h"
#include "format/safetensors.h"
#include "score/score.h"

namespace philo {

namespace {

bool is_space(char32_t c) {  // the characters that Python's str.split() takes as white space
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

size_t count_words(std::string_view text) {  // valid UTF-8
  size_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size(); at += utf8_length(text.substr(at))) {
    const bool space = is_space(utf8_decode(text.substr(at)));
    words += !space && !inside;
    inside = !space;
  }
  return words;
}

OrderedJson score_tokens(LoadedModel& model, std::span<const Token> tokens, const Options& options,
                         const Callbacks& callbacks, std::optional<size_t> words) {
  const size_t limit = model.network->traits().context;
  const auto vocabulary = static_cast<size_t>(model.checkpoint.config.vocabulary);
  ScoreOptions settings;
  settings.context = static_cast<size_t>(options.integer("context").value_or(0));
  settings.stride = static_cast<size_t>(options.integer("stride").value_or(0));
  settings.progress = callbacks.progress();
  const size_t context = settings.context != 0 ? settings.context : limit;
  const auto logits_path = options.text("logits");
  std::vector<float> logits;  // (tokens, vocabulary)
  if (logits_path && tokens.size() > context)
    throw Error(ErrorCode::Input, "--logits is for texts within the context: there are " +
                                      std::to_string(tokens.size()) + " tokens and the context holds " +
                                      std::to_string(context));
  if (logits_path) {
    logits.reserve(tokens.size() * vocabulary);
    settings.on_logits = [&](size_t, std::span<const float> row) {
      logits.insert(logits.end(), row.begin(), row.end());
    };
  }
  const std::lock_guard lock(model.computing);
  const Score result = score(*model.network, model.checkpoint.config, tokens, settings);
  if (logits_path) {
    Tensor tensor;
    tensor.name = "logits";
    tensor.dtype = DType::F32;
    tensor.shape = {static_cast<int64_t>(tokens.size()), static_cast<int64_t>(vocabulary)};
    tensor.bytes = std::as_bytes(std::span(logits));
    write_safetensors(*logits_path, std::span(&tensor, 1));
  }
  OrderedJson report = {{"tokens", result.tokens},
                        {"scored_tokens", result.scored_tokens},
                        {"mean_negative_log_likelihood", result.mean_negative_log_likelihood},
                        {"perplexity", result.perplexity}};
  const double total = result.mean_negative_log_likelihood * static_cast<double>(result.scored_tokens);
  report["word_perplexity"] =
      words && *words > 0 ? OrderedJson(std::exp(total / static_cast<double>(*words))) : OrderedJson(nullptr);
  return report;
}

}  // namespace

}  // namespace philo

using philo::guarded;
using philo::required;

philo_status philo_score_tokens(philo_model* model, const philo_token* tokens, size_t token_count,
                                const philo_option* options, size_t option_count, const philo_callbacks* callbacks,
                                char** json, philo_error** error) {
  return guarded(error, [&] {
    philo::LoadedModel& loaded = *required(model, "model").loaded;
    const philo::Callbacks sinks(callbacks);
    const philo::Options parsed(philo::OptionGroup::Score, philo::option_span(options, option_count));
    philo::give_text(json, philo::score_tokens(loaded, philo::token_span(tokens, token_count), parsed, sinks, {}));
  });
}

philo_status philo_score_text(philo_model* model, const char* text, size_t bytes, const philo_option* options,
                              size_t option_count, const philo_callbacks* callbacks, char** json, philo_error** error) {
  return guarded(error, [&] {
    philo::LoadedModel& loaded = *required(model, "model").loaded;
    if (bytes != 0) required(text, "text");
    const std::string_view view = bytes != 0 ? std::string_view(text, bytes) : std::string_view();
    const philo::Callbacks sinks(callbacks);
    const philo::Options parsed(philo::OptionGroup::Score, philo::option_span(options, option_count));
    const std::vector<philo::Token> tokens =
        loaded.checkpoint.tokenizer->encode(view, true);  // refuses what is not UTF-8
    philo::give_text(json, philo::score_tokens(loaded, tokens, parsed, sinks, philo::count_words(view)));
  });
}
