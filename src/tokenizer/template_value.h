// The values of a chat template: Python's, as far as templates meet them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tokenizer/template_text.h"

namespace philo::jinja {

enum class Kind : uint8_t {
  Undefined, None, Boolean, Integer, Float, String,
  List, Tuple, Range, View, Iterator,  // Sequence
  Dict, Namespace, Loop, Macro, Method, Function
};

inline constexpr int most_value_depth = 100;            // lists in lists
inline constexpr uint64_t most_value_weight = 16 << 20;  // values in a value, counted as often as they are reached; 16 bytes of text count as one

struct Object {
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;
};

// Bytes that a rendering holds; what is made outside of one is not counted.
struct Meter {
  size_t held = 0;
};

struct TextObject;
struct Sequence;
struct Dict;

class Value {
 public:
  Value() = default;  // undefined
  static Value undefined(std::string what);
  static Value none();
  static Value boolean(bool value);
  static Value integer(int64_t value);
  static Value real(double value);
  static Value string(Text text, Meter* meter = nullptr);
  static Value of(Kind kind, std::shared_ptr<Object> object);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_sequence() const { return kind_ >= Kind::List && kind_ <= Kind::Iterator; }
  bool is_number() const { return kind_ == Kind::Boolean || kind_ == Kind::Integer || kind_ == Kind::Float; }
  bool is_integral() const { return kind_ == Kind::Boolean || kind_ == Kind::Integer; }

  int64_t as_integer() const { return integer_; }  // of a Boolean or Integer
  double as_real() const { return kind_ == Kind::Float ? real_ : static_cast<double>(integer_); }
  const Text& text() const;  // of a String
  const std::string& str() const { return text().str(); }
  Sequence& sequence() const;
  Dict& dict() const;
  const std::shared_ptr<Object>& object() const { return object_; }
  std::string what() const;  // of an Undefined: what is not there

 private:
  Kind kind_ = Kind::Undefined;
  union {
    int64_t integer_ = 0;
    double real_;
  };
  std::shared_ptr<Object> object_;
};

struct Sequence : Object {
  Sequence(std::vector<Value> values, Meter* meter_of_it);
  ~Sequence() override;
  std::vector<Value> items;
  size_t next = 0;          // of an Iterator: what was taken already
  int depth = 1;
  uint64_t weight = 1;
  std::string label;        // of a Range, View or Iterator: how it prints
  int64_t start = 0, step = 1, stop = 0;  // of a Range
  Meter* meter;
};

// Keeps the order of insertion. Throws Failure for keys that Python can't hash.
struct Dict : Object {
  explicit Dict(Meter* meter_of_it) : meter(meter_of_it) {}
  ~Dict() override;
  const Value* find(const Value& key) const;
  const Value* find(const std::string& key) const;
  void set(Value key, Value value);
  std::vector<std::pair<Value, Value>> entries;
  int depth = 1;
  uint64_t weight = 1;
  Meter* meter;

 private:
  std::unordered_map<std::string, size_t> index_;
};

struct Namespace : Object {
  std::vector<std::pair<std::string, Value>> attributes;
  int depth = 0;  // of a Loop: what its items nest; a namespace() lives until the rendering's end, so that it may hold anything
  const Value* find(const std::string& name) const;
  void set(const std::string& name, Value value);
};

struct Method : Object {
  Value self;
  std::string name;
};

int value_depth(const Value& value);             // how deep values lie in it: what destroying it takes of the stack
std::string_view type_name(const Value& value);  // "str", "list", …

bool truth(const Value& value);
bool equal(const Value& a, const Value& b);
enum class Order : uint8_t { Less, LessEqual, Greater, GreaterEqual };
bool compare(const Value& a, const Value& b, Order order);  // throws Failure where Python would
bool contains(const Value& container, const Value& item);
size_t length(const Value& value);                          // throws Failure for what has none
std::vector<Value> items_of(const Value& value, Meter* meter);  // iterates; empties an Iterator
std::string hash_key(const Value& value);                   // equal keys give equal texts; throws Failure for unhashable ones

void append_text(Text& out, const Value& value);  // str()
void append_representation(Text& out, const Value& value, int depth = 0);
Text to_text(const Value& value);
std::string real_text(double value);              // repr() of a float

struct JsonForm {
  bool ascii = false, sort_keys = false;
  std::optional<Text> indent;                     // one level's
  std::optional<Text> item_separator, key_separator;
};
void append_json(Text& out, const Value& value, const JsonForm& form, int depth = 0);

// Stable; less may be inconsistent (NaN) and may throw.
template <typename T, typename Less>
void merge_sort(std::vector<T>& items, const Less& less) {
  std::vector<T> merged(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      const size_t middle = std::min(begin + width, items.size()), end = std::min(begin + 2 * width, items.size());
      size_t left = begin, right = middle;
      for (size_t out = begin; out < end; ++out) {
        const bool from_right = left == middle || (right < end && less(items[right], items[left]));
        merged[out] = std::move(items[from_right ? right++ : left++]);
      }
    }
    std::swap(items, merged);
  }
}

}  // namespace philo::jinja
