// Products of integer matrices in panels with int8 or float32 activations. Sums of int8 products are exact, so tiles may be cut freely;
// what follows them is one fixed chain of float operations for each output (kernels.h). Included inside a unit of one instruction set.
//
// Besides the float words of vector_<isa>.h this needs the integer words of integer_<isa>.h. A `Quads` holds 4 bytes for each of `lanes`
// rows, as a panel's line does:
//   Ints Quads                             vectors of 32-bit integers, of bytes
//   splat_int to_floats                    one integer everywhere; exact as floats
//   widen_unsigned                         `lanes` bytes as floats
//   load_quads store_quads low_halves high_halves splat_quad
//                                          bytes; their low and high 4 bits; the same 4 activation codes for each row
//   Weights<bits> as_weights code_offset   codes as the products take them: code_offset is subtracted from them
//   begin_dots add_dot4 end_dots           sum += 4 products for each row, at most 8 times between begin and end
//   code_floats<shift, width>              some bits of each 32 as floats
//   integer_vectors integer_tokens         shape of the tile that fills the registers
//   few_sum_tokens few_sums                most tokens and sums of a tile whose weights are unpacked on the way
// quantize_input.h and attend.h use these as well:
//   add_ints greater_int greatest_int sum_of_ints to_nearest magnitude_bits store_codes store_codes_part widen_signed widen_signed_part

namespace philo::PHILO_ISA {
namespace {

constexpr size_t panel_vectors = panel_rows / lanes;
constexpr size_t dots_columns = 32;  // between begin_dots and end_dots
// Blocks of weights that many tokens share, and of unfinished outputs.
constexpr size_t coded_block_panels = 4, coded_block_rows = coded_block_panels * panel_rows, coded_block_tokens = 512, coded_block_bytes = 32 << 10;
constexpr size_t least_group = 16;

// A task and what follows from its matrix's shape.
struct Work {
  const CodedLinearTask& task;
  bool by_row;          // one scale for each row
  size_t span, groups;  // columns that share an input's scale, and how many such groups there are
};

template <int bits>
PHILO_INLINE size_t lines_of(size_t depth) {
  return bits == 4 ? (depth + 7) / 8 : (depth + 3) / 4;
}

// The greatest power of two that is within both, 1 at least.
constexpr int fitting_vectors(int most, int limit) {
  int vectors = 1;
  while (2 * vectors <= most && 2 * vectors <= limit) vectors *= 2;
  return vectors;
}

// Outputs of a tile between groups: in registers, or in memory where the sums of products take all registers.
template <int W, int C>
struct RegisterOutputs {
  Vec (&values)[W][C];
  __attribute__((always_inline)) Vec get(int w, int c) const { return values[w][c]; }
  __attribute__((always_inline)) void put(int w, int c, Vec value) const { values[w][c] = value; }
};
template <int W, int C>
struct MemoryOutputs {
  float* values;  // (W, C, lanes)
  __attribute__((always_inline)) Vec get(int w, int c) const { return load(values + static_cast<size_t>(w * C + c) * lanes); }
  __attribute__((always_inline)) void put(int w, int c, Vec value) const { store(values + static_cast<size_t>(w * C + c) * lanes, value); }
};

// Factors of one group of columns for some vectors of rows, straight from the matrix.
struct StoredFactors {
  const PanelMatrix& weight;
  size_t first_vector;  // counted from the matrix's first row
  size_t group;

  __attribute__((always_inline)) size_t index(int w) const {
    const size_t vector = first_vector + static_cast<size_t>(w);
    return (vector / panel_vectors * (weight.depth / weight.group) + group) * panel_rows + vector % panel_vectors * lanes;
  }
  __attribute__((always_inline)) Vec stored_scale(int w) const {
    return weight.scale_format == FloatFormat::F16 ? widen<FloatFormat::F16>(weight.scales + 2 * index(w))
                                                   : widen<FloatFormat::F32>(weight.scales + 4 * index(w));
  }
  // 1 where a row's one scale is applied at last: multiplying by it is exact.
  __attribute__((always_inline)) Vec scale(int w) const { return weight.group == weight.depth ? splat(1.0f) : stored_scale(w); }
  __attribute__((always_inline)) bool has_zero_points() const { return weight.zero_points != nullptr; }
  __attribute__((always_inline)) Vec zero_point(int w) const { return widen_unsigned(weight.zero_points + index(w)); }
};

// The same, widened for a block.
struct BlockFactors {
  const float* scales;       // (vectors, lanes)
  const float* zero_points;  // nullptr where the matrix has none

