// Keys and values of one conversation, in blocks of tokens that are allocated as it grows and reused once a window has passed.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "device/cpu/buffer.h"
#include "device/cpu/kernels/kernels.h"
#include "device/device.h"

namespace philo {

struct KvShape {
  size_t layers, kv_heads, head_size;
  KvFormat format;
  std::optional<size_t> window;  // tokens that a query sees, itself included

  size_t element_bytes() const { return format == KvFormat::Fp32 ? 4 : format == KvFormat::Fp16 ? 2 : 1; }
  // One head's keys in a block, (head_size, key_block_tokens) elements, or values, (key_block_tokens, head_size); where they are codes,
  // (key_block_tokens) float32 scales follow.
  size_t element_block_bytes() const { return (key_block_tokens * head_size * element_bytes() + 63) / 64 * 64; }
  size_t head_bytes() const { return element_block_bytes() + (format == KvFormat::Int8 ? key_block_tokens * sizeof(float) : 0); }
  size_t block_bytes() const { return layers * 2 * kv_heads * head_bytes(); }
};

// A windowed cache keeps at least this many tokens more than the window needs, so that a short rewind finds its keys.
constexpr size_t rewind_slack_tokens = 64;

class KvCache final : public Session {
 public:
  KvCache(const KvShape& shape, size_t context, const void* network);

  size_t position() const override { return position_; }
  size_t rewind(size_t position) override;
  size_t memory_bytes() const override { return (blocks_.size() + spare_.size()) * shape_.block_bytes(); }

  // "layers.N.keys" and "layers.N.values", (kv_heads, tokens, head_size) of the kept tokens, and for Int8 "….scales", (kv_heads, tokens).
  std::vector<CachePart> parts() const override;
  void read_part(size_t part, std::span<std::byte> to) const override;
  void restore(size_t position, bool turned_by_long_factors, const Weights& parts, const std::string& file) override;

  const KvShape& shape() const { return shape_; }
  size_t context() const { return context_; }
  const void* network() const { return network_; }  // whose session it is

  // Makes room for tokens after the position. Throws ErrorCode::Resource and keeps position and keys.
  void prepare(size_t tokens);
  void advance(size_t tokens) { position_ += tokens; }

  // The first key that a query at `position` sees.
  size_t first_visible(size_t position) const {
    return shape_.window && position + 1 > *shape_.window ? position + 1 - *shape_.window : 0;
  }
  // The (head_size, key_block_tokens) keys or (key_block_tokens, head_size) values of a head; `block` is the absolute number of a prepared block.
  std::byte* keys(size_t layer, size_t head, size_t block) { return part(2 * layer, head, block); }
  std::byte* values(size_t layer, size_t head, size_t block) { return part(2 * layer + 1, head, block); }

  // The scales of an Int8 block that keys() or values() gave, (key_block_tokens).
  float* scales(std::byte* elements) const { return reinterpret_cast<float*>(elements + shape_.element_block_bytes()); }

  bool long_factors = false;  // which LongRoPE factors the keys were turned with

 private:
  std::byte* part(size_t plane, size_t head, size_t block) const {
    return blocks_[block - first_block_].data() + (plane * shape_.kv_heads + head) * shape_.head_bytes();
  }
  void recycle(size_t first_needed_token);
  size_t planes() const { return shape_.format == KvFormat::Int8 ? 4 : 2; }  // parts of a layer
  // Copies between a part as it is written, for all kept tokens, and the blocks.
  template <bool to_cache, typename Bytes>
  void copy_part(size_t index, Bytes bytes) const;

  KvShape shape_;
  size_t context_;
  const void* network_;
  size_t position_ = 0;
  size_t first_block_ = 0;       // absolute number of blocks_.front()
  std::deque<Buffer> blocks_;
  std::vector<Buffer> spare_;    // left by a window or a rewind
};

}  // namespace philo
