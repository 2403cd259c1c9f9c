// Python's truth, equality, order and printing for template values.
#include "tokenizer/template_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

namespace philo::jinja {
namespace {

struct UndefinedObject : Object {
  std::string what;
};

// Lets `holder` hold `inner`: bounds what printing, comparing and destroying it costs.
template <typename Holder>
void count_in(Holder& holder, const Value& inner) {
  const int depth = value_depth(inner);
  uint64_t weight = 1;
  if (inner.is_sequence()) {
    weight = inner.sequence().weight;
  } else if (inner.is(Kind::Dict)) {
    weight = inner.dict().weight;
  } else if (inner.is(Kind::String)) {
    weight += inner.text().size() / 16;
  }
  holder.depth = std::max(holder.depth, depth + 1);
  holder.weight += weight;
  if (holder.depth > most_value_depth) throw Failure{"values are nested more than " + std::to_string(most_value_depth) + " deep"};
  if (holder.weight > most_value_weight) throw Failure{"a value holds more than " + std::to_string(most_value_weight) + " values"};
}

[[noreturn]] void fail_undefined(const Value& value) { throw Failure{value.what()}; }

bool sequences_equal(const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!equal(a[i], b[i])) return false;
  return true;
}

template <typename T>
bool ordered(const T& a, const T& b, Order order) {
  switch (order) {
    case Order::Less: return a < b;
    case Order::LessEqual: return a <= b;
    case Order::Greater: return a > b;
    case Order::GreaterEqual: return a >= b;
  }
  return false;
}

std::string_view sign_of(Order order) {
  static constexpr std::string_view signs[] = {"<", "<=", ">", ">="};
  return signs[static_cast<size_t>(order)];
}

void append_items(Text& out, const std::vector<Value>& items, size_t begin, int depth) {
  for (size_t i = begin; i < items.size(); ++i) {
    if (i > begin) out.append(", ");
    append_representation(out, items[i], depth + 1);
  }
}

void append_indent(Text& out, const JsonForm& form, int depth) {
  out.append("\n");
  for (int i = 0; i < depth; ++i) out.append(*form.indent);
}

void append_json_key(Text& out, const Value& key, bool ascii) {
  out.append("\"");
  switch (key.kind()) {
    case Kind::String: append_json_string(out, key.text(), ascii); break;
    case Kind::None: out.append("null"); break;
    case Kind::Boolean: out.append(key.as_integer() != 0 ? "true" : "false"); break;
    case Kind::Integer: out.append(std::to_string(key.as_integer())); break;
    case Kind::Float: append_json(out, key, {}); break;
    default: throw Failure{"tojson: keys must be str, int, float, bool or None, not " + std::string(type_name(key))};
  }
  out.append("\"");
}

}  // namespace

struct TextObject : Object {
  TextObject(Text value, Meter* meter_of_it) : text(std::move(value)), meter(meter_of_it) {
    if (meter != nullptr) meter->held += text.cost() + 64;
  }
  ~TextObject() override {
    if (meter != nullptr) meter->held -= text.cost() + 64;
  }
  const Text text;
  Meter* meter;
};

Value Value::undefined(std::string what) {
  auto object = std::make_shared<UndefinedObject>();
  object->what = std::move(what);
  return of(Kind::Undefined, std::move(object));
}

Value Value::none() {
  Value value;
  value.kind_ = Kind::None;
  return value;
}

Value Value::boolean(bool boolean) {
  Value value;
  value.kind_ = Kind::Boolean;
  value.integer_ = boolean ? 1 : 0;
  return value;
}

Value Value::integer(int64_t integer) {
  Value value;
  value.kind_ = Kind::Integer;
  value.integer_ = integer;
  return value;
}

Value Value::real(double real) {
  Value value;
  value.kind_ = Kind::Float;
  value.real_ = real;
  return value;
}

Value Value::string(Text text, Meter* meter) { return of(Kind::String, std::make_shared<TextObject>(std::move(text), meter)); }

Value Value::of(Kind kind, std::shared_ptr<Object> object) {
  Value value;
  value.kind_ = kind;
  value.object_ = std::move(object);
  return value;
}

const Text& Value::text() const { return static_cast<const TextObject&>(*object_).text; }
Sequence& Value::sequence() const { return static_cast<Sequence&>(*object_); }
Dict& Value::dict() const { return static_cast<Dict&>(*object_); }

std::string Value::what() const {
  return object_ == nullptr ? "a value is undefined" : static_cast<const UndefinedObject&>(*object_).what;
}

Sequence::Sequence(std::vector<Value> values, Meter* meter_of_it) : items(std::move(values)), meter(meter_of_it) {
  for (const Value& item : items) count_in(*this, item);
  if (meter != nullptr) meter->held += items.size() * sizeof(Value) + sizeof(Sequence);
}