  __attribute__((always_inline)) Vec scale(int w) const { return load(scales + static_cast<size_t>(w) * lanes); }
  __attribute__((always_inline)) bool has_zero_points() const { return zero_points != nullptr; }
  __attribute__((always_inline)) Vec zero_point(int w) const { return load(zero_points + static_cast<size_t>(w) * lanes); }
};

// Codes of W vectors of rows: vector w is in the panel w / panel_vectors.
struct CodesAt {
  const std::byte* codes;
  size_t panel_bytes;

  __attribute__((always_inline)) const std::byte* vector(int w) const {
    return codes + static_cast<size_t>(w) / panel_vectors * panel_bytes + static_cast<size_t>(w) % panel_vectors * 4 * lanes;
  }
};

template <int bits, int W, int C>
PHILO_INLINE void add_quads(const Quads (&codes)[W], const int8_t* in, size_t in_stride, Ints (&dots)[W][C]) {
  Weights<bits> weights[W];
  PHILO_UNROLL for (int w = 0; w < W; ++w) weights[w] = as_weights<bits>(codes[w]);
  PHILO_UNROLL for (int c = 0; c < C; ++c) {
    const Quads four = splat_quad(in + static_cast<size_t>(c) * in_stride);
    PHILO_UNROLL for (int w = 0; w < W; ++w) dots[w][c] = add_dot4<bits>(dots[w][c], weights[w], four);
  }
}

// One line of each panel: 8 columns where two codes share a byte, else 4.
template <int bits, bool packed, int W, int C>
PHILO_INLINE void add_line(const CodesAt& from, size_t line, const int8_t* in, size_t in_stride, Ints (&dots)[W][C]) {
  Quads codes[W];
  PHILO_UNROLL for (int w = 0; w < W; ++w) codes[w] = load_quads(from.vector(w) + line * panel_line_bytes);
  if constexpr (packed) {
    Quads halves[W];
    PHILO_UNROLL for (int w = 0; w < W; ++w) halves[w] = low_halves(codes[w]);
    add_quads<bits, W, C>(halves, in + 8 * line, in_stride, dots);
    PHILO_UNROLL for (int w = 0; w < W; ++w) halves[w] = high_halves(codes[w]);
    add_quads<bits, W, C>(halves, in + 8 * line + 4, in_stride, dots);
  } else {
    add_quads<bits, W, C>(codes, in + 4 * line, in_stride, dots);
  }
}

// Begins or ends (kernels' words) the dots of a tile.
template <int bits, int W, int C>
PHILO_INLINE void begin_tile(const Ints (&sums)[W][C], Ints (&dots)[W][C]) {
  PHILO_UNROLL for (int w = 0; w < W; ++w) PHILO_UNROLL for (int c = 0; c < C; ++c) dots[w][c] = begin_dots<bits>(sums[w][c]);
}
template <int bits, int W, int C>
PHILO_INLINE void end_tile(const Ints (&dots)[W][C], Ints (&sums)[W][C]) {
  PHILO_UNROLL for (int w = 0; w < W; ++w) PHILO_UNROLL for (int c = 0; c < C; ++c) sums[w][c] = end_dots<bits>(sums[w][c], dots[w][c]);
}

// `streams` where the codes come from memory: a prefetch 4 KiB ahead.
template <int bits, bool packed, bool streams, int W, int C>
PHILO_INLINE void add_products(CodesAt from, const int8_t* in, size_t in_stride, size_t columns, Ints (&sums)[W][C]) {
  constexpr size_t line_columns = packed ? 8 : 4, lines = dots_columns / line_columns;
  constexpr bool halved = W * C <= registers / 4;  // so few sums would wait for themselves: every second line has its own
  Ints dots[W][C], more_dots[W][C], more_sums[W][C];
  if constexpr (halved)
    PHILO_UNROLL for (int w = 0; w < W; ++w) PHILO_UNROLL for (int c = 0; c < C; ++c) more_sums[w][c] = splat_int(0);
  for (; columns >= dots_columns; columns -= dots_columns) {
    if constexpr (streams)
      PHILO_UNROLL for (int w = 0; w < W; w += static_cast<int>(panel_vectors)) PHILO_UNROLL for (size_t line = 0; line < lines; ++line)
        __builtin_prefetch(from.vector(w) + 4096 + line * panel_line_bytes);
    begin_tile<bits, W, C>(sums, dots);
    if constexpr (halved) begin_tile<bits, W, C>(more_sums, more_dots);
    PHILO_UNROLL for (size_t line = 0; line < lines; ++line)
      add_line<bits, packed, W, C>(from, line, in, in_stride, halved && line % 2 != 0 ? more_dots : dots);
    end_tile<bits, W, C>(dots, sums);
    if constexpr (halved) end_tile<bits, W, C>(more_dots, more_sums);
    from.codes += lines * panel_line_bytes;
    in += dots_columns;
  }
  if constexpr (halved)
    PHILO_UNROLL for (int w = 0; w < W; ++w) PHILO_UNROLL for (int c = 0; c < C; ++c) sums[w][c] = add_ints(sums[w][c], more_sums[w][c]);
  if (columns == 0) return;
  begin_tile<bits, W, C>(sums, dots);
  for (size_t line = 0; line * line_columns < columns; ++line) add_line<bits, packed, W, C>(from, line, in, in_stride, dots);
  end_tile<bits, W, C>(dots, sums);
}

// Activations as int8.
template <int bits>
struct Int8Product {
  static constexpr int code_bits = bits, most_few_tokens = few_sum_tokens;
  static constexpr size_t block_depth = 512, element_bytes = 1;
  static constexpr int block_vectors = integer_vectors, tile_tokens = integer_tokens;
  // Vectors that C tokens take at once where weights are used as they come: each broadcast of an input serves all of them.
  template <int C>
  static constexpr int few_vectors = fitting_vectors(few_sums / C, 4);

