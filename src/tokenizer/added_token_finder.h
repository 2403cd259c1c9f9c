// Finds added tokens in a text: leftmost first, the longest at each place, in one pass.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace philo {

class AddedTokenFinder {
 public:
  static constexpr size_t most_bytes = 1024;  // of one token's text: bounds the work at each place

  // `text`: what is looked for; `token`: whose flags apply.
  void add(std::string_view text, const AddedToken& token);
  bool empty() const { return nodes_.size() == 1; }

  struct Part {
    size_t begin, end;  // bytes
    Token token;        // -1: plain text
  };
  // The text in parts. Where a token takes white space away, parts may overlap or leave bytes out, as in tokenizers. A token lies
  // outside `contents`; the white space that it takes may not.
  std::vector<Part> split(std::string_view text, std::span<const MarkedText::Range> contents) const;

 private:
  struct Node {
    int32_t entry = -1;  // index of the token that ends here
  };
  struct Entry {
    Token id;
    bool lstrip, rstrip, single_word;
  };
  struct Found {
    size_t end;
    const Entry* entry;  // nullptr: nothing
  };
  Found longest(std::string_view text, size_t begin) const;

  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::unordered_map<uint64_t, uint32_t> edges_;  // node and byte to node
  std::array<bool, 256> starts_{};                // bytes that some token begins with
  std::vector<Entry> entries_;
};

}  // namespace philo
