// Is this model computed right on this machine: the device's numbers on the model's own weights against the formulas in double
// precision, its tokenizer and template, and how well it predicts plain English.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "device/device.h"
#include "tokenizer/tokenizer.h"

namespace philo {

struct SelfTestCheck {
  std::string name;    // "Linear qkv", "tokenizer round trip", "perplexity"
  std::string what;    // what was compared, and what `worst` and `allowed` measure
  size_t cells = 0;    // numbers, texts or tokens that were compared
  double worst = 0;
  double least = 0;    // of the range that is right
  double allowed = 0;
  bool passed = false;
};

struct SelfTestInput {
  Network* network;            // its observer is used where Traits::steps says that there is one
  Network* reference;          // otherwise the same plan on the cpu device; may be nullptr where it is not needed
  const Plan* plan;
  DeviceOptions options;       // that the network was compiled with
  const Tokenizer* tokenizer;
  // Messages through the model's template to tokens; empty where it has none.
  std::function<std::vector<Token>(const OrderedJson& messages, bool add_generation_prompt)> encode_chat;
  Progress progress;           // may be empty
};

// Throws ErrorCode::Stopped where `progress` says so.
std::vector<SelfTestCheck> self_test(const SelfTestInput& input);

}  // namespace philo