  // What the products of a token's codes, with code_offset taken from the weights, are short of; zero points are taken off as floats.
  static __attribute__((always_inline)) int32_t start_of(const Work& work, bool has_zero_points, size_t token, size_t group) {
    constexpr int32_t zero_point = 1 << (bits - 1);
    return has_zero_points ? 0 : (code_offset<bits> - zero_point) * work.task.input.sums[token * work.groups + group];
  }

  // The chain of float operations that follows the exact sums of a group.
  template <int W, int C, typename Factors, typename Outputs>
  static __attribute__((always_inline)) void join_sums(const Work& work, const Factors& factors, size_t token, size_t group,
                                                       const Ints (&sums)[W][C], const Outputs& out) {
    const size_t groups = work.groups;
    const float* const scales = work.task.input.scales + token * groups + group;
    const int32_t* const in_sums = work.task.input.sums + token * groups + group;
    PHILO_UNROLL for (int w = 0; w < W; ++w) {
      Vec exact[C];
      PHILO_UNROLL for (int c = 0; c < C; ++c) exact[c] = to_floats(sums[w][c]);
      if (factors.has_zero_points()) {  // all of it integers below 2^24
        const Vec zero = subtract(splat(static_cast<float>(code_offset<bits>)), factors.zero_point(w));
        PHILO_UNROLL for (int c = 0; c < C; ++c)
          exact[c] = fma(zero, splat(static_cast<float>(in_sums[static_cast<size_t>(c) * groups])), exact[c]);
      }
      const Vec scale = factors.scale(w);
      PHILO_UNROLL for (int c = 0; c < C; ++c)
        out.put(w, c, fma(multiply(exact[c], scale), splat(scales[static_cast<size_t>(c) * groups]), out.get(w, c)));
    }
  }

