// Tells what kind of model lies at a path, by what is there and not by its name alone.
#pragma once

#include <cstdint>
#include <string>

namespace philo {

enum class CheckpointKind : uint8_t { HuggingFace, Openvino, Onnx };

// Throws ErrorCode::Input for paths that hold no model and for kinds that this version does not read, saying what was found and
// what to do.
CheckpointKind checkpoint_kind(const std::string& path);

// The folder whose tokenizer files belong to the model at `path`. Throws as checkpoint_kind does for paths that are no folder.
std::string tokenizer_folder(const std::string& path);

}  // namespace philo
