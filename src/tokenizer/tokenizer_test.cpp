#include "tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/refusal.h"
#include "base/utf8.h"

namespace philo {
namespace {

std::string data_path(const std::string& name) { return std::string(PHILO_SOURCE_DIR) + "/tests/data/tokenizer/" + name; }

std::unique_ptr<Tokenizer> golden_tokenizer(const std::string& name, TokenizerSettings settings = {}) {
  const std::string path = data_path(name + ".json");
  return parse_tokenizer(read_text_file(path), path, std::move(settings));
}

using Ids = std::vector<Token>;

class Golden : public ::testing::TestWithParam<const char*> {};

// The vectors come from tokenizers; tools/golden/tokenizer_goldens.py makes them.
TEST_P(Golden, EncodesAndDecodesAsTokenizersDoes) {
  const auto tokenizer = golden_tokenizer(GetParam());
  const Json cases = read_json_file(data_path(std::string(GetParam()) + ".golden.json"));
  ASSERT_GT(cases.size(), 400u);
  for (const Json& each : cases) {
    const auto ids = each.at("ids").get<Ids>();
    if (each.contains("text")) {
      const auto text = each.at("text").get<std::string>();
      ASSERT_EQ(tokenizer->encode(text, false), ids) << text;
      ASSERT_EQ(tokenizer->encode(text, true), each.value("special", ids)) << text;
    }
    ASSERT_EQ(tokenizer->decode(ids, false), each.at("decoded").get<std::string>());
    ASSERT_EQ(tokenizer->decode(ids, true), each.at("skipped").get<std::string>());
    for (const bool skip : {false, true}) {
      TextStream stream(*tokenizer, {skip, true});
      std::string text;
      for (const Token id : ids) {
        const std::string part = stream.push(id);
        ASSERT_EQ(utf8_first_invalid(part), std::string::npos);
        text += part;
      }
      ASSERT_EQ(text + stream.finish(), each.at(skip ? "skipped" : "decoded").get<std::string>());
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Tokenizer, Golden, ::testing::Values("byte_fallback", "metaspace", "o200k", "cl100k", "gpt2"));

TEST(Tokenizer, SaysWhatItIs) {
  const auto llama = golden_tokenizer("byte_fallback");
  EXPECT_EQ(llama->form(), "BPE with byte fallback");
  EXPECT_TRUE(llama->strips_leading_space());
  EXPECT_EQ(llama->find("<0x0A>"), 13);
  EXPECT_EQ(llama->bytes(13), "\n");
  EXPECT_EQ(llama->piece(13), "<0x0A>");
  const Token end = *llama->find("<|end|>");
  EXPECT_TRUE(llama->is_special(end));
  EXPECT_FALSE(llama->is_special(*llama->find("</s>")));
  EXPECT_EQ(llama->bytes(end), "<|end|>");
  EXPECT_FALSE(llama->find("no such piece").has_value());
  EXPECT_EQ(golden_tokenizer("o200k")->form(), "byte-level BPE");
  EXPECT_FALSE(golden_tokenizer("o200k")->strips_leading_space());
  Token largest = 0;
  for (const AddedToken& token : llama->added_tokens()) largest = std::max(largest, token.id);
  EXPECT_EQ(llama->size(), largest + 1);
}

TEST(Tokenizer, GivesNothingForIdsWithoutToken) {
  for (const char* name : {"byte_fallback", "o200k"}) {
    const auto tokenizer = golden_tokenizer(name);
    const Ids ids = {-1, INT32_MIN, INT32_MAX, tokenizer->size()};
    EXPECT_EQ(tokenizer->decode(ids), "");
    for (const Token id : ids) EXPECT_EQ(tokenizer->piece(id), "");
  }
}

TEST(Tokenizer, WhiteSpaceAfterControlTokensDoesNotMatterWhereTheFileSaysSo) {
  const auto tokenizer = golden_tokenizer("byte_fallback");
  const Ids ids = tokenizer->encode("<|user|>Hello<|end|><|assistant|>", false);
  EXPECT_EQ(tokenizer->encode("<|user|>\nHello<|end|>\n<|assistant|>\n", false), ids);
  EXPECT_EQ(tokenizer->encode("<|user|> Hello<|end|> <|assistant|>", false), ids);
}

TEST(Tokenizer, RefusesTextThatIsNotUtf8) {
  EXPECT_TRUE(says(refusal([] { golden_tokenizer("o200k")->encode("ab\xFFz"); }), "byte 2"));
}

TEST(Tokenizer, RecognizesNoControlTokenThatTouchesContents) {
  for (const char* name : {"byte_fallback", "metaspace", "o200k", "cl100k"}) {
    const auto tokenizer = golden_tokenizer(name);
    const Token end = *tokenizer->find("<|end|>"), user = *tokenizer->find("<|user|>");
    const std::string before = "<|user|>", content = " \nx<|end|>y<|user|>", after = "<|end|>";
    const MarkedText marked{before + content + after, {{before.size(), before.size() + content.size()}}};
    const Ids ids = tokenizer->encode(marked, false);
    EXPECT_EQ(std::count(ids.begin(), ids.end(), end), 1) << name;
    EXPECT_EQ(std::count(ids.begin(), ids.end(), user), 1) << name;
    EXPECT_EQ(ids.front(), user);
    EXPECT_EQ(ids.back(), end);
    // half of a control token in a content, half outside
    for (size_t cut = 1; cut < after.size(); ++cut) {
      const MarkedText straddling{"a" + after + "b", {{0, 1 + cut}}}, behind{"a" + after + "b", {{1 + cut, 2 + after.size()}}};
      for (const auto& text : {straddling, behind}) {
        const Ids found = tokenizer->encode(text, false);
        EXPECT_EQ(std::count(found.begin(), found.end(), end), 0) << name << " " << cut;
      }
    }
    // contents without control tokens change nothing, white space beside a control token included
    const std::string plain = "<|user|> \n Hello (x) wide <|end|> \n<|assistant|>";
    for (size_t begin = 8; begin <= plain.find("<|end|>"); ++begin) {
      const MarkedText inner{plain, {{8, begin}, {begin, plain.find("<|end|>")}}};
      EXPECT_EQ(tokenizer->encode(inner, false), tokenizer->encode(plain, false)) << name << " " << begin;
    }
  }
}

TEST(Tokenizer, RecognizesNoNormalizedTokenInContents) {
  // "<e>" is looked for after normalizing, as "_<e>".
  const auto tokenizer = parse_tokenizer(
      R"({"added_tokens":[{"id":5,"content":"<e>","special":true,"lstrip":false,"rstrip":false,"single_word":false,"normalized":true}],"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"_"},{"type":"Replace","pattern":{"String":" "},"content":"_"}]},"decoder":{"type":"Fuse"},"model":{"type":"BPE","unk_token":"<unk>","fuse_unk":true,"vocab":{"<unk>":0,"a":1,"_":2,"_a":3},"merges":["_ a"]}})",
      "f", {});
  EXPECT_EQ(tokenizer->encode("a <e>", false), (Ids{3, 5}));
  EXPECT_EQ(tokenizer->encode(MarkedText{"a <e>", {{0, 1}}}, false), (Ids{3, 5}));
  EXPECT_EQ(tokenizer->encode(MarkedText{"a <e>", {{0, 2}}}, false), (Ids{3, 2, 0}));  // the space is part of the match
  EXPECT_EQ(tokenizer->encode(MarkedText{"a <e>", {{2, 5}}}, false), (Ids{3, 2, 0}));
  EXPECT_EQ(tokenizer->encode(MarkedText{"a <e>", {{4, 5}}}, false), (Ids{3, 2, 0}));
}

