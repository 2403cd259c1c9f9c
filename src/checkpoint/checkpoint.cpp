// Chooses the reader by what lies at the path.
#include "checkpoint/checkpoint.h"

#include "checkpoint/hugging_face.h"
#include "checkpoint/kind.h"
#include "checkpoint/onnx_folder.h"
#include "checkpoint/openvino_folder.h"

namespace philo {

Checkpoint open_checkpoint(const std::string& path) {
  switch (checkpoint_kind(path)) {
    case CheckpointKind::HuggingFace: return open_hugging_face(path);
    case CheckpointKind::Openvino: return open_openvino(path);
    case CheckpointKind::Onnx: return open_onnx(path);
  }
  throw Error(ErrorCode::Failed, path + ": a kind of checkpoint without a reader");
}

TextParts open_tokenizer(const std::string& path) {
  const std::string folder = tokenizer_folder(path);
  TextParts parts;
  parts.tokenizer = read_tokenizer(folder);
  parts.chat_template = open_chat_template(*parts.tokenizer, folder, parts.notes);
  return parts;
}

}  // namespace philo