Sequence::~Sequence() {
  if (meter != nullptr) meter->held -= items.size() * sizeof(Value) + sizeof(Sequence);
}

constexpr size_t entry_bytes = 2 * sizeof(Value) + 96;

Dict::~Dict() {
  if (meter != nullptr) meter->held -= entries.size() * entry_bytes;
}

const Value* Dict::find(const Value& key) const {
  const auto found = index_.find(hash_key(key));
  return found == index_.end() ? nullptr : &entries[found->second].second;
}

const Value* Dict::find(const std::string& key) const {
  const auto found = index_.find("s" + key);
  return found == index_.end() ? nullptr : &entries[found->second].second;
}

void Dict::set(Value key, Value value) {
  count_in(*this, key);
  count_in(*this, value);
  const auto [at, fresh] = index_.try_emplace(hash_key(key), entries.size());
  if (!fresh) {
    entries[at->second].second = std::move(value);
    return;
  }
  entries.emplace_back(std::move(key), std::move(value));
  if (meter != nullptr) meter->held += entry_bytes;
}

const Value* Namespace::find(const std::string& name) const {
  for (const auto& [key, value] : attributes)
    if (key == name) return &value;
  return nullptr;
}

void Namespace::set(const std::string& name, Value value) {
  for (auto& [key, old] : attributes) {
    if (key != name) continue;
    old = std::move(value);
    return;
  }
  attributes.emplace_back(name, std::move(value));
}

int value_depth(const Value& value) {
  if (value.is_sequence()) return value.sequence().depth;
  if (value.is(Kind::Dict)) return value.dict().depth;
  if (value.is(Kind::Loop)) return static_cast<const Namespace&>(*value.object()).depth;
  if (value.is(Kind::Method)) return value_depth(static_cast<const Method&>(*value.object()).self) + 1;
  return 0;
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::Undefined: return "Undefined";
    case Kind::None: return "None";
    case Kind::Boolean: return "bool";
    case Kind::Integer: return "int";
    case Kind::Float: return "float";
    case Kind::String: return "str";
    case Kind::List: return "list";
    case Kind::Tuple: return "tuple";
    case Kind::Range: return "range";
    case Kind::View: return "dict view";
    case Kind::Iterator: return "generator";
    case Kind::Dict: return "dict";
    case Kind::Namespace: return "namespace";
    case Kind::Loop: return "loop";
    case Kind::Macro: return "macro";
    case Kind::Method: return "method";
    case Kind::Function: return "function";
  }
  return "?";
}

bool truth(const Value& value) {
  switch (value.kind()) {
    case Kind::Undefined:
    case Kind::None: return false;
    case Kind::Boolean:
    case Kind::Integer: return value.as_integer() != 0;
    case Kind::Float: return value.as_real() != 0;
    case Kind::String: return !value.text().empty();
    case Kind::List:
    case Kind::Tuple:
    case Kind::Range:
    case Kind::View: return !value.sequence().items.empty();
    case Kind::Dict: return !value.dict().entries.empty();
    case Kind::Iterator:
    case Kind::Namespace:
    case Kind::Loop:
    case Kind::Macro:
    case Kind::Method:
    case Kind::Function: return true;
  }
  return true;
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.is_integral() && b.is_integral()) return a.as_integer() == b.as_integer();
    return a.as_real() == b.as_real();
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::Undefined:
    case Kind::None: return true;
    case Kind::String: return a.str() == b.str();
    case Kind::List:
    case Kind::Tuple:
    case Kind::Range: return a.object() == b.object() || sequences_equal(a.sequence().items, b.sequence().items);
    case Kind::Dict: {
      if (a.object() == b.object()) return true;
      if (a.dict().entries.size() != b.dict().entries.size()) return false;
      for (const auto& [key, value] : a.dict().entries) {
        const Value* other = b.dict().find(key);
        if (other == nullptr || !equal(value, *other)) return false;
      }
      return true;
    }
    default: return a.object() == b.object();
  }
}

