// Text to tokens and back, exactly as the tokenizer.json at hand says.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/token.h"

namespace philo {

struct AddedToken {
  Token id;
  std::string text;
  bool special, lstrip, rstrip, single_word, normalized;
};

// Text of which some parts come from people (message contents): in those no added token is recognized, so that nobody can write
// control tokens into a prompt.
struct MarkedText {
  struct Range {
    size_t begin, end;  // bytes
  };
  std::string text;
  std::vector<Range> contents;  // ascending, not overlapping
};

// What tokenizer_config.json adds to tokenizer.json.
struct TokenizerSettings {
  std::optional<bool> add_bos, add_eos;      // override the post-processor
  std::optional<std::string> bos_token, eos_token, unk_token, pad_token;
  std::optional<std::string> chat_template;  // its default template
  std::vector<AddedToken> added_tokens;      // "added_tokens_decoder"; their flags win over those of tokenizer.json
  std::vector<std::string> special_tokens;   // "additional_special_tokens": special where the vocabulary has them
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Encodes as Hugging Face tokenizers does. Invalid UTF-8 throws ErrorCode::Input with the offset.
  // `special`: add what the post-processor (BOS, …) says.
  virtual std::vector<Token> encode(std::string_view text, bool special = true) const = 0;
  virtual std::vector<Token> encode(const MarkedText& text, bool special) const = 0;

  // Decodes as Hugging Face tokenizers does; ids that have no token give nothing.
  virtual std::string decode(std::span<const Token> tokens, bool skip_special = false) const = 0;

  virtual std::string piece(Token token) const = 0;  // the vocabulary's own spelling, "" where there is none
  virtual bool is_special(Token token) const = 0;
  virtual std::optional<Token> find(std::string_view piece) const = 0;  // added tokens and vocabulary
  virtual Token size() const = 0;                                       // one more than the largest id
  virtual std::span<const AddedToken> added_tokens() const = 0;
  virtual const TokenizerSettings& settings() const = 0;
  virtual std::string_view form() const = 0;  // "BPE with byte fallback", "byte-level BPE": for reports

  // Bytes that one token adds to a running text, before UTF-8 is checked: for streaming. Specials give their text.
  virtual std::string bytes(Token token) const = 0;
  virtual bool strips_leading_space() const = 0;  // the decoder removes one space at the start of a text
  virtual std::string first_bytes(Token token) const { return bytes(token); }  // of the first token of a text (Metaspace decoders)
  virtual bool is_byte(Token) const { return false; }  // a byte token of the byte fallback: a run of them is valid as a whole or not at all
};

// Reads tokenizer.json (required) and tokenizer_config.json (optional; nullptr or missing file = none) and also
// special_tokens_map.json and chat_template.jinja / chat_template.json of the folder where they exist.
// Throws ErrorCode::Input for what is damaged, contradictory or of a kind that philo does not have.
std::unique_ptr<Tokenizer> read_tokenizer(const std::string& folder);
std::unique_ptr<Tokenizer> parse_tokenizer(std::string_view tokenizer_json, const std::string& file, TokenizerSettings settings);

// Text from tokens one by one; never gives half a character. The whole text equals Tokenizer::decode of all tokens.
// Held back: the open end of a character (at most 3 bytes), and a run of byte tokens for as long as it is valid UTF-8 and has not
// ended, because a later byte that is not valid turns the whole run into U+FFFD, as in tokenizers.
class TextStream {
 public:
  struct Options {
    bool skip_special = true;
    bool strip_leading_space = true;  // as decode() of the new tokens alone does
  };
  TextStream(const Tokenizer& tokenizer, Options options);
  std::string push(Token token);  // the text that became complete, maybe ""
  std::string finish();           // what was held back; bytes that never became a character give U+FFFD. The stream starts anew.

 private:
  void take_byte(char byte, std::string& out);
  void end_bytes(std::string& out);
  void take_text(std::string& out);

  const Tokenizer& tokenizer_;
  Options options_;
  std::string pending_;
  size_t checked_ = 0;       // bytes of a run in pending_ that are whole characters
  bool at_start_ = true;     // no token was taken yet
  bool space_ahead_ = true;  // no text was given yet
  bool in_bytes_ = false;    // in a run of byte tokens
  bool run_broken_ = false;  // which is not valid UTF-8
};

}  // namespace philo
