// The tokenizer of a tokenizer.json: its parts put together.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "base/utf8.h"
#include "tokenizer/added_token_finder.h"
#include "tokenizer/bpe.h"
#include "tokenizer/decoder.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/post_processor.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_file.h"
#include "tokenizer/vocabulary.h"

namespace philo {
namespace {

constexpr size_t most_text_bytes = size_t{512} << 20;  // keeps every index of a word below 2^31
constexpr Token last_id = (1 << 24) - 1;

JsonObject model_of(const Json& rest, const std::string& file) {
  const JsonObject root(rest, file);
  const std::string version = root.text("version").value_or("1.0");
  if (version != "1.0") throw root.wrong("version", "is " + shown(version) + ", expected \"1.0\"");
  const auto model = root.object("model");
  if (!model) throw root.wrong("model", "is missing");
  const std::string type = model->text("type").value_or("BPE");
  if (type != "BPE") throw model->wrong("type", "is " + shown(type) + "; only BPE is supported");
  for (const char* key : {"vocab", "merges"}) {
    if (!model->value().contains(key)) throw model->wrong(key, "is missing");
    if (model->has(key)) throw model->wrong(key, std::string("expected ") + (key[0] == 'v' ? "an object of tokens and ids" : "a list of merges"));
  }
  return *model;
}

class FileTokenizer final : public Tokenizer {
 public:
  FileTokenizer(const TokenizerFile& parts, const std::string& file, TokenizerSettings settings)
      : settings_(std::move(settings)),
        vocabulary_(parts.vocabulary, file),
        bpe_(model_of(parts.rest, file), parts.merges, vocabulary_),
        normalizer_(JsonObject(parts.rest, file).find("normalizer"), file),
        pre_tokenizer_(JsonObject(parts.rest, file).find("pre_tokenizer"), file),
        decoder_(JsonObject(parts.rest, file).find("decoder"), file),
        post_processor_(JsonObject(parts.rest, file).find("post_processor"), file) {
    read_added_tokens(parts.rest, file);
    add_named_tokens();
    fill_finders(file);
    override_post_processor();
    for (const Token id : post_processor_.before()) check_id(id, file);
    for (const Token id : post_processor_.after()) check_id(id, file);
  }

  std::vector<Token> encode(std::string_view text, bool special) const override { return encode_marked(text, {}, special); }
  std::vector<Token> encode(const MarkedText& text, bool special) const override {
    size_t last = 0;
    for (const auto& range : text.contents) {
      if (range.begin < last || range.end < range.begin || range.end > text.text.size()) {
        throw Error(ErrorCode::Failed, "the marks of a text's contents are not in order");
      }
      last = range.end;
    }
    return encode_marked(text.text, text.contents, special);
  }

  std::string decode(std::span<const Token> tokens, bool skip_special) const override {
    TextStream stream(*this, {skip_special, true});
    std::string text;
    for (const Token token : tokens) text += stream.push(token);
    return text += stream.finish();
  }

  std::string piece(Token token) const override { return std::string(spelling(token)); }
  bool is_special(Token token) const override { return special_.contains(token); }
  std::optional<Token> find(std::string_view piece) const override {
    const auto added = added_by_text_.find(std::string(piece));
    if (added != added_by_text_.end()) return added_[added->second].id;
    return vocabulary_.find(piece);
  }
  Token size() const override { return size_; }
  std::span<const AddedToken> added_tokens() const override { return added_; }
  const TokenizerSettings& settings() const override { return settings_; }
  std::string_view form() const override {
    return bpe_.byte_fallback() ? "BPE with byte fallback" : pre_tokenizer_.byte_level() ? "byte-level BPE" : "BPE";
  }
  std::string bytes(Token token) const override { return decoder_.bytes(spelling(token), false); }
  std::string first_bytes(Token token) const override { return decoder_.bytes(spelling(token), true); }
  bool is_byte(Token token) const override { return decoder_.is_byte(spelling(token)); }
  bool strips_leading_space() const override { return decoder_.strips_leading_space(); }

