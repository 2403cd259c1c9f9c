// Libraries that are looked for while the program runs; the only place that loads any.
#pragma once

#include <memory>
#include <string>

namespace philo {

class SharedLibrary {
 public:
  // nullptr where it can't be loaded; `reason` then holds the system's words. It stays loaded until the process ends: what it made may
  // outlive this object.
  static std::unique_ptr<SharedLibrary> open(const std::string& path, std::string& reason);
  void* find(const char* symbol) const;  // nullptr where missing

 private:
  explicit SharedLibrary(void* handle) : handle_(handle) {}
  void* handle_;
};

// The folder of the program or library that this code is in; empty where it can't be told.
std::string own_folder_of_code();

}  // namespace philo
