// e^x to about one unit in the last place: x = n ln 2 + r, and the Taylor polynomial of e^r, whose first term left out is
// below 6e-9 for |r| <= ln 2 / 2. Included inside a unit of one instruction set.

namespace philo::PHILO_ISA {
namespace {

PHILO_INLINE Vec exponential(Vec x) {
  const Vec least = splat(-87.0f);  // results below 1e-37 become 0
  const Vec within = greater_of(least, lesser_of(splat(89.0f), x));
  const Vec n = round_to_whole(multiply(within, splat(1.44269504088896341f)));
  // ln 2 in two parts, so that the difference is exact.
  Vec r = fma(n, splat(-0.693147182464599609375f), within);
  r = fma(n, splat(1.904654299957768e-9f), r);
  Vec p = splat(1.0f / 5040);
  p = fma(p, r, splat(1.0f / 720));
  p = fma(p, r, splat(1.0f / 120));
  p = fma(p, r, splat(1.0f / 24));
  p = fma(p, r, splat(1.0f / 6));
  p = fma(p, r, splat(0.5f));
  p = fma(p, r, splat(1.0f));
  p = fma(p, r, splat(1.0f));
  return zero_below(scale(p, n), x, least);
}

}  // namespace
}  // namespace philo::PHILO_ISA
