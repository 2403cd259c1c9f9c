// Products of many tokens by smmla, which multiplies 2 rows of weights by 2 tokens over 8 columns. Exact sums, so what follows is
// coded_linear.h's chain of float operations. Included by neon_i8mm.cpp alone, behind coded_linear.h.
//
// Weights lie in a block as (panels, columns / 8, pairs of rows, 2 rows, 8 columns), the activations of some tokens as
// (columns / 8, pairs of tokens, 2 tokens, 8 columns): each register is one load.

namespace philo::PHILO_ISA {
namespace {

constexpr size_t pair_columns = 8, pair_bytes = 16;
constexpr int pair_tokens = 8, pair_vectors = 2;  // of a tile: 4 by 4 pairs are 16 sums, beside 4 weights and 1 input in 32 registers

// Codes of 8 bits are moved down by 128, as Weights<8> has them.
template <int bits>
struct PairProduct : Int8Product<bits> {
  static constexpr int tile_tokens = pair_tokens;

  static CodesAt prepare(const Work& work, size_t panel, size_t panels, size_t first, size_t columns, std::byte* block) {
    const PanelMatrix& weight = work.task.weight;
    const size_t lines = lines_of<bits>(weight.depth);
    for (size_t p = 0; p < panels; ++p) {
      const std::byte* const codes = weight.codes + (panel + p) * lines * panel_line_bytes;
      std::byte* to = block + p * Int8Product<bits>::block_depth * panel_rows;
      for (size_t k = 0; k < columns; k += pair_columns)
        for (size_t v = 0; v < panel_vectors; ++v, to += 2 * pair_bytes) {
          Quads low, high;  // columns k to k + 3 and k + 4 to k + 7 of four rows
          if constexpr (bits == 4) {
            const Quads both = load_quads(codes + (first + k) / 8 * panel_line_bytes + v * 4 * lanes);
            low = low_halves(both);
            high = high_halves(both);
          } else {
            const size_t line = (first + k) / 4;
            low = load_quads(codes + line * panel_line_bytes + v * 4 * lanes);
            high = line + 1 < lines ? load_quads(codes + (line + 1) * panel_line_bytes + v * 4 * lanes) : low;  // the inputs there are zeros
          }
          const int32x4_t near = vreinterpretq_s32_s8(as_weights<bits>(low).codes), far = vreinterpretq_s32_s8(as_weights<bits>(high).codes);
          store_quads(to, vreinterpretq_u8_s32(vzip1q_s32(near, far)));
          store_quads(to + pair_bytes, vreinterpretq_u8_s32(vzip2q_s32(near, far)));
        }
    }
    return {block, Int8Product<bits>::block_depth * panel_rows};
  }
};

// The block's columns of C tokens, in pairs; an odd one has zeros beside it.
template <int C>
PHILO_INLINE void pair_inputs(const Work& work, const Block& block, size_t token, int8_t* to) {
  const QuantizedInput& input = work.task.input;
  const int8_t* const from = input.codes + token * input.stride + block.first;
  for (size_t k = 0; k < block.columns; k += pair_columns)
    PHILO_UNROLL for (int pair = 0; pair < (C + 1) / 2; ++pair, to += pair_bytes) {
      const int8_t* const first = from + static_cast<size_t>(2 * pair) * input.stride + k;
      vst1_s8(to, vld1_s8(first));
      vst1_s8(to + pair_columns, 2 * pair + 1 < C ? vld1_s8(first + input.stride) : vdup_n_s8(0));
    }
}

// C tokens by W vectors of the block's rows from `row` on.
template <int bits, int W, int C>
__attribute__((noinline)) void pair_tile(const Work& work, const Block& block, const int8_t* inputs, size_t row, size_t token, float* kept) {
  constexpr int pairs = (C + 1) / 2;
  const size_t place = row - block.row;
  const MemoryOutputs<W, C> out{kept};
  if (block.first == 0) PHILO_UNROLL for (int w = 0; w < W; ++w) PHILO_UNROLL for (int c = 0; c < C; ++c) out.put(w, c, zero());
  const auto* codes = reinterpret_cast<const int8_t*>(block.codes.codes) + place / panel_rows * block.codes.panel_bytes +
                      place % panel_rows / 2 * pair_bytes;
  const float* scales = block.scales + place;
  const float* zero_points = block.zero_points == nullptr ? nullptr : block.zero_points + place;
  for (size_t k = 0, group = block.first_group; k < block.columns; k += work.span, ++group) {
    const size_t end = block.columns - k < work.span ? block.columns : k + work.span;
    int32x4_t dots[2 * W][pairs];  // (first row, token), (first row, next token), (second row, token), (second row, next token)
    PHILO_UNROLL for (int r = 0; r < 2 * W; ++r) PHILO_UNROLL for (int p = 0; p < pairs; ++p) dots[r][p] = vdupq_n_s32(0);
    for (size_t column = k; column < end; column += pair_columns) {
      int8x16_t weights[2 * W];
      PHILO_UNROLL for (int r = 0; r < 2 * W; ++r) weights[r] = vld1q_s8(codes + static_cast<size_t>(r) * pair_bytes);
      PHILO_UNROLL for (int p = 0; p < pairs; ++p) {
        const int8x16_t in = vld1q_s8(inputs + static_cast<size_t>(p) * pair_bytes);
        PHILO_UNROLL for (int r = 0; r < 2 * W; ++r) dots[r][p] = vmmlaq_s32(dots[r][p], weights[r], in);
      }
      codes += panel_rows / 2 * pair_bytes;
      inputs += static_cast<size_t>(pairs) * pair_bytes;
    }
    const BlockFactors factors{scales, zero_points};
    Ints sums[W][C];
    PHILO_UNROLL for (int c = 0; c < C; ++c) {
      const Ints start = splat_int(PairProduct<bits>::start_of(work, factors.has_zero_points(), token + static_cast<size_t>(c), group));
      PHILO_UNROLL for (int w = 0; w < W; ++w) {
        const Ints low = dots[2 * w][c / 2], high = dots[2 * w + 1][c / 2];
        sums[w][c] = add_ints(start, c % 2 == 0 ? vuzp1q_s32(low, high) : vuzp2q_s32(low, high));
      }
    }
    PairProduct<bits>::template join_sums<W, C>(work, factors, token, group, sums, out);
    scales += block.factor_step;
    if (zero_points != nullptr) zero_points += block.factor_step;
  }
  if (block.first + block.columns != work.task.weight.depth) return;
  Vec whole[W][C];
  PHILO_UNROLL for (int w = 0; w < W; ++w) PHILO_UNROLL for (int c = 0; c < C; ++c) whole[w][c] = out.get(w, c);
  store_outputs<W, C>(work.task, row, token, whole);
}

// The block's rows for `tokens` <= C tokens.
template <int bits, int C = pair_tokens>
void pair_tokens_of(const Work& work, const Block& block, size_t token, size_t tokens, float* kept) {
  if constexpr (C > 1) {
    if (tokens < C) {
      pair_tokens_of<bits, C - 1>(work, block, token, tokens, kept);
      return;
    }
  }
  alignas(64) int8_t inputs[PairProduct<bits>::block_depth * ((C + 1) / 2 * 2)];
  pair_inputs<C>(work, block, token, inputs);
  size_t row = block.row;
  for (; row + pair_vectors * lanes <= block.end; row += pair_vectors * lanes)
    pair_tile<bits, pair_vectors, C>(work, block, inputs, row, token, kept + (row - block.row) * C);
  for (; row < block.end; row += lanes) pair_tile<bits, 1, C>(work, block, inputs, row, token, kept + (row - block.row) * C);
}

template <int bits>
PHILO_INLINE void block_tokens(PairProduct<bits>, const Work& work, const Block& block, size_t token, size_t tokens, float* kept) {
  pair_tokens_of<bits>(work, block, token, tokens, kept);
}

// Few tokens are sdot's.
template <int bits>
void pair_linear(const CodedLinearTask& task) {
  if (task.tokens < fewest_many_tokens) kernels_neon.coded_linear_i8[bits == 4 ? 0 : 1](task);
  else many_coded_tokens<PairProduct<bits>>(work_of(task));
}

}  // namespace
}  // namespace philo::PHILO_ISA