 private:
  std::string_view spelling(Token token) const {
    const auto added = added_by_id_.find(token);
    if (added != added_by_id_.end()) return added_[added->second].text;
    return vocabulary_.piece(token).value_or("");
  }

  // "added_tokens" of tokenizer.json, then those of tokenizer_config.json, whose flags count where both have a token, as in
  // transformers. Both must agree on ids.
  void read_added_tokens(const Json& rest, const std::string& file) {
    const JsonObject root(rest, file);
    if (const Json* list = root.find("added_tokens")) {
      if (!list->is_array()) throw root.wrong("added_tokens", "expected a list");
      for (const Json& element : *list) {
        const JsonObject token(element, file, "added_tokens");
        const auto flag = [&](const char* key) {
          const auto value = token.boolean(key);
          if (!value) throw token.wrong(key, "is missing; expected true or false");
          return *value;
        };
        const auto text = token.text("content");
        if (!text) throw token.wrong("content", "is missing");
        add({static_cast<Token>(token.integer_in("id", 0, last_id)), *text, flag("special"), flag("lstrip"), flag("rstrip"),
             flag("single_word"), flag("normalized")},
            file);
      }
    }
    for (const AddedToken& token : settings_.added_tokens) add(token, file);
  }

  // Tokens that the settings name are special; those that nothing else has get no id.
  void add_named_tokens() {
    std::vector<std::string> names = settings_.special_tokens;
    for (const auto* name : {&settings_.bos_token, &settings_.eos_token, &settings_.unk_token, &settings_.pad_token}) {
      if (*name) names.push_back(**name);
    }
    for (const std::string& name : names) {
      if (name.empty() || name.size() > AddedTokenFinder::most_bytes) continue;
      const auto added = added_by_text_.find(name);
      if (added != added_by_text_.end()) {
        make_special(added->second);
      } else if (const auto id = vocabulary_.find(name)) {
        add({*id, name, true, false, false, false, false}, "");
      }
    }
  }
  void make_special(size_t index) {
    added_[index].special = true;
    special_.insert(added_[index].id);
  }

  void add(const AddedToken& token, const std::string& file) {
    const auto wrong = [&](const std::string& message) {
      return input_error(file, "added token " + shown(token.text) + " with id " + std::to_string(token.id) + ": " + message);
    };
    if (token.text.empty() || token.text.size() > AddedTokenFinder::most_bytes) throw wrong("its text should have 1 to 1024 bytes");
    if (utf8_first_invalid(token.text) != std::string_view::npos) throw wrong("its text is not valid UTF-8");
    const size_t known = vocabulary_.count() + added_.size() + 1;
    if (token.id < 0 || token.id > last_id || static_cast<size_t>(token.id) > 4 * known + (size_t{1} << 20)) {
      throw wrong("the id is far beyond the vocabulary; the file is damaged");
    }
    const auto same_text = added_by_text_.find(token.text);
    if (same_text != added_by_text_.end()) {
      AddedToken& before = added_[same_text->second];
      if (before.id != token.id) throw wrong("it is also listed with the id " + std::to_string(before.id));
      before = token;
    } else {
      const auto in_vocabulary = vocabulary_.find(token.text);
      if (in_vocabulary && *in_vocabulary != token.id) throw wrong("the vocabulary has it with the id " + std::to_string(*in_vocabulary));
      const std::string_view there = spelling(token.id);
      if (!there.empty() && there != token.text) throw wrong("the id belongs to " + shown(there));
      added_by_text_.emplace(token.text, added_.size());
      added_by_id_.emplace(token.id, added_.size());
      added_.push_back(token);
    }
    if (token.special) special_.insert(token.id);  // stays special, whatever a later list says, as in tokenizers
  }

  void fill_finders(const std::string& file) {
    std::vector<MarkedText::Range> none;
    size_ = vocabulary_.size();
    for (const AddedToken& token : added_) {
      size_ = std::max(size_, token.id + 1);
      bpe_.guard(token.id);
      if (!token.normalized) {
        finder_.add(token.text, token);
        continue;
      }
      std::string text = token.text;
      normalizer_.apply(text, none);
      if (text.size() > 4 * AddedTokenFinder::most_bytes) throw input_error(file, "added token " + shown(token.text) + " is too long once normalized");
      normalized_finder_.add(text, token);
    }
  }

