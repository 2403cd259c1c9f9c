// Bounded JSON parsing on top of nlohmann::json.
#include "base/json.h"

#include <cmath>
#include <unordered_set>

#include "base/file.h"
#include "base/utf8.h"

namespace philo {
namespace {

// Cuts nlohmann's message down to its reason: "[json.exception.parse_error.101] parse error at line 1, column 2: reason".
std::string reason_of(const std::string& message) {
  const size_t bracket = message.find("] ");
  return bracket == std::string::npos ? message : message.substr(bracket + 2);
}

template <class Value>
Value parse_bounded(std::string_view text, std::string_view file, const JsonLimits& limits) {
  if (text.size() > limits.bytes) {
    throw input_error(file, "is " + std::to_string(text.size()) + " bytes of JSON, more than the limit of " +
                                std::to_string(limits.bytes));
  }
  std::vector<std::unordered_set<std::string>> keys;  // of the objects that are open
  const auto check = [&](int depth, typename Value::parse_event_t event, Value& parsed) {
    using Event = typename Value::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= limits.depth) {
        throw input_error(file, "JSON nests deeper than " + std::to_string(limits.depth) + " levels");
      }
      if (event == Event::object_start) keys.emplace_back();
    } else if (event == Event::object_end) {
      keys.pop_back();
    } else if (event == Event::key) {
      const auto& key = parsed.template get_ref<const std::string&>();
      if (!keys.back().insert(key).second) throw input_error(file, "JSON key " + shown(key) + " appears twice in one object");
    }
    return true;
  };
  try {
    return Value::parse(text.begin(), text.end(), check);
  } catch (const typename Value::parse_error& error) {
    throw input_error_at(file, error.byte == 0 ? 0 : error.byte - 1, "not valid JSON: " + utf8_repaired(reason_of(error.what())));
  } catch (const typename Value::exception& error) {
    throw input_error(file, "not valid JSON: " + utf8_repaired(reason_of(error.what())));
  }
}

}  // namespace

Json parse_json(std::string_view text, std::string_view file, const JsonLimits& limits) {
  return parse_bounded<Json>(text, file, limits);
}

OrderedJson parse_ordered_json(std::string_view text, std::string_view file, const JsonLimits& limits) {
  return parse_bounded<OrderedJson>(text, file, limits);
}

Json read_json_file(const std::string& path, const JsonLimits& limits) {
  return parse_json(read_text_file(path, limits.bytes), path, limits);
}

JsonObject::JsonObject(const Json& object, std::string file, std::string path)
    : object_(&object), file_(std::move(file)), path_(std::move(path)) {
  if (!object.is_object()) {
    throw input_error(file_, (path_.empty() ? "the top level" : "key " + shown(path_)) + " should be a JSON object, found " +
                                 object.type_name());
  }
}

std::string JsonObject::name_of(const char* key) const { return path_.empty() ? key : path_ + "." + key; }

Error JsonObject::wrong(const char* key, std::string_view message) const {
  return input_error(file_, "key " + shown(name_of(key)) + ": " + std::string(message));
}

const Json* JsonObject::find(const char* key) const {
  const auto found = object_->find(key);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

bool JsonObject::has(const char* key) const { return find(key) != nullptr; }

std::optional<int64_t> JsonObject::integer(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr) return {};
  if (value->is_number_unsigned()) {
    const auto number = value->get<uint64_t>();
    if (number > static_cast<uint64_t>(INT64_MAX)) throw wrong(key, "the number " + value->dump() + " is too large");
    return static_cast<int64_t>(number);
  }
  if (value->is_number_integer()) return value->get<int64_t>();
  if (value->is_number_float()) {
    const auto number = value->get<double>();
    if (std::floor(number) == number && std::fabs(number) < 9e15) return static_cast<int64_t>(number);
  }
  throw wrong(key, "expected a whole number, found " + shown(value->dump()));
}

std::optional<double> JsonObject::number(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr) return {};
  if (!value->is_number()) throw wrong(key, "expected a number, found " + shown(value->dump()));
  const auto number = value->get<double>();
  if (!std::isfinite(number)) throw wrong(key, "the number is not finite");
  return number;
}

std::optional<bool> JsonObject::boolean(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr) return {};
  if (!value->is_boolean()) throw wrong(key, "expected true or false, found " + shown(value->dump()));
  return value->get<bool>();
}

std::optional<std::string> JsonObject::text(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr) return {};
  if (!value->is_string()) throw wrong(key, "expected a string, found " + shown(value->dump()));
  return value->get<std::string>();
}

std::optional<std::vector<double>> JsonObject::numbers(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr) return {};
  if (!value->is_array()) throw wrong(key, "expected a list of numbers, found " + shown(value->dump()));
  std::vector<double> out;
  out.reserve(value->size());
  for (const Json& element : *value) {
    if (!element.is_number() || !std::isfinite(element.get<double>())) {
      throw wrong(key, "expected a list of finite numbers, found " + shown(element.dump()) + " in it");
    }
    out.push_back(element.get<double>());
  }
  return out;
}

std::optional<JsonObject> JsonObject::object(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr) return {};
  return JsonObject(*value, file_, name_of(key));
}

int64_t JsonObject::integer_in(const char* key, int64_t low, int64_t high, std::optional<int64_t> fallback) const {
  const std::optional<int64_t> found = integer(key);
  const std::optional<int64_t> value = found ? found : fallback;
  if (!value) throw wrong(key, "is missing");
  if (*value < low || *value > high) {
    throw wrong(key, "is " + std::to_string(*value) + ", expected " + std::to_string(low) + " to " + std::to_string(high));
  }
  return *value;
}

}  // namespace philo
