// A heap of mergeable pairs over a linked list of symbols: n log n. Where no merge of the vocabulary spans the border of two
// characters, a long word falls into runs that are merged on their own, with the same result.
#include "tokenizer/bpe.h"

#include <algorithm>
#include <functional>
#include <set>

#include "base/error.h"
#include "base/utf8.h"

namespace philo {
namespace {

constexpr uint64_t no_pair = UINT64_MAX;
constexpr char32_t near_end = 0x3400;
constexpr size_t long_word = 32;  // symbols from which looking for runs pays

uint64_t pair_of(Token left, Token right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}
size_t hash_of(uint64_t pair) { return static_cast<size_t>((pair * 0x9E3779B97F4A7C15u) >> 24); }

std::string byte_piece(int byte) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  return std::string("<0x") + digits[static_cast<size_t>(byte >> 4)] + digits[static_cast<size_t>(byte & 15)] + ">";
}

std::string_view last_character(std::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return text.substr(at);
}

}  // namespace

Bpe::Bpe(const JsonObject& model, const std::vector<std::pair<std::string, std::string>>& merges, const Vocabulary& vocabulary)
    : vocabulary_(vocabulary) {
  read_options(model);
  read_merges(merges, model.file());
  read_characters();
  read_joints(merges);
}

void Bpe::read_options(const JsonObject& model) {
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!model.text(key).value_or("").empty()) throw model.wrong(key, "is not supported; expected null or \"\"");
  }
  if (model.number("dropout").value_or(0) != 0) throw model.wrong("dropout", "is not supported: it would make tokens random; expected null");
  fuse_unknown_ = model.boolean("fuse_unk").value_or(false);
  byte_fallback_ = model.boolean("byte_fallback").value_or(false);
  ignore_merges_ = model.boolean("ignore_merges").value_or(false);
  if (const auto unknown = model.text("unk_token")) {
    unknown_ = vocabulary_.find(*unknown);
    if (!unknown_) throw model.wrong("unk_token", "names " + shown(*unknown) + ", which the vocabulary does not have");
  }
  bytes_.fill(-1);
  if (!byte_fallback_) return;
  for (int byte = 0; byte < 256; ++byte) {
    const auto token = vocabulary_.find(byte_piece(byte));
    if (!token) throw model.wrong("byte_fallback", "is true, but the vocabulary has no token " + shown(byte_piece(byte)));
    bytes_[static_cast<size_t>(byte)] = *token;
  }
}

void Bpe::read_merges(const std::vector<std::pair<std::string, std::string>>& merges, const std::string& file) {
  size_t slots = 16;
  while (slots < 2 * merges.size()) slots *= 2;
  merges_.assign(slots, {no_pair, 0});
  merged_.reserve(merges.size());
  std::string joined;
  for (const auto& [left, right] : merges) {
    joined.assign(left).append(right);
    const auto a = vocabulary_.find(left), b = vocabulary_.find(right), whole = vocabulary_.find(joined);
    if (!a || !b || !whole) {
      throw input_error(file, "model.merges: merge " + std::to_string(merged_.size()) + " (" + shown(left) + ", " + shown(right) +
                                  "): the vocabulary does not have " + shown(!a ? left : !b ? right : joined));
    }
    if (left.empty() || right.empty()) throw input_error(file, "model.merges: merge " + std::to_string(merged_.size()) + " has an empty piece");
    const uint64_t pair = pair_of(*a, *b);
    size_t slot = hash_of(pair) & (slots - 1);
    while (merges_[slot].pair != no_pair && merges_[slot].pair != pair) slot = (slot + 1) & (slots - 1);
    merges_[slot] = {pair, static_cast<uint32_t>(merged_.size())};  // of a repeated merge the last rank counts, as in tokenizers
    merged_.push_back(*whole);
  }
}

void Bpe::read_characters() {
  near_.assign(near_end, -1);
  for (Token id = 0; id < vocabulary_.size(); ++id) {
    const auto piece = vocabulary_.piece(id);
    if (!piece || piece->empty() || utf8_length(*piece) != piece->size()) continue;
    const char32_t code_point = utf8_decode(*piece);
    if (code_point < near_end) {
      near_[code_point] = id;
    } else {
      far_[code_point] = id;
    }
  }
}

// Every merge joins the last character of its left piece with the first of its right one. Where bytes or the unknown token
// take part in merges, that is not the whole truth, and nothing is split.
void Bpe::read_joints(const std::vector<std::pair<std::string, std::string>>& merges) {
  std::set<uint64_t> joints;
  for (const auto& [left, right] : merges) {
    for (const std::string* piece : {&left, &right}) {
      const Token token = *vocabulary_.find(*piece);
      if (unknown_ == token || (byte_fallback_ && std::find(bytes_.begin(), bytes_.end(), token) != bytes_.end())) return;
    }
    const Token a = character(last_character(left)), b = character(std::string_view(right).substr(0, utf8_length(right)));
    if (a >= 0 && b >= 0) joints.insert(pair_of(a, b));
  }
  size_t slots = 16;
  while (slots < 2 * joints.size()) slots *= 2;
  joints_.assign(slots, no_pair);
  for (const uint64_t joint : joints) {
    size_t slot = hash_of(joint) & (slots - 1);
    while (joints_[slot] != no_pair) slot = (slot + 1) & (slots - 1);
    joints_[slot] = joint;
  }
}

