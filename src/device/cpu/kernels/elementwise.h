// The operations that pass over a row once: embed, RMS norm, RoPE, SwiGLU, add, and storing as fp16.
// Included inside a unit of one instruction set.

namespace philo::PHILO_ISA {
namespace {

template <FloatFormat format>
void embed(const std::byte* row, size_t width, float* out) {
  size_t i = 0;
  for (; i + lanes <= width; i += lanes) store(out + i, widen<format>(row + i * bytes_of<format>));
  if (i < width) store_part(out + i, widen_part<format>(row + i * bytes_of<format>, width - i), width - i);
}

void rms_norm(const float* in, const float* weight, size_t width, float epsilon, float* out) {
  Squares squares;
  size_t i = 0;
  for (; i + lanes <= width; i += lanes) squares.add(load(in + i));
  if (i < width) squares.add(load_part(in + i, width - i));
  const double mean = squares.total() / static_cast<double>(width);
  const Vec factor = splat(static_cast<float>(1.0 / __builtin_sqrt(mean + static_cast<double>(epsilon))));
  for (i = 0; i + lanes <= width; i += lanes) store(out + i, multiply(multiply(load(in + i), factor), load(weight + i)));
  if (i == width) return;
  store_part(out + i, multiply(multiply(load_part(in + i, width - i), factor), load_part(weight + i, width - i)), width - i);
}

void rope(const float* in, const float* cosine, const float* sine, size_t rotary_size, size_t head_size, float* out) {
  const size_t half = rotary_size / 2;
  size_t k = 0;
  for (; k + lanes <= half; k += lanes) {
    const Vec a = load(in + k), b = load(in + half + k), c = load(cosine + k), s = load(sine + k);
    store(out + k, subtract(multiply(a, c), multiply(b, s)));
    store(out + half + k, add(multiply(b, c), multiply(a, s)));
  }
  if (const size_t left = half - k; left != 0) {
    const Vec a = load_part(in + k, left), b = load_part(in + half + k, left);
    const Vec c = load_part(cosine + k, left), s = load_part(sine + k, left);
    store_part(out + k, subtract(multiply(a, c), multiply(b, s)), left);
    store_part(out + half + k, add(multiply(b, c), multiply(a, s)), left);
  }
  for (k = rotary_size; k < head_size; ++k) out[k] = in[k];
}

void store_f16(const float* in, size_t width, std::byte* out) {
  size_t i = 0;
  for (; i + lanes <= width; i += lanes) store_half(out + 2 * i, load(in + i));
  if (i < width) store_half_part(out + 2 * i, load_part(in + i, width - i), width - i);
}

PHILO_INLINE Vec gated(Vec gate, Vec up) {
  return multiply(divide(gate, add(splat(1.0f), exponential(subtract(zero(), gate)))), up);
}

void swiglu(const float* gate, const float* up, size_t width, float* out) {
  size_t i = 0;
  for (; i + lanes <= width; i += lanes) store(out + i, gated(load(gate + i), load(up + i)));
  if (i < width) store_part(out + i, gated(load_part(gate + i, width - i), load_part(up + i, width - i)), width - i);
}

void add_rows(const float* a, const float* b, size_t width, float* out) {
  size_t i = 0;
  for (; i + lanes <= width; i += lanes) store(out + i, add(load(a + i), load(b + i)));
  if (i < width) store_part(out + i, add(load_part(a + i, width - i), load_part(b + i, width - i)), width - i);
}

}  // namespace
}  // namespace philo::PHILO_ISA
