// Products of many tokens by smmla, which multiplies 2 rows of weights by 2 tokens over 8 columns. Included by neon_i8mm.cpp alone, behind
// coded_linear.h, whose blocks and whose chain of float operations these are.

namespace philo::PHILO_ISA {
namespace {

constexpr size_t pair_columns = 8;

// A block's 8 columns are two lines: of each four rows the first line holds (2 rows, 8 columns), and the second line those of the two rows that
// follow. Codes of 8 bits are moved down by 128, as Weights<8> has them.
template <int bits>
struct PairProduct : Int8Product<bits> {
  static CodesAt prepare(const Work& work, size_t panel, size_t panels, size_t first, size_t columns, std::byte* block) {
    const PanelMatrix& weight = work.task.weight;
    const size_t lines = lines_of<bits>(weight.depth);
    for (size_t p = 0; p < panels; ++p) {
      const std::byte* const codes = weight.codes + (panel + p) * lines * panel_line_bytes;
      std::byte* to = block + p * Int8Product<bits>::block_depth * panel_rows;
      for (size_t k = 0; k < columns; k += pair_columns, to += 2 * panel_line_bytes)
        for (size_t v = 0; v < panel_vectors; ++v) {
          const size_t at = v * 4 * lanes;
          Quads low, high;  // columns k to k + 3 and k + 4 to k + 7 of four rows
          if constexpr (bits == 4) {
            const Quads both = load_quads(codes + (first + k) / 8 * panel_line_bytes + at);
            low = low_halves(both);
            high = high_halves(both);
          } else {
            const size_t line = (first + k) / 4;
            low = load_quads(codes + line * panel_line_bytes + at);
            high = line + 1 < lines ? load_quads(codes + (line + 1) * panel_line_bytes + at) : low;  // the inputs there are zeros
          }
          const int32x4_t near = vreinterpretq_s32_s8(as_weights<bits>(low).codes), far = vreinterpretq_s32_s8(as_weights<bits>(high).codes);
          store_quads(to + at, vreinterpretq_u8_s32(vzip1q_s32(near, far)));
          store_quads(to + panel_line_bytes + at, vreinterpretq_u8_s32(vzip2q_s32(near, far)));
        }
    }
    return {block, Int8Product<bits>::block_depth * panel_rows};
  }

  template <bool from_block, int W, int C, typename Factors, typename Outputs>
  static __attribute__((always_inline)) void add_group(const Work& work, CodesAt from, const Factors& factors, size_t token, size_t group,
                                                       size_t columns, const Outputs& out) {
    static_assert(from_block);
    constexpr int pairs = (C + 1) / 2;  // an odd token has zeros beside it
    const QuantizedInput& input = work.task.input;
    const int8_t* in = input.codes + token * input.stride + group * work.span;
    int32x4_t dots[2 * W][pairs];  // (first row, token), (first row, next token), (second row, token), (second row, next token)
    PHILO_UNROLL for (int r = 0; r < 2 * W; ++r) PHILO_UNROLL for (int p = 0; p < pairs; ++p) dots[r][p] = vdupq_n_s32(0);
    for (size_t k = 0; k < columns; k += pair_columns, in += pair_columns, from.codes += 2 * panel_line_bytes) {
      int8x16_t tokens[pairs];
      PHILO_UNROLL for (int p = 0; p < pairs; ++p) {
        const int8_t* const first = in + static_cast<size_t>(2 * p) * input.stride;
        tokens[p] = vcombine_s8(vld1_s8(first), 2 * p + 1 < C ? vld1_s8(first + input.stride) : vdup_n_s8(0));
      }
      PHILO_UNROLL for (int r = 0; r < 2 * W; ++r) {
        const int8x16_t rows = vreinterpretq_s8_u8(load_quads(from.vector(r / 2) + static_cast<size_t>(r % 2) * panel_line_bytes));
        PHILO_UNROLL for (int p = 0; p < pairs; ++p) dots[r][p] = vmmlaq_s32(dots[r][p], rows, tokens[p]);
      }
    }
    Ints sums[W][C];
    PHILO_UNROLL for (int c = 0; c < C; ++c) {
      const Ints start = splat_int(PairProduct::start_of(work, factors.has_zero_points(), token + static_cast<size_t>(c), group));
      PHILO_UNROLL for (int w = 0; w < W; ++w) {
        const Ints near = dots[2 * w][c / 2], far = dots[2 * w + 1][c / 2];
        sums[w][c] = add_ints(start, c % 2 == 0 ? vuzp1q_s32(near, far) : vuzp2q_s32(near, far));
      }
    }
    PairProduct::template join_sums<W, C>(work, factors, token, group, sums, out);
  }
};

// Few tokens are sdot's.
template <int bits>
void pair_linear(const CodedLinearTask& task) {
  if (task.tokens < fewest_many_tokens) kernels_neon.coded_linear_i8[bits == 4 ? 0 : 1](task);
  else many_coded_tokens<PairProduct<bits>>(work_of(task));
}

}  // namespace
}  // namespace philo::PHILO_ISA
