// The options of every call in one table: the command line, C programs and reports read names, types, ranges and help
// from here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "philo/philo.h"

namespace philo {

// Which calls know an option; an option may belong to several groups.
enum class OptionGroup : uint8_t {
  Load = 1,
  Conversation = 2,
  Generate = 4,
  Score = 8,
  Inspect = 16,
  Convert = 32,
  Machine = 64,
  Bench = 128
};

enum class OptionType : uint8_t { Flag, Integer, Integers, Number, Text, Choice };  // Integers: separated by commas

struct OptionSpec {
  std::string_view name;  // as on the command line, without dashes
  uint8_t groups;         // bits of OptionGroup
  OptionType type;
  std::string_view value;          // what help calls the value: "N", "TEXT"
  std::string_view help;           // one sentence
  std::string_view fallback = {};  // what holds without it, for people; may be empty
  double low = 0, high = 0;        // of Integer, Integers and Number, both included
  bool above_low = false;          // `low` itself is not allowed
  bool repeats = false;
  std::string_view choices = {};  // of Choice: "a|b"
  std::string_view refused = {};  // choices of other versions: "c|d"
  std::string_view refusal = {};  // why they are refused
};

std::span<const OptionSpec> option_table();
OptionGroup option_group(std::string_view name);  // throws ErrorCode::Usage for a name that is none
OrderedJson describe_options(OptionGroup group);  // as philo_options_describe documents

// Option values that were checked against the table.
class Options {
 public:
  // Throws ErrorCode::Usage for unknown names (with the nearest known one), wrong values, and repeats of what does not
  // repeat.
  Options(OptionGroup group, std::span<const philo_option> given);

  bool has(std::string_view name) const;
  bool flag(std::string_view name) const;  // false where not given
  std::optional<bool> boolean(std::string_view name) const;
  std::optional<int64_t> integer(std::string_view name) const;
  std::vector<int64_t> integers(std::string_view name) const;  // empty where not given
  std::optional<double> number(std::string_view name) const;
  std::optional<std::string> text(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;

 private:
  struct Value {
    const OptionSpec* spec;
    std::string text;
    int64_t integer = 0;
    std::vector<int64_t> integers = {};
    double number = 0;
    bool boolean = false;
  };
  static Value parsed(const OptionSpec& spec, std::string_view text);
  const Value* find(std::string_view name) const;

  std::vector<Value> values_;
};

// Of `known`, the name nearest to `name` by edits; empty where none is near.
std::string_view nearest_name(std::string_view name, std::span<const std::string_view> known);

}  // namespace philo
