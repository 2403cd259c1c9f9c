// Byte-pair encoding of one word: neighbours merge, best rank first, leftmost first among equals.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/json.h"
#include "tokenizer/vocabulary.h"

namespace philo {

class Bpe {
 public:
  // `model`: the object "model" of a tokenizer.json, without vocabulary and merges. `vocabulary` must outlive the object.
  Bpe(const JsonObject& model, const std::vector<std::pair<std::string, std::string>>& merges, const Vocabulary& vocabulary);

  // Buffers that calls share.
  struct Scratch {
    struct Symbol {
      Token token;         // gone: merged into its left neighbour
      int32_t left, right;  // neighbours by index; -1 at the ends
    };
    std::vector<Symbol> symbols;
    std::vector<uint64_t> queue;  // rank in the upper half, index of the left symbol in the lower
  };

  // Merges that make `token` are left out of guarded words: a vocabulary may spell a control token from ordinary pieces.
  void guard(Token token);

  // Appends the tokens of `word`, which is valid UTF-8 of less than 2^31 bytes.
  void encode(std::string_view word, bool guarded, Scratch& scratch, std::vector<Token>& out) const;
  bool byte_fallback() const { return byte_fallback_; }

 private:
  struct Merge {
    uint64_t pair;  // left token in the upper half, right token in the lower; no_pair in a free slot
    uint32_t rank;
  };
  const Merge* merge_of(Token left, Token right, bool guarded) const;
  void read_options(const JsonObject& model);
  void read_merges(const std::vector<std::pair<std::string, std::string>>& merges, const std::string& file);
  void read_characters();
  void read_joints(const std::vector<std::pair<std::string, std::string>>& merges);
  bool may_join(Token left, Token right) const;
  void add_symbols(std::string_view word, std::vector<Scratch::Symbol>& symbols) const;
  void merge_run(bool guarded, Scratch& scratch, size_t begin, size_t end, std::vector<Token>& out) const;
  Token character(std::string_view letter) const;  // -1 where the vocabulary has no such piece

  const Vocabulary& vocabulary_;
  std::vector<Merge> merges_;          // open addressing
  std::vector<Token> merged_;          // by rank
  std::vector<uint64_t> joints_;       // open addressing: characters that meet inside some merge; empty: not known
  std::unordered_set<Token> guarded_;
  std::vector<Token> near_;            // by code point below 0x3400
  std::unordered_map<char32_t, Token> far_;
  std::array<Token, 256> bytes_{};
  std::optional<Token> unknown_;
  bool fuse_unknown_ = false, byte_fallback_ = false, ignore_merges_ = false;
};

}  // namespace philo
