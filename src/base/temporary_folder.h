// For tests: a folder of their own that vanishes with the object.
#pragma once

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>

#include "base/file.h"

namespace philo {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    static std::atomic<unsigned> counter{0};
    std::random_device random;
    folder_ = std::filesystem::temp_directory_path() /
              ("philo-test-" + std::to_string(random()) + std::to_string(random()) + "-" + std::to_string(counter++));
    std::filesystem::create_directories(folder_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path() const {
    const std::u8string text = folder_.u8string();
    return std::string(text.begin(), text.end());
  }
  std::string path(const std::string& name) const { return join_path(path(), name); }
  std::string write(const std::string& name, std::string_view text) const {
    const std::filesystem::path file = folder_ / std::filesystem::path(std::u8string(name.begin(), name.end()));
    std::filesystem::create_directories(file.parent_path());
    std::ofstream out(file, std::ios::binary);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.close();
    return path(name);
  }
  std::string make_folder(const std::string& name) const {
    std::filesystem::create_directories(folder_ / name);
    return path(name);
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace philo
