// One block of keys folded into the online softmax of some query rows. Each score is a sum over the dimensions in a fixed order, and a row's
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

// So many vectors of keys are scored for R queries at once, and so many of values added to R outputs.
template <int R>
constexpr size_t score_vectors = R > 1 ? registers / 8 : key_block_tokens / lanes < 8 ? key_block_tokens / lanes : 8;
template <int R>
constexpr size_t value_vectors = registers == 32 ? (R > 1 ? 6 : 8) : (R > 1 ? 2 : 8);

using Shares = float (*)[key_block_tokens];  // a row's scores, then its shares, for each key of the block

// Scores of the keys [first, last) for R queries: chains of fma over 32 dimensions each, whose results are added up in order. Others of the
// same vectors are made too. Of values that one query will want, and nobody else, the lines are fetched meanwhile.
template <KeyFormat format, int R>
PHILO_INLINE void score_keys(const AttendTask& task, size_t row, size_t first, size_t last, Shares scores) {
  constexpr size_t vectors = score_vectors<R>, step = vectors * lanes, row_bytes = key_block_tokens * key_bytes<format>;
  constexpr size_t chain = 32;
  for (size_t key = first / step * step; key < last; key += step)
    for (size_t begin = 0; begin < task.head_size; begin += chain) {
      const size_t end = task.head_size - begin < chain ? task.head_size : begin + chain;
      const std::byte* keys = task.keys + begin * row_bytes + key * key_bytes<format>;
      Vec sums[R][vectors];
      PHILO_UNROLL for (int r = 0; r < R; ++r) PHILO_UNROLL for (size_t v = 0; v < vectors; ++v) sums[r][v] = zero();
      for (size_t i = begin; i < end; ++i, keys += row_bytes) {
        if constexpr (R == 1)
          for (size_t byte = 0; byte < step * key_bytes<format>; byte += 64)
            __builtin_prefetch(task.values + i * row_bytes + key * key_bytes<format> + byte);
        Vec k[vectors];
        PHILO_UNROLL for (size_t v = 0; v < vectors; ++v) k[v] = widen_key<format>(keys + v * lanes * key_bytes<format>);
        PHILO_UNROLL for (int r = 0; r < R; ++r) {
          const Vec q = splat(task.queries[row + static_cast<size_t>(r)][i]);
          PHILO_UNROLL for (size_t v = 0; v < vectors; ++v) sums[r][v] = fma(q, k[v], sums[r][v]);
        }
      }
      PHILO_UNROLL for (int r = 0; r < R; ++r) PHILO_UNROLL for (size_t v = 0; v < vectors; ++v) {
        float* const to = scores[r] + key + v * lanes;
        const Vec sum = begin == 0 ? sums[r][v] : add(load(to), sums[r][v]);
        store(to, end == task.head_size ? multiply(sum, splat(task.scale)) : sum);
      }
    }
}

// The places of keys that a row doesn't see.
PHILO_INLINE void hide_keys(const AttendTask& task, size_t row, float* scores) {
  const size_t first = task.first[row], last = task.last[row];
  if (first == 0 && last == key_block_tokens) return;
  for (size_t key = 0; key < key_block_tokens; ++key)
    if (key < first || key >= last) scores[key] = hidden;
}

