// Which tokens end an answer: the union of what every file of a checkpoint says.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace philo {

// One file's "eos_token_id": a number or a list of numbers; null or missing gives none. Throws ErrorCode::Input for anything else.
std::vector<int64_t> eos_token_ids(const JsonObject& config);

struct EosSource {
  std::string source;  // "config.json"
  std::vector<int64_t> ids;
};

// The union of the sources, the tokenizer's end token, and <|end|>, <|im_end|> and <|endoftext|> where the tokenizer has them as
// special added tokens (phi3-spec §8.6): each single file has been wrong in some release. Ids that the model has no row for can't
// be generated; they are left out and noted.
std::vector<StopToken> stop_tokens(std::span<const EosSource> sources, const Tokenizer& tokenizer, int64_t vocabulary,
                                   std::vector<std::string>& notes);

}  // namespace philo
