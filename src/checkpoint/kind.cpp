// Recognizes checkpoints by the files that their makers write.
#include "checkpoint/kind.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace philo {
namespace {

constexpr std::string_view wanted = "expected a Hugging Face folder (config.json, tokenizer.json, model.safetensors) or one that optimum-cli export openvino or ONNX Runtime GenAI's builder made";

Error not_supported(const std::string& path, std::string_view what, std::string_view instead) {
  return input_error(path, "is " + std::string(what) + ", which this version of philo does not read yet; " + std::string(instead));
}

Error gguf(const std::string& path) {
  return not_supported(path, "a GGUF model", "use the Hugging Face folder that it was made from");
}
Error openvino_part(const std::string& path) {
  return input_error(path, "is one file of an OpenVINO model; give the folder that it lies in, with config.json and tokenizer.json beside it");
}
Error openvino_vision(const std::string& path) {
  return not_supported(path, "an OpenVINO model of several networks (images or sound)", "philo reads text models, exported with --task text-generation-with-past");
}
Error onnx_part(const std::string& path) {
  return input_error(path, "is one file of an ONNX model; give the folder that it lies in, with genai_config.json and tokenizer.json beside it");
}

bool ends_with_any(const std::vector<std::string>& names, std::string_view ending) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return name.ends_with(ending); });
}

Error refuse_file(const std::string& path) {
  const std::string name = file_name(path);
  bool is_gguf = name.ends_with(".gguf");
  if (!is_gguf) {
    const std::shared_ptr<const MappedFile> file = MappedFile::open(path);
    const auto bytes = file->bytes();
    is_gguf = bytes.size() >= 4 && std::string_view(reinterpret_cast<const char*>(bytes.data()), 4) == "GGUF";
  }
  if (is_gguf) return gguf(path);
  if (name.ends_with(".onnx") || name.ends_with(".onnx.data")) return onnx_part(path);
  if (name.ends_with(".xml") || name == "openvino_model.bin") return openvino_part(path);
  if (name.ends_with(".safetensors") || name.ends_with(".json")) {
    return input_error(path, "is one file of a model; give the folder that it lies in");
  }
  return input_error(path, "is a file; " + std::string(wanted));
}

void check_folder(const std::string& path) {
  if (is_folder(path)) return;
  if (is_file(path)) throw refuse_file(path);
  throw input_error(path, "there is no such file or folder; give the path of a model, " + std::string(wanted));
}

}  // namespace

CheckpointKind checkpoint_kind(const std::string& path) {
  check_folder(path);
  const std::vector<std::string> names = folder_entries(path);
  if (names.empty()) throw input_error(path, "is an empty folder; " + std::string(wanted));
  const auto has = [&](std::string_view name) { return std::binary_search(names.begin(), names.end(), name); };

  // Exports keep the config.json of the model they came from, so the weights decide first.
  if (has("config.json") && (has("model.safetensors") || has("model.safetensors.index.json"))) return CheckpointKind::HuggingFace;
  if (has("genai_config.json")) return CheckpointKind::Onnx;
  if (has("openvino_language_model.xml")) throw openvino_vision(path);
  if (has("openvino_model.xml")) return CheckpointKind::Openvino;
  if (ends_with_any(names, ".onnx")) return CheckpointKind::Onnx;
  if (ends_with_any(names, ".gguf")) throw gguf(path);
  if (has("config.json")) return CheckpointKind::HuggingFace;
  if (has("adapter_config.json")) {
    throw input_error(path, "holds an adapter (LoRA), not a model; merge it into its base model first (peft: merge_and_unload)");
  }
  if (has("model_index.json")) throw input_error(path, "holds a diffusion pipeline, not a language model; " + std::string(wanted));
  if (has("snapshots") && has("refs")) {
    throw input_error(path, "is an entry of the Hugging Face cache; give the folder below its \"snapshots\"");
  }
  throw input_error(path, "has no config.json, so it is no model's folder; " + std::string(wanted));
}

std::string tokenizer_folder(const std::string& path) {
  check_folder(path);
  return path;
}

}  // namespace philo
