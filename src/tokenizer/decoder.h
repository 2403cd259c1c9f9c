// How a tokenizer.json turns pieces back into text: "decoder".
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace philo {

class Decoder {
 public:
  // `json`: the file's "decoder". Known: ByteLevel; Metaspace; and Sequences of Replace, ByteFallback, Fuse, Strip in that order,
  // each but the last two optional. Others, and none, throw ErrorCode::Input.
  Decoder(const Json* json, const std::string& file);

  bool byte_level() const { return kind_ == Kind::ByteLevel; }
  bool strips_leading_space() const { return strips_; }
  bool is_byte(std::string_view piece) const;  // one of the byte fallback's tokens
  // What a piece adds to a text; may be part of a character. `first`: it is the first of the text.
  std::string bytes(std::string_view piece, bool first) const;

 private:
  enum class Kind { Pieces, ByteLevel, Metaspace };
  static int byte_of(std::string_view piece);  // of "<0xAB>", or -1
  std::string replaced(std::string_view piece) const;
  void add(const JsonObject& object, int& stage);

  Kind kind_ = Kind::Pieces;
  std::vector<std::pair<std::string, std::string>> replacements_;
  bool byte_fallback_ = false, strips_ = false;
  bool drops_first_ = false;  // Metaspace: its spaces vanish from the first piece
};

}  // namespace philo
