// The parts of a tokenizer.json: the vocabulary and the merges as flat lists, all else as JSON.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/token.h"

namespace philo {

struct TokenizerFile {
  struct Entry {
    std::string piece;
    Token id;
  };
  std::vector<Entry> vocabulary;                             // in the file's order
  std::vector<std::pair<std::string, std::string>> merges;  // best first
  Json rest;                                                 // without model.vocab and model.merges
};

// Ids are below 2^24; nothing is known yet of duplicates. Throws ErrorCode::Input naming `file` and, for damaged JSON, the byte.
TokenizerFile parse_tokenizer_file(std::string_view text, const std::string& file);

}  // namespace philo