// Turns the scores of R rows into shares exp(score - maximum), updates maximum and sum, and yields the factors for what came before. Rows that
// see none of the keys keep what they have.
template <int R>
PHILO_INLINE void take_shares(const AttendTask& task, size_t row, Shares scores, float* correction) {
  float before[lanes] = {}, after[lanes] = {}, factors[lanes];
  PHILO_UNROLL for (int r = 0; r < R; ++r) {
    hide_keys(task, row + static_cast<size_t>(r), scores[r]);
    Vec most = load(scores[r]);
    PHILO_UNROLL for (size_t key = lanes; key < key_block_tokens; key += lanes) most = greater_of(most, load(scores[r] + key));
    const float known = task.maximum[row + static_cast<size_t>(r)], found = greatest(most);
    before[r] = known;
    after[r] = found > known ? found : known;
  }
  store(factors, exponential(subtract(load(before), load(after))));
  Vec sums[R];
  PHILO_UNROLL for (int r = 0; r < R; ++r) sums[r] = zero();
  for (size_t key = 0; key < key_block_tokens; key += lanes)
    PHILO_UNROLL for (int r = 0; r < R; ++r) {
      const Vec shares = exponential(subtract(load(scores[r] + key), splat(after[r])));
      sums[r] = add(sums[r], shares);
      store(scores[r] + key, shares);
    }
  float totals[4];
  store_four(totals, sums_of_four(sums[0], sums[R > 1 ? 1 : 0], sums[R > 2 ? 2 : 0], sums[R > 3 ? 3 : 0]));
  PHILO_UNROLL for (int r = 0; r < R; ++r) {
    const size_t at = row + static_cast<size_t>(r);
    correction[r] = 1;
    if (task.first[at] >= task.last[at]) {
      for (size_t key = 0; key < key_block_tokens; ++key) scores[r][key] = 0;
      continue;
    }
    correction[r] = factors[r];
    task.sum[at] = task.sum[at] * factors[r] + totals[r];
    task.maximum[at] = after[r];
  }
}

// Adds the values of the keys [first, last) to V vectors of R outputs from dimension i on; `part` lanes of the last vector count.
template <KeyFormat format, int R, size_t V, bool partial>
PHILO_INLINE void add_values(const AttendTask& task, size_t row, size_t first, size_t last, size_t i, size_t part,
                             const Shares shares, const float* correction) {
  const size_t size = task.head_size;
  float* const out = task.out + row * size + i;
  Vec sums[R][V];
  PHILO_UNROLL for (int r = 0; r < R; ++r) PHILO_UNROLL for (size_t v = 0; v < V; ++v) {
    const float* const from = out + static_cast<size_t>(r) * size + v * lanes;
    sums[r][v] = multiply(partial ? load_part(from, part) : load(from), splat(correction[r]));
  }
  const size_t row_bytes = size * key_bytes<format>;
  for (size_t key = first; key < last; ++key) {
    if constexpr (R == 1)
      if (i == 0 && task.next_keys != nullptr)
        for (size_t byte = 0; byte < row_bytes; byte += 64) __builtin_prefetch(task.next_keys + key * row_bytes + byte);
    Vec value[V];
    PHILO_UNROLL for (size_t v = 0; v < V; ++v) {
      const std::byte* const from = task.values + (key * size + i + v * lanes) * key_bytes<format>;
      value[v] = partial ? widen_key_part<format>(from, part) : widen_key<format>(from);
    }
    PHILO_UNROLL for (int r = 0; r < R; ++r) {
      const Vec share = splat(shares[r][key]);
      PHILO_UNROLL for (size_t v = 0; v < V; ++v) sums[r][v] = fma(share, value[v], sums[r][v]);
    }
  }
  PHILO_UNROLL for (int r = 0; r < R; ++r) PHILO_UNROLL for (size_t v = 0; v < V; ++v) {
    float* const to = out + static_cast<size_t>(r) * size + v * lanes;
    if constexpr (partial) store_part(to, sums[r][v], part);
    else store(to, sums[r][v]);
  }
}

// The same for all dimensions from i on, V vectors at a time as long as there are as many.
template <KeyFormat format, int R, size_t V = value_vectors<R>>
PHILO_INLINE void add_all_values(const AttendTask& task, size_t row, size_t first, size_t last, size_t i,
                                 const Shares shares, const float* correction) {
  const size_t size = task.head_size;
  for (; i + V * lanes <= size; i += V * lanes) add_values<format, R, V, false>(task, row, first, last, i, lanes, shares, correction);
  if constexpr (V > 1) add_all_values<format, R, V - (V > 2 ? 2 : 1)>(task, row, first, last, i, shares, correction);
  else if (i < size) add_values<format, R, 1, true>(task, row, first, last, i, size - i, shares, correction);
}

