// Allocation, recycling and rewinding of the key and value blocks.
#include "device/cpu/kv_cache.h"

#include <algorithm>
#include <utility>

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

}  // namespace philo
