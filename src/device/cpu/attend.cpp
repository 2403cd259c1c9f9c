// Cuts attention into tasks. The sums of one token are always formed over the same segments of keys, at absolute positions, and
// joined in order; so threads, chunks and neighbours change nothing.
#include "device/cpu/attend.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace philo {
namespace {

constexpr size_t rows_per_work = 32;
constexpr size_t tile_tokens = 16;  // whose keys of one head are appended in a row: their places share cache lines
constexpr size_t blocks_per_segment = 8;
constexpr size_t segment_tokens = blocks_per_segment * key_block_tokens;
constexpr float none = -std::numeric_limits<float>::infinity();

size_t round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }

size_t state_floats(size_t head_size) { return 2 * rows_per_work + rows_per_work * round_up(head_size, 16); }

// Two softmax states and the kernels' scratch; while keys are appended, a turned key and its codes.
size_t thread_floats(size_t head_size) {
  return round_up(2 * state_floats(head_size) + attend_scratch_floats(head_size) + 2 * round_up(head_size, 16), 16);
}

}  // namespace

void Attention::State::clear(size_t rows, size_t head_size) const {
  std::fill_n(maximum, rows, none);
  std::fill_n(sum, rows, 0.0f);
  std::fill_n(out, rows * head_size, 0.0f);
}

// Adds keys that follow those of this state.
void Attention::State::join(const State& other, size_t rows, size_t head_size) const {
  for (size_t row = 0; row < rows; ++row) {
    if (other.maximum[row] == none) continue;
    const float greater = std::max(maximum[row], other.maximum[row]);
    const float ours = std::exp(maximum[row] - greater), theirs = std::exp(other.maximum[row] - greater);
    maximum[row] = greater;
    sum[row] = sum[row] * ours + other.sum[row] * theirs;
    for (size_t i = row * head_size; i < (row + 1) * head_size; ++i) out[i] = out[i] * ours + other.out[i] * theirs;
  }
}

Attention::Attention(const ModelConfig& config, const Kernels& kernels, ThreadPool& pool)
    : kernels_(kernels),
      pool_(pool),
      heads_(static_cast<size_t>(config.heads)),
      kv_heads_(static_cast<size_t>(config.kv_heads)),
      group_(heads_ / kv_heads_),
      head_size_(static_cast<size_t>(config.head_size)),
      rotary_size_(static_cast<size_t>(config.rotary_size)),
      scale_(static_cast<float>(1.0 / std::sqrt(static_cast<double>(config.head_size)))) {
  scratch_.reserve(thread_floats(head_size_) * pool.threads() * sizeof(float), "attention");
}

void Attention::reserve(size_t tokens) { rotated_.reserve(tokens * heads_ * head_size_ * sizeof(float), "attention"); }

Attention::State Attention::state_at(float* memory) const {
  return {memory, memory + rows_per_work, memory + 2 * rows_per_work};
}

void Attention::rotate_and_append(size_t layer, std::span<const AttendTurn> turns, const float* in, size_t in_stride, Crew& crew) {
  for (const AttendTurn& turn : turns) {
    const size_t first_tile = turn.position / tile_tokens, tiles = (turn.position + turn.tokens - 1) / tile_tokens - first_tile + 1;
    pool_.run(tiles * kv_heads_, crew, [&](size_t index, size_t thread) {
      const size_t tile = (first_tile + index / kv_heads_) * tile_tokens, head = index % kv_heads_;
      const size_t begin = std::max(tile, turn.position), end = std::min(tile + tile_tokens, turn.position + turn.tokens);
      for (size_t position = begin; position < end; ++position)
        rotate_and_append(layer, head, turn, position, in, in_stride, scratch_.floats() + thread * thread_floats(head_size_));
    });
  }
}