  template <bool from_block, int W, int C, typename Factors, typename Outputs>
  static __attribute__((always_inline)) void add_group(const Work& work, const CodesAt& from, const Factors& factors, size_t token,
                                                       size_t group, size_t columns, const Outputs& out) {
    const QuantizedInput& input = work.task.input;
    Ints sums[W][C];
    PHILO_UNROLL for (int c = 0; c < C; ++c) {
      const Ints start = splat_int(start_of(work, factors.has_zero_points(), token + static_cast<size_t>(c), group));
      PHILO_UNROLL for (int w = 0; w < W; ++w) sums[w][c] = start;
    }
    add_products<bits, bits == 4 && !from_block, !from_block, W, C>(from, input.codes + token * input.stride + group * work.span, input.stride, columns,
                                                                    sums);
    join_sums<W, C>(work, factors, token, group, sums, out);
  }

  // Where a block of columns of some panels is to be read: 8-bit codes lie as the products take them.
  static CodesAt prepare(const Work& work, size_t panel, size_t panels, size_t first, size_t columns, std::byte* block) {
    const PanelMatrix& weight = work.task.weight;
    const size_t lines = lines_of<bits>(weight.depth);
    if constexpr (bits == 8) return {weight.codes + (panel * lines + first / 4) * panel_line_bytes, lines * panel_line_bytes};
    for (size_t p = 0; p < panels; ++p) {
      const std::byte* from = weight.codes + ((panel + p) * lines + first / 8) * panel_line_bytes;
      std::byte* to = block + p * block_depth * panel_rows;
      for (size_t k = 0; k < columns; k += 8, from += panel_line_bytes, to += 2 * panel_line_bytes)
        PHILO_UNROLL for (size_t v = 0; v < panel_vectors; ++v) {
          const Quads codes = load_quads(from + v * 4 * lanes);
          store_quads(to + v * 4 * lanes, low_halves(codes));
          store_quads(to + panel_line_bytes + v * 4 * lanes, high_halves(codes));
        }
    }
    return {block, block_depth * panel_rows};
  }
};

template <int shift, int width, int W, int C>
PHILO_INLINE void add_column(const Quads (&codes)[W], const Vec (&zero)[W], const float* in, size_t in_stride, Vec (&sums)[W][C]) {
  Vec weights[W];
  PHILO_UNROLL for (int w = 0; w < W; ++w) weights[w] = subtract(code_floats<shift, width>(codes[w]), zero[w]);
  PHILO_UNROLL for (int c = 0; c < C; ++c) {
    const Vec x = splat(in[static_cast<size_t>(c) * in_stride]);
    PHILO_UNROLL for (int w = 0; w < W; ++w) sums[w][c] = fma(weights[w], x, sums[w][c]);
  }
}

template <int bits, int W, int C>
PHILO_INLINE void add_float_line(const CodesAt& from, const Vec (&zero)[W], const float* in, size_t in_stride, Vec (&sums)[W][C]) {
  Quads codes[W];
  PHILO_UNROLL for (int w = 0; w < W; ++w) codes[w] = load_quads(from.vector(w));
  __builtin_prefetch(from.codes + 4096);
  add_column<0, bits, W, C>(codes, zero, in, in_stride, sums);
  add_column<8, bits, W, C>(codes, zero, in + 1, in_stride, sums);
  add_column<16, bits, W, C>(codes, zero, in + 2, in_stride, sums);
  add_column<24, bits, W, C>(codes, zero, in + 3, in_stride, sums);
  if constexpr (bits == 4) {
    add_column<4, bits, W, C>(codes, zero, in + 4, in_stride, sums);
    add_column<12, bits, W, C>(codes, zero, in + 5, in_stride, sums);
    add_column<20, bits, W, C>(codes, zero, in + 6, in_stride, sums);
    add_column<28, bits, W, C>(codes, zero, in + 7, in_stride, sums);
  }
}

// Activations as float32: one chain of fma over the columns of a group, ascending.
template <int bits>
struct FloatProduct {
  static constexpr int code_bits = bits, most_few_tokens = 4;
  static constexpr size_t block_depth = 128, element_bytes = sizeof(float);
  static constexpr int block_vectors = registers == 32 ? 4 : 2, tile_tokens = registers == 32 ? 6 : 5;
  template <int C>
  static constexpr int few_vectors = fitting_vectors(registers / 3 / C, 4);

