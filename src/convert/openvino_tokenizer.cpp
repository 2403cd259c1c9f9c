// The graphs are those of openvino-tokenizers' convert_tokenizer, without its truncation, which cuts texts at the model's limit.
#include "convert/openvino_tokenizer.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "base/json.h"
#include "emit/ir_graph.h"
#include "tokenizer/tokenizer_file.h"

namespace philo {
namespace {

constexpr const char* space_mark = "\xE2\x96\x81";  // U+2581
// What char::is_whitespace holds: \s of the extension's patterns knows fewer.
constexpr const char* white_space =
    "[\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}]*";

const Json& form_of_normalizer() {
  static const Json form = Json::parse(R"({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
      {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]})");
  return form;
}

const Json& form_of_decoder() {
  static const Json form = Json::parse(R"({"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
      {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})");
  return form;
}

Json part(const Json& json, const char* key) { return json.contains(key) ? json.at(key) : Json(); }

// Empty where the extension can do the same.
std::string unlike_phi3(const Json& json, const Tokenizer& tokenizer) {
  const Json model = part(json, "model");
  if (tokenizer.form() != "BPE with byte fallback") return "it is a " + std::string(tokenizer.form());
  if (part(json, "normalizer") != form_of_normalizer() || !part(json, "pre_tokenizer").is_null() || part(json, "decoder") != form_of_decoder()) {
    return "its normalizer, pre-tokenizer or decoder is not Phi-3's";
  }
  if (part(model, "fuse_unk") != Json(true) || part(model, "ignore_merges") == Json(true) || !part(model, "unk_token").is_string()) {
    return "its model differs from Phi-3's in \"fuse_unk\", \"ignore_merges\" or \"unk_token\"";
  }
  for (const AddedToken& token : tokenizer.added_tokens()) {
    if (token.lstrip || token.single_word || token.normalized) return "its added token " + shown(token.text) + " is not matched literally";
    for (const AddedToken& other : tokenizer.added_tokens()) {
      if (other.rstrip != token.rstrip && other.text.starts_with(token.text)) return "its added token " + shown(token.text) + " begins another";
    }
  }
  return "";
}

class TokenizerGraph {
 public:
  explicit TokenizerGraph(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

 protected:
  using Strings = std::array<IrValue, 3>;  // where each begins and ends, and all their bytes

  IrValue numbers(const std::vector<int32_t>& values) {
    return graph_.literal(IrType::I32, {static_cast<int64_t>(values.size())}, std::as_bytes(std::span(values)));
  }
  IrValue number(int32_t value) { return graph_.literal(IrType::I32, {}, std::as_bytes(std::span(&value, 1))); }
  IrValue text(std::string_view value) {
    return graph_.literal(IrType::U8, {static_cast<int64_t>(value.size())}, std::as_bytes(std::span(value.data(), value.size())));
  }
  Strings strings(const std::vector<std::string>& values) {
    std::vector<int32_t> begins, ends;
    std::string all;
    for (const std::string& value : values) {
      begins.push_back(static_cast<int32_t>(all.size()));
      all += value;
      ends.push_back(static_cast<int32_t>(all.size()));
    }
    return {numbers(begins), numbers(ends), text(all)};
  }
  std::vector<std::string> pieces() const {
    std::vector<std::string> all;
    for (Token id = 0; id < tokenizer_.size(); ++id) all.push_back(tokenizer_.piece(id));
    return all;
  }
  // An operation on strings: beginnings, ends, bytes.
  IrValue on_strings(std::string_view type, std::string_view opset, std::vector<std::pair<std::string, std::string>> attributes, std::vector<IrValue> inputs) {
    return graph_.add({type, opset, {}, std::move(attributes), std::move(inputs), {{IrType::I32, {-1}}, {IrType::I32, {-1}}, {IrType::U8, {-1}}}});
  }
  static IrValue port(IrValue value, int number) { return {value.layer, number}; }
  IrValue convert(IrValue value, IrType type, const char* name, IrShape shape, std::string names = {}) {
    return graph_.add({"Convert", "opset1", {}, {{"destination_type", name}}, {value}, {{type, std::move(shape), std::move(names)}}});
  }

  std::vector<IrInfo> info() const {
    const TokenizerSettings& settings = tokenizer_.settings();
    std::vector<IrInfo> all = {{"add_attention_mask", "True"}, {"add_special_tokens", "True"}, {"skip_special_tokens", "True"}, {"with_detokenizer", "True"},
                               {"number_of_inputs", "1"}, {"tokenizer_output_type", "i64"}, {"detokenizer_input_type", "i64"},
                               {"streaming_detokenizer", "False"}, {"utf8_replace_mode", "replace"}};
    const auto id = [&](const char* key, const std::optional<std::string>& name) {
      const std::optional<Token> token = name ? tokenizer_.find(*name) : std::nullopt;
      if (token) all.push_back({key, std::to_string(*token)});
    };
    id("bos_token_id", settings.bos_token);
    id("eos_token_id", settings.eos_token);
    id("pad_token_id", settings.pad_token);
    if (settings.chat_template) all.push_back({"chat_template", *settings.chat_template});
    return all;
  }

  IrFile file(std::string name) {
    std::string xml = graph_.xml(name, info());
    return {std::move(name), std::move(xml), graph_.literals()};
  }

  const Tokenizer& tokenizer_;
  IrGraph graph_;
};

// A pattern that matches exactly this text.
std::string escaped(std::string_view literal) {
  std::string out;
  for (const char c : literal) {
    const bool plain = (c & 0x80) != 0 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!plain) out += '\\';
    out += c;
  }
  return out;
}

class Encoder : TokenizerGraph {
 public:
  Encoder(const Tokenizer& tokenizer, const TokenizerFile& file) : TokenizerGraph(tokenizer), file_(file) {}