void Attention::rotate_and_append(size_t layer, size_t head, const AttendTurn& turn, size_t position, const float* in, size_t in_stride,
                                  float* scratch) {
  const size_t half = rotary_size_ / 2, token = position - turn.position, row = turn.first_token + token;
  const float* const cosine = turn.cosine + token * half;
  const float* const sine = turn.sine + token * half;
  const float* const from = in + row * in_stride;
  float* const rotated = rotated_.floats() + row * heads_ * head_size_;
  for (size_t h = head * group_; h < (head + 1) * group_; ++h)
    kernels_.rope(from + h * head_size_, cosine, sine, rotary_size_, head_size_, rotated + h * head_size_);

  const size_t block = position / key_block_tokens, place = position % key_block_tokens;
  const float* const key_in = from + (heads_ + head) * head_size_;
  const float* const value_in = key_in + kv_heads_ * head_size_;
  float* const stored = scratch + round_up(head_size_, 16);
  kernels_.rope(key_in, cosine, sine, rotary_size_, head_size_, scratch);
  append(*turn.cache, scratch, stored, turn.cache->keys(layer, head, block), place, true);
  append(*turn.cache, value_in, stored, turn.cache->values(layer, head, block), place, false);
}

namespace {

template <size_t bytes>
void place_key(const std::byte* from, size_t head_size, std::byte* block, size_t place) {
  std::byte* to = block + place * bytes;
  for (size_t i = 0; i < head_size; ++i, to += key_block_tokens * bytes) std::memcpy(to, from + i * bytes, bytes);
}

}  // namespace

// One token's key or value of a head into its place in a block.
void Attention::append(const KvCache& cache, const float* in, float* scratch, std::byte* block, size_t place, bool is_key) const {
  auto* const made = reinterpret_cast<std::byte*>(scratch);
  const std::byte* from = reinterpret_cast<const std::byte*>(in);
  switch (cache.shape().format) {
    case KvFormat::Fp32: break;
    case KvFormat::Fp16:
      kernels_.store_f16(in, head_size_, made);
      from = made;
      break;
    case KvFormat::Int8: {
      int32_t sum;  // the kernel writes up to a multiple of 8 codes
      kernels_.quantize_input(in, head_size_, head_size_, reinterpret_cast<int8_t*>(made), cache.scales(block) + place, &sum);
      from = made;
      break;
    }
  }
  const size_t bytes = cache.shape().element_bytes();
  if (!is_key) std::memcpy(block + place * head_size_ * bytes, from, head_size_ * bytes);
  else if (bytes == 1) place_key<1>(from, head_size_, block, place);
  else if (bytes == 2) place_key<2>(from, head_size_, block, place);
  else place_key<4>(from, head_size_, block, place);
}

size_t Attention::segments_begin(const Work& work) const {
  return work.turn->cache->first_visible(work.position(0)) / segment_tokens;
}

size_t Attention::segments_end(const Work& work) const { return work.position(work.rows - 1) / segment_tokens + 1; }

// Leaves in `state` the softmax over those keys of one segment that the rows see.
void Attention::attend_segment(const Work& work, size_t layer, size_t segment, const State& state, float* scratch) const {
  KvCache& cache = *work.turn->cache;
  const KvFormat format = cache.shape().format;
  const auto attend = format == KvFormat::Fp32 ? kernels_.attend_f32 : format == KvFormat::Fp16 ? kernels_.attend_f16 : kernels_.attend_i8;
  state.clear(work.rows, head_size_);
  const float* queries[rows_per_work];
  uint32_t first[rows_per_work], last[rows_per_work];
  for (size_t row = 0; row < work.rows; ++row) {
    const size_t r = work.first_row + row, head = work.kv_head * group_ + r % group_;
    queries[row] = rotated_.floats() + ((work.turn->first_token + r / group_) * heads_ + head) * head_size_;
  }
  const size_t least = cache.first_visible(work.position(0)), most = work.position(work.rows - 1);
  const size_t begin = std::max(segment * blocks_per_segment, least / key_block_tokens);
  const size_t end = std::min((segment + 1) * blocks_per_segment, most / key_block_tokens + 1);
  for (size_t block = begin; block < end; ++block) {
    const size_t start = block * key_block_tokens;
    const auto within = [start](size_t key) {  // as a place in this block
      return static_cast<uint32_t>(std::clamp(key, start, start + key_block_tokens) - start);
    };
    for (size_t row = 0; row < work.rows; ++row) {
      first[row] = within(cache.first_visible(work.position(row)));
      last[row] = within(work.position(row) + 1);
    }
    std::byte* const keys = cache.keys(layer, work.kv_head, block);
    std::byte* const values = cache.values(layer, work.kv_head, block);
    const bool coded = format == KvFormat::Int8;
    attend({.queries = queries,
            .rows = work.rows,
            .head_size = head_size_,
            .scale = scale_,
            .keys = keys,
            .values = values,
            .key_scales = coded ? cache.scales(keys) : nullptr,
            .value_scales = coded ? cache.scales(values) : nullptr,
            .first = first,
            .last = last,
            .maximum = state.maximum,
            .sum = state.sum,
            .out = state.out,
            .scratch = scratch,
            .next_keys = block + 1 < end ? cache.keys(layer, work.kv_head, block + 1) : nullptr});
  }
}