  template <bool from_block, int W, int C, typename Factors, typename Outputs>
  static __attribute__((always_inline)) void add_group(const Work& work, CodesAt from, const Factors& factors, size_t token, size_t group,
                                                       size_t columns, const Outputs& out) {
    const CodedLinearTask& task = work.task;
    const float* in = task.in + token * task.in_stride + group * work.span;
    Vec sums[W][C];
    PHILO_UNROLL for (int w = 0; w < W; ++w) PHILO_UNROLL for (int c = 0; c < C; ++c) sums[w][c] = zero();
    if constexpr (from_block) {  // (panels, block_depth, panel_rows) floats
      for (size_t k = 0; k < columns; ++k) {
        Vec weights[W];
        PHILO_UNROLL for (int w = 0; w < W; ++w)
          weights[w] = load(reinterpret_cast<const float*>(from.vector(w)) + k * panel_rows);
        PHILO_UNROLL for (int c = 0; c < C; ++c) {
          const Vec x = splat(in[static_cast<size_t>(c) * task.in_stride + k]);
          PHILO_UNROLL for (int w = 0; w < W; ++w) sums[w][c] = fma(weights[w], x, sums[w][c]);
        }
      }
    } else {
      constexpr size_t line_columns = bits == 4 ? 8 : 4;
      Vec zeros[W];
      PHILO_UNROLL for (int w = 0; w < W; ++w)
        zeros[w] = factors.has_zero_points() ? factors.zero_point(w) : splat(static_cast<float>(1 << (bits - 1)));
      for (; columns >= line_columns; columns -= line_columns, in += line_columns, from.codes += panel_line_bytes)
        add_float_line<bits, W, C>(from, zeros, in, task.in_stride, sums);
      if (columns != 0) {
        float last[C][line_columns] = {};
        for (size_t c = 0; c < C; ++c)
          for (size_t k = 0; k < columns; ++k) last[c][k] = in[c * task.in_stride + k];
        add_float_line<bits, W, C>(from, zeros, last[0], line_columns, sums);
      }
    }
    PHILO_UNROLL for (int w = 0; w < W; ++w) {
      const Vec scale = factors.scale(w);
      PHILO_UNROLL for (int c = 0; c < C; ++c) out.put(w, c, fma(sums[w][c], scale, out.get(w, c)));
    }
  }

