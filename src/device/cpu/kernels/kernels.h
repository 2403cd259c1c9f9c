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

// An integer matrix in panels of panel_rows rows: value(row, k) = (code - zero_point) * scale. A line of 64 bytes holds the panel's rows by
// 8 columns (4 bits: byte 4r + j is code(r, 8b + j) in its low half and code(r, 8b + 4 + j) in its high half, j = 0..3) or by 4 columns
// (8 bits: byte 4r + j is code(r, 4b + j)). Columns beyond the depth and rows beyond the matrix hold any codes.
constexpr size_t panel_rows = 16, panel_line_bytes = 64;

struct PanelMatrix {
  int bits;                    // 4 or 8
  size_t depth;                // columns
  size_t group;                // columns that share a scale: 16, 32, 64 or 128, a divisor of depth; or depth, where each row has one scale
  const std::byte* codes;      // (panels, panel_lines, panel_line_bytes), aligned to 64 bytes
  const std::byte* scales;     // (panels, depth / group, panel_rows) of scale_format, any alignment
  FloatFormat scale_format;    // F16 or F32
  const uint8_t* zero_points;  // (panels, depth / group, panel_rows); nullptr where all are 8 (4 bits) or 128 (8 bits)
};

size_t panel_lines(int bits, size_t depth);  // of one panel

// Activations as the integer kernels read them: value = code * scale, by groups of input_group columns.
struct QuantizedInput {
  const int8_t* codes = nullptr;    // (tokens, stride bytes), -127 to 127; zeros from depth up to the next multiple of 8
  size_t stride = 0;
  const float* scales = nullptr;    // (tokens, groups)
  const int32_t* sums = nullptr;    // (tokens, groups), of the codes
};

// Columns that an input's scale covers for a matrix of this depth and group: the group, but 128 where each row has one scale. The last
// of the input_groups may be shorter.
size_t input_group(size_t depth, size_t group);
size_t input_groups(size_t depth, size_t group);

// out = in * weight^T for some rows of an integer matrix.
// coded_linear_i8 has the same bits in every table: for each input group in ascending order t = sum of (code - zero_point) * input code,
// exactly, and acc = fma(t * scale, input scale, acc); with one scale for each row acc = fma(t, input scale, acc), and acc * scale at last.
// coded_linear_f32 sums (code - zero_point) * in by fma over each group, in an order that depends on depth alone, and scales the sum.
struct CodedLinearTask {
  PanelMatrix weight;
  size_t first_panel, rows;  // the rows from panel_rows * first_panel on; the last panel may be partial
  QuantizedInput input = {};  // coded_linear_i8's
  const float* in = nullptr;  // coded_linear_f32's: (tokens, depth), rows in_stride apart
  size_t in_stride = 0;
  size_t tokens;
  float* out;                // (tokens, rows), rows out_stride apart
  size_t out_stride;
  std::byte* scratch;        // coded_scratch_bytes, aligned to 64 bytes; one per thread
};
constexpr size_t coded_scratch_bytes = 256 << 10;
constexpr size_t fewest_many_tokens = 17;  // from where the int8 kernels share unpacked weights: arithmetic is their limit then

// Folds the visible keys of one block into the online softmax of some query rows that share a key head.
struct AttendTask {
  const float* const* queries;  // (rows) of (head_size), rotated
  size_t rows, head_size;
  float scale;                  // on the scores
  const std::byte* keys;        // (head_size, key_block_tokens); of keys that nobody sees any bits
  const std::byte* values;      // (key_block_tokens, head_size); likewise
  const float* key_scales = nullptr;    // (key_block_tokens), attend_i8's: key = key_scale * code
  const float* value_scales = nullptr;  // (key_block_tokens)
  const uint32_t* first;        // (rows): visible keys are [first, last) of the block; may be empty
  const uint32_t* last;
  float* maximum;               // (rows), of the scores so far; -infinity before the first
  float* sum;                   // (rows), of exp(score - maximum)
  float* out;                   // (rows, head_size), the values weighted by exp(score - maximum)
  float* scratch;               // attend_scratch_floats(head_size)
  const std::byte* next_keys = nullptr;  // the block that will be asked for next, to be fetched meanwhile
};

struct Kernels {
  const char* isa;
  void (*embed[float_formats])(const std::byte* row, size_t width, float* out);
  void (*linear[float_formats])(const LinearTask& task);
  // Quantizes one row by groups, the last of which may be shorter: scale = greatest |x| / 127, code = x * (127 / greatest |x|) rounded to
  // even, sum = sum of the codes. Below 1e-30 a group is all zeros with scale 0; one with a number that is not finite has zeros and
  // the scale NaN, so that this stays visible. Writes zeros up to the next multiple of 8 codes. The same bits in every table.
  void (*quantize_input)(const float* in, size_t depth, size_t group, int8_t* codes, float* scales, int32_t* sums);
  void (*coded_linear_i8[2])(const CodedLinearTask& task);   // 4 bits, 8 bits; reads task.input
  void (*coded_linear_f32[2])(const CodedLinearTask& task);  // reads task.in
  void (*rms_norm)(const float* in, const float* weight, size_t width, float epsilon, float* out);
  // The first rotary_size dimensions of a head turn in pairs (k, k + rotary_size / 2); the rest is copied. in != out.
  void (*rope)(const float* in, const float* cosine, const float* sine, size_t rotary_size, size_t head_size, float* out);
  void (*store_f16)(const float* in, size_t width, std::byte* out);  // to nearest even
  void (*attend_f32)(const AttendTask& task);
  void (*attend_f16)(const AttendTask& task);
  void (*attend_i8)(const AttendTask& task);  // the codes that quantize_input makes of one token's head; queries stay float32
  void (*swiglu)(const float* gate, const float* up, size_t width, float* out);
  void (*add)(const float* a, const float* b, size_t width, float* out);
};

// The widest blocks that any table keeps: of weights widened to float32, and of unfinished sums.
constexpr size_t linear_block_rows = 64, linear_block_depth = 512, linear_block_tokens = 96, widest_lanes = 16;
constexpr size_t linear_scratch_floats =
    linear_block_rows * linear_block_depth + linear_block_rows * linear_block_tokens * widest_lanes;

size_t attend_scratch_floats(size_t head_size);

// Another table with int8 products of its own.
using CodedLinear = void (*)(const CodedLinearTask& task);
Kernels with_int8_products(const Kernels& table, const char* isa, CodedLinear of_4_bits, CodedLinear of_8_bits);

// Every table in this program, best first, scalar last, and whether this processor runs it.
struct KernelChoice {
  const Kernels* kernels;
  bool runs_here;
};
const std::vector<KernelChoice>& all_kernels();

// The best table here, or the one named; "avx_vnni" is also avx_vnni_evex, where only that runs. Throws ErrorCode::Usage for a name that this build does not know and ErrorCode::Device for
// one that this processor can't run, naming those that it can.
const Kernels& choose_kernels(std::string_view isa);

}  // namespace philo