void Attention::finish(const Work& work, const State& state, float* out, size_t out_stride) const {
  for (size_t row = 0; row < work.rows; ++row) {
    const size_t r = work.first_row + row, head = work.kv_head * group_ + r % group_;
    float* const to = out + (work.turn->first_token + r / group_) * out_stride + head * head_size_;
    const float* const from = state.out + row * head_size_;
    for (size_t i = 0; i < head_size_; ++i) to[i] = from[i] / state.sum[row];
  }
}

void Attention::run(size_t layer, std::span<const AttendTurn> turns, const float* in, size_t in_stride, float* out,
                    size_t out_stride, Crew& crew) {
  rotate_and_append(layer, turns, in, in_stride, crew);

  work_.clear();
  size_t segments = 0;  // most of any work
  for (const AttendTurn& turn : turns)
    for (size_t head = 0; head < kv_heads_; ++head)
      for (size_t row = 0; row < turn.tokens * group_; row += rows_per_work) {
        work_.push_back({&turn, head, row, std::min(rows_per_work, turn.tokens * group_ - row), group_});
        segments = std::max(segments, segments_end(work_.back()) - segments_begin(work_.back()));
      }

  const size_t per_state = state_floats(head_size_);
  const auto scratch_of = [&](size_t thread) { return scratch_.floats() + thread * thread_floats(head_size_); };
  if (segments == 1 || work_.size() >= 4 * crew.threads()) {
    pool_.run(work_.size(), crew, [&](size_t index, size_t thread) {
      const Work& work = work_[index];
      float* const scratch = scratch_of(thread);
      const State whole = state_at(scratch), part = state_at(scratch + per_state);
      whole.clear(work.rows, head_size_);
      for (size_t segment = segments_begin(work); segment < segments_end(work); ++segment) {
        attend_segment(work, layer, segment, part, scratch + 2 * per_state);
        whole.join(part, work.rows, head_size_);
      }
      finish(work, whole, out, out_stride);
    });
    return;
  }
  partial_.reserve(work_.size() * segments * per_state * sizeof(float), "attention");
  const auto partial = [&](size_t index, size_t segment) {
    return state_at(partial_.floats() + (index * segments + segment) * per_state);
  };
  pool_.run(work_.size() * segments, crew, [&](size_t index, size_t thread) {
    const Work& work = work_[index / segments];
    const size_t segment = segments_begin(work) + index % segments;
    if (segment < segments_end(work))
      attend_segment(work, layer, segment, partial(index / segments, index % segments), scratch_of(thread) + 2 * per_state);
  });
  pool_.run(work_.size(), crew, [&](size_t index, size_t thread) {
    const Work& work = work_[index];
    const State whole = state_at(scratch_of(thread));
    whole.clear(work.rows, head_size_);
    for (size_t segment = 0; segment < segments_end(work) - segments_begin(work); ++segment)
      whole.join(partial(index, segment), work.rows, head_size_);
    finish(work, whole, out, out_stride);
  });
}

}  // namespace philo
