// Products of many tokens on AMX's tile registers: 16 by 16 sums at a time, 64 columns by one instruction. What follows the exact sums is
// coded_linear.h's chain of float operations. Included by amx.cpp alone, behind coded_linear.h.
//
// A line of a panel is a row of the right factor as the instruction takes it (16 rows of weights by 4 columns), and activations are its left
// factor as they lie. So 16 lines are a tile, and 16 tokens by 64 columns another.

namespace philo::PHILO_ISA {
namespace {

constexpr size_t tile_side = 16, tile_columns = 64, tile_tokens_at_once = 2 * tile_side;

// Registers: sums 0 to 3 (two of tokens by two of weights' rows), activations 4 and 5, weights 6 and 7.
struct alignas(64) TileShapes {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

// For the first and the last 16 of the tokens at hand, the last maybe none, and so many columns by one instruction.
PHILO_INLINE void shape_tiles(size_t first_tokens, size_t last_tokens, size_t columns) {
  TileShapes shapes;
  const size_t tokens[2] = {first_tokens, last_tokens == 0 ? tile_side : last_tokens};
  for (size_t i = 0; i < 2; ++i) {
    shapes.rows[2 * i] = shapes.rows[2 * i + 1] = shapes.rows[4 + i] = static_cast<uint8_t>(tokens[i]);
    shapes.row_bytes[2 * i] = shapes.row_bytes[2 * i + 1] = 64;
    shapes.row_bytes[4 + i] = static_cast<uint16_t>(columns);
    shapes.rows[6 + i] = static_cast<uint8_t>(columns / 4);
    shapes.row_bytes[6 + i] = 64;
  }
  _tile_loadconfig(&shapes);
}

PHILO_INLINE size_t columns_at_once(const Work& work) { return work.span < tile_columns ? work.span : tile_columns; }

// Exact sums of one group for up to two tiles of tokens by two vectors of rows.
struct TileSums {
  alignas(64) int32_t values[2][2][tile_side][tile_side];  // (tokens' tile, vector, token, row)
};

// One group of columns for T tiles of tokens and V vectors of rows.
template <int T, int V>
struct TileGroup {
  const int8_t* in;
  size_t in_stride;
  const std::byte* codes[2];

  __attribute__((always_inline)) void begin() const {
    _tile_zero(0);
    if constexpr (V > 1) _tile_zero(1);
    if constexpr (T > 1) _tile_zero(2);
    if constexpr (T > 1 && V > 1) _tile_zero(3);
  }
  __attribute__((always_inline)) void add(size_t column) const {
    _tile_loadd(6, codes[0] + column * tile_side, 64);
    _tile_loadd(4, in + column, in_stride);
    _tile_dpbsud(0, 4, 6);
    if constexpr (V > 1) {
      _tile_loadd(7, codes[1] + column * tile_side, 64);
      _tile_dpbsud(1, 4, 7);
    }
    if constexpr (T > 1) {
      _tile_loadd(5, in + tile_side * in_stride + column, in_stride);
      _tile_dpbsud(2, 5, 6);
    }
    if constexpr (T > 1 && V > 1) _tile_dpbsud(3, 5, 7);
  }
  __attribute__((always_inline)) void end(TileSums& to) const {
    _tile_stored(0, to.values[0][0], 64);
    if constexpr (V > 1) _tile_stored(1, to.values[0][1], 64);
    if constexpr (T > 1) _tile_stored(2, to.values[1][0], 64);
    if constexpr (T > 1 && V > 1) _tile_stored(3, to.values[1][1], 64);
  }
};

// Adds one group's sums to the outputs of some tokens, as Int8Product::add_group does.
template <int bits, int V>
struct TileOutputs {
  const Work& work;
  BlockFactors factors;
  const float* scales;     // of the inputs, from the first token on, groups apart
  const int32_t* in_sums;
  float* kept;             // (tokens, coded_block_rows)