  IrFile emit() {
    const IrValue texts = graph_.parameter("text", IrType::String, {-1});
    const IrValue unpacked = on_strings("StringTensorUnpack", "opset15", {}, {texts});
    const IrValue tokens = encoded(split(unpacked));
    const IrValue whole = framed(tokens);
    const IrValue lengths = graph_.add({"Subtract", "opset1", {}, {{"auto_broadcast", "numpy"}}, {port(whole, 1), port(whole, 0)}, {{IrType::I32, {-1}}}});
    const IrValue longest = graph_.add({"ReduceMax", "opset1", {}, {{"keep_dims", "false"}}, {lengths, number(0)}, {{IrType::I32, {}}}});
    const std::optional<Token> padding = tokenizer_.settings().pad_token ? tokenizer_.find(*tokenizer_.settings().pad_token) : std::nullopt;
    const IrShape table = {-1, -1};
    const IrValue dense = graph_.add({"RaggedToDense", "extension", {}, {{"pad_right", "false"}, {"m_pad_max_length", "false"}},
                                      {port(whole, 0), port(whole, 1), port(whole, 2), longest, number(padding.value_or(0))},
                                      {{IrType::I32, table}, {IrType::Boolean, table}}});
    graph_.result(convert(dense, IrType::I64, "i64", table, "input_ids"));
    graph_.result(convert(port(dense, 1), IrType::I64, "i64", table, "attention_mask"));
    return file("openvino_tokenizer");
  }

