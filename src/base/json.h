// JSON from files that may lie: depth, size and duplicate keys are checked while parsing.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace philo {

using Json = nlohmann::json;                 // objects sorted by key
using OrderedJson = nlohmann::ordered_json;  // objects in the file's order: for what users see; slow for large objects

struct JsonLimits {
  size_t bytes = size_t{256} << 20;
  int depth = 64;
};

// Throws ErrorCode::Input naming `file` and the byte for text that is not JSON (UTF-8), nests too deep, is too large or repeats a key.
Json parse_json(std::string_view text, std::string_view file, const JsonLimits& limits = {});
OrderedJson parse_ordered_json(std::string_view text, std::string_view file, const JsonLimits& limits = {});
Json read_json_file(const std::string& path, const JsonLimits& limits = {});

// Typed look-ups. A missing key gives `fallback` (or nullopt); a key of another type throws ErrorCode::Input naming file and key.
// `null` counts as missing. Integers accept 3.0 but not 3.5; doubles accept integers; non-finite numbers are refused.
class JsonObject {
 public:
  JsonObject(const Json& object, std::string file, std::string path = "");  // throws where `object` is not an object
  bool has(const char* key) const;  // present and not null
  std::optional<int64_t> integer(const char* key) const;
  std::optional<double> number(const char* key) const;
  std::optional<bool> boolean(const char* key) const;
  std::optional<std::string> text(const char* key) const;
  std::optional<std::vector<double>> numbers(const char* key) const;
  const Json* find(const char* key) const;  // nullptr where missing or null
  std::optional<JsonObject> object(const char* key) const;
  int64_t integer_in(const char* key, int64_t low, int64_t high, std::optional<int64_t> fallback = {}) const;  // range-checked; missing without fallback throws
  Error wrong(const char* key, std::string_view message) const;  // "file: key "a.b": message"
  const Json& value() const { return *object_; }
  const std::string& file() const { return file_; }

 private:
  std::string name_of(const char* key) const;
  const Json* object_;  // not owned
  std::string file_, path_;
};

}  // namespace philo
