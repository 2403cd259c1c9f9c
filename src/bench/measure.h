// Measures one loaded network: how long the first token takes, how long each next one, alone or with others.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/log.h"
#include "device/device.h"
#include "generate/drafter.h"

namespace philo {

struct BenchCase {
  size_t sessions = 1;       // conversations that are computed together
  size_t prompt_tokens = 1;  // of each, computed while the clock runs
  size_t depth = 0;          // tokens that each session holds before
  size_t new_tokens = 32;
  size_t repetitions = 3;  // after one that warms up and does not count
  size_t context = 0;      // of each session; 0: as many tokens as it comes to hold
  // Depth, prompt and continuation are taken from here, without what the model itself would have chosen; empty: depth
  // and prompt are random, the same ones on every machine.
  std::span<const Token> replay = {};
  std::function<std::unique_ptr<Drafter>()> drafter = {};  // makes one for each session; empty: no speculation
  std::string title = {};                                  // what progress is reported as
  Progress progress = {};
};

// Medians of the repetitions. The clock starts when all prompts are there at once.
struct Measurement {
  double ttft_ms = 0;             // until the last session's first token is chosen
  std::optional<double> tpot_ms;  // (until the last token of all - ttft) / (new_tokens - 1); none for one new token
  std::optional<double>
      spread;  // (longest - shortest) / median of tpot_ms, or of ttft_ms without it; none for one repetition
  double prefill_tokens_per_s = 0;            // of all sessions together
  std::optional<double> decode_tokens_per_s;  // likewise
  double passes_per_s = 0;                    // forward passes after the first token; 0 for one new token
  double tokens_per_pass = 0;                 // of one session while it decodes; more than 1 where guesses agreed
};

// Sessions are opened and filled to the depth once; each repetition rewinds them to it and computes other prompts, so
// no repetition finds its prompt in a cache. The whole sequence's LongRoPE factors hold from its start. Throws
// ErrorCode::Usage where the case does not fit the network, ErrorCode::Stopped where `progress` asks for it.
Measurement measure(const Network& network, const Plan& plan, const BenchCase& wanted);

}  // namespace philo
