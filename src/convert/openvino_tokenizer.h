// A tokenizer as two graphs of OpenVINO's tokenizers extension, which OpenVINO GenAI reads beside a model.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace philo {

struct IrFile {
  std::string name;  // "openvino_tokenizer"
  std::string xml;
  std::vector<std::byte> weights;
};

struct OpenvinoTokenizer {
  std::vector<IrFile> files;   // tokenizer and detokenizer; none where the extension could not do the same as the tokenizer
  std::string why_not;         // then: what it could not
};

// `tokenizer_json`: the file that `tokenizer` was read from. The extension gives the same tokens for Phi-3's form: byte-pair encoding of
// whole texts with byte fallback, spaces as U+2581, one of them put ahead.
OpenvinoTokenizer openvino_tokenizer(std::string_view tokenizer_json, const std::string& file, const Tokenizer& tokenizer);

}  // namespace philo