  __attribute__((always_inline)) void add(const TileSums& sums, size_t first, size_t last) const {
    constexpr int32_t middle = 1 << (bits - 1);
    Vec scale[V], zero[V];
    PHILO_UNROLL for (int v = 0; v < V; ++v) scale[v] = factors.scale(v);
    const bool has_zero_points = factors.has_zero_points();
    if (has_zero_points) PHILO_UNROLL for (int v = 0; v < V; ++v) zero[v] = subtract(splat(0.0f), factors.zero_point(v));
    for (size_t token = first; token < last; ++token) {
      const Vec in_scale = splat(scales[token * work.groups]);
      const int32_t in_sum = in_sums[token * work.groups];
      PHILO_UNROLL for (int v = 0; v < V; ++v) {
        const Ints dots = _mm512_load_si512(sums.values[token / tile_side][v][token % tile_side]);
        Vec exact;
        if (has_zero_points) exact = fma(zero[v], splat(static_cast<float>(in_sum)), to_floats(dots));
        else exact = to_floats(add_ints(dots, splat_int(-middle * in_sum)));
        float* const out = kept + token * coded_block_rows + static_cast<size_t>(v) * lanes;
        store(out, fma(multiply(exact, scale[v]), in_scale, load(out)));
      }
    }
  }
};

// `tokens` of a block by V vectors of its rows. The sums of one group are made ready while those of the one before join the outputs.
template <int bits, int T, int V>
__attribute__((noinline)) void tile_products(const Work& work, const Block& block, size_t row, size_t token, size_t tokens, float* kept) {
  const CodedLinearTask& task = work.task;
  const size_t place = row - block.row, step = columns_at_once(work);
  const auto outputs_of = [&](size_t group) {
    const float* const scales = block.scales + group * block.factor_step + place;
    const float* const zero_points = block.zero_points == nullptr ? nullptr : block.zero_points + group * block.factor_step + place;
    const size_t in_group = token * work.groups + block.first_group + group;
    return TileOutputs<bits, V>{work, {scales, zero_points}, task.input.scales + in_group, task.input.sums + in_group, kept + place};
  };
  TileSums sums[2];
  const size_t groups = (block.columns + work.span - 1) / work.span;
  for (size_t group = 0; group < groups; ++group) {
    const size_t first = group * work.span, columns = block.columns - first < work.span ? block.columns - first : work.span;
    TileGroup<T, V> products{task.input.codes + token * task.input.stride + block.first + first, task.input.stride, {}};
    for (size_t v = 0; v < V; ++v) products.codes[v] = block.codes.vector(static_cast<int>(place / lanes + v)) + first * panel_rows;
    const size_t steps = columns / step;
    size_t done = 0;
    block.ahead->fetch();
    products.begin();
    for (size_t i = 0; i < steps; ++i) {
      products.add(i * step);
      if (group == 0) continue;
      const size_t until = tokens * (i + 1) / steps;
      outputs_of(group - 1).add(sums[(group - 1) % 2], done, until);
      done = until;
    }
    products.end(sums[group % 2]);
  }
  outputs_of(groups - 1).add(sums[(groups - 1) % 2], 0, tokens);
}

template <int bits>
struct TileProduct : Int8Product<bits> {
  static constexpr int tile_tokens = tile_tokens_at_once;
};

// The tokens of a block, up to tile_tokens_at_once of them.
template <int bits, int T>
void tile_rows_of(const Work& work, const Block& block, size_t token, size_t tokens, float* kept) {
  size_t row = block.row;
  for (; row + 2 * lanes <= block.end; row += 2 * lanes) tile_products<bits, T, 2>(work, block, row, token, tokens, kept);
  if (row < block.end) tile_products<bits, T, 1>(work, block, row, token, tokens, kept);
}

template <int bits>
void block_tokens(TileProduct<bits>, const Work& work, const Block& block, size_t token, size_t tokens, float* kept) {
  if (block.first == 0) __builtin_memset(kept, 0, tokens * coded_block_rows * sizeof(float));
  const bool whole = tokens == tile_tokens_at_once;
  const size_t first_tokens = tokens < tile_side ? tokens : tile_side;
  if (!whole) shape_tiles(first_tokens, tokens - first_tokens, columns_at_once(work));
  if (tokens > tile_side) tile_rows_of<bits, 2>(work, block, token, tokens, kept);
  else tile_rows_of<bits, 1>(work, block, token, tokens, kept);
  if (!whole) shape_tiles(tile_side, tile_side, columns_at_once(work));
  if (block.first + block.columns != work.task.weight.depth) return;
  for (size_t one = 0; one < tokens; ++one)
    for (size_t row = block.row; row < block.end; row += lanes) {
      Vec out[1][1] = {{load(kept + one * coded_block_rows + (row - block.row))}};
      store_outputs<1, 1>(work.task, row, token + one, out);
    }
}

// Few tokens, and columns that fill no whole tiles, are AVX-512's.
template <int bits>
void tile_linear(const CodedLinearTask& task) {
  const Work work = work_of(task);
  const size_t step = columns_at_once(work);
  if (task.tokens < fewest_many_tokens || task.weight.depth % step != 0 || work.span % step != 0) {
    kernels_avx512.coded_linear_i8[bits == 4 ? 0 : 1](task);
    return;
  }
  shape_tiles(tile_side, tile_side, step);
  many_coded_tokens<TileProduct<bits>>(work);
  _tile_release();
}

}  // namespace
}  // namespace philo::PHILO_ISA
