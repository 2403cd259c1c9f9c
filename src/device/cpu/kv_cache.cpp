// Allocation, recycling and rewinding of the key and value blocks.
#include "device/cpu/kv_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace philo {

KvCache::KvCache(const KvShape& shape, size_t context, const void* network) : shape_(shape), context_(context), network_(network) {}

void KvCache::recycle(size_t first_needed_token) {
  const size_t first_needed = first_needed_token / key_block_tokens;
  while (!blocks_.empty() && first_block_ < first_needed) {
    spare_.push_back(std::move(blocks_.front()));
    blocks_.pop_front();
    ++first_block_;
  }
}

void KvCache::prepare(size_t tokens) {
  const size_t visible = first_visible(position_);
  recycle(visible - std::min(visible, rewind_slack_tokens));
  const size_t end = (position_ + tokens + key_block_tokens - 1) / key_block_tokens;  // blocks
  while (first_block_ + blocks_.size() < end) {
    if (spare_.empty()) {
      blocks_.emplace_back(shape_.block_bytes(), "the keys and values of the conversation");
    } else {
      blocks_.push_back(std::move(spare_.back()));
      spare_.pop_back();
    }
  }
  // Generating token by token needs one spare block at most; a prompt's chunks go round with more.
  if (tokens == 1 && spare_.size() > 1) spare_.resize(1);
}

size_t KvCache::rewind(size_t position) {
  if (position >= position_) return position_;
  // The token at `position` will see keys from here on.
  const bool kept = first_block_ * key_block_tokens <= first_visible(position);
  position_ = kept ? position : 0;
  if (position_ == 0) {
    blocks_.clear();
    spare_.clear();
    first_block_ = 0;
    return 0;
  }
  const size_t end = (position_ + key_block_tokens - 1) / key_block_tokens;
  while (first_block_ + blocks_.size() > std::max(end, first_block_)) {
    if (spare_.empty()) spare_.push_back(std::move(blocks_.back()));
    blocks_.pop_back();
  }
  return position_;
}

// The order of the parts of a layer, and of copy_part()'s planes.
enum PartOfLayer : size_t { Keys, Values, KeyScales, ValueScales };

std::vector<CachePart> KvCache::parts() const {
  static constexpr const char* names[] = {"keys", "values", "keys.scales", "values.scales"};
  const DType dtype = shape_.format == KvFormat::Fp32 ? DType::F32 : shape_.format == KvFormat::Fp16 ? DType::F16 : DType::I8;
  const auto heads = static_cast<int64_t>(shape_.kv_heads), size = static_cast<int64_t>(shape_.head_size);
  const auto tokens = static_cast<int64_t>(position_ - first_block_ * key_block_tokens);
  std::vector<CachePart> parts;
  if (tokens == 0) return parts;
  for (size_t layer = 0; layer < shape_.layers; ++layer)
    for (size_t part = 0; part < planes(); ++part) {
      const std::string name = "layers." + std::to_string(layer) + "." + names[part];
      if (part < KeyScales) parts.push_back({name, dtype, {heads, tokens, size}});
      else parts.push_back({name, DType::F32, {heads, tokens}});
    }
  return parts;
}

template <bool to_cache, typename Bytes>
void KvCache::copy_part(size_t index, Bytes bytes) const {
  const auto copy = [](auto* cached, auto* written, size_t count) {
    if constexpr (to_cache) std::memcpy(cached, written, count);
    else std::memcpy(written, cached, count);
  };
  const size_t plane = index % planes(), layer = index / planes(), element = plane < KeyScales ? shape_.element_bytes() : sizeof(float);
  const size_t width = plane < KeyScales ? shape_.head_size : 1;
  auto* at = bytes.data();
  for (size_t head = 0; head < shape_.kv_heads; ++head)
    for (size_t token = first_block_ * key_block_tokens; token < position_; ++token) {
      const size_t place = token % key_block_tokens;
      std::byte* const block = part(2 * layer + plane % 2, head, token / key_block_tokens);
      if (plane == Keys)  // (head_size, key_block_tokens)
        for (size_t i = 0; i < width; ++i) copy(block + (i * key_block_tokens + place) * element, at + i * element, element);
      else if (plane == Values) copy(block + place * width * element, at, width * element);
      else copy(reinterpret_cast<std::byte*>(scales(block) + place), at, element);
      at += width * element;
    }
}

void KvCache::read_part(size_t index, std::span<std::byte> to) const { copy_part<false>(index, to); }

void KvCache::restore(size_t position, bool turned_by_long_factors, const Weights& saved, const std::string& file) {
  const Tensor* const first = saved.find("layers.0.keys");
  if (first == nullptr || first->shape.size() != 3 || first->shape[1] < 1) throw input_error(file, "holds no keys \"layers.0.keys\" of any token");
  const auto tokens = static_cast<size_t>(first->shape[1]);
  if (position > context_)
    throw input_error(file, "holds " + std::to_string(position) + " tokens, but the context " + std::to_string(context_) +
                                "; give a larger one (--context)");
  const size_t missing = position < tokens ? 0 : position - tokens;
  if (tokens > position || missing % key_block_tokens != 0 || missing > first_visible(position))
    throw input_error(file, "holds keys of " + std::to_string(tokens) + " tokens, which can't be those of a text of " + std::to_string(position));
  first_block_ = missing / key_block_tokens;
  position_ = missing;
  while ((first_block_ + blocks_.size()) * key_block_tokens < position)
    blocks_.emplace_back(shape_.block_bytes(), "the keys and values of the conversation");
  position_ = position;
  long_factors = turned_by_long_factors;
  const std::vector<CachePart> expected = parts();
  for (size_t index = 0; index < expected.size(); ++index) {
    const auto& [name, dtype, shape] = expected[index];
    const Tensor* const tensor = saved.find(name);
    if (tensor == nullptr) throw input_error(file, "holds no \"" + name + "\"");
    if (tensor->dtype != dtype || tensor->shape != shape)
      throw input_error(file, "\"" + name + "\" is " + std::string(dtype_name(tensor->dtype)) + " " + shape_text(tensor->shape) + ", expected " +
                                  std::string(dtype_name(dtype)) + " " + shape_text(shape));
    copy_part<true>(index, tensor->bytes);
  }
}

}  // namespace philo
