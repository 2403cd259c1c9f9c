// Keys and values of one sequence in memory of philo's own, which the graph reads and appends to in place.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "device/device.h"

namespace philo::onnxruntime {

struct KvSizes {
  size_t layers, heads, head_size;
  DType dtype;     // F32 or F16
  size_t context;  // most tokens

  size_t token_bytes() const { return head_size * dtype_bytes(dtype); }  // of one head
};

// A buffer is (heads, capacity, head_size). It grows by half, so that a long prompt is copied a few times at most; what is not written to takes
// no memory.
class KvBuffers {
 public:
  explicit KvBuffers(const KvSizes& sizes) : sizes_(sizes), buffers_(2 * sizes.layers) {}

  // Room for `tokens`; the first `kept` stay. Throws ErrorCode::Resource, and what was kept is as it was.
  void prepare(size_t tokens, size_t kept);
  void clear();
  size_t memory_bytes(size_t tokens) const { return 2 * sizes_.layers * sizes_.heads * tokens * sizes_.token_bytes(); }

  // Keys of a layer at 2 * layer, values at 2 * layer + 1.
  std::byte* data(size_t buffer) const { return buffers_[buffer].data.get(); }
  size_t capacity(size_t buffer) const { return buffers_[buffer].capacity; }
  size_t bytes(size_t buffer) const { return sizes_.heads * buffers_[buffer].capacity * sizes_.token_bytes(); }

  // "layers.N.keys" and "layers.N.values", (heads, tokens, head_size).
  std::vector<CachePart> parts(size_t tokens) const;
  void read_part(size_t part, size_t tokens, std::span<std::byte> to) const;
  void restore(size_t tokens, const Weights& parts, const std::string& file);

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  struct Buffer {
    std::unique_ptr<std::byte, Free> data;
    size_t capacity = 0;
  };
  void grow(Buffer& buffer, size_t capacity, size_t kept) const;
  KvSizes sizes_;
  std::vector<Buffer> buffers_;
};

}  // namespace philo::onnxruntime
