// One block of keys folded into the online softmax of some query rows. Each score is one dot product in a fixed order, and a row's
// shares are added up at the keys' places in the block, hidden keys counting 0: so neither the rows beside it nor later keys matter.
// Included inside a unit of one instruction set.

namespace philo::PHILO_ISA {
namespace {

constexpr float hidden = -__builtin_inff();

// Wide8: int8 codes that are widened to float32 already.
enum class KeyFormat { F32, F16, I8, Wide8 };
template <KeyFormat format>
constexpr size_t key_bytes = format == KeyFormat::F16 ? 2 : format == KeyFormat::I8 ? 1 : 4;
template <KeyFormat format>
constexpr bool has_scales = format == KeyFormat::I8 || format == KeyFormat::Wide8;

template <KeyFormat format>
PHILO_INLINE Vec widen_key(const std::byte* from) {
  if constexpr (format == KeyFormat::I8) return widen_signed(from);
  else return widen<format == KeyFormat::F16 ? FloatFormat::F16 : FloatFormat::F32>(from);
}
template <KeyFormat format>
PHILO_INLINE Vec widen_key_part(const std::byte* from, size_t count) {
  if constexpr (format == KeyFormat::I8) return widen_signed_part(from, count);
  else return widen_part<format == KeyFormat::F16 ? FloatFormat::F16 : FloatFormat::F32>(from, count);
}

// Multiplies a row's numbers for the keys [first, last) by the keys' scales; others of the same vectors may be spoilt.
PHILO_INLINE void scale_keys(float* values, const float* scales, size_t first, size_t last) {
  for (size_t key = first / lanes * lanes; key < last; key += lanes) store(values + key, multiply(load(values + key), load(scales + key)));
}

// Scores of four keys for R queries. Keys beyond the last are the last again.
template <KeyFormat format, int R>
PHILO_INLINE void score_keys(const AttendTask& task, size_t row, size_t key, size_t last, float (&scores)[R][key_block_tokens + 4]) {
  const size_t size = task.head_size, whole = size / lanes * lanes;
  const std::byte* keys[4];
  PHILO_UNROLL for (size_t j = 0; j < 4; ++j)
      keys[j] = task.keys + (key + j < last ? key + j : last - 1) * size * key_bytes<format>;
  Vec sums[R][4];
  PHILO_UNROLL for (int r = 0; r < R; ++r) PHILO_UNROLL for (int j = 0; j < 4; ++j) sums[r][j] = zero();
  for (size_t i = 0; i < whole; i += lanes) {
    Vec k[4];
    PHILO_UNROLL for (int j = 0; j < 4; ++j) k[j] = widen_key<format>(keys[j] + i * key_bytes<format>);
    PHILO_UNROLL for (int r = 0; r < R; ++r) {
      const Vec q = load(task.queries[row + static_cast<size_t>(r)] + i);
      PHILO_UNROLL for (int j = 0; j < 4; ++j) sums[r][j] = fma(q, k[j], sums[r][j]);
    }
  }
  if (whole < size) {
    PHILO_UNROLL for (int j = 0; j < 4; ++j) {
      const Vec k = widen_key_part<format>(keys[j] + whole * key_bytes<format>, size - whole);
      PHILO_UNROLL for (int r = 0; r < R; ++r)
        sums[r][j] = fma(load_part(task.queries[row + static_cast<size_t>(r)] + whole, size - whole), k, sums[r][j]);
    }
  }
  PHILO_UNROLL for (int r = 0; r < R; ++r)
    store_four(scores[r] + key, multiply_four(sums_of_four(sums[r][0], sums[r][1], sums[r][2], sums[r][3]), task.scale));
}

// Turns a row's scores into shares exp(score - maximum), updates maximum and sum, and yields the factor for what came before.
PHILO_INLINE float take_shares(const AttendTask& task, size_t row, float* scores) {
  const size_t first = task.first[row], last = task.last[row];
  const bool empty = first >= last;
  for (size_t key = 0; key < key_block_tokens; ++key)
    if (empty || key < first || key >= last) scores[key] = hidden;
  if (empty) {
    for (size_t key = 0; key < key_block_tokens; ++key) scores[key] = 0;
    return 1;
  }
  Vec greatest_scores = load(scores);
  for (size_t key = lanes; key < key_block_tokens; key += lanes) greatest_scores = greater_of(greatest_scores, load(scores + key));
  const float before = task.maximum[row], block_maximum = greatest(greatest_scores);
  const float maximum = block_maximum > before ? block_maximum : before;
  Vec sums = zero();
  for (size_t key = 0; key < key_block_tokens; key += lanes) {
    const Vec shares = exponential(subtract(load(scores + key), splat(maximum)));
    sums = add(sums, shares);
    store(scores + key, shares);
  }
  float correction[lanes];
  store(correction, exponential(splat(before - maximum)));
  task.sum[row] = task.sum[row] * correction[0] + first_of_four(sums_of_four(sums, sums, sums, sums));
  task.maximum[row] = maximum;
  return correction[0];
}

// Adds the values of the keys [first, last) to V vectors of R outputs from dimension i on; `part` lanes of the last vector count.
template <KeyFormat format, int R, int V, bool partial>
PHILO_INLINE void add_values(const AttendTask& task, size_t row, size_t first, size_t last, size_t i, size_t part,
                             const float (&shares)[R][key_block_tokens + 4], const float (&correction)[R]) {
  const size_t size = task.head_size;
  float* const out = task.out + row * size + i;
  Vec sums[R][V];
  PHILO_UNROLL for (int r = 0; r < R; ++r) PHILO_UNROLL for (int v = 0; v < V; ++v) {
    const float* const from = out + static_cast<size_t>(r) * size + static_cast<size_t>(v) * lanes;
    sums[r][v] = multiply(partial ? load_part(from, part) : load(from), splat(correction[r]));
  }
  for (size_t key = first; key < last; ++key) {
    Vec value[V];
    PHILO_UNROLL for (int v = 0; v < V; ++v) {
      const std::byte* const from = task.values + (key * size + i + static_cast<size_t>(v) * lanes) * key_bytes<format>;
      value[v] = partial ? widen_key_part<format>(from, part) : widen_key<format>(from);
    }
    PHILO_UNROLL for (int r = 0; r < R; ++r) {
      const Vec share = splat(shares[r][key]);
      PHILO_UNROLL for (int v = 0; v < V; ++v) sums[r][v] = fma(share, value[v], sums[r][v]);
    }
  }
  PHILO_UNROLL for (int r = 0; r < R; ++r) PHILO_UNROLL for (int v = 0; v < V; ++v) {
    float* const to = out + static_cast<size_t>(r) * size + static_cast<size_t>(v) * lanes;
    if constexpr (partial) store_part(to, sums[r][v], part);
    else store(to, sums[r][v]);
  }
}

template <KeyFormat format, int R, int V>
void attend_rows(const AttendTask& task, size_t row) {
  size_t first = key_block_tokens, last = 0;  // that any of the rows sees
  for (size_t r = row; r < row + R; ++r) {
    if (task.first[r] >= task.last[r]) continue;
    if (task.first[r] < first) first = task.first[r];
    if (task.last[r] > last) last = task.last[r];
  }
  if (first >= last) return;
  float scores[R][key_block_tokens + 4];
  for (size_t key = first; key < last; key += 4) score_keys<format, R>(task, row, key, last, scores);
  float correction[R];
  for (int r = 0; r < R; ++r) {
    if constexpr (has_scales<format>) scale_keys(scores[r], task.key_scales, first, last);
    correction[r] = take_shares(task, row + static_cast<size_t>(r), scores[r]);
    if constexpr (has_scales<format>) scale_keys(scores[r], task.value_scales, first, last);
  }
  size_t i = 0;
  for (; i + V * lanes <= task.head_size; i += V * lanes)
    add_values<format, R, V, false>(task, row, first, last, i, lanes, scores, correction);
  for (; i + lanes <= task.head_size; i += lanes) add_values<format, R, 1, false>(task, row, first, last, i, lanes, scores, correction);
  if (i < task.head_size) add_values<format, R, 1, true>(task, row, first, last, i, task.head_size - i, scores, correction);
}

template <KeyFormat format>
void attend_block(const AttendTask& task) {
  size_t row = 0;
  for (; row + 4 <= task.rows; row += 4) attend_rows<format, 4, value_vectors>(task, row);
  for (; row < task.rows; ++row) attend_rows<format, 1, 2 * value_vectors>(task, row);
}

// From this many rows on it pays to widen keys and values once for all.
constexpr size_t rows_worth_widening = 8;

// Tokens of the block that any row sees: later keys are not written yet.
PHILO_INLINE size_t seen_keys(const AttendTask& task) {
  size_t last = 0;
  for (size_t row = 0; row < task.rows; ++row)
    if (task.last[row] > last) last = task.last[row];
  return last;
}

// The task with keys and values in scratch.
PHILO_INLINE AttendTask widened(const AttendTask& task) {
  AttendTask wide = task;
  wide.keys = reinterpret_cast<const std::byte*>(task.scratch);
  wide.values = reinterpret_cast<const std::byte*>(task.scratch + key_block_tokens * task.head_size);
  return wide;
}

void attend_f32(const AttendTask& task) { attend_block<KeyFormat::F32>(task); }

void attend_f16(const AttendTask& task) {
  if (task.rows < rows_worth_widening) {
    attend_block<KeyFormat::F16>(task);
    return;
  }
  const size_t count = seen_keys(task) * task.head_size;
  embed<FloatFormat::F16>(task.keys, count, task.scratch);
  embed<FloatFormat::F16>(task.values, count, task.scratch + key_block_tokens * task.head_size);
  attend_block<KeyFormat::F32>(widened(task));
}

void widen_codes(const std::byte* codes, size_t count, float* out) {
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) store(out + i, widen_signed(codes + i));
  if (i < count) store_part(out + i, widen_signed_part(codes + i, count - i), count - i);
}

void attend_i8(const AttendTask& task) {
  if (task.rows < rows_worth_widening) {
    attend_block<KeyFormat::I8>(task);
    return;
  }
  const size_t count = seen_keys(task) * task.head_size;
  widen_codes(task.keys, count, task.scratch);
  widen_codes(task.values, count, task.scratch + key_block_tokens * task.head_size);
  attend_block<KeyFormat::Wide8>(widened(task));
}

}  // namespace
}  // namespace philo::PHILO_ISA