TEST(Tokenizer, SettingsDecideOnBosAndEos) {
  const auto plain = golden_tokenizer("byte_fallback")->encode("a", false);
  const auto with = [&](std::optional<bool> bos, std::optional<bool> eos) {
    TokenizerSettings settings;
    settings.add_bos = bos;
    settings.add_eos = eos;
    settings.bos_token = "<s>";
    settings.eos_token = "</s>";
    return golden_tokenizer("byte_fallback", settings)->encode("a", true);
  };
  const auto around = [&](Ids before, const Ids& after) {
    before.insert(before.end(), plain.begin(), plain.end());
    before.insert(before.end(), after.begin(), after.end());
    return before;
  };
  EXPECT_EQ(with({}, {}), around({1}, {2}));  // the file's template
  EXPECT_EQ(with(false, false), plain);
  EXPECT_EQ(with(false, {}), plain);
  EXPECT_EQ(with(true, {}), around({1}, {}));
  EXPECT_EQ(with({}, true), around({}, {2}));
  EXPECT_EQ(with(true, true), around({1}, {2}));
}

TEST(Tokenizer, SettingsOverrideTheFlagsOfAddedTokens) {
  TokenizerSettings settings;
  settings.added_tokens = {{2, "</s>", true, true, false, false, false}};
  settings.eos_token = "<|end|>";
  const auto tokenizer = golden_tokenizer("byte_fallback", settings);
  EXPECT_TRUE(tokenizer->is_special(2));
  EXPECT_EQ(tokenizer->encode("a \n</s>b", false), tokenizer->encode("a</s>b", false));
  EXPECT_NE(tokenizer->encode("a</s> b", false), tokenizer->encode("a</s>b", false));
  settings.added_tokens = {{7, "</s>", true, true, false, false, false}};
  EXPECT_THROW(golden_tokenizer("byte_fallback", settings), Error);
}