bool compare(const Value& a, const Value& b, Order order) {
  if (a.is(Kind::Undefined)) fail_undefined(a);
  if (b.is(Kind::Undefined)) fail_undefined(b);
  if (a.is_number() && b.is_number()) {
    if (a.is_integral() && b.is_integral()) return ordered(a.as_integer(), b.as_integer(), order);
    return ordered(a.as_real(), b.as_real(), order);
  }
  if (a.is(Kind::String) && b.is(Kind::String)) return ordered(a.str().compare(b.str()), 0, order);  // UTF-8 keeps the order
  if (a.kind() == b.kind() && (a.is(Kind::List) || a.is(Kind::Tuple))) {
    const std::vector<Value>&left = a.sequence().items, &right = b.sequence().items;
    for (size_t i = 0; i < std::min(left.size(), right.size()); ++i)
      if (!equal(left[i], right[i])) return compare(left[i], right[i], order);
    return ordered(left.size(), right.size(), order);
  }
  throw Failure{"\"" + std::string(sign_of(order)) + "\" does not work between " + std::string(type_name(a)) + " and " +
                std::string(type_name(b))};
}

bool contains(const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::Undefined: return false;
    case Kind::String:
      if (!item.is(Kind::String)) throw Failure{"\"in\" a str needs a str, not " + std::string(type_name(item))};
      return container.str().find(item.str()) != std::string::npos;
    case Kind::Dict: return container.dict().find(item) != nullptr;
    case Kind::List:
    case Kind::Tuple:
    case Kind::Range:
    case Kind::View: {
      const std::vector<Value>& items = container.sequence().items;
      return std::any_of(items.begin(), items.end(), [&](const Value& value) { return equal(value, item); });
    }
    case Kind::Iterator: {
      Sequence& sequence = container.sequence();
      while (sequence.next < sequence.items.size())
        if (equal(sequence.items[sequence.next++], item)) return true;
      return false;
    }
    default: throw Failure{"\"in\" does not work with " + std::string(type_name(container))};
  }
}

size_t length(const Value& value) {
  switch (value.kind()) {
    case Kind::Undefined: return 0;
    case Kind::String: return code_point_count(value.str());
    case Kind::List:
    case Kind::Tuple:
    case Kind::Range:
    case Kind::View: return value.sequence().items.size();
    case Kind::Dict: return value.dict().entries.size();
    default: throw Failure{std::string(type_name(value)) + " has no length"};
  }
}

std::vector<Value> items_of(const Value& value, Meter* meter) {
  std::vector<Value> items;
  switch (value.kind()) {
    case Kind::Undefined: return items;
    case Kind::String: {
      const std::vector<size_t> offsets = code_point_offsets(value.str());
      items.reserve(offsets.size());
      for (size_t i = 0; i + 1 < offsets.size(); ++i) items.push_back(Value::string(value.text().slice(offsets[i], offsets[i + 1]), meter));
      return items;
    }
    case Kind::Dict:
      for (const auto& entry : value.dict().entries) items.push_back(entry.first);
      return items;
    case Kind::List:
    case Kind::Tuple:
    case Kind::Range:
    case Kind::View: return value.sequence().items;
    case Kind::Iterator: {
      Sequence& sequence = value.sequence();
      items.assign(sequence.items.begin() + static_cast<std::ptrdiff_t>(sequence.next), sequence.items.end());
      sequence.next = sequence.items.size();
      return items;
    }
    default: throw Failure{std::string(type_name(value)) + " can't be iterated"};
  }
}

std::string hash_key(const Value& value) {
  switch (value.kind()) {
    case Kind::Undefined: return "u";
    case Kind::None: return "n";
    case Kind::Boolean:
    case Kind::Integer: return "i" + std::to_string(value.as_integer());
    case Kind::Float: {
      const double real = value.as_real();
      if (real == std::floor(real) && std::fabs(real) < 9e15) return "i" + std::to_string(static_cast<int64_t>(real));
      return "f" + real_text(real);
    }
    case Kind::String: return "s" + value.str();
    case Kind::Tuple: {
      std::string key = "t";
      for (const Value& item : value.sequence().items) {
        const std::string inner = hash_key(item);
        key += std::to_string(inner.size()) + ":" + inner;
      }
      return key;
    }
    case Kind::List:
    case Kind::Dict:
    case Kind::View: throw Failure{"unhashable type: " + std::string(type_name(value))};
    default: return "o" + std::to_string(reinterpret_cast<uintptr_t>(value.object().get()));
  }
}

std::string real_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  if (value == 0) return std::signbit(value) ? "-0.0" : "0.0";
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  std::string text(buffer, end);
  const size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  const bool negative = text[0] == '-';
  std::string digits = text.substr(negative ? 1 : 0, e - (negative ? 1 : 0));
  std::erase(digits, '.');
  std::string out = negative ? "-" : "";
  const auto count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {  // as repr() does
    out += digits.substr(0, 1);
    if (count > 1) out += "." + digits.substr(1);
    const int size = std::abs(exponent);
    return out + (exponent < 0 ? "e-" : "e+") + (size < 10 ? "0" : "") + std::to_string(size);
  }
  if (exponent < 0) return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  if (count <= exponent + 1) return out + digits + std::string(static_cast<size_t>(exponent + 1 - count), '0') + ".0";
  return out + digits.substr(0, static_cast<size_t>(exponent + 1)) + "." + digits.substr(static_cast<size_t>(exponent + 1));
}

