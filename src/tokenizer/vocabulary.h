// Pieces and their ids, both ways.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/token.h"
#include "tokenizer/tokenizer_file.h"

namespace philo {

class Vocabulary {
 public:
  // Throws ErrorCode::Input for duplicate pieces or ids and for ids far beyond the number of entries.
  Vocabulary(const std::vector<TokenizerFile::Entry>& entries, const std::string& file);

  std::optional<Token> find(std::string_view piece) const;
  std::optional<std::string_view> piece(Token id) const;
  Token size() const { return static_cast<Token>(index_of_id_.size()); }  // one more than the largest id
  size_t count() const { return ends_.size(); }

 private:
  std::string_view at(size_t index) const {
    const size_t begin = index == 0 ? 0 : ends_[index - 1];
    return std::string_view(letters_).substr(begin, ends_[index] - begin);
  }
  std::string letters_;                // all pieces, one after the other
  std::vector<size_t> ends_;           // by index: the order of the file
  std::vector<Token> ids_;             // by index
  std::vector<uint32_t> index_of_id_;  // no_index where an id has no piece
  std::vector<uint32_t> slots_;        // open addressing by the piece's hash
};

}  // namespace philo