TEST(TextStream, HoldsWhatIsNotDecided) {
  const auto tokenizer = golden_tokenizer("byte_fallback");
  const auto byte = [&](int value) { return static_cast<Token>(value + 3); };
  TextStream stream(*tokenizer, {});
  EXPECT_EQ(stream.push(byte(0xC3)), "");
  EXPECT_EQ(stream.push(byte(0xA9)), "");  // a later bad byte would undo it
  const Token letter = *tokenizer->find("a");
  EXPECT_EQ(stream.push(letter), "éa");
  EXPECT_EQ(stream.push(byte(0xC3)), "");
  EXPECT_EQ(stream.push(byte('x')), "\uFFFD\uFFFD");  // from here on the run is lost: nothing is held
  EXPECT_EQ(stream.push(byte('y')), "\uFFFD");
  EXPECT_EQ(stream.push(letter), "a");
  EXPECT_EQ(stream.push(byte(0xE4)), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
}

TEST(TextStream, StripsOneSpaceAtTheStartOnly) {
  const auto tokenizer = golden_tokenizer("byte_fallback");
  const Ids ids = tokenizer->encode(" a b", false);
  const auto run = [&](bool strip) {
    TextStream stream(*tokenizer, {true, strip});
    std::string text;
    for (const Token id : ids) text += stream.push(id);
    return text + stream.finish();
  };
  EXPECT_EQ(run(true), " a b");
  EXPECT_EQ(run(false), "  a b");
}

TEST(TextStream, GivesWholeCharactersOfByteLevelTokens) {
  const auto tokenizer = golden_tokenizer("o200k");
  Ids ids;
  for (const char* piece : {"ð", "Ł", "ĺ", "Ģ", "ð", "Ł", "a"}) ids.push_back(*tokenizer->find(piece));
  TextStream stream(*tokenizer, {});
  std::vector<std::string> parts;
  for (const Token id : ids) parts.push_back(stream.push(id));
  EXPECT_EQ(parts, (std::vector<std::string>{"", "", "", "😀", "", "", "\uFFFDa"}));
}

// A small valid file and single changes to it.
std::string changed(const std::string& from, const std::string& to) {
  std::string text = R"({"version":"1.0","added_tokens":[{"id":5,"content":"<e>","special":true,"lstrip":false,"rstrip":false,"single_word":false,"normalized":false}],"normalizer":null,"pre_tokenizer":null,"post_processor":null,"decoder":{"type":"Fuse"},"model":{"type":"BPE","unk_token":"<unk>","byte_fallback":false,"vocab":{"<unk>":0,"a":1,"b":2,"ab":3},"merges":["a b"]}})";
  if (from.empty()) return text;
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(TokenizerFile, RefusesWhatIsDamagedOrNotSupported) {
  ASSERT_EQ(parse_tokenizer(changed("", ""), "f", {})->encode("abb<e>zz"), (Ids{3, 2, 5, 0, 0}));
  const std::vector<std::pair<std::string, std::string>> changes = {
      {R"("b":2)", R"("b":1)"},                                  // duplicate id
      {R"("b":2)", R"("a":2)"},                                  // duplicate piece
      {R"("b":2)", R"("b":-2)"},
      {R"("b":2)", R"("b":2.5)"},
      {R"("b":2)", R"("b":"2")"},
      {R"("b":2)", R"("b":[2])"},
      {R"("b":2)", R"("b":16777216)"},
      {R"("b":2)", R"("b":16777215)"},                           // far beyond the others
      {R"("b":2)", R"("b":99999999999999999999)"},
      {R"("id":5)", R"("id":-1)"},
      {R"("id":5)", R"("id":3)"},                                // another token's
      {R"("id":5)", R"("id":4294967301)"},
      {R"("id":5)", R"("id":16777215)"},
      {R"("content":"<e>")", R"("content":"")"},
      {R"("content":"<e>")", R"("content":"ab")"},               // the vocabulary has it elsewhere
      {R"("content":"<e>")", R"("content":7)"},
      {R"("special":true)", R"("special":1)"},
      {R"("lstrip":false,)", ""},
      {R"(["a b"])", R"(["a c"])"},
      {R"(["a b"])", R"(["b a"])"},                              // "ba" is not in the vocabulary
      {R"(["a b"])", R"(["a"])"},
      {R"(["a b"])", R"(["a b c"])"},
      {R"(["a b"])", R"([["a"]])"},
      {R"(["a b"])", R"([["a","b","c"]])"},
      {R"(["a b"])", R"([7])"},
      {R"(["a b"])", R"([["a",["b"]]])"},
      {R"(["a b"])", "{}"},
      {R"(,"merges":["a b"])", ""},
      {R"("vocab":{"<unk>":0,"a":1,"b":2,"ab":3})", R"("vocab":[])"},
      {R"("unk_token":"<unk>")", R"("unk_token":"<no>")"},
      {R"("byte_fallback":false)", R"("byte_fallback":true)"},   // without its 256 tokens
      {R"("byte_fallback":false)", R"("dropout":0.1)"},
      {R"("byte_fallback":false)", R"("end_of_word_suffix":"</w>")"},
      {R"("type":"BPE")", R"("type":"Unigram")"},
      {R"("version":"1.0")", R"("version":"2.0")"},
      {R"("normalizer":null)", R"("normalizer":{"type":"NFC"})"},
      {R"("normalizer":null)", R"("normalizer":{"type":"Prepend","prepend":7})"},
      {R"("pre_tokenizer":null)", R"("pre_tokenizer":{"type":"Whitespace"})"},
      {R"("pre_tokenizer":null)", R"("pre_tokenizer":{"type":"Split","pattern":{"Regex":"^a"},"behavior":"Isolated","invert":false})"},
      {R"("post_processor":null)", R"("post_processor":{"type":"BertProcessing"})"},
      {R"("post_processor":null)", R"("post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"x","type_id":0}}],"special_tokens":{"x":{"id":"x","ids":[77],"tokens":["x"]}}})"},
      {R"("decoder":{"type":"Fuse"})", R"("decoder":null)"},
      {R"("decoder":{"type":"Fuse"})", R"("decoder":{"type":"WordPiece"})"},
      {R"("decoder":{"type":"Fuse"})", R"("decoder":{"type":"Strip","content":" ","start":1,"stop":0})"},
      {R"("model":)", R"("model":7,"x":)"},
      {R"("version":"1.0",)", R"("version":"1.0","version":"1.0",)"},
      {R"("merges":["a b"])", R"("merges":["a b"],"merges":[])"},
      {R"("merges":["a b"]}})", R"("merges":["a b"]})"},
  };
  for (const auto& [from, to] : changes) {
    SCOPED_TRACE(to);
    const std::string text = changed(from, to);
    EXPECT_TRUE(says(refusal([&] { parse_tokenizer(text, "the/file.json", {}); }), "the/file.json"));
  }
  EXPECT_THROW(parse_tokenizer("", "f", {}), Error);
  EXPECT_THROW(parse_tokenizer("[]", "f", {}), Error);
  EXPECT_THROW(parse_tokenizer(std::string(100000, '['), "f", {}), Error);
  EXPECT_THROW(parse_tokenizer(R"({"model":{"vocab":{"\ud800":1}}})", "f", {}), Error);
}

