// Runs the grid, prints speeds, or writes down what was tested.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

#include "base/error.h"
#include "grid.h"

namespace {

constexpr const char* usage =
    "philo_parity                     compares every table of kernels with the reference\n"
    "philo_parity --perf [TABLE]      prints how fast they are\n"
    "philo_parity --support FILE      compares them and writes what was tested as Markdown\n";

int write_support(const char* path) {
  GTEST_FLAG_SET(filter, "-Support.*");  // which read what is to be written
  const int result = RUN_ALL_TESTS();
  std::ofstream file(path);
  file << philo::support_text();
  file.close();
  if (!file) {
    std::fprintf(stderr, "philo_parity: %s can't be written\n", path);
    return 3;
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const std::string_view option = argc > 1 ? argv[1] : "";
  try {
    if (option.empty()) return RUN_ALL_TESTS();
    if (option == "--support" && argc == 3) return write_support(argv[2]);
    if (option == "--perf" && argc <= 3) {
      philo::print_perf(argc == 3 ? argv[2] : "");
      return 0;
    }
  } catch (const philo::Error& error) {
    std::fprintf(stderr, "philo_parity: %s\n", error.message().c_str());
    return static_cast<int>(error.code());
  }
  std::fputs(usage, stderr);
  return 2;
}