  // add_bos_token and add_eos_token replace the post-processor: where one is given, the other counts as false.
  void override_post_processor() {
    if (!settings_.add_bos && !settings_.add_eos) return;
    const auto id_of = [&](bool wanted, const std::optional<std::string>& name, const char* what) -> std::vector<Token> {
      if (!wanted || !name) return {};
      const auto id = find(*name);
      if (!id) {
        throw Error(ErrorCode::Input, std::string("tokenizer_config.json: ") + what + " is true, but the vocabulary has no token " + shown(*name));
      }
      return {*id};
    };
    post_processor_ = PostProcessor(id_of(settings_.add_bos.value_or(false), settings_.bos_token, "add_bos_token"),
                                    id_of(settings_.add_eos.value_or(false), settings_.eos_token, "add_eos_token"));
  }

  void check_id(Token id, const std::string& file) const {
    if (spelling(id).empty()) throw input_error(file, "post_processor: adds the id " + std::to_string(id) + ", which has no token");
  }

  std::vector<Token> encode_marked(std::string_view text, std::span<const MarkedText::Range> contents, bool special) const {
    const size_t invalid = utf8_first_invalid(text);
    if (invalid != std::string_view::npos) throw input_error_at("text", invalid, "not valid UTF-8");
    if (text.size() > most_text_bytes) {
      throw Error(ErrorCode::Input, "the text has " + std::to_string(text.size()) + " bytes; at most 512 MiB can be encoded at once");
    }
    std::vector<Token> out;
    if (special) out = post_processor_.before();
    Bpe::Scratch scratch;
    PreTokenizer::Words words;
    std::vector<MarkedText::Range> ranges;
    for (const auto& part : finder_.split(text, contents)) {
      if (part.token >= 0) {
        out.push_back(part.token);
        continue;
      }
      std::string segment(text.substr(part.begin, part.end - part.begin));
      ranges.clear();
      auto range = std::lower_bound(contents.begin(), contents.end(), part.begin,
                                    [](const MarkedText::Range& a, size_t begin) { return a.end <= begin; });
      for (; range != contents.end() && range->begin < part.end; ++range) {
        ranges.push_back({std::max(range->begin, part.begin) - part.begin, std::min(range->end, part.end) - part.begin});
      }
      normalizer_.apply(segment, ranges);
      for (const auto& piece : normalized_finder_.split(segment, ranges)) {
        if (piece.token >= 0) {
          out.push_back(piece.token);
          continue;
        }
        const std::string_view plain = std::string_view(segment).substr(piece.begin, piece.end - piece.begin);
        pre_tokenizer_.apply(plain, part.begin == 0 && piece.begin == 0, words);
        size_t begin = 0;
        for (const size_t end : words.ends) {
          bpe_.encode(std::string_view(words.text).substr(begin, end - begin), !ranges.empty(), scratch, out);
          begin = end;
        }
      }
    }
    if (special) out.insert(out.end(), post_processor_.after().begin(), post_processor_.after().end());
    return out;
  }

  TokenizerSettings settings_;
  Vocabulary vocabulary_;
  Bpe bpe_;
  Normalizer normalizer_;
  PreTokenizer pre_tokenizer_;
  Decoder decoder_;
  PostProcessor post_processor_;
  AddedTokenFinder finder_, normalized_finder_;
  std::vector<AddedToken> added_;
  std::unordered_map<std::string, size_t> added_by_text_;
  std::unordered_map<Token, size_t> added_by_id_;
  std::set<Token> special_;
  Token size_ = 0;
};

}  // namespace

std::unique_ptr<Tokenizer> parse_tokenizer(std::string_view tokenizer_json, const std::string& file, TokenizerSettings settings) {
  const TokenizerFile parts = parse_tokenizer_file(tokenizer_json, file);
  return std::make_unique<FileTokenizer>(parts, file, std::move(settings));
}

}  // namespace philo
