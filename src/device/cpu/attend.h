// Attention over the cache: RoPE, append, and softmax over the keys that each token sees.
#pragma once

#include <span>
#include <vector>

#include "device/cpu/buffer.h"
#include "device/cpu/kernels/kernels.h"
#include "device/cpu/kv_cache.h"
#include "machine/thread_pool.h"
#include "model/config.h"

namespace philo {

// One turn as the steps of a pass see it.
struct AttendTurn {
  KvCache* cache;
  size_t first_token;  // its first row in the activations
  size_t tokens;
  size_t position;     // of its first token in the sequence
  const float* cosine; // (tokens, rotary_size / 2), the LongRoPE attention factor included
  const float* sine;
};

class Attention {
 public:
  Attention(const ModelConfig& config, const Kernels& kernels, ThreadPool& pool);

  // Throws ErrorCode::Resource. To be called before a pass of that many tokens.
  void reserve(size_t tokens);

  // in: q, k, v side by side (tokens, q_size + 2 kv_size). out: (tokens, q_size). Strides in floats.
  void run(size_t layer, std::span<const AttendTurn> turns, const float* in, size_t in_stride, float* out, size_t out_stride, Crew& crew);

 private:
  // Some query rows of one key head: row r is head kv_head * group + r % group of the turn's token r / group.
  struct Work {
    const AttendTurn* turn;
    size_t kv_head, first_row, rows, group;
    size_t position(size_t row) const { return turn->position + (first_row + row) / group; }
  };
  // The softmax so far of some rows.
  struct State {
    float* maximum;  // (rows)
    float* sum;      // (rows)
    float* out;      // (rows, head_size)
    void clear(size_t rows, size_t head_size) const;
    void join(const State& other, size_t rows, size_t head_size) const;
  };
  void rotate_and_append(size_t layer, std::span<const AttendTurn> turns, const float* in, size_t in_stride, Crew& crew);
  void rotate_and_append(size_t layer, size_t head, const AttendTurn& turn, size_t position, const float* in, size_t in_stride, float* scratch);
  void append(const KvCache& cache, const float* in, float* scratch, std::byte* block, size_t place, bool is_key) const;
  void attend_segment(const Work& work, size_t layer, size_t segment, const State& state, float* scratch) const;
  void finish(const Work& work, const State& state, float* out, size_t out_stride) const;
  State state_at(float* memory) const;
  size_t segments_begin(const Work& work) const;
  size_t segments_end(const Work& work) const;

  const Kernels& kernels_;
  ThreadPool& pool_;
  size_t heads_, kv_heads_, group_, head_size_, rotary_size_;
  float scale_;
  Buffer rotated_;   // (tokens, q_size)
  Buffer scratch_;   // of each thread
  Buffer partial_;   // softmax states of split work
  std::vector<Work> work_;
};

}  // namespace philo
