// Activations to int8 by groups. Included inside a unit of one instruction set.

namespace philo::PHILO_ISA {
namespace {

void quantize_input(const float* in, size_t depth, size_t group, int8_t* codes, float* scales, int32_t* sums) {
  constexpr int32_t infinity = 0x7f800000;  // as bits; what is not a number is above
  for (size_t begin = 0; begin < depth; begin += group) {
    const size_t count = depth - begin < group ? depth - begin : group, whole = count / lanes * lanes;
    const float* const from = in + begin;
    int8_t* const to = codes + begin;
    Ints greatest = splat_int(0);
    for (size_t k = 0; k < whole; k += lanes) greatest = greater_int(greatest, magnitude_bits(load(from + k)));
    if (whole < count) greatest = greater_int(greatest, magnitude_bits(load_part(from + whole, count - whole)));
    const int32_t bits = greatest_int(greatest);
    float maximum;
    __builtin_memcpy(&maximum, &bits, sizeof maximum);
    Ints sum = splat_int(0);
    if (bits >= infinity || maximum < 1e-30f) {
      for (size_t k = 0; k < count; ++k) to[k] = 0;
      *scales++ = bits >= infinity ? __builtin_nanf("") : 0.0f;
    } else {
      const Vec factor = splat(127.0f / maximum);
      for (size_t k = 0; k < whole; k += lanes) {
        const Ints rounded = to_nearest(multiply(load(from + k), factor));
        store_codes(to + k, rounded);
        sum = add_ints(sum, rounded);
      }
      if (whole < count) {
        const Ints rounded = to_nearest(multiply(load_part(from + whole, count - whole), factor));
        store_codes_part(to + whole, rounded, count - whole);
        sum = add_ints(sum, rounded);
      }
      *scales++ = maximum / 127.0f;
    }
    *sums++ = sum_of_ints(sum);
  }
  for (size_t k = depth; k % 8 != 0; ++k) codes[k] = 0;
}

}  // namespace
}  // namespace philo::PHILO_ISA