  static CodesAt prepare(const Work& work, size_t panel, size_t panels, size_t first, size_t columns, std::byte* block) {
    constexpr size_t line_columns = bits == 4 ? 8 : 4;
    const PanelMatrix& weight = work.task.weight;
    const size_t lines = lines_of<bits>(weight.depth);
    for (size_t p = 0; p < panels; ++p)
      for (size_t v = 0; v < panel_vectors; ++v)
        for (size_t k = 0; k < columns; k += line_columns) {
          const StoredFactors factors{weight, (panel + p) * panel_vectors + v, work.by_row ? 0 : (first + k) / work.span};
          const Vec zero = factors.has_zero_points() ? factors.zero_point(0) : splat(static_cast<float>(1 << (bits - 1)));
          const Quads codes = load_quads(weight.codes + ((panel + p) * lines + (first + k) / line_columns) * panel_line_bytes + v * 4 * lanes);
          float* const to = reinterpret_cast<float*>(block) + (p * block_depth + k) * panel_rows + v * lanes;
          store(to, subtract(code_floats<0, bits>(codes), zero));
          store(to + panel_rows, subtract(code_floats<8, bits>(codes), zero));
          store(to + 2 * panel_rows, subtract(code_floats<16, bits>(codes), zero));
          store(to + 3 * panel_rows, subtract(code_floats<24, bits>(codes), zero));
          if constexpr (bits == 4) {
            store(to + 4 * panel_rows, subtract(code_floats<4, bits>(codes), zero));
            store(to + 5 * panel_rows, subtract(code_floats<12, bits>(codes), zero));
            store(to + 6 * panel_rows, subtract(code_floats<20, bits>(codes), zero));
            store(to + 7 * panel_rows, subtract(code_floats<28, bits>(codes), zero));
          }
        }
    return {block, block_depth * panel_rows * sizeof(float)};
  }
};

// Applies a row's one scale and stores those of the W vectors' rows that the task has; `row` is the first one's place in the task.
template <int W, int C>
PHILO_INLINE void store_outputs(const CodedLinearTask& task, size_t row, size_t token, Vec (&out)[W][C]) {
  if (task.weight.group == task.weight.depth) {
    const StoredFactors factors{task.weight, task.first_panel * panel_vectors + row / lanes, 0};
    PHILO_UNROLL for (int w = 0; w < W; ++w) {
      const Vec scale = factors.stored_scale(w);
      PHILO_UNROLL for (int c = 0; c < C; ++c) out[w][c] = multiply(out[w][c], scale);
    }
  }
  PHILO_UNROLL for (int w = 0; w < W; ++w) {
    const size_t first = row + static_cast<size_t>(w) * lanes;
    PHILO_UNROLL for (int c = 0; c < C; ++c) {
      float* const to = task.out + (token + static_cast<size_t>(c)) * task.out_stride + first;
      if (first + lanes <= task.rows) store(to, out[w][c]);
      else if (first < task.rows) store_part(to, out[w][c], task.rows - first);
    }
  }
}

// C tokens and W vectors of rows from `row` of the task on, with weights as they come from memory.
template <typename Product, int W, int C>
__attribute__((noinline)) void few_coded_tile(const Work& work, size_t row, size_t token) {
  const CodedLinearTask& task = work.task;
  const PanelMatrix& weight = task.weight;
  const size_t vector = task.first_panel * panel_vectors + row / lanes;
  const size_t panel_bytes = lines_of<Product::code_bits>(weight.depth) * panel_line_bytes;
  const std::byte* const codes = weight.codes + vector / panel_vectors * panel_bytes + vector % panel_vectors * 4 * lanes;
  Vec out[W][C];
  PHILO_UNROLL for (int w = 0; w < W; ++w) PHILO_UNROLL for (int c = 0; c < C; ++c) out[w][c] = zero();
  for (size_t group = 0; group < work.groups; ++group) {
    const size_t first = group * work.span, columns = weight.depth - first < work.span ? weight.depth - first : work.span;
    Product::template add_group<false, W, C>(work, CodesAt{codes + first * 2 * Product::code_bits, panel_bytes},
                                             StoredFactors{weight, vector, work.by_row ? 0 : group}, token, group, columns,
                                             RegisterOutputs<W, C>{out});
  }
  store_outputs<W, C>(task, row, token, out);
}

// The rows [row, end) of the task for `tokens` <= C tokens.
template <typename Product, int C = Product::most_few_tokens>
void few_coded_tokens_of(const Work& work, size_t row, size_t end, size_t token, size_t tokens) {
  if constexpr (C > 1) {
    if (tokens < C) {
      few_coded_tokens_of<Product, C - 1>(work, row, end, token, tokens);
      return;
    }
  }
  constexpr int W = Product::template few_vectors<C>;
  constexpr size_t rows = static_cast<size_t>(W) * lanes;
  for (; row + rows <= end; row += rows) few_coded_tile<Product, W, C>(work, row, token);
  for (; row < end; row += lanes) few_coded_tile<Product, 1, C>(work, row, token);
}

// Some panels by all tokens, so that weights come from memory once.
template <typename Product>
void few_coded_tokens(const Work& work) {
  const CodedLinearTask& task = work.task;
  constexpr size_t most = Product::most_few_tokens;
  const size_t tiles = (task.tokens + most - 1) / most, tile = (task.tokens + tiles - 1) / tiles;
  const size_t rows = (task.rows + lanes - 1) / lanes * lanes;
  for (size_t row = 0; row < rows; row += coded_block_rows) {
    const size_t end = row + coded_block_rows < rows ? row + coded_block_rows : rows;
    for (size_t token = 0; token < task.tokens; token += tile)
      few_coded_tokens_of<Product>(work, row, end, token, task.tokens - token < tile ? task.tokens - token : tile);
  }
}

// Fetches the next block's codes while the block at hand is multiplied: some lines before each group of columns of a tile, since all
// at once would wait for one another.
class CodesAhead {
 public:
  CodesAhead(const PanelMatrix& weight, size_t panel, size_t panels, size_t first, size_t columns, size_t calls) : panels_(panels) {
    const size_t line_columns = weight.bits == 4 ? 8 : 4, lines = panel_lines(weight.bits, weight.depth);
    const bool ends = first >= weight.depth;  // the panels that follow are next then
    const size_t line = ends ? 0 : first / line_columns, left = lines - line;
    panel_bytes_ = lines * panel_line_bytes;
    from_ = weight.codes + (ends ? panel + panels : panel) * panel_bytes_ + line * panel_line_bytes;
    lines_ = left < columns / line_columns ? left : columns / line_columns;
    at_once_ = (lines_ + calls - 1) / calls;
  }
  __attribute__((always_inline)) void fetch() {
    for (size_t count = at_once_; count != 0 && lines_ != 0; --count, --lines_, from_ += panel_line_bytes)
      for (size_t p = 0; p < panels_; ++p) __builtin_prefetch(from_ + p * panel_bytes_, 0, 2);
  }

