// Matrix products. Every output is one vector of partial sums over k ascending, the tail filled with zeros, then one fixed tree of
// additions. The shape of a tile and the blocks of k decide only when that happens, so any number of tokens gives the same bits.
// Included inside a unit of one instruction set.

namespace philo::PHILO_ISA {
namespace {

template <FloatFormat format>
constexpr size_t bytes_of = format == FloatFormat::F32 ? 4 : 2;

// Adds weight (R, depth) times in (C, depth) to the partial sums. R * C sums hide the latency of the multiply-add.
template <FloatFormat format, int R, int C>
PHILO_INLINE void add_products(const std::byte* weight, size_t row_bytes, const float* in, size_t in_stride, size_t depth,
                               Vec (&sums)[R][C]) {
  const size_t whole = depth / lanes * lanes;
  size_t k = 0;
  if constexpr (C == 1 && format != FloatFormat::F32) {
    // One token waits for memory: two steps for each cache line and a prefetch 1 KiB ahead give 8 % more on Emerald Rapids.
    for (; k + 2 * lanes <= whole; k += 2 * lanes) {
      const Vec x = load(in + k), next_x = load(in + k + lanes);
      PHILO_UNROLL for (int r = 0; r < R; ++r) {
        const std::byte* const at = weight + static_cast<size_t>(r) * row_bytes + k * bytes_of<format>;
        __builtin_prefetch(at + 1024);
        sums[r][0] = fma(widen<format>(at), x, sums[r][0]);
        sums[r][0] = fma(widen<format>(at + lanes * bytes_of<format>), next_x, sums[r][0]);
      }
    }
  }
  for (; k < whole; k += lanes) {
    Vec x[C];
    PHILO_UNROLL for (int c = 0; c < C; ++c) x[c] = load(in + static_cast<size_t>(c) * in_stride + k);
    PHILO_UNROLL for (int r = 0; r < R; ++r) {
      const Vec w = widen<format>(weight + static_cast<size_t>(r) * row_bytes + k * bytes_of<format>);
      PHILO_UNROLL for (int c = 0; c < C; ++c) sums[r][c] = fma(w, x[c], sums[r][c]);
    }
  }
  if (whole == depth) return;
  PHILO_UNROLL for (int r = 0; r < R; ++r) {
    const Vec w = widen_part<format>(weight + static_cast<size_t>(r) * row_bytes + whole * bytes_of<format>, depth - whole);
    PHILO_UNROLL for (int c = 0; c < C; ++c)
      sums[r][c] = fma(w, load_part(in + static_cast<size_t>(c) * in_stride + whole, depth - whole), sums[r][c]);
  }
}

// The same; but where lanes are few, each of them has thousands of terms to add, and blocks of them are summed apart to keep rounding small.
// The blocks are those of many_tokens.
template <FloatFormat format, int R, int C>
PHILO_INLINE void add_blocks(const std::byte* weight, size_t row_bytes, const float* in, size_t in_stride, size_t depth, Vec (&sums)[R][C]) {
  if constexpr (lanes >= 8) {
    add_products<format, R, C>(weight, row_bytes, in, in_stride, depth, sums);
  } else {
    for (size_t k = 0; k < depth; k += linear_block_depth) {
      const size_t part = depth - k < linear_block_depth ? depth - k : linear_block_depth;
      Vec block[R][C];
      PHILO_UNROLL for (int r = 0; r < R; ++r) PHILO_UNROLL for (int c = 0; c < C; ++c) block[r][c] = zero();
      add_products<format, R, C>(weight + k * bytes_of<format>, row_bytes, in + k, in_stride, part, block);
      PHILO_UNROLL for (int r = 0; r < R; ++r) PHILO_UNROLL for (int c = 0; c < C; ++c) sums[r][c] = add(sums[r][c], block[r][c]);
    }
  }
}

// Reduces tile_rows rows of partial sums and stores the first `rows` of them.
template <int C>
PHILO_INLINE void store_sums(const Vec (&sums)[tile_rows][C], size_t rows, float* out, size_t out_stride) {
  PHILO_UNROLL for (int c = 0; c < C; ++c) {
    const Four four = sums_of_four(sums[0][c], sums[1][c], sums[2][c], sums[3][c]);
    float* const to = out + static_cast<size_t>(c) * out_stride;
    if (rows == tile_rows) {
      store_four(to, four);
    } else {
      float parts[tile_rows];
      store_four(parts, four);
      for (size_t r = 0; r < rows; ++r) to[r] = parts[r];
    }
  }
}

// All rows of C tokens, straight from the stored weights.
template <FloatFormat format, int C>
void few_tokens(const LinearTask& task, size_t token) {
  const size_t row_bytes = task.depth * bytes_of<format>;
  const float* const in = task.in + token * task.in_stride;
  float* const out = task.out + token * task.out_stride;
  size_t row = 0;
  for (; row + tile_rows <= task.rows; row += tile_rows) {
    Vec sums[tile_rows][C];
    PHILO_UNROLL for (int r = 0; r < tile_rows; ++r) PHILO_UNROLL for (int c = 0; c < C; ++c) sums[r][c] = zero();
    add_blocks<format, tile_rows, C>(task.weight + row * row_bytes, row_bytes, in, task.in_stride, task.depth, sums);
    store_sums<C>(sums, tile_rows, out + row, task.out_stride);
  }
  for (; row < task.rows; ++row) {
    Vec one[1][C];
    PHILO_UNROLL for (int c = 0; c < C; ++c) one[0][c] = zero();
    add_blocks<format, 1, C>(task.weight + row * row_bytes, row_bytes, in, task.in_stride, task.depth, one);
    Vec sums[tile_rows][C];
    PHILO_UNROLL for (int r = 0; r < tile_rows; ++r) PHILO_UNROLL for (int c = 0; c < C; ++c) sums[r][c] = one[0][c];
    store_sums<C>(sums, 1, out + row, task.out_stride);
  }
}

// A block of weights widened to float32, (rows rounded up to tile_rows, linear_block_depth); missing rows are zero.
template <FloatFormat format>
void widen_block(const LinearTask& task, size_t first_row, size_t rows, size_t first_k, size_t depth, float* block) {
  for (size_t row = 0; row < (rows + tile_rows - 1) / tile_rows * tile_rows; ++row) {
    float* const to = block + row * linear_block_depth;
    const std::byte* const from = task.weight + ((first_row + row) * task.depth + first_k) * bytes_of<format>;
    size_t k = 0;
    for (; k + lanes <= depth; k += lanes) store(to + k, row < rows ? widen<format>(from + k * bytes_of<format>) : zero());
    if (k < depth) store(to + k, row < rows ? widen_part<format>(from + k * bytes_of<format>, depth - k) : zero());
  }
}

// One tile of C tokens over one block of k; `kept` holds the partial sums between blocks.
template <int C>
PHILO_INLINE void block_tile(const float* block, const float* in, size_t in_stride, size_t depth, float* kept, bool first, bool last,
                             size_t rows, float* out, size_t out_stride) {
  Vec sums[tile_rows][C];
  PHILO_UNROLL for (int r = 0; r < tile_rows; ++r) PHILO_UNROLL for (int c = 0; c < C; ++c)
      sums[r][c] = first ? zero() : load(kept + static_cast<size_t>(r * C + c) * lanes);
  add_blocks<FloatFormat::F32, tile_rows, C>(reinterpret_cast<const std::byte*>(block), linear_block_depth * sizeof(float), in,
                                               in_stride, depth, sums);
  if (last) {
    store_sums<C>(sums, rows, out, out_stride);
    return;
  }
  PHILO_UNROLL for (int r = 0; r < tile_rows; ++r) PHILO_UNROLL for (int c = 0; c < C; ++c)
      store(kept + static_cast<size_t>(r * C + c) * lanes, sums[r][c]);
}

// All rows of a block by C tokens.
template <int C>
void block_rows(const LinearTask& task, const float* block, size_t first_row, size_t rows, size_t first_k, size_t depth, size_t token,
                float* kept) {
  const bool first = first_k == 0, last = first_k + depth == task.depth;
  for (size_t row = 0; row < rows; row += tile_rows) {
    const size_t left = rows - row;
    block_tile<C>(block + row * linear_block_depth, task.in + token * task.in_stride + first_k, task.in_stride, depth,
                  kept + row * tile_tokens * lanes, first, last, left < tile_rows ? left : tile_rows,
                  task.out + token * task.out_stride + first_row + row, task.out_stride);
  }
}

// Weights are widened once for a block of tokens, in pieces that stay in the second-level cache beside inputs and partial sums.
template <FloatFormat format>
void many_tokens(const LinearTask& task) {
  float* const block = task.scratch;
  float* const kept = task.scratch + linear_block_rows * linear_block_depth;
  static_assert(linear_block_tokens % tile_tokens == 0);
  for (size_t first_row = 0; first_row < task.rows; first_row += linear_block_rows) {
    const size_t rows = task.rows - first_row < linear_block_rows ? task.rows - first_row : linear_block_rows;
    for (size_t first_token = 0; first_token < task.tokens; first_token += linear_block_tokens) {
      const size_t end = first_token + linear_block_tokens < task.tokens ? first_token + linear_block_tokens : task.tokens;
      for (size_t k = 0; k < task.depth; k += linear_block_depth) {
        const size_t depth = task.depth - k < linear_block_depth ? task.depth - k : linear_block_depth;
        widen_block<format>(task, first_row, rows, k, depth, block);
        size_t token = first_token;
        float* sums = kept;
        for (; token + tile_tokens <= end; token += tile_tokens, sums += linear_block_rows * tile_tokens * lanes)
          block_rows<tile_tokens>(task, block, first_row, rows, k, depth, token, sums);
        if constexpr (tile_tokens == 6) {
          if (end - token == 5) block_rows<5>(task, block, first_row, rows, k, depth, token, sums);
          if (end - token == 4) block_rows<4>(task, block, first_row, rows, k, depth, token, sums);
          if (end - token == 3) block_rows<3>(task, block, first_row, rows, k, depth, token, sums);
        }
        if (end - token == 2) block_rows<2>(task, block, first_row, rows, k, depth, token, sums);
        if (end - token == 1) block_rows<1>(task, block, first_row, rows, k, depth, token, sums);
      }
    }
  }
}

template <FloatFormat format>
void linear(const LinearTask& task) {
  if (task.tokens > 2 * tile_tokens) {
    many_tokens<format>(task);
    return;
  }
  size_t token = 0;
  for (; token + tile_tokens <= task.tokens; token += tile_tokens) few_tokens<format, tile_tokens>(task, token);
  if constexpr (tile_tokens == 6) {
    if (task.tokens - token == 5) few_tokens<format, 5>(task, token);
    if (task.tokens - token == 4) few_tokens<format, 4>(task, token);
    if (task.tokens - token == 3) few_tokens<format, 3>(task, token);
  }
  if (task.tokens - token == 2) few_tokens<format, 2>(task, token);
  if (task.tokens - token == 1) few_tokens<format, 1>(task, token);
}

}  // namespace
}  // namespace philo::PHILO_ISA