void append_text(Text& out, const Value& value) {
  if (value.is(Kind::Undefined)) return;
  if (value.is(Kind::String)) return out.append(value.text());
  append_representation(out, value);
}

Text to_text(const Value& value) {
  Text out;
  append_text(out, value);
  return out;
}

void append_representation(Text& out, const Value& value, int depth) {
  if (depth > 2 * most_value_depth) throw Failure{"a value that holds itself can't be printed"};
  switch (value.kind()) {
    case Kind::Undefined: return out.append("Undefined");
    case Kind::None: return out.append("None");
    case Kind::Boolean: return out.append(value.as_integer() != 0 ? "True" : "False");
    case Kind::Integer: return out.append(std::to_string(value.as_integer()));
    case Kind::Float: return out.append(real_text(value.as_real()));
    case Kind::String: return append_repr(out, value.text());
    case Kind::List:
      out.append("[");
      append_items(out, value.sequence().items, 0, depth);
      return out.append("]");
    case Kind::Tuple:
      out.append("(");
      append_items(out, value.sequence().items, 0, depth);
      return out.append(value.sequence().items.size() == 1 ? ",)" : ")");
    case Kind::Range: return out.append(value.sequence().label);
    case Kind::View:
      out.append(value.sequence().label);
      out.append("([");
      append_items(out, value.sequence().items, 0, depth);
      return out.append("])");
    case Kind::Dict: {
      out.append("{");
      bool first = true;
      for (const auto& [key, inner] : value.dict().entries) {
        if (!first) out.append(", ");
        first = false;
        append_representation(out, key, depth + 1);
        out.append(": ");
        append_representation(out, inner, depth + 1);
      }
      return out.append("}");
    }
    case Kind::Namespace: {
      out.append("<Namespace {");
      bool first = true;
      for (const auto& [key, inner] : static_cast<const Namespace&>(*value.object()).attributes) {
        if (!first) out.append(", ");
        first = false;
        append_repr(out, Text(key));
        out.append(": ");
        append_representation(out, inner, depth + 1);
      }
      return out.append("}>");
    }
    case Kind::Iterator:
    case Kind::Loop:
    case Kind::Macro:
    case Kind::Method:
    case Kind::Function: throw Failure{"a " + std::string(type_name(value)) + " has no text of its own"};
  }
}

void append_json(Text& out, const Value& value, const JsonForm& form, int depth) {
  const auto separate = [&](bool first) {
    if (!first && form.item_separator) out.append(*form.item_separator);
    if (!first && !form.item_separator) out.append(form.indent ? "," : ", ");
    if (form.indent) append_indent(out, form, depth + 1);
  };
  switch (value.kind()) {
    case Kind::None: return out.append("null");
    case Kind::Boolean: return out.append(value.as_integer() != 0 ? "true" : "false");
    case Kind::Integer: return out.append(std::to_string(value.as_integer()));
    case Kind::Float: {
      const double real = value.as_real();
      if (std::isnan(real)) return out.append("NaN");
      if (std::isinf(real)) return out.append(real < 0 ? "-Infinity" : "Infinity");
      return out.append(real_text(real));
    }
    case Kind::String:
      out.append("\"");
      append_json_string(out, value.text(), form.ascii);
      return out.append("\"");
    case Kind::List:
    case Kind::Tuple: {
      const std::vector<Value>& items = value.sequence().items;
      out.append("[");
      for (size_t i = 0; i < items.size(); ++i) {
        separate(i == 0);
        append_json(out, items[i], form, depth + 1);
      }
      if (form.indent && !items.empty()) append_indent(out, form, depth);
      return out.append("]");
    }
    case Kind::Dict: {
      auto entries = value.dict().entries;
      if (form.sort_keys)
        merge_sort(entries, [](const auto& a, const auto& b) { return compare(a.first, b.first, Order::Less); });
      out.append("{");
      for (size_t i = 0; i < entries.size(); ++i) {
        separate(i == 0);
        append_json_key(out, entries[i].first, form.ascii);
        if (form.key_separator) {
          out.append(*form.key_separator);
        } else {
          out.append(": ");
        }
        append_json(out, entries[i].second, form, depth + 1);
      }
      if (form.indent && !entries.empty()) append_indent(out, form, depth);
      return out.append("}");
    }
    default: throw Failure{"tojson: a value of type " + std::string(type_name(value)) + " has no JSON form"};
  }
}

}  // namespace philo::jinja
