// POSIX and Windows. Not std::random_device: libstdc++'s asks for a glibc one year younger than the rest of philo does.
#ifdef _WIN32
#define _CRT_RAND_S  // before the first include
#endif
#include "base/random_seed.h"

#include "base/error.h"

#ifdef _WIN32
#include <stdlib.h>
#else
#include <unistd.h>
#endif

namespace philo {

uint64_t random_seed() {
#ifdef _WIN32
  unsigned high = 0;
  unsigned low = 0;
  const bool drawn = rand_s(&high) == 0 && rand_s(&low) == 0;
  const uint64_t bits = static_cast<uint64_t>(high) << 32 | low;
#else
  uint64_t bits = 0;
  const bool drawn = getentropy(&bits, sizeof bits) == 0;
#endif
  if (!drawn) throw Error(ErrorCode::Failed, "the operating system gives no random numbers; choose a seed yourself (seed)");
  return bits >> 12;
}

}  // namespace philo
