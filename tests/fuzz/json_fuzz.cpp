// JSON within its bounds, sorted and ordered alike.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "allowed.h"
#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  bool sorted = false, ordered = false;
  philo::fuzz::allow_input_errors([&] {
    const philo::Json json = philo::parse_json(text, "input");
    sorted = true;
    // What was read can be written and read again.
    if (philo::parse_json(json.dump(), "again") != json) std::abort();
    if (!json.is_object()) return;
    const philo::JsonObject object(json, "input");
    for (const auto& [key, value] : json.items()) {
      const char* name = key.c_str();
      philo::fuzz::allow_input_errors([&] { object.integer(name); });
      philo::fuzz::allow_input_errors([&] { object.number(name); });
      philo::fuzz::allow_input_errors([&] { object.boolean(name); });
      philo::fuzz::allow_input_errors([&] { object.text(name); });
      philo::fuzz::allow_input_errors([&] { object.numbers(name); });
      philo::fuzz::allow_input_errors([&] { object.object(name); });
    }
  });
  philo::fuzz::allow_input_errors([&] {
    philo::parse_ordered_json(text, "input");
    ordered = true;
  });
  if (sorted != ordered) std::abort();
  return 0;
}
