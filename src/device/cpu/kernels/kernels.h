// The table of functions that each instruction set fills. Units built for one instruction set include this header, so it holds no
// inline function: one compiled for a newer processor could be the copy that the linker keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace philo {

enum class FloatFormat : uint8_t { F32, F16, BF16 };
constexpr size_t float_formats = 3;

// Keys are cached and attended in blocks of this many tokens, at absolute positions: what a token sees does not depend on how its
// predecessors were fed.
constexpr size_t key_block_tokens = 64;

// out = in * weight^T. Each output is one dot product in a fixed order that depends on `depth` alone.
struct LinearTask {
  const std::byte* weight;  // (rows, depth), any alignment
  size_t rows, depth;
  const float* in;          // (tokens, depth), rows in_stride apart
  size_t in_stride, tokens;
  float* out;               // (tokens, rows), rows out_stride apart
  size_t out_stride;
  float* scratch;           // linear_scratch_floats, aligned to 64 bytes; one per thread
};

// Folds the visible keys of one block into the online softmax of some query rows that share a key head.
struct AttendTask {
  const float* const* queries;  // (rows) of (head_size), rotated
  size_t rows, head_size;
  float scale;                  // on the scores
  const std::byte* keys;        // (key_block_tokens, head_size)
  const std::byte* values;      // (key_block_tokens, head_size)
  const uint32_t* first;        // (rows): visible keys are [first, last) of the block; may be empty
  const uint32_t* last;
  float* maximum;               // (rows), of the scores so far; -infinity before the first
  float* sum;                   // (rows), of exp(score - maximum)
  float* out;                   // (rows, head_size), the values weighted by exp(score - maximum)
  float* scratch;               // attend_scratch_floats(head_size)
};

struct Kernels {
  const char* isa;
  void (*embed[float_formats])(const std::byte* row, size_t width, float* out);
  void (*linear[float_formats])(const LinearTask& task);
  void (*rms_norm)(const float* in, const float* weight, size_t width, float epsilon, float* out);
  // The first rotary_size dimensions of a head turn in pairs (k, k + rotary_size / 2); the rest is copied. in != out.
  void (*rope)(const float* in, const float* cosine, const float* sine, size_t rotary_size, size_t head_size, float* out);
  void (*store_f16)(const float* in, size_t width, std::byte* out);  // to nearest even
  void (*attend_f32)(const AttendTask& task);
  void (*attend_f16)(const AttendTask& task);
  void (*swiglu)(const float* gate, const float* up, size_t width, float* out);
  void (*add)(const float* a, const float* b, size_t width, float* out);
  // Multiplies and adds in independent chains, as fast as the processor can: the peak that kernels are held against. Returns the
  // number of floating-point operations and writes 16 sums.
  size_t (*multiply_adds)(size_t rounds, float* out);
};

// The widest blocks that any table keeps: of weights widened to float32, and of unfinished sums.
constexpr size_t linear_block_rows = 64, linear_block_depth = 512, linear_block_tokens = 96, widest_lanes = 16;
constexpr size_t linear_scratch_floats =
    linear_block_rows * linear_block_depth + linear_block_rows * linear_block_tokens * widest_lanes;

size_t attend_scratch_floats(size_t head_size);

// Every table in this program, best first, scalar last, and whether this processor runs it.
struct KernelChoice {
  const Kernels* kernels;
  bool runs_here;
};
const std::vector<KernelChoice>& all_kernels();

// The best table here, or the one named. Throws ErrorCode::Usage for a name that this build does not know and ErrorCode::Device for
// one that this processor can't run, naming those that it can.
const Kernels& choose_kernels(std::string_view isa);

}  // namespace philo
