// One arena of letters and a hash table of indices: a vocabulary of 200,000 pieces loads in milliseconds.
#include "tokenizer/vocabulary.h"

#include <algorithm>
#include <functional>

#include "base/error.h"

namespace philo {
namespace {
constexpr uint32_t no_index = UINT32_MAX;
}

Vocabulary::Vocabulary(const std::vector<TokenizerFile::Entry>& entries, const std::string& file) {
  Token largest = -1;
  size_t bytes = 0;
  for (const auto& entry : entries) {
    largest = std::max(largest, entry.id);
    bytes += entry.piece.size();
  }
  // Holes are allowed, but a damaged id must not decide how much memory is taken.
  if (largest > 0 && static_cast<size_t>(largest) > 4 * entries.size() + (size_t{1} << 20)) {
    throw input_error(file, "model.vocab: the id " + std::to_string(largest) + " is far beyond its " + std::to_string(entries.size()) +
                                " entries; the file is damaged");
  }
  letters_.reserve(bytes);
  ends_.reserve(entries.size());
  ids_.reserve(entries.size());
  index_of_id_.assign(static_cast<size_t>(largest + 1), no_index);
  size_t slots = 16;
  while (slots < 2 * entries.size()) slots *= 2;
  slots_.assign(slots, no_index);
  for (const auto& entry : entries) {
    const auto index = static_cast<uint32_t>(ends_.size());
    letters_ += entry.piece;
    ends_.push_back(letters_.size());
    ids_.push_back(entry.id);
    uint32_t& by_id = index_of_id_[static_cast<size_t>(entry.id)];
    if (by_id != no_index) {
      throw input_error(file, "model.vocab: the tokens " + shown(at(by_id)) + " and " + shown(entry.piece) + " both have the id " +
                                  std::to_string(entry.id));
    }
    by_id = index;
    size_t slot = std::hash<std::string_view>{}(entry.piece) & (slots - 1);
    for (; slots_[slot] != no_index; slot = (slot + 1) & (slots - 1)) {
      if (at(slots_[slot]) == entry.piece) throw input_error(file, "model.vocab: the token " + shown(entry.piece) + " appears twice");
    }
    slots_[slot] = index;
  }
}

std::optional<Token> Vocabulary::find(std::string_view piece) const {
  const size_t mask = slots_.size() - 1;
  for (size_t slot = std::hash<std::string_view>{}(piece) & mask; slots_[slot] != no_index; slot = (slot + 1) & mask) {
    if (at(slots_[slot]) == piece) return ids_[slots_[slot]];
  }
  return {};
}

std::optional<std::string_view> Vocabulary::piece(Token id) const {
  if (id < 0 || id >= size()) return {};
  const uint32_t index = index_of_id_[static_cast<size_t>(id)];
  if (index == no_index) return {};
  return at(index);
}

}  // namespace philo
