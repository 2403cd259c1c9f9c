// A token id, as tokenizer files and embedding rows number them.
#pragma once

#include <cstdint>

namespace philo {

using Token = int32_t;

}  // namespace philo
