// Which safetensors files make up a folder's weights: one file, or the shards of an index.
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "format/safetensors.h"

namespace philo {
namespace {

constexpr const char* single_name = "model.safetensors";
constexpr const char* index_name = "model.safetensors.index.json";

// An index may name files of its own folder only.
void check_shard_name(const std::string& name, const std::string& index) {
  const bool plain = !name.empty() && name != "." && name != ".." && name.find_first_of("/\\:") == std::string::npos &&
                     name.find('\0') == std::string::npos;
  if (!plain) {
    throw input_error(index, "\"weight_map\" names the file " + shown(name) + ", which is not a plain name of a file in this folder");
  }
}

std::map<std::string, std::set<std::string>> read_index(const std::string& path) {
  const Json json = read_json_file(path);
  const std::optional<JsonObject> map = JsonObject(json, path).object("weight_map");
  if (!map) throw input_error(path, "key \"weight_map\" is missing");
  std::map<std::string, std::set<std::string>> shards;  // file → tensors
  for (const auto& [tensor, file] : map->value().items()) {
    if (!file.is_string()) {
      throw input_error(path, "\"weight_map\": tensor " + shown(tensor) + " should name a file, found " + shown(file.dump()));
    }
    const auto& name = file.get_ref<const std::string&>();
    check_shard_name(name, path);
    shards[name].insert(tensor);
  }
  if (shards.empty()) throw input_error(path, "\"weight_map\" names no tensors");
  return shards;
}

void read_shards(const std::string& folder, const std::string& index, Weights& weights) {
  const auto shards = read_index(index);
  std::string missing;
  size_t missing_count = 0;
  for (const auto& [name, tensors] : shards) {
    if (is_file(join_path(folder, name))) continue;
    if (++missing_count <= 5) missing += (missing.empty() ? "" : ", ") + shown(name);
  }
  if (missing_count > 0) {
    throw input_error(index, "names " + std::to_string(shards.size()) + " files of which " + std::to_string(missing_count) +
                                 " are not there: " + missing + (missing_count > 5 ? ", …" : "") + "; fetch them into " + folder);
  }
  for (const auto& [name, tensors] : shards) {
    const std::string path = join_path(folder, name);
    Weights shard;
    read_safetensors(path, shard);
    for (const std::string& tensor : tensors) {
      if (shard.find(tensor) == nullptr) {
        throw input_error(path, "tensor " + shown(tensor) + " is missing, which " + file_name(index) + " says is here");
      }
    }
    weights.take(std::move(shard), path);
  }
}

Error no_weights(const std::string& folder) {
  for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json", "consolidated.00.pth"}) {
    if (is_file(join_path(folder, name))) {
      return input_error(folder, std::string("has its weights only in PyTorch's pickle form (") + name +
                                     "), which can run code when it is read; convert it to safetensors, for example with "
                                     "transformers: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(new_folder)");
    }
  }
  if (is_file(join_path(folder, "adapter_model.safetensors"))) {
    return input_error(folder, "holds an adapter (LoRA), not a model; merge it into its base model first (peft: merge_and_unload)");
  }
  return input_error(folder, std::string("has no weights: expected ") + single_name + " or " + index_name + " with its shards");
}

}  // namespace

std::string read_safetensors_folder(const std::string& folder, Weights& weights) {
  const std::string single = join_path(folder, single_name), index = join_path(folder, index_name);
  if (is_file(single)) {
    read_safetensors(single, weights);
    return single;
  }
  if (!is_file(index)) throw no_weights(folder);
  read_shards(folder, index, weights);
  return index;
}

}  // namespace philo