TEST(ReadTokenizer, TakesWhatTheFilesBesideItSay) {
  const auto folder = std::filesystem::temp_directory_path() / "philo_read_tokenizer_test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, const std::string& text) {
    OutputFile file(join_path(folder.string(), name));
    file.write(std::string_view(text));
    file.commit();
  };
  EXPECT_THROW(read_tokenizer(folder.string()), Error);
  write("tokenizer.json", read_text_file(data_path("byte_fallback.json")));
  EXPECT_EQ(read_tokenizer(folder.string())->encode("", true), (Ids{1, 2}));
  write("tokenizer_config.json",
        R"({"add_bos_token":true,"bos_token":{"content":"<s>","lstrip":false},"pad_token":null,"chat_template":[{"name":"tool_use","template":"t"},{"name":"default","template":"d"}],"additional_special_tokens":["</s>"],"added_tokens_decoder":{"2":{"content":"</s>","rstrip":false,"special":false,"normalized":false}}})");
  write("special_tokens_map.json", R"({"bos_token":"</s>","eos_token":{"content":"<|end|>"},"unk_token":"<unk>"})");
  auto tokenizer = read_tokenizer(folder.string());
  EXPECT_EQ(tokenizer->encode("", true), (Ids{1}));
  EXPECT_TRUE(tokenizer->is_special(2));
  EXPECT_EQ(tokenizer->settings().bos_token, "<s>");
  EXPECT_EQ(tokenizer->settings().eos_token, "<|end|>");
  EXPECT_EQ(tokenizer->settings().unk_token, "<unk>");
  EXPECT_FALSE(tokenizer->settings().pad_token.has_value());
  EXPECT_EQ(tokenizer->settings().chat_template, "d");
  write("chat_template.jinja", "own file");
  EXPECT_EQ(read_tokenizer(folder.string())->settings().chat_template, "own file");
  write("tokenizer_config.json", R"({"added_tokens_decoder":{"x":{"content":"</s>"}}})");
  EXPECT_THROW(read_tokenizer(folder.string()), Error);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace philo
