// Checks option values against the table.
#include "api/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/utf8.h"

namespace philo {

namespace {

bool in_group(const OptionSpec& spec, OptionGroup group) { return (spec.groups & static_cast<uint8_t>(group)) != 0; }

std::vector<std::string_view> split_choices(std::string_view choices) {
  std::vector<std::string_view> parts;
  while (!choices.empty()) {
    const size_t bar = std::min(choices.find('|'), choices.size());
    parts.push_back(choices.substr(0, bar));
    choices.remove_prefix(std::min(bar + 1, choices.size()));
  }
  return parts;
}

std::string listed(std::string_view choices) {
  std::string text;
  for (std::string_view part : split_choices(choices)) text.append(text.empty() ? "" : ", ").append(part);
  return text;
}

bool contains(std::string_view choices, std::string_view value) {
  const auto parts = split_choices(choices);
  return std::find(parts.begin(), parts.end(), value) != parts.end();
}

Error wrong_value(const OptionSpec& spec, std::string_view found, const std::string& expected) {
  return usage_error("--" + std::string(spec.name) + ": found " + shown(found) + ", expected " + expected);
}

std::string number_text(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

std::string range_text(const OptionSpec& spec) {
  const bool list = spec.type == OptionType::Integers, whole = list || spec.type == OptionType::Integer;
  const auto bound = [&](double value) {
    return whole ? std::to_string(static_cast<int64_t>(value)) : number_text(value);
  };
  std::string text = list ? "whole numbers" : whole ? "a whole number" : "a number";
  text += spec.above_low ? " above " + bound(spec.low) : " from " + bound(spec.low);
  return text + (spec.above_low ? " and up to " : " to ") + bound(spec.high) + (list ? ", separated by commas" : "");
}

template <class T>
bool parse_number(std::string_view text, T& value) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc() && end == text.data() + text.size();
}

size_t edits(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t column = 0; column <= b.size(); ++column) row[column] = column;
  for (size_t line = 1; line <= a.size(); ++line) {
    size_t diagonal = row[0];
    row[0] = line;
    for (size_t column = 1; column <= b.size(); ++column) {
      const size_t replaced = diagonal + (a[line - 1] == b[column - 1] ? 0 : 1);
      diagonal = row[column];
      row[column] = std::min({replaced, row[column] + 1, row[column - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest_name(std::string_view name, std::span<const std::string_view> known) {
  std::string_view best;
  if (name.size() > 64) return best;
  size_t fewest = std::max<size_t>(1, name.size() / 3) + 1;
  for (std::string_view candidate : known) {
    const bool starts = name.size() >= 3 && candidate.substr(0, name.size()) == name;
    const size_t count = starts ? 1 : edits(name, candidate);
    if (count >= fewest) continue;
    fewest = count;
    best = candidate;
  }
  return best;
}

OptionGroup option_group(std::string_view name) {
  if (name == "load") return OptionGroup::Load;
  if (name == "conversation") return OptionGroup::Conversation;
  if (name == "generate") return OptionGroup::Generate;
  if (name == "score") return OptionGroup::Score;
  if (name == "inspect") return OptionGroup::Inspect;
  if (name == "convert") return OptionGroup::Convert;
  if (name == "machine") return OptionGroup::Machine;
  if (name == "bench") return OptionGroup::Bench;
  throw usage_error("no option group " + shown(name) +
                    "; expected load, conversation, generate, score, inspect, convert, machine or bench");
}

OrderedJson describe_options(OptionGroup group) {
  static constexpr const char* type_names[] = {"flag", "integer", "integers", "number", "text", "choice"};
  OrderedJson list = OrderedJson::array();
  for (const OptionSpec& spec : option_table()) {
    if (!in_group(spec, group)) continue;
    OrderedJson entry = {
        {"name", spec.name}, {"type", type_names[static_cast<size_t>(spec.type)]}, {"value", spec.value}};
    entry["help"] = spec.help;
    entry["default"] = spec.fallback;
    entry["repeats"] = spec.repeats;
    entry["choices"] = split_choices(spec.choices);
    if (spec.type == OptionType::Integer || spec.type == OptionType::Integers || spec.type == OptionType::Number)
      entry["range"] = range_text(spec);
    list.push_back(std::move(entry));
  }
  return {{"options", std::move(list)}};
}

Options::Value Options::parsed(const OptionSpec& spec, std::string_view text) {
  Value value{.spec = &spec, .text = std::string(text)};
  switch (spec.type) {
    case OptionType::Flag:
      if (text != "true" && text != "false") throw wrong_value(spec, text, "true or false");
      value.boolean = text == "true";
      break;
    case OptionType::Integer:
      if (!parse_number(text, value.integer) || static_cast<double>(value.integer) < spec.low ||
          static_cast<double>(value.integer) > spec.high)
        throw wrong_value(spec, text, range_text(spec));
      break;
    case OptionType::Integers:
      for (size_t at = 0; at <= text.size();) {
        const size_t end = std::min(text.find(',', at), text.size());
        int64_t& number = value.integers.emplace_back();
        if (!parse_number(text.substr(at, end - at), number) || static_cast<double>(number) < spec.low ||
            static_cast<double>(number) > spec.high)
          throw wrong_value(spec, text, range_text(spec));
        at = end + 1;
      }
      break;
    case OptionType::Number:
      if (!parse_number(text, value.number) || !std::isfinite(value.number) || value.number < spec.low ||
          value.number > spec.high || (spec.above_low && value.number == spec.low))
        throw wrong_value(spec, text, range_text(spec));
      break;
    case OptionType::Text:
      if (text.empty()) throw wrong_value(spec, text, "a text that is not empty");
      if (const size_t bad = utf8_first_invalid(text); bad != std::string_view::npos)
        throw usage_error("--" + std::string(spec.name) + ": byte " + std::to_string(bad) + " is not UTF-8");
      break;
    case OptionType::Choice:
      if (contains(spec.refused, text))
        throw usage_error("--" + std::string(spec.name) + " " + std::string(text) + ": " + std::string(spec.refusal));
      if (!contains(spec.choices, text)) throw wrong_value(spec, text, "one of " + listed(spec.choices));
      break;
  }
  return value;
}

Options::Options(OptionGroup group, std::span<const philo_option> given) {
  for (const philo_option& option : given) {
    if (option.name == nullptr || option.value == nullptr)
      throw usage_error("an option's name and value must not be null");
    const std::string_view name = option.name;
    const OptionSpec* spec = nullptr;
    std::vector<std::string_view> known;
    for (const OptionSpec& candidate : option_table()) {
      if (!in_group(candidate, group)) continue;
      known.push_back(candidate.name);
      if (candidate.name == name) spec = &candidate;
    }
    if (spec == nullptr) {
      const std::string_view nearest = nearest_name(name, known);
      throw usage_error("no option " + shown(name) + " here" +
                        (nearest.empty() ? "" : "; the nearest is " + shown(nearest)));
    }
    if (!spec->repeats && has(name)) throw usage_error("--" + std::string(name) + " is given twice");
    values_.push_back(parsed(*spec, option.value));
  }
  if (flag("sym") && flag("asym")) throw usage_error("--sym and --asym exclude each other; give one of them");
}

const Options::Value* Options::find(std::string_view name) const {
  for (const Value& value : values_)
    if (value.spec->name == name) return &value;
  return nullptr;
}

bool Options::has(std::string_view name) const { return find(name) != nullptr; }

bool Options::flag(std::string_view name) const { return boolean(name).value_or(false); }

std::optional<bool> Options::boolean(std::string_view name) const {
  const Value* value = find(name);
  return value != nullptr ? std::optional(value->boolean) : std::nullopt;
}

std::optional<int64_t> Options::integer(std::string_view name) const {
  const Value* value = find(name);
  return value != nullptr ? std::optional(value->integer) : std::nullopt;
}

std::vector<int64_t> Options::integers(std::string_view name) const {
  const Value* value = find(name);
  return value != nullptr ? value->integers : std::vector<int64_t>();
}

std::optional<double> Options::number(std::string_view name) const {
  const Value* value = find(name);
  return value != nullptr ? std::optional(value->number) : std::nullopt;
}

std::optional<std::string> Options::text(std::string_view name) const {
  const Value* value = find(name);
  return value != nullptr ? std::optional(value->text) : std::nullopt;
}

std::vector<std::string> Options::texts(std::string_view name) const {
  std::vector<std::string> all;
  for (const Value& value : values_)
    if (value.spec->name == name) all.push_back(value.text);
  return all;
}

}  // namespace philo
