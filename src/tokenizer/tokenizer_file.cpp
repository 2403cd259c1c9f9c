// A streaming reader: a vocabulary of 200,000 entries never becomes a tree of JSON values.
#include "tokenizer/tokenizer_file.h"

#include "base/utf8.h"

namespace philo {
namespace {

constexpr size_t most_bytes = size_t{256} << 20;
constexpr size_t most_depth = 64;

class Handler final : public nlohmann::json_sax<Json> {
 public:
  Handler(const std::string& file, TokenizerFile& out) : file_(file), out_(out) {}

  bool null() override { return value(Json(nullptr)); }
  bool boolean(bool flag) override { return value(Json(flag)); }
  bool number_integer(number_integer_t number) override { return value(Json(number)); }
  bool number_unsigned(number_unsigned_t number) override {
    if (place_ != Place::Vocabulary || number > last_id) return value(Json(number));
    out_.vocabulary.push_back({std::move(key_), static_cast<Token>(number)});
    return true;
  }
  bool number_float(number_float_t number, const string_t&) override { return value(Json(number)); }
  bool binary(binary_t&) override { return true; }
  bool string(string_t& text) override {
    switch (place_) {
      case Place::Merges: add_merge(text); return true;
      case Place::Pair:
        if (pair_.size() == 2) throw wrong_merge("a list of more than two pieces");
        pair_.push_back(std::move(text));
        return true;
      default: return value(Json(std::move(text)));
    }
  }
  bool key(string_t& name) override {
    if (place_ == Place::Vocabulary) {
      key_ = std::move(name);
      return true;
    }
    if (stack_.back()->contains(name)) throw input_error(file_, "JSON key " + shown(name) + " appears twice in one object");
    key_ = std::move(name);
    return true;
  }
  bool start_object(size_t) override {
    if (place_ != Place::Rest) {
      value(Json(Json::object()));  // refused there
    } else if (in_model("vocab")) {
      mark();
      place_ = Place::Vocabulary;
    } else {
      open(Json::object());
    }
    return true;
  }
  bool end_object() override {
    if (place_ == Place::Vocabulary) {
      place_ = Place::Rest;
    } else {
      stack_.pop_back();
    }
    return true;
  }
  bool start_array(size_t) override {
    if (place_ == Place::Merges) {
      place_ = Place::Pair;
      pair_.clear();
    } else if (place_ != Place::Rest) {
      value(Json(Json::array()));  // refused there
    } else if (in_model("merges")) {
      mark();
      place_ = Place::Merges;
    } else {
      open(Json::array());
    }
    return true;
  }
  bool end_array() override {
    if (place_ == Place::Pair) {
      if (pair_.size() != 2) throw wrong_merge("a list of " + std::to_string(pair_.size()) + " pieces");
      out_.merges.emplace_back(std::move(pair_[0]), std::move(pair_[1]));
      place_ = Place::Merges;
    } else if (place_ == Place::Merges) {
      place_ = Place::Rest;
    } else {
      stack_.pop_back();
    }
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    const std::string message = error.what();
    const size_t bracket = message.find("] ");
    throw input_error_at(file_, position == 0 ? 0 : position - 1,
                         "not valid JSON: " + utf8_repaired(bracket == std::string::npos ? message : message.substr(bracket + 2)));
  }

 private:
  enum class Place { Rest, Vocabulary, Merges, Pair };
  static constexpr number_unsigned_t last_id = (1 << 24) - 1;

  bool in_model(const char* name) const {
    return stack_.size() == 2 && stack_[1] == model_ && model_ != nullptr && key_ == name;
  }
  void mark() { (*model_)[key_] = nullptr; }  // so that a second one is seen

  Error wrong_merge(const std::string& found) const {
    return input_error(file_, "model.merges: merge " + std::to_string(out_.merges.size()) +
                                  ": expected two pieces (\"a b\" or [\"a\", \"b\"]), found " + found);
  }

  void add_merge(const std::string& line) {
    if (out_.merges.empty() && line.starts_with("#version")) return;
    const size_t space = line.find(' ');
    if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos) throw wrong_merge(shown(line));
    out_.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }

  // Puts a value where it belongs in `rest`; refuses it inside the vocabulary and the merges.
  bool value(Json found) {
    if (place_ == Place::Vocabulary) {
      throw input_error(file_, "model.vocab: token " + shown(key_) + ": expected an id from 0 to 16777215, found " + shown(found.dump()));
    }
    if (place_ == Place::Merges || place_ == Place::Pair) throw wrong_merge(shown(found.dump()));
    put(std::move(found));
    return true;
  }
  Json* put(Json found) {
    if (stack_.empty()) {
      out_.rest = std::move(found);
      return &out_.rest;
    }
    Json& parent = *stack_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(found));
      return &parent.back();
    }
    Json& slot = parent[key_];
    slot = std::move(found);
    return &slot;
  }
  void open(Json container) {
    if (stack_.size() >= most_depth) throw input_error(file_, "JSON nests deeper than 64 levels");
    const bool model = stack_.size() == 1 && stack_[0]->is_object() && key_ == "model";
    Json* const placed = put(std::move(container));
    if (model) model_ = placed;
    stack_.push_back(placed);
  }

  const std::string& file_;
  TokenizerFile& out_;
  Place place_ = Place::Rest;
  std::string key_;
  std::vector<std::string> pair_;
  std::vector<Json*> stack_;  // open containers; a container does not move while something inside it is open
  Json* model_ = nullptr;
};

}  // namespace

TokenizerFile parse_tokenizer_file(std::string_view text, const std::string& file) {
  if (text.size() > most_bytes) {
    throw input_error(file, "is " + std::to_string(text.size()) + " bytes of JSON, more than the limit of " + std::to_string(most_bytes));
  }
  TokenizerFile out;
  Handler handler(file, out);
  try {
    Json::sax_parse(text.begin(), text.end(), &handler);
  } catch (const Json::exception& error) {
    throw input_error(file, "not valid JSON: " + utf8_repaired(error.what()));
  }
  return out;
}

}  // namespace philo