bool Bpe::may_join(Token left, Token right) const {
  if (joints_.empty()) return true;
  const uint64_t pair = pair_of(left, right);
  for (size_t slot = hash_of(pair) & (joints_.size() - 1); joints_[slot] != no_pair; slot = (slot + 1) & (joints_.size() - 1)) {
    if (joints_[slot] == pair) return true;
  }
  return false;
}

void Bpe::guard(Token token) { guarded_.insert(token); }

const Bpe::Merge* Bpe::merge_of(Token left, Token right, bool guarded) const {
  const uint64_t pair = pair_of(left, right);
  for (size_t slot = hash_of(pair) & (merges_.size() - 1); merges_[slot].pair != no_pair; slot = (slot + 1) & (merges_.size() - 1)) {
    if (merges_[slot].pair != pair) continue;
    return guarded && guarded_.contains(merged_[merges_[slot].rank]) ? nullptr : &merges_[slot];
  }
  return nullptr;
}

Token Bpe::character(std::string_view letter) const {
  const char32_t code_point = utf8_decode(letter);
  if (code_point < near_end) return near_[code_point];
  const auto found = far_.find(code_point);
  return found == far_.end() ? -1 : found->second;
}

// The vocabulary's characters; others become their bytes, or the unknown token, which neighbours share if the file says so. Without
// either they are lost, as in tokenizers.
void Bpe::add_symbols(std::string_view word, std::vector<Scratch::Symbol>& symbols) const {
  bool after_unknown = false;
  for (size_t at = 0; at < word.size();) {
    const std::string_view letter = word.substr(at, utf8_length(word.substr(at)));
    at += letter.size();
    const Token token = character(letter);
    if (token >= 0) {
      symbols.push_back({token, -1, -1});
      after_unknown = false;
    } else if (byte_fallback_) {
      for (const char byte : letter) symbols.push_back({bytes_[static_cast<unsigned char>(byte)], -1, -1});
    } else if (unknown_) {
      if (!after_unknown || !fuse_unknown_) symbols.push_back({*unknown_, -1, -1});
      after_unknown = true;
    }
  }
}

void Bpe::encode(std::string_view word, bool guarded, Scratch& scratch, std::vector<Token>& out) const {
  if (word.empty()) return;
  if (ignore_merges_) {
    if (const auto whole = vocabulary_.find(word); whole && !(guarded && guarded_.contains(*whole))) {
      out.push_back(*whole);
      return;
    }
  }
  auto& symbols = scratch.symbols;
  symbols.clear();
  add_symbols(word, symbols);
  size_t begin = 0;
  if (symbols.size() >= long_word) {
    for (size_t i = 1; i < symbols.size(); ++i) {
      if (may_join(symbols[i - 1].token, symbols[i].token)) continue;
      merge_run(guarded, scratch, begin, i, out);
      begin = i;
    }
  }
  merge_run(guarded, scratch, begin, symbols.size(), out);
}

void Bpe::merge_run(bool guarded, Scratch& scratch, size_t begin, size_t end, std::vector<Token>& out) const {
  auto& symbols = scratch.symbols;
  auto& queue = scratch.queue;
  constexpr Token gone = -1;
  const auto entry = [](const Merge& merge, size_t at) { return uint64_t{merge.rank} << 32 | at; };
  queue.clear();
  for (size_t i = begin; i < end; ++i) {
    symbols[i].left = i == begin ? -1 : static_cast<int32_t>(i) - 1;
    symbols[i].right = i + 1 == end ? -1 : static_cast<int32_t>(i) + 1;
    if (i + 1 == end) break;
    if (const Merge* merge = merge_of(symbols[i].token, symbols[i + 1].token, guarded)) queue.push_back(entry(*merge, i));
  }
  std::make_heap(queue.begin(), queue.end(), std::greater<>());
  const auto push = [&](int32_t left, int32_t right) {
    if (left < 0 || right < 0) return;
    const Merge* merge = merge_of(symbols[static_cast<size_t>(left)].token, symbols[static_cast<size_t>(right)].token, guarded);
    if (merge == nullptr) return;
    queue.push_back(entry(*merge, static_cast<size_t>(left)));
    std::push_heap(queue.begin(), queue.end(), std::greater<>());
  };
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), std::greater<>());
    const uint64_t best = queue.back();
    queue.pop_back();
    const auto at = static_cast<int32_t>(best & UINT32_MAX);
    auto& left = symbols[static_cast<size_t>(at)];
    if (left.token == gone || left.right < 0) continue;
    auto& right = symbols[static_cast<size_t>(left.right)];
    const Merge* merge = merge_of(left.token, right.token, guarded);
    if (merge == nullptr || merge->rank != best >> 32) continue;  // the pair that was queued is no more
    left.token = merged_[merge->rank];
    right.token = gone;
    left.right = right.right;
    if (left.right >= 0) symbols[static_cast<size_t>(left.right)].left = at;
    push(left.left, at);
    push(at, left.right);
  }
  for (size_t i = begin; i < end; ++i) {
    if (symbols[i].token != gone) out.push_back(symbols[i].token);
  }
}

}  // namespace philo