 private:
  size_t panels_, panel_bytes_, lines_, at_once_;  // lines of each panel that are left, and that one call fetches
  const std::byte* from_;
};

// Columns of some panels, ready for many tokens.
struct Block {
  CodesAt codes;
  const float* scales;       // (groups, coded_block_rows), or one group of ones
  const float* zero_points;  // likewise, or nullptr
  size_t factor_step;        // floats between groups
  size_t row, end;           // rows of the task
  size_t first, columns, first_group;
  CodesAhead* ahead;         // of the next block
};

// C tokens and W vectors of rows over one block; `kept` holds the outputs between blocks.
template <typename Product, int W, int C>
__attribute__((noinline)) void coded_block_tile(const Work& work, const Block& block, size_t row, size_t token, float* kept) {
  const size_t place = row - block.row;
  const MemoryOutputs<W, C> out{kept};
  if (block.first == 0) PHILO_UNROLL for (int w = 0; w < W; ++w) PHILO_UNROLL for (int c = 0; c < C; ++c) out.put(w, c, zero());
  const std::byte* codes = block.codes.vector(static_cast<int>(place / lanes));
  const float* scales = block.scales + place;
  const float* zero_points = block.zero_points == nullptr ? nullptr : block.zero_points + place;
  for (size_t k = 0, group = block.first_group; k < block.columns; k += work.span, ++group) {
    const size_t columns = block.columns - k < work.span ? block.columns - k : work.span;
    block.ahead->fetch();
    Product::template add_group<true, W, C>(work, CodesAt{codes, block.codes.panel_bytes}, BlockFactors{scales, zero_points}, token, group,
                                            columns, out);
    codes += work.span * panel_rows * Product::element_bytes;
    scales += block.factor_step;
    if (zero_points != nullptr) zero_points += block.factor_step;
  }
  if (block.first + block.columns != work.task.weight.depth) return;
  Vec whole[W][C];
  PHILO_UNROLL for (int w = 0; w < W; ++w) PHILO_UNROLL for (int c = 0; c < C; ++c) whole[w][c] = out.get(w, c);
  store_outputs<W, C>(work.task, row, token, whole);
}

// The block's rows for `tokens` <= C tokens.
template <typename Product, int C = Product::tile_tokens>
void coded_block_tokens_of(const Work& work, const Block& block, size_t token, size_t tokens, float* kept) {
  if constexpr (C > 1) {
    if (tokens < C) {
      coded_block_tokens_of<Product, C - 1>(work, block, token, tokens, kept);
      return;
    }
  }
  constexpr size_t rows = static_cast<size_t>(Product::block_vectors) * lanes;
  size_t row = block.row;
  for (; row + rows <= block.end; row += rows) coded_block_tile<Product, Product::block_vectors, C>(work, block, row, token, kept + (row - block.row) * C);
  for (; row < block.end; row += lanes) coded_block_tile<Product, 1, C>(work, block, row, token, kept + (row - block.row) * C);
}

// Up to tile_tokens of a block's tokens on vector registers; tiles_amx.h has them on tiles.
template <typename Product>
PHILO_INLINE void block_tokens(Product, const Work& work, const Block& block, size_t token, size_t tokens, float* kept) {
  coded_block_tokens_of<Product>(work, block, token, tokens, kept);
}

// Weights are made ready once for a block of tokens, in pieces that stay in the first cache beside a tile's activations.
template <typename Product>
void many_coded_tokens(const Work& work) {
  const CodedLinearTask& task = work.task;
  const PanelMatrix& weight = task.weight;
  constexpr size_t most_factors = Product::block_depth / least_group * coded_block_rows;
  static_assert(Product::block_depth * coded_block_rows * Product::element_bytes == coded_block_bytes);
  static_assert(coded_block_bytes + (2 * most_factors + coded_block_rows * coded_block_tokens) * sizeof(float) <= coded_scratch_bytes);
  auto* const scales = reinterpret_cast<float*>(task.scratch + coded_block_bytes);
  float* const zero_points = scales + most_factors;
  float* const kept = zero_points + most_factors;
  const size_t rows = (task.rows + lanes - 1) / lanes * lanes;
  for (size_t row = 0; row < rows; row += coded_block_rows)
    for (size_t first_token = 0; first_token < task.tokens; first_token += coded_block_tokens) {
      const size_t end_token = first_token + coded_block_tokens < task.tokens ? first_token + coded_block_tokens : task.tokens;
      for (size_t first = 0; first < weight.depth; first += Product::block_depth) {
        Block block{};
        block.row = row;
        block.end = row + coded_block_rows < rows ? row + coded_block_rows : rows;
        block.first = first;
        block.columns = weight.depth - first < Product::block_depth ? weight.depth - first : Product::block_depth;
        block.scales = scales;
        block.zero_points = weight.zero_points == nullptr ? nullptr : zero_points;
        block.first_group = first / work.span;
        block.factor_step = work.by_row ? 0 : coded_block_rows;
        const size_t panels = (block.end - row + panel_rows - 1) / panel_rows, panel = task.first_panel + row / panel_rows;
        block.codes = Product::prepare(work, panel, panels, first, block.columns, task.scratch);
        for (size_t group = 0; group == 0 || (!work.by_row && group * weight.group < block.columns); ++group)
          for (size_t v = 0; v < (block.end - row) / lanes; ++v) {
            const StoredFactors factors{weight, panel * panel_vectors + v, work.by_row ? 0 : block.first_group + group};
            store(scales + group * coded_block_rows + v * lanes, factors.scale(0));
            if (factors.has_zero_points()) store(zero_points + group * coded_block_rows + v * lanes, factors.zero_point(0));
          }
        constexpr size_t tile = Product::tile_tokens, tile_rows = Product::block_vectors * lanes;
        const size_t tiles = (end_token - first_token + tile - 1) / tile * ((block.end - row + tile_rows - 1) / tile_rows);
        CodesAhead ahead(weight, panel, panels, first + Product::block_depth, Product::block_depth, tiles * ((block.columns + work.span - 1) / work.span));
        block.ahead = &ahead;
        for (size_t token = first_token; token < end_token; token += tile)
          block_tokens(Product{}, work, block, token, end_token - token < tile ? end_token - token : tile, kept + (token - first_token) * coded_block_rows);
      }
    }
}

PHILO_INLINE Work work_of(const CodedLinearTask& task) {
  const bool by_row = task.weight.group == task.weight.depth;
  const size_t span = by_row ? 128 : task.weight.group;
  return {task, by_row, span, (task.weight.depth + span - 1) / span};
}

template <typename Product>
void coded_linear(const CodedLinearTask& task) {
  const Work work = work_of(task);
  if (task.tokens < fewest_many_tokens) few_coded_tokens<Product>(work);
  else many_coded_tokens<Product>(work);
}

}  // namespace
}  // namespace philo::PHILO_ISA
