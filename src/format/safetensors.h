// safetensors: an 8-byte little-endian header length, a JSON header, then the tensors' bytes.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "tensor/weights.h"

namespace philo {

// Maps the file and adds its tensors to `weights`. Throws ErrorCode::Input with file and offset where header, types, shapes or
// offsets don't hold: cut-off files, overlaps, gaps, products that wrap.
void read_safetensors(const std::string& path, Weights& weights);

// A folder's model.safetensors, or the shards that model.safetensors.index.json names (which must lie in the folder itself; links
// are followed, as in a Hugging Face cache). Returns the file that stands for the weights in messages.
std::string read_safetensors_folder(const std::string& folder, Weights& weights);

// The header alone, for fuzzing and for the reader: `file_bytes` is the whole file. Views point into it. In the order of the data.
std::vector<Tensor> parse_safetensors(std::span<const std::byte> file_bytes, const std::string& file);

// Writes tensors in the given order under a temporary name first. The first one's data is aligned to 64 bytes; the others follow
// without gaps, as the format demands. Throws ErrorCode::Failed for names that repeat or bytes that don't fit the shape.
void write_safetensors(const std::string& path, std::span<const Tensor> tensors, const std::map<std::string, std::string>& metadata = {});

}  // namespace philo