 private:
  // Each text cut at its added tokens: rows (0, 1), parts (2, 3, 4) and whether a part is such a token (5).
  IrValue split(IrValue unpacked) {
    const IrValue shape = graph_.add({"ShapeOf", "opset3", {}, {{"output_type", "i64"}}, {port(unpacked, 0)}, {{IrType::I64, {1}}}});
    const IrValue count = graph_.add({"Gather", "opset8", {}, {{"batch_dims", "0"}}, {shape, graph_.integer(0), graph_.integer(0)}, {{IrType::I64, {}}}});
    const IrValue behind = graph_.add({"Add", "opset1", {}, {{"auto_broadcast", "numpy"}}, {count, graph_.integer(1)}, {{IrType::I64, {}}}});
    const auto range = [&](int64_t from, IrValue to) {
      return graph_.add({"Range", "opset4", {}, {{"output_type", "i32"}}, {graph_.integer(from), to, graph_.integer(1)}, {{IrType::I32, {-1}}}});
    };
    return graph_.add({"SpecialTokensSplit", "extension", {}, {},
                       {range(0, count), range(1, behind), port(unpacked, 0), port(unpacked, 1), port(unpacked, 2), text(added_pattern())},
                       {{IrType::I32, {-1}}, {IrType::I32, {-1}}, {IrType::I32, {-1}}, {IrType::I32, {-1}}, {IrType::U8, {-1}}, {IrType::Boolean, {-1}}}});
  }

  // The longest first; those that take white space after them apart.
  std::string added_pattern() const {
    std::string pattern;
    for (const bool rstrip : {true, false}) {
      std::vector<std::string> texts;
      for (const AddedToken& token : tokenizer_.added_tokens())
        if (token.rstrip == rstrip) texts.push_back(token.text);
      std::sort(texts.begin(), texts.end(), [](const std::string& a, const std::string& b) { return a.size() != b.size() ? a.size() > b.size() : a < b; });
      std::string group;
      for (const std::string& literal : texts) group += (group.empty() ? "" : "|") + escaped(literal);
      if (group.empty()) continue;
      pattern += (pattern.empty() ? "(" : "|(") + group + ")" + (rstrip ? "(?:" + std::string(white_space) + ")" : "");
    }
    return pattern;
  }

  IrValue replaced(std::array<IrValue, 4> parts, std::string_view pattern, std::string_view by) {
    return graph_.add({"RegexNormalization", "extension", {}, {{"global_replace", "true"}}, {parts[0], parts[1], parts[2], parts[3], text(pattern), text(by)},
                       {{IrType::I32, {-1}}, {IrType::I32, {-1}}, {IrType::U8, {-1}}, {IrType::Boolean, {-1}}}});
  }

  IrValue encoded(IrValue parts) {
    const auto of = [](IrValue value, int first) -> std::array<IrValue, 4> { return {port(value, first), port(value, first + 1), port(value, first + 2), port(value, first + 3)}; };
    const IrValue marked = replaced(of(parts, 2), "(?:^)([\\s\\S])", std::string(space_mark) + "$1");
    const IrValue normal = replaced(of(marked, 0), " ", space_mark);
    std::vector<IrValue> inputs = {port(parts, 0), port(parts, 1), port(normal, 0), port(normal, 1), port(normal, 2)};
    const auto take = [&](const Strings& more) { inputs.insert(inputs.end(), more.begin(), more.end()); };
    take(strings(pieces()));
    std::vector<std::string> left, right, added;
    for (const auto& [a, b] : file_.merges) {
      left.push_back(a);
      right.push_back(b);
    }
    take(strings(left));
    take(strings(right));
    std::vector<int32_t> ids;
    for (const AddedToken& token : tokenizer_.added_tokens()) {
      added.push_back(token.text);
      ids.push_back(token.id);
    }
    take(strings(added));
    inputs.push_back(numbers(ids));
    const std::string unknown = file_.rest.at("model").at("unk_token").get<std::string>();
    return graph_.add({"BPETokenizer", "extension", {},
                       {{"unk_token", unknown}, {"fuse_unk", "true"}, {"suffix_indicator", ""}, {"end_suffix", ""}, {"byte_fallback", "true"}, {"cache_capacity", "20000"}},
                       std::move(inputs), {{IrType::I32, {-1}}, {IrType::I32, {-1}}, {IrType::I32, {-1}}}});
  }

