// safetensors: an 8-byte little-endian header length, a JSON header, then the tensors' bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
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

// A tensor of a file that is still to be written.
struct TensorEntry {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
};
uint64_t entry_bytes(const TensorEntry& entry);  // throws ErrorCode::Failed where 64 bits can't count them

// Writes a file whose numbers come piece by piece, for what does not fit into memory.
class SafetensorsWriter {
 public:
  // Writes the header: the tensors lie in the file in the given order, without gaps, the first one aligned to 64 bytes. The file is a
  // regular one and outlives this object.
  SafetensorsWriter(OutputFile& file, std::span<const TensorEntry> tensors, const std::map<std::string, std::string>& metadata = {});

  // Bytes of tensor number `index` from `offset` within it on. Threads may write different parts at the same time.
  void write(size_t index, uint64_t offset, std::span<const std::byte> bytes);
  void finish();  // flushes to disk; throws ErrorCode::Failed where bytes of a tensor were never written

 private:
  OutputFile& file_;
  std::vector<uint64_t> begins_;  // in the file; one more than tensors
  std::atomic<uint64_t> written_{0};
};

}  // namespace philo
