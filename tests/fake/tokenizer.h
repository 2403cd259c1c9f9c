// A tokenizer whose pieces are what a test says: token i has the bytes pieces[i].
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "tokenizer/tokenizer.h"

namespace philo::fake {

class Tokenizer : public philo::Tokenizer {
 public:
  explicit Tokenizer(std::vector<std::string> pieces, std::vector<Token> special = {}, bool strips = false)
      : pieces_(std::move(pieces)), strips_(strips) {
    for (const Token token : special)
      added_.push_back({token, pieces_[static_cast<size_t>(token)], true, false, false, false, false});
  }

  // The longest piece first.
  std::vector<Token> encode(std::string_view text, bool) const override {
    std::vector<Token> tokens;
    while (!text.empty()) {
      size_t best = pieces_.size();
      for (size_t i = 0; i < pieces_.size(); ++i) {
        if (pieces_[i].empty() || !text.starts_with(pieces_[i])) continue;
        if (best == pieces_.size() || pieces_[i].size() > pieces_[best].size()) best = i;
      }
      if (best == pieces_.size()) throw std::invalid_argument("no piece begins " + std::string(text));
      tokens.push_back(static_cast<Token>(best));
      text.remove_prefix(pieces_[best].size());
    }
    return tokens;
  }
  std::vector<Token> encode(const MarkedText& text, bool special) const override { return encode(text.text, special); }

  std::string decode(std::span<const Token> tokens, bool skip_special) const override {
    std::string text;
    for (const Token token : tokens) {
      if (!skip_special || !is_special(token)) text += bytes(token);
    }
    text = utf8_repaired(text);
    return strips_ && text.starts_with(' ') ? text.substr(1) : text;
  }
  std::string piece(Token token) const override { return bytes(token); }
  bool is_special(Token token) const override {
    for (const AddedToken& added : added_) {
      if (added.id == token) return true;
    }
    return false;
  }
  std::optional<Token> find(std::string_view piece) const override {
    for (size_t i = 0; i < pieces_.size(); ++i) {
      if (pieces_[i] == piece) return static_cast<Token>(i);
    }
    return std::nullopt;
  }
  Token size() const override { return static_cast<Token>(pieces_.size()); }
  std::span<const AddedToken> added_tokens() const override { return added_; }
  const TokenizerSettings& settings() const override { return settings_; }
  std::string_view form() const override { return "fake"; }
  std::string bytes(Token token) const override {
    return token >= 0 && static_cast<size_t>(token) < pieces_.size() ? pieces_[static_cast<size_t>(token)] : "";
  }
  bool strips_leading_space() const override { return strips_; }

 private:
  std::vector<std::string> pieces_;
  std::vector<AddedToken> added_;
  TokenizerSettings settings_;
  bool strips_;
};

}  // namespace philo::fake
