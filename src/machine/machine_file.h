// What was measured on this computer, kept in a folder that the caller names: one JSON file for each kind of measurement and machine.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace philo {

class MachineFile {
 public:
  // `name` is the kind of measurement; `version` is another one wherever the same machine would give other numbers. The file's own name
  // tells machines apart, so that they may share a home.
  MachineFile(const std::string& folder, std::string_view name, int version);

  const std::string& path() const { return path_; }
  // What was written; nothing where the file is missing, damaged, or of another machine or version.
  std::optional<Json> read() const;
  // Replaces the file, and makes the folder where it is missing. Throws ErrorCode::Failed where that can't be done.
  void write(OrderedJson content) const;

 private:
  std::string folder_, name_, key_, path_;
};

}  // namespace philo
