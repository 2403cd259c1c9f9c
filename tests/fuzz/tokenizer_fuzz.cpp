// Damaged tokenizer files, and any text and ids through a small good one: streaming must equal decoding, and nothing may crash.
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/utf8.h"
#include "tokenizer/tokenizer.h"

namespace {

using philo::Token;

void check(bool condition) {
  if (!condition) std::abort();
}

// Byte fallback with two merges, and byte-level with a pattern.
std::string small_file(bool byte_level) {
  std::string vocabulary = "\"<unk>\":0";
  int id = 1;
  const char* const digits = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary += std::string(",\"<0x") + digits[byte >> 4] + digits[byte & 15] + ">\":" + std::to_string(id++);
  }
  for (const char* piece : {"a", "b", "ab", "\u2581", "\u2581a", "\u0120", "\u0120a"}) {
    vocabulary += std::string(",\"") + piece + "\":" + std::to_string(id++);
  }
  const std::string model = "\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"fuse_unk\":true,\"byte_fallback\":" +
                            std::string(byte_level ? "false" : "true") + ",\"vocab\":{" + vocabulary +
                            "},\"merges\":[\"a b\",\"\u2581 a\",\"\u0120 a\"]}";
  const std::string added =
      "\"added_tokens\":[{\"id\":300,\"content\":\"<|e|>\",\"special\":true,\"lstrip\":false,\"rstrip\":true,\"single_word\":false,"
      "\"normalized\":false},{\"id\":301,\"content\":\"w\",\"special\":false,\"lstrip\":true,\"rstrip\":false,\"single_word\":true,"
      "\"normalized\":true}],";
  if (byte_level) {
    return "{" + added +
           R"("pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"[^\\r\\n\\p{L}\\p{N}]?\\p{L}+(?i:'s|'t)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]},"decoder":{"type":"ByteLevel"},)" +
           model + "}";
  }
  return "{" + added +
         R"("normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},)" +
         model + "}";
}

void exercise(const philo::Tokenizer& tokenizer, std::string_view data) {
  std::vector<Token> ids;
  if (philo::utf8_first_invalid(data) == std::string_view::npos) {
    try {
      ids = tokenizer.encode(data, true);
      philo::MarkedText marked{std::string(data), {{data.size() / 3, data.size() / 2}}};
      tokenizer.encode(marked, false);
    } catch (const philo::Error&) {
    }
  }
  for (size_t at = 0; at + 4 <= data.size() && at < 4096; at += 2) {
    Token id;
    std::memcpy(&id, data.data() + at, sizeof id);
    ids.push_back(at % 4 == 0 ? id : (id & 0x1FF));
  }
  for (const bool skip : {false, true}) {
    philo::TextStream stream(tokenizer, {skip, true});
    std::string text;
    for (const Token id : ids) {
      const std::string part = stream.push(id);
      check(philo::utf8_first_invalid(part) == std::string_view::npos);
      text += part;
    }
    text += stream.finish();
    check(text == tokenizer.decode(ids, skip));
    check(philo::utf8_first_invalid(text) == std::string_view::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view data(reinterpret_cast<const char*>(bytes), size);
  static const auto byte_fallback = philo::parse_tokenizer(small_file(false), "small", {});
  static const auto byte_level = philo::parse_tokenizer(small_file(true), "small", {});
  exercise(*byte_fallback, data);
  exercise(*byte_level, data);
  // A file up to the first NUL, then text for it.
  const size_t cut = std::min(data.find('\0'), data.size());
  try {
    const auto tokenizer = philo::parse_tokenizer(data.substr(0, cut), "fuzz", {});
    exercise(*tokenizer, data.substr(std::min(cut + 1, data.size())));
  } catch (const philo::Error&) {
  }
  return 0;
}
