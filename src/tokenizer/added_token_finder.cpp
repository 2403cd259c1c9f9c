// A trie over bytes, walked from every place where some token may begin.
#include "tokenizer/added_token_finder.h"

#include <algorithm>

#include "base/utf8.h"
#include "tokenizer/character.h"

namespace philo {
namespace {

// Start of the code point that ends at byte `end`.
size_t before(std::string_view text, size_t end) {
  do {
    --end;
  } while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
  return end;
}

bool word_at(std::string_view text, size_t at) { return is_word(utf8_decode(text.substr(at))); }

size_t skip_space(std::string_view text, size_t at) {
  while (at < text.size() && is_white_space(utf8_decode(text.substr(at)))) at += utf8_length(text.substr(at));
  return at;
}

size_t skip_space_back(std::string_view text, size_t at, size_t floor) {
  while (at > floor) {
    const size_t start = before(text, at);
    if (!is_white_space(utf8_decode(text.substr(start)))) break;
    at = start;
  }
  return std::max(at, floor);
}

}  // namespace

void AddedTokenFinder::add(std::string_view text, const AddedToken& token) {
  if (text.empty()) return;
  uint32_t node = 0;
  for (const char letter : text) {
    const uint64_t edge = uint64_t{node} << 8 | static_cast<unsigned char>(letter);
    const auto [found, fresh] = edges_.try_emplace(edge, static_cast<uint32_t>(nodes_.size()));
    if (fresh) nodes_.emplace_back();
    node = found->second;
  }
  starts_[static_cast<unsigned char>(text[0])] = true;
  nodes_[node].entry = static_cast<int32_t>(entries_.size());
  entries_.push_back({token.id, token.lstrip, token.rstrip, token.single_word});
}

AddedTokenFinder::Found AddedTokenFinder::longest(std::string_view text, size_t begin) const {
  Found best{0, nullptr};
  uint32_t node = 0;
  for (size_t at = begin; at < text.size(); ++at) {
    const auto edge = edges_.find(uint64_t{node} << 8 | static_cast<unsigned char>(text[at]));
    if (edge == edges_.end()) break;
    node = edge->second;
    if (nodes_[node].entry >= 0) best = {at + 1, &entries_[static_cast<size_t>(nodes_[node].entry)]};
  }
  return best;
}

std::vector<AddedTokenFinder::Part> AddedTokenFinder::split(std::string_view text, std::span<const MarkedText::Range> contents) const {
  std::vector<Part> parts;
  size_t done = 0;   // where the next plain text begins
  size_t range = 0;  // the first of `contents` that ends after `at`
  for (size_t at = 0; !empty() && at < text.size();) {
    while (range < contents.size() && (contents[range].end <= at || contents[range].begin == contents[range].end)) ++range;
    if (range < contents.size() && contents[range].begin <= at) {
      at = contents[range].end;
      continue;
    }
    if (!starts_[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    const size_t limit = range < contents.size() ? contents[range].begin : text.size();
    const auto [match_end, entry] = longest(text.substr(0, limit), at);
    if (entry == nullptr) {
      ++at;
      continue;
    }
    size_t begin = at, end = match_end;
    at = match_end;
    if (entry->single_word && ((begin > 0 && word_at(text, before(text, begin))) || (end < text.size() && word_at(text, end)))) continue;
    if (entry->lstrip) begin = done < begin ? skip_space_back(text, begin, done) : done;
    if (entry->rstrip) end = skip_space(text, end);
    if (done < begin) parts.push_back({done, begin, -1});
    parts.push_back({begin, end, entry->id});
    done = end;
  }
  if (done < text.size()) parts.push_back({done, text.size(), -1});
  return parts;
}

}  // namespace philo
