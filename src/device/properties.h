// Options by a vendor's own names, as --ov and --ort give them.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace philo {

using Properties = std::vector<std::pair<std::string, std::string>>;

// The value of a name, or nullptr.
inline const std::string* given(const Properties& properties, std::string_view name) {
  const auto found = std::find_if(properties.begin(), properties.end(), [&](const auto& one) { return one.first == name; });
  return found == properties.end() ? nullptr : &found->second;
}

// Throws ErrorCode::Usage for a name that is there twice.
inline void refuse_repeats(const char* option, const Properties& properties) {
  for (const auto& [name, value] : properties)
    if (given(properties, name) != &value) throw usage_error(std::string(option) + " " + name + " is given twice");
}

// What stands behind the vendor in a device's name: "GPU.1" of "openvino:GPU.1".
inline std::string behind_vendor(std::string_view device) { return std::string(device.substr(device.find(':') + 1)); }

}  // namespace philo