// Keys that any of some rows sees.
struct SeenKeys {
  size_t first = key_block_tokens, last = 0;
};
PHILO_INLINE SeenKeys seen_keys(const AttendTask& task, size_t row, size_t rows) {
  SeenKeys seen;
  for (size_t r = row; r < row + rows; ++r) {
    if (task.first[r] >= task.last[r]) continue;
    if (task.first[r] < seen.first) seen.first = task.first[r];
    if (task.last[r] > seen.last) seen.last = task.last[r];
  }
  return seen;
}

template <KeyFormat format, int R>
void share_keys(const AttendTask& task, size_t row, Shares shares, float* correction) {
  const auto [first, last] = seen_keys(task, row, R);
  if (first >= last) return;
  score_keys<format, R>(task, row, first, last, shares);
  if constexpr (has_scales<format>)
    for (int r = 0; r < R; ++r) scale_keys(shares[r], task.key_scales, first, last);
  take_shares<R>(task, row, shares, correction);
  if constexpr (has_scales<format>)
    for (int r = 0; r < R; ++r) scale_keys(shares[r], task.value_scales, first, last);
}

template <KeyFormat format, int R>
void sum_values(const AttendTask& task, size_t row, const Shares shares, const float* correction) {
  const auto [first, last] = seen_keys(task, row, R);
  if (first < last) add_all_values<format, R>(task, row, first, last, 0, shares, correction);
}

constexpr size_t rows_at_once = 32;

// All rows meet the keys before the first one meets the values, so that one of both is in the first cache. `ready_keys` and `ready_values`
// are called before each is read.
template <KeyFormat format, typename ReadyKeys, typename ReadyValues>
PHILO_INLINE void attend_block(const AttendTask& task, const ReadyKeys& ready_keys, const ReadyValues& ready_values) {
  float shares[rows_at_once][key_block_tokens];
  float correction[rows_at_once];
  for (size_t begin = 0; begin < task.rows; begin += rows_at_once) {
    const size_t end = task.rows - begin < rows_at_once ? task.rows : begin + rows_at_once;
    size_t row = begin;
    ready_keys();
    for (; row + 4 <= end; row += 4) share_keys<format, 4>(task, row, shares + (row - begin), correction + (row - begin));
    for (; row < end; ++row) share_keys<format, 1>(task, row, shares + (row - begin), correction + (row - begin));
    ready_values();
    for (row = begin; row + 4 <= end; row += 4) sum_values<format, 4>(task, row, shares + (row - begin), correction + (row - begin));
    for (; row < end; ++row) sum_values<format, 1>(task, row, shares + (row - begin), correction + (row - begin));
  }
}

template <KeyFormat format>
void attend_as_stored(const AttendTask& task) {
  attend_block<format>(task, [] {}, [] {});
}

// Keys, then values, are widened into scratch, whose format is `wide`; later values than any row sees are not written yet.
template <KeyFormat wide, typename Widen>
PHILO_INLINE void attend_widened(const AttendTask& task, const Widen& widen) {
  AttendTask in_scratch = task;
  in_scratch.keys = in_scratch.values = reinterpret_cast<const std::byte*>(task.scratch);
  attend_block<wide>(
      in_scratch, [&] { widen(task.keys, key_block_tokens * task.head_size, task.scratch); },
      [&] { widen(task.values, seen_keys(task, 0, task.rows).last * task.head_size, task.scratch); });
}

// From this many rows on it pays to widen keys and values once for all.
constexpr size_t rows_worth_widening = 8;

void attend_f32(const AttendTask& task) { attend_as_stored<KeyFormat::F32>(task); }

void attend_f16(const AttendTask& task) {
  if (task.rows < rows_worth_widening) attend_as_stored<KeyFormat::F16>(task);
  else attend_widened<KeyFormat::F32>(task, embed<FloatFormat::F16>);
}

void widen_codes(const std::byte* codes, size_t count, float* out) {
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) store(out + i, widen_signed(codes + i));
  if (i < count) store_part(out + i, widen_signed_part(codes + i, count - i), count - i);
}

void attend_i8(const AttendTask& task) {
  if (task.rows < rows_worth_widening) attend_as_stored<KeyFormat::I8>(task);
  else attend_widened<KeyFormat::Wide8>(task, widen_codes);
}

}  // namespace
}  // namespace philo::PHILO_ISA
