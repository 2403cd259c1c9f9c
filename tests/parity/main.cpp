// Runs the grid, or with --perf prints speeds.
#include <gtest/gtest.h>

#include <cstdio>
#include <string_view>

#include "base/error.h"
#include "grid.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc > 1 && std::string_view(argv[1]) == "--perf") {
    try {
      philo::print_perf();
      return 0;
    } catch (const philo::Error& error) {
      std::fprintf(stderr, "philo_parity: %s\n", error.message().c_str());
      return static_cast<int>(error.code());
    }
  }
  if (argc > 1) {
    std::fprintf(stderr, "philo_parity: %s is not an option; --perf is the only one beside GoogleTest's\n", argv[1]);
    return 2;
  }
  return RUN_ALL_TESTS();
}