  // With what the post-processor puts around a text.
  IrValue framed(IrValue tokens) {
    const std::vector<Token> plain = tokenizer_.encode("a", false), all = tokenizer_.encode("a", true);
    const auto at = std::search(all.begin(), all.end(), plain.begin(), plain.end());
    std::vector<IrValue> inputs;
    std::vector<int32_t> segments;
    const auto fixed = [&](auto begin, auto end) {
      for (auto token = begin; token != end; ++token) {
        inputs.insert(inputs.end(), {number(0), number(1), numbers({*token})});
        segments.push_back(0);
      }
    };
    fixed(all.begin(), at);
    inputs.insert(inputs.end(), {port(tokens, 0), port(tokens, 1), port(tokens, 2)});
    segments.push_back(0);
    fixed(at + static_cast<std::ptrdiff_t>(plain.size()), all.end());
    inputs.push_back(numbers(segments));
    return graph_.add({"CombineSegments", "extension", {}, {}, std::move(inputs),
                       {{IrType::I32, {-1}}, {IrType::I32, {-1}}, {IrType::I32, {-1}}, {IrType::I32, {-1}}, {IrType::I32, {-1}}, {IrType::I32, {-1}}}});
  }

  const TokenizerFile& file_;
};

class DecoderGraph : TokenizerGraph {
 public:
  using TokenizerGraph::TokenizerGraph;

  IrFile emit() {
    const IrValue tokens = convert(graph_.parameter("tokens", IrType::I64, {-1, -1}), IrType::I32, "i32", {-1, -1});
    std::vector<int32_t> skipped;
    for (Token id = 0; id < tokenizer_.size(); ++id)
      if (tokenizer_.is_special(id)) skipped.push_back(id);
    const Strings vocabulary = strings(pieces());
    const IrValue found = graph_.add({"VocabDecoder", "extension", {}, {{"skip_tokens", ""}}, {tokens, vocabulary[0], vocabulary[1], vocabulary[2], numbers(skipped)},
                                      {{IrType::I32, {-1}}, {IrType::I32, {-1}}, {IrType::I32, {-1}}, {IrType::I32, {-1}}, {IrType::U8, {-1}}}});
    const IrValue spaced = replaced(port(found, 2), port(found, 3), port(found, 4), space_mark, " ");
    const IrValue bytes = on_strings("ByteFallback", "extension", {}, {port(spaced, 0), port(spaced, 1), port(spaced, 2)});
    const IrValue joined = graph_.add({"FuzeRagged", "extension", {}, {}, {port(found, 0), port(found, 1), port(bytes, 0), port(bytes, 1)},
                                       {{IrType::I32, {-1}}, {IrType::I32, {-1}}}});
    const IrValue stripped = replaced(port(joined, 0), port(joined, 1), port(bytes, 2), "^ ", "");
    const IrValue valid = on_strings("UTF8Validate", "extension", {{"replace_mode", "true"}}, {port(stripped, 0), port(stripped, 1), port(stripped, 2)});
    graph_.result(graph_.add({"StringTensorPack", "opset15", {}, {}, {port(valid, 0), port(valid, 1), port(valid, 2)}, {{IrType::String, {-1}, "string_output"}}}));
    return file("openvino_detokenizer");
  }

 private:
  IrValue replaced(IrValue begins, IrValue ends, IrValue bytes, std::string_view pattern, std::string_view by) {
    return on_strings("RegexNormalization", "extension", {{"global_replace", "true"}}, {begins, ends, bytes, text(pattern), text(by)});
  }
};

}  // namespace

OpenvinoTokenizer openvino_tokenizer(std::string_view tokenizer_json, const std::string& file, const Tokenizer& tokenizer) {
  const TokenizerFile parts = parse_tokenizer_file(tokenizer_json, file);
  if (std::string why = unlike_phi3(parts.rest, tokenizer); !why.empty()) return {{}, std::move(why)};
  return {{Encoder(tokenizer, parts).emit(), DecoderGraph(tokenizer).emit()}, ""};
}

}  // namespace philo
