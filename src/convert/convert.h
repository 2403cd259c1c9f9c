// Any checkpoint becomes a folder with its weights in another format: a Hugging Face folder, OpenVINO's, or ONNX Runtime GenAI's.
#pragma once

#include <string>
#include <vector>

#include "base/log.h"
#include "convert/recipe.h"
#include "emit/onnx.h"

namespace philo {

enum class FolderKind : uint8_t { Philo, Openvino, Onnx };

struct ConvertOptions {
  FolderKind kind = FolderKind::Philo;
  Recipe recipe;
  bool keep_codes = false;                        // of a source that is quantized already, whatever the recipe
  OnnxTarget onnx_target = OnnxTarget::Cpu;       // FolderKind::Onnx only
  bool replace = false;                           // an existing target
  int threads = 0;                                // 0: one for each core
  uint64_t most_shard_bytes = 5'000'000'000;      // of one weights file
  Progress progress;                              // bytes of the source; may be empty
  NoteSink note;                                  // may be empty
};

struct ConvertedTensor {
  std::string name;
  std::string format;      // format_description
  uint64_t weights;        // numbers in it
  uint64_t source_bytes, bytes;
  double relative_error;   // root mean square of the change, relative to that of the numbers
  double signal_to_noise_db;  // infinite where nothing changed
};

struct ConvertReport {
  std::vector<ConvertedTensor> tensors;  // in the order of the plan
  std::vector<std::string> files;        // names in the target
  uint64_t source_bytes = 0, bytes = 0;  // of the tensors
  uint64_t weights = 0;
  double relative_error = 0;             // over all weights
  double seconds = 0;
};

// Writes to `target` as OutputFolder does. Memory stays below a few hundred MB whatever the model. Throws what open_checkpoint,
// assign_formats, convert_tensor, emit_openvino_ir and OutputFolder throw, and ErrorCode::Usage where source and target lie in each other.
ConvertReport convert(const std::string& source, const std::string& target, const ConvertOptions& options);

}  // namespace philo
