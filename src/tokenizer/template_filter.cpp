// jinja2's filters and tests, as far as chat templates use them. escape and safe give plain strings: what jinja2's Markup does when it
// meets other strings is left out.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "tokenizer/template_interpreter.h"

namespace philo::jinja {
namespace {

using Filter = Value (*)(Interpreter&, const Value&, const Arguments&);
using Test = bool (*)(Interpreter&, const Value&, const Arguments&);

bool flag(const Arguments& arguments, size_t position, std::string_view name, bool fallback) {
  const Value* given = arguments.find(position, name);
  return given == nullptr ? fallback : truth(*given);
}

Text soft_text(const Value& value) { return to_text(value); }

// The value behind "a.b.0", for map(attribute=…), sort(attribute=…) and their like.
Value by_path(Interpreter& interpreter, const Value& value, const Value& path) {
  if (path.is_integral()) return interpreter.item(value, path, false);
  Value at = value;
  std::string rest = text_of(path, "an attribute").str();
  while (true) {
    const size_t dot = rest.find('.');
    const std::string part = rest.substr(0, dot);
    int64_t index = 0;
    const auto number = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool is_index = !part.empty() && number.ec == std::errc() && number.ptr == part.data() + part.size();
    at = interpreter.item(at, is_index ? Value::integer(index) : interpreter.text(part), true);
    if (dot == std::string::npos) return at;
    rest = rest.substr(dot + 1);
  }
}

Value folded(Interpreter& interpreter, const Value& value) {
  return value.is(Kind::String) ? interpreter.text(change_case(value.text(), Case::Lower)) : value;
}

// What a value sorts and counts by: an attribute of it, without regard to case unless asked for.
Value sort_key(Interpreter& interpreter, const Value& value, const Value* path, bool case_sensitive) {
  const Value key = path == nullptr || path->is(Kind::None) ? value : by_path(interpreter, value, *path);
  return case_sensitive ? key : folded(interpreter, key);
}

Value iterator(Interpreter& interpreter, std::vector<Value> items) {
  const Value value = interpreter.list(std::move(items), Kind::Iterator);
  value.sequence().label = "<generator object>";
  return value;
}

Value filter_default(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  arguments.expect("default", 2, {"default_value", "boolean"});
  const Value* fallback = arguments.find(0, "default_value");
  const bool applies = value.is(Kind::Undefined) || (flag(arguments, 1, "boolean", false) && !truth(value));
  if (!applies) return value;
  return fallback == nullptr ? interpreter.text(Text()) : *fallback;
}

Value filter_join(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  arguments.expect("join", 2, {"d", "attribute"});
  const Value* separator = arguments.find(0, "d");
  const Value* path = arguments.find(1, "attribute");
  const Text between = separator == nullptr ? Text() : soft_text(*separator);
  Text out;
  bool first = true;
  for (const Value& item : items_of(value, interpreter.meter())) {
    interpreter.count_step();
    if (!first) out.append(between);
    first = false;
    append_text(out, path == nullptr ? item : by_path(interpreter, item, *path));
  }
  return interpreter.text(std::move(out));
}

Value filter_tojson(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  arguments.expect("tojson", 4, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonForm form;
  form.ascii = flag(arguments, 0, "ensure_ascii", false);
  form.sort_keys = flag(arguments, 3, "sort_keys", false);
  if (const Value* indent = arguments.find(1, "indent"); indent != nullptr && !indent->is(Kind::None)) {
    if (indent->is(Kind::String)) {
      form.indent = indent->text();
    } else {
      const int64_t width = whole(*indent, "tojson's indent");
      if (width > 64) throw Failure{"tojson's indent is " + std::to_string(width) + ", expected at most 64"};
      form.indent = Text(std::string(static_cast<size_t>(std::max<int64_t>(0, width)), ' '));
    }
  }
  if (const Value* separators = arguments.find(2, "separators"); separators != nullptr && !separators->is(Kind::None)) {
    const std::vector<Value> both = items_of(*separators, interpreter.meter());
    if (both.size() != 2) throw Failure{"tojson's separators must be a pair"};
    form.item_separator = text_of(both[0], "tojson's separator");
    form.key_separator = text_of(both[1], "tojson's separator");
  }
  Text out;
  append_json(out, value, form);
  interpreter.count_step(out.size() / 64);
  return interpreter.text(std::move(out));
}

std::vector<Value> sorted(Interpreter& interpreter, std::vector<Value> items, const Value* path, bool reverse, bool case_sensitive) {
  std::vector<std::pair<Value, Value>> keyed;
  for (Value& item : items) {
    interpreter.count_step();
    // sort() takes several attributes, separated by commas. In lists, undefined ones are equal.
    Value key;
    if (path != nullptr && path->is(Kind::String)) {
      std::vector<Value> keys;
      for (const Text& part : split(path->text(), ",", -1)) {
        const Value one = interpreter.text(part);
        keys.push_back(sort_key(interpreter, item, &one, case_sensitive));
      }
      key = interpreter.list(std::move(keys));
    } else {
      key = sort_key(interpreter, item, path, case_sensitive);
    }
    keyed.emplace_back(std::move(key), std::move(item));
  }
  merge_sort(keyed, [&](const auto& a, const auto& b) {
    interpreter.count_step();
    return compare(a.first, b.first, reverse ? Order::Greater : Order::Less);
  });
  std::vector<Value> result;
  result.reserve(keyed.size());
  for (auto& entry : keyed) result.push_back(std::move(entry.second));
  return result;
}

Value filter_sort(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  arguments.expect("sort", 3, {"reverse", "case_sensitive", "attribute"});
  return interpreter.list(sorted(interpreter, items_of(value, interpreter.meter()), arguments.find(2, "attribute"),
                                 flag(arguments, 0, "reverse", false), flag(arguments, 1, "case_sensitive", false)));
}

Value filter_dictsort(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  arguments.expect("dictsort", 3, {"case_sensitive", "by", "reverse"});
  if (!value.is(Kind::Dict)) throw Failure{"dictsort needs a dict, found " + std::string(type_name(value))};
  const Value* by = arguments.find(1, "by");
  const std::string name = by == nullptr ? "key" : text_of(*by, "dictsort's by").str();
  if (name != "key" && name != "value") throw Failure{"dictsort sorts by \"key\" or \"value\", not " + name};
  std::vector<Value> pairs;
  for (const auto& [key, inner] : value.dict().entries) pairs.push_back(interpreter.list({key, inner}, Kind::Tuple));
  const Value path = Value::integer(name == "key" ? 0 : 1);
  return interpreter.list(sorted(interpreter, std::move(pairs), &path, flag(arguments, 2, "reverse", false), flag(arguments, 0, "case_sensitive", false)));
}

Value extreme(Interpreter& interpreter, const Value& value, const Arguments& arguments, Order better) {
  arguments.expect("min and max", 2, {"case_sensitive", "attribute"});
  const std::vector<Value> items = items_of(value, interpreter.meter());
  if (items.empty()) return Value::undefined("there is no item in an empty sequence");
  const Value* path = arguments.find(1, "attribute");
  const bool case_sensitive = flag(arguments, 0, "case_sensitive", false);
  Value best = items[0], best_key = sort_key(interpreter, items[0], path, case_sensitive);
  for (size_t i = 1; i < items.size(); ++i) {
    Value key = sort_key(interpreter, items[i], path, case_sensitive);
    if (!compare(key, best_key, better)) continue;
    best = items[i];
    best_key = std::move(key);
  }
  return best;
}

Value filter_sum(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  arguments.expect("sum", 2, {"attribute", "start"});
  const Value* path = arguments.find(0, "attribute");
  const Value* start = arguments.find(1, "start");
  Value total = start == nullptr ? Value::integer(0) : *start;
  for (const Value& item : items_of(value, interpreter.meter())) {
    const Value part = path == nullptr || path->is(Kind::None) ? item : by_path(interpreter, item, *path);
    if (!total.is_number() || !part.is_number()) throw Failure{"sum needs numbers, found " + std::string(type_name(part))};
    int64_t whole_sum = 0;
    if (!total.is_integral() || !part.is_integral()) {
      total = Value::real(total.as_real() + part.as_real());
    } else if (__builtin_add_overflow(total.as_integer(), part.as_integer(), &whole_sum)) {
      throw Failure{"an integer does not fit 64 bits"};
    } else {
      total = Value::integer(whole_sum);
    }
  }
  return total;
}

Value filter_unique(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  arguments.expect("unique", 2, {"case_sensitive", "attribute"});
  const Value* path = arguments.find(1, "attribute");
  const bool case_sensitive = flag(arguments, 0, "case_sensitive", false);
  std::vector<Value> kept;
  std::map<std::string, bool> seen;
  for (Value& item : items_of(value, interpreter.meter())) {
    if (seen.emplace(hash_key(sort_key(interpreter, item, path, case_sensitive)), true).second) kept.push_back(std::move(item));
  }
  return iterator(interpreter, std::move(kept));
}

Value filter_map(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  if (!truth(value)) return iterator(interpreter, {});
  std::vector<Value> items = items_of(value, interpreter.meter());
  const Value* path = arguments.find(arguments.plain.size(), "attribute");
  const Value* fallback = arguments.find(arguments.plain.size(), "default");
  if (path == nullptr && arguments.plain.empty()) throw Failure{"map needs a filter or an attribute"};
  Arguments inner;
  if (path == nullptr) {
    inner.plain.assign(arguments.plain.begin() + 1, arguments.plain.end());
    inner.named = arguments.named;
  }
  for (Value& item : items) {
    interpreter.count_step();
    if (path == nullptr) {
      const std::string& name = text_of(arguments.plain[0], "map's filter").str();
      if (!is_known_filter(name)) throw Failure{"the filter \"" + name + "\" is unknown or not supported"};
      item = apply_filter(interpreter, name, item, inner);
    } else {
      item = by_path(interpreter, item, *path);
      if (item.is(Kind::Undefined) && fallback != nullptr) item = *fallback;
    }
  }
  return iterator(interpreter, std::move(items));
}

// select, reject, selectattr and rejectattr: keep what a test (or truth) says `wanted` of.
Value filter_by_test(Interpreter& interpreter, const Value& value, const Arguments& arguments, bool wanted, bool by_attribute) {
  if (!truth(value)) return iterator(interpreter, {});
  const size_t used = by_attribute ? 1 : 0;
  if (arguments.plain.size() < used) throw Failure{"selectattr and rejectattr need an attribute"};
  Arguments inner;
  std::string test;
  if (arguments.plain.size() > used) {
    test = text_of(arguments.plain[used], "a test's name").str();
    if (!is_known_test(test)) throw Failure{"the test \"" + test + "\" is unknown or not supported"};
    inner.plain.assign(arguments.plain.begin() + static_cast<std::ptrdiff_t>(used) + 1, arguments.plain.end());
    inner.named = arguments.named;
  }
  std::vector<Value> kept;
  for (Value& item : items_of(value, interpreter.meter())) {
    interpreter.count_step();
    const Value looked_at = by_attribute ? by_path(interpreter, item, arguments.plain[0]) : item;
    const bool holds = test.empty() ? truth(looked_at) : apply_test(interpreter, test, looked_at, inner);
    if (holds == wanted) kept.push_back(std::move(item));
  }
  return iterator(interpreter, std::move(kept));
}

Value filter_groupby(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  arguments.expect("groupby", 3, {"attribute", "default", "case_sensitive"});
  const Value* path = arguments.find(0, "attribute");
  const Value* fallback = arguments.find(1, "default");
  if (path == nullptr) throw Failure{"groupby needs an attribute"};
  const bool case_sensitive = flag(arguments, 2, "case_sensitive", false);
  const auto key_of = [&](const Value& item) {
    const Value key = by_path(interpreter, item, *path);
    return key.is(Kind::Undefined) && fallback != nullptr ? *fallback : key;
  };
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value& item : items_of(value, interpreter.meter())) {
    const Value key = key_of(item);
    keyed.emplace_back(case_sensitive ? key : folded(interpreter, key), item);
  }
  merge_sort(keyed, [](const auto& a, const auto& b) { return compare(a.first, b.first, Order::Less); });
  std::vector<Value> groups;
  for (size_t begin = 0; begin < keyed.size();) {
    size_t end = begin;
    std::vector<Value> members;
    while (end < keyed.size() && equal(keyed[end].first, keyed[begin].first)) members.push_back(keyed[end++].second);
    groups.push_back(interpreter.list({key_of(keyed[begin].second), interpreter.list(std::move(members))}, Kind::Tuple));
    begin = end;
  }
  return interpreter.list(std::move(groups));
}

// Half to even, as Python rounds integers.
Value round_to_tens(int64_t value, int64_t zeros) {
  if (zeros > 18) return Value::integer(0);
  int64_t unit = 1;
  for (int64_t i = 0; i < zeros; ++i) unit *= 10;
  const int64_t rest = ((value % unit) + unit) % unit, half = unit / 2;
  if (value < INT64_MIN + unit || value > INT64_MAX - unit) throw Failure{"an integer does not fit 64 bits"};
  const int64_t lower = value - rest;
  const bool up = rest > half || (rest == half && (lower / unit) % 2 != 0);
  return Value::integer(up ? lower + unit : lower);
}

Value filter_round(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  (void)interpreter;
  arguments.expect("round", 2, {"precision", "method"});
  if (!value.is_number()) throw Failure{"round needs a number, found " + std::string(type_name(value))};
  const Value* given = arguments.find(0, "precision");
  const int64_t precision = given == nullptr ? 0 : whole(*given, "round's precision");
  const Value* method = arguments.find(1, "method");
  const std::string name = method == nullptr ? "common" : text_of(*method, "round's method").str();
  if (precision < -300 || precision > 300) throw Failure{"round's precision is " + std::to_string(precision)};
  const double scale = std::pow(10.0, static_cast<double>(precision));
  if (name == "ceil") return Value::real((std::ceil(value.as_real() * scale) + 0.0) / scale);  // + 0.0: no -0.0
  if (name == "floor") return Value::real((std::floor(value.as_real() * scale) + 0.0) / scale);
  if (name != "common") throw Failure{"round's method is \"common\", \"ceil\" or \"floor\", not " + name};
  if (value.is_integral() && precision >= 0) return Value::integer(value.as_integer());
  if (value.is_integral()) return round_to_tens(value.as_integer(), -precision);
  if (precision < 0) return Value::real(std::nearbyint(value.as_real() * scale) / scale);
  char buffer[400];  // the shortest exact way to round as Python does: through decimal digits
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value.as_real(), std::chars_format::fixed, static_cast<int>(precision));
  if (end.ec != std::errc()) return value;
  double rounded = value.as_real();
  std::from_chars(buffer, end.ptr, rounded);
  return Value::real(rounded);
}

Value filter_int(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  (void)interpreter;
  arguments.expect("int", 2, {"default", "base"});
  const Value* fallback = arguments.find(0, "default");
  const Value* base = arguments.find(1, "base");
  const Value otherwise = fallback == nullptr ? Value::integer(0) : *fallback;
  if (value.is_integral()) return Value::integer(value.as_integer());
  if (value.is(Kind::Float)) {
    const double whole_part = std::trunc(value.as_real());
    if (std::isnan(whole_part)) return otherwise;
    if (!(std::fabs(whole_part) < 9.2e18)) throw Failure{"int: the number does not fit 64 bits"};
    return Value::integer(static_cast<int64_t>(whole_part));
  }
  if (value.is(Kind::Undefined)) throw Failure{value.what()};
  if (!value.is(Kind::String)) return otherwise;
  std::string text = strip(value.text(), Side::Both, std::nullopt).str();
  const int64_t radix = base == nullptr ? 10 : whole(*base, "int's base");
  if (radix < 2 || radix > 36) return otherwise;
  if (!text.empty() && text[0] == '+') text.erase(0, 1);
  int64_t number = 0;
  auto result = std::from_chars(text.data(), text.data() + text.size(), number, static_cast<int>(radix));
  if (!text.empty() && result.ec == std::errc() && result.ptr == text.data() + text.size()) return Value::integer(number);
  double real = 0;
  result = std::from_chars(text.data(), text.data() + text.size(), real);
  const bool is_real = !text.empty() && result.ec == std::errc() && result.ptr == text.data() + text.size() && std::isfinite(real);
  if (is_real && std::fabs(real) >= 9.2e18) throw Failure{"int: the number does not fit 64 bits"};
  return is_real ? Value::integer(static_cast<int64_t>(real)) : otherwise;
}

Value filter_float(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  (void)interpreter;
  arguments.expect("float", 1, {"default"});
  const Value* fallback = arguments.find(0, "default");
  if (value.is_number()) return Value::real(value.as_real());
  if (value.is(Kind::Undefined)) throw Failure{value.what()};
  if (value.is(Kind::String)) {
    std::string text = strip(value.text(), Side::Both, std::nullopt).str();
    if (!text.empty() && text[0] == '+') text.erase(0, 1);
    double real = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), real);
    if (!text.empty() && result.ec == std::errc() && result.ptr == text.data() + text.size()) return Value::real(real);
  }
  return fallback == nullptr ? Value::real(0) : *fallback;
}

Value filter_indent(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  arguments.expect("indent", 3, {"width", "first", "blank"});
  const Value* width = arguments.find(0, "width");
  Text indention(std::string(4, ' '));
  if (width != nullptr && width->is(Kind::String)) {
    indention = width->text();
  } else if (width != nullptr) {
    const int64_t spaces = whole(*width, "indent's width");
    if (spaces > 1000) throw Failure{"indent's width is " + std::to_string(spaces) + ", expected at most 1000"};
    indention = Text(std::string(static_cast<size_t>(std::max<int64_t>(0, spaces)), ' '));
  }
  return interpreter.text(indent(text_of(value, "what indent works on"), indention, flag(arguments, 1, "first", false), flag(arguments, 2, "blank", false)));
}

Value filter_replace(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  arguments.expect("replace", 3, {"old", "new", "count"});
  const Value *from = arguments.find(0, "old"), *to = arguments.find(1, "new"), *count = arguments.find(2, "count");
  if (from == nullptr || to == nullptr) throw Failure{"replace needs an old and a new text"};
  const int64_t most = count == nullptr || count->is(Kind::None) ? -1 : whole(*count, "replace's count");
  return interpreter.text(replace(soft_text(value), soft_text(*from), soft_text(*to), most));
}

Value filter_trim(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  arguments.expect("trim", 1, {"chars"});
  const Value* characters = arguments.find(0, "chars");
  std::optional<std::string> set;
  if (characters != nullptr && !characters->is(Kind::None)) set = text_of(*characters, "trim's characters").str();
  return interpreter.text(strip(soft_text(value), Side::Both, set));
}

Value filter_reverse(Interpreter& interpreter, const Value& value, const Arguments&) {
  std::vector<Value> items = items_of(value, interpreter.meter());
  std::reverse(items.begin(), items.end());
  if (!value.is(Kind::String)) return iterator(interpreter, std::move(items));
  Text out;
  for (const Value& item : items) out.append(item.text());
  return interpreter.text(std::move(out));
}

Value filter_batch(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  arguments.expect("batch", 2, {"linecount", "fill_with"});
  const Value* count = arguments.find(0, "linecount");
  const Value* fill = arguments.find(1, "fill_with");
  const int64_t size = count == nullptr ? 0 : whole(*count, "batch's size");
  if (size < 1 || size > 100'000) throw Failure{"batch's size is " + std::to_string(size)};
  std::vector<Value> rows, row;
  for (Value& item : items_of(value, interpreter.meter())) {
    if (row.size() == static_cast<size_t>(size)) rows.push_back(interpreter.list(std::exchange(row, {})));
    row.push_back(std::move(item));
  }
  if (fill != nullptr && !row.empty()) row.resize(static_cast<size_t>(size), *fill);
  if (!row.empty()) rows.push_back(interpreter.list(std::move(row)));
  return iterator(interpreter, std::move(rows));
}

Value filter_truncate(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  arguments.expect("truncate", 4, {"length", "killwords", "end", "leeway"});
  const Value *length_given = arguments.find(0, "length"), *end_given = arguments.find(2, "end"), *leeway_given = arguments.find(3, "leeway");
  const int64_t most = length_given == nullptr ? 255 : whole(*length_given, "truncate's length");
  const int64_t leeway = leeway_given == nullptr ? 5 : whole(*leeway_given, "truncate's leeway");
  const Text end = end_given == nullptr ? Text(std::string_view("...")) : soft_text(*end_given);
  if (!value.is(Kind::String)) {
    if (static_cast<int64_t>(length(value)) <= most) return value;
    throw Failure{"truncate needs a str, found " + std::string(type_name(value))};
  }
  const Text& text = value.text();
  const std::vector<size_t> offsets = code_point_offsets(text.str());
  const auto size = static_cast<int64_t>(offsets.size()) - 1, end_size = static_cast<int64_t>(code_point_count(end.str()));
  if (most < end_size || leeway < 0) throw Failure{"truncate's length is " + std::to_string(most)};
  if (size <= most || size - most <= leeway) return interpreter.text(text);
  Text kept = text.slice(0, offsets[static_cast<size_t>(most - end_size)]);
  if (!flag(arguments, 1, "killwords", false)) {
    const size_t space = kept.str().rfind(' ');
    if (space != std::string::npos) kept = kept.slice(0, space);
  }
  kept.append(end);
  return interpreter.text(std::move(kept));
}

Value filter_items(Interpreter& interpreter, const Value& value, const Arguments&) {
  if (value.is(Kind::Undefined)) return iterator(interpreter, {});
  if (!value.is(Kind::Dict)) throw Failure{"items needs a dict, found " + std::string(type_name(value))};
  std::vector<Value> pairs;
  for (const auto& [key, inner] : value.dict().entries) pairs.push_back(interpreter.list({key, inner}, Kind::Tuple));
  return iterator(interpreter, std::move(pairs));
}

Value filter_wordcount(Interpreter&, const Value& value, const Arguments&) {
  const Text text = soft_text(value);
  const std::vector<size_t> offsets = code_point_offsets(text.str());
  int64_t words = 0;
  bool in_word = false;
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::string_view c = std::string_view(text.str()).substr(offsets[i], offsets[i + 1] - offsets[i]);
    const bool of_word = c == "_" || has_trait(c, Trait::Alnum);
    if (of_word && !in_word) ++words;
    in_word = of_word;
  }
  return Value::integer(words);
}

template <Case to>
Value filter_case(Interpreter& interpreter, const Value& value, const Arguments&) {
  return interpreter.text(change_case(soft_text(value), to));
}

const std::map<std::string_view, Filter>& filters() {
  static const std::map<std::string_view, Filter> table = {
      {"abs", [](Interpreter&, const Value& v, const Arguments&) {
         if (!v.is_number()) throw Failure{"abs needs a number, found " + std::string(type_name(v))};
         if (!v.is_integral()) return Value::real(std::fabs(v.as_real()));
         if (v.as_integer() == INT64_MIN) throw Failure{"an integer does not fit 64 bits"};
         return Value::integer(std::abs(v.as_integer()));
       }},
      {"attr", [](Interpreter& i, const Value& v, const Arguments& a) {
         a.expect("attr", 1, {"name"});
         const Value* name = a.find(0, "name");
         if (name == nullptr) throw Failure{"attr needs a name"};
         if (v.is(Kind::Dict)) return has_method(v, text_of(*name, "attr's name").str()) ? i.attribute(v, name->str()) : Value::undefined("dict has no attribute \"" + name->str() + "\"");
         return i.attribute(v, text_of(*name, "attr's name").str());
       }},
      {"batch", filter_batch},
      {"capitalize", filter_case<Case::Capitalize>},
      {"center", [](Interpreter& i, const Value& v, const Arguments& a) {
         a.expect("center", 1, {"width"});
         const Value* width = a.find(0, "width");
         return i.text(pad(soft_text(v), width == nullptr ? 80 : whole(*width, "center's width"), ' ', Side::Both));
       }},
      {"count", [](Interpreter&, const Value& v, const Arguments&) { return Value::integer(static_cast<int64_t>(length(v))); }},
      {"default", filter_default},
      {"dictsort", filter_dictsort},
      {"escape", [](Interpreter& i, const Value& v, const Arguments&) { return i.text(escape_html(soft_text(v))); }},
      {"first", [](Interpreter& i, const Value& v, const Arguments&) {
         const std::vector<Value> items = items_of(v, i.meter());
         return items.empty() ? Value::undefined("there is no first item in an empty sequence") : items.front();
       }},
      {"float", filter_float},
      {"format", [](Interpreter& i, const Value& v, const Arguments& a) { return format_percent(i, soft_text(v), a.plain); }},
      {"groupby", filter_groupby},
      {"indent", filter_indent},
      {"int", filter_int},
      {"items", filter_items},
      {"join", filter_join},
      {"last", [](Interpreter& i, const Value& v, const Arguments&) {
         const std::vector<Value> items = items_of(v, i.meter());
         return items.empty() ? Value::undefined("there is no last item in an empty sequence") : items.back();
       }},
      {"list", [](Interpreter& i, const Value& v, const Arguments&) { return i.list(items_of(v, i.meter())); }},
      {"lower", filter_case<Case::Lower>},
      {"map", filter_map},
      {"max", [](Interpreter& i, const Value& v, const Arguments& a) { return extreme(i, v, a, Order::Greater); }},
      {"min", [](Interpreter& i, const Value& v, const Arguments& a) { return extreme(i, v, a, Order::Less); }},
      {"reject", [](Interpreter& i, const Value& v, const Arguments& a) { return filter_by_test(i, v, a, false, false); }},
      {"rejectattr", [](Interpreter& i, const Value& v, const Arguments& a) { return filter_by_test(i, v, a, false, true); }},
      {"replace", filter_replace},
      {"reverse", filter_reverse},
      {"round", filter_round},
      {"safe", [](Interpreter& i, const Value& v, const Arguments&) { return i.text(soft_text(v)); }},
      {"select", [](Interpreter& i, const Value& v, const Arguments& a) { return filter_by_test(i, v, a, true, false); }},
      {"selectattr", [](Interpreter& i, const Value& v, const Arguments& a) { return filter_by_test(i, v, a, true, true); }},
      {"sort", filter_sort},
      {"string", [](Interpreter& i, const Value& v, const Arguments&) { return i.text(soft_text(v)); }},
      {"sum", filter_sum},
      {"title", [](Interpreter& i, const Value& v, const Arguments&) { return i.text(title_of_filter(soft_text(v))); }},
      {"tojson", filter_tojson},
      {"trim", filter_trim},
      {"truncate", filter_truncate},
      {"unique", filter_unique},
      {"upper", filter_case<Case::Upper>},
      {"wordcount", filter_wordcount},
  };
  return table;
}

std::string_view full_name(std::string_view name) {
  if (name == "d") return "default";
  if (name == "e") return "escape";
  if (name == "length") return "count";
  return name;
}

const Value& only(const Arguments& arguments, std::string_view test) {
  if (arguments.plain.size() != 1 || !arguments.named.empty()) throw Failure{"the test \"" + std::string(test) + "\" needs one argument"};
  return arguments.plain[0];
}

bool test_parity(Interpreter& interpreter, const Value& value, int64_t rest) {
  if (value.is(Kind::String)) {  // there % formats: "%s" % 2 is "2", which is neither odd nor even
    format_percent(interpreter, value.text(), {Value::integer(2)});
    return false;
  }
  if (value.is(Kind::Float)) return std::fmod(std::fmod(value.as_real(), 2) + 2, 2) == static_cast<double>(rest);
  if (value.is(Kind::Float)) return std::fabs(std::fmod(value.as_real(), 2.0)) == static_cast<double>(rest);
  return ((whole(value, "what \"odd\" and \"even\" test") % 2) + 2) % 2 == rest;
}

const std::map<std::string_view, Test>& tests() {
  static const std::map<std::string_view, Test> table = {
      {"boolean", [](Interpreter&, const Value& v, const Arguments&) { return v.is(Kind::Boolean); }},
      {"callable", [](Interpreter&, const Value& v, const Arguments&) { return v.is(Kind::Undefined) || v.kind() >= Kind::Loop; }},
      {"defined", [](Interpreter&, const Value& v, const Arguments&) { return !v.is(Kind::Undefined); }},
      {"divisibleby", [](Interpreter&, const Value& v, const Arguments& a) {
         if (v.is(Kind::Float) || only(a, "divisibleby").is(Kind::Float)) {
           const Value& by = only(a, "divisibleby");
           if (!v.is_number() || !by.is_number()) throw Failure{"divisibleby needs numbers"};
           if (by.as_real() == 0) throw Failure{"division by zero"};
           return std::fmod(v.as_real(), by.as_real()) == 0;
         }
         const int64_t divisor = whole(only(a, "divisibleby"), "a divisor");
         if (divisor == 0) throw Failure{"division by zero"};
         return divisor == -1 || whole(v, "what is divided") % divisor == 0;
       }},
      {"eq", [](Interpreter&, const Value& v, const Arguments& a) { return equal(v, only(a, "eq")); }},
      {"escaped", [](Interpreter&, const Value&, const Arguments&) { return false; }},
      {"even", [](Interpreter& i, const Value& v, const Arguments&) { return test_parity(i, v, 0); }},
      {"false", [](Interpreter&, const Value& v, const Arguments&) { return v.is(Kind::Boolean) && !truth(v); }},
      {"filter", [](Interpreter&, const Value& v, const Arguments&) { return !hash_key(v).empty() && v.is(Kind::String) && is_known_filter(v.str()); }},
      {"float", [](Interpreter&, const Value& v, const Arguments&) { return v.is(Kind::Float); }},
      {"ge", [](Interpreter&, const Value& v, const Arguments& a) { return compare(v, only(a, "ge"), Order::GreaterEqual); }},
      {"gt", [](Interpreter&, const Value& v, const Arguments& a) { return compare(v, only(a, "gt"), Order::Greater); }},
      {"in", [](Interpreter&, const Value& v, const Arguments& a) { return contains(only(a, "in"), v); }},
      {"integer", [](Interpreter&, const Value& v, const Arguments&) { return v.is(Kind::Integer); }},
      {"iterable", [](Interpreter&, const Value& v, const Arguments&) { return v.is(Kind::Undefined) || v.is(Kind::String) || v.is_sequence() || v.is(Kind::Dict); }},
      {"le", [](Interpreter&, const Value& v, const Arguments& a) { return compare(v, only(a, "le"), Order::LessEqual); }},
      {"lower", [](Interpreter&, const Value& v, const Arguments&) { return has_trait(soft_text(v).str(), Trait::Lower); }},
      {"lt", [](Interpreter&, const Value& v, const Arguments& a) { return compare(v, only(a, "lt"), Order::Less); }},
      {"mapping", [](Interpreter&, const Value& v, const Arguments&) { return v.is(Kind::Dict); }},
      {"ne", [](Interpreter&, const Value& v, const Arguments& a) { return !equal(v, only(a, "ne")); }},
      {"none", [](Interpreter&, const Value& v, const Arguments&) { return v.is(Kind::None); }},
      {"number", [](Interpreter&, const Value& v, const Arguments&) { return v.is_number(); }},
      {"odd", [](Interpreter& i, const Value& v, const Arguments&) { return test_parity(i, v, 1); }},
      {"sameas", [](Interpreter&, const Value& v, const Arguments& a) {
         const Value& other = only(a, "sameas");
         return v.kind() == other.kind() && v.object() == other.object() && equal(v, other);
       }},
      {"sequence", [](Interpreter&, const Value& v, const Arguments&) {
         return v.is(Kind::Undefined) || v.is(Kind::String) || v.is(Kind::Dict) || v.is(Kind::List) || v.is(Kind::Tuple) || v.is(Kind::Range);
       }},
      {"string", [](Interpreter&, const Value& v, const Arguments&) { return v.is(Kind::String); }},
      {"test", [](Interpreter&, const Value& v, const Arguments&) { return !hash_key(v).empty() && v.is(Kind::String) && is_known_test(v.str()); }},
      {"true", [](Interpreter&, const Value& v, const Arguments&) { return v.is(Kind::Boolean) && truth(v); }},
      {"undefined", [](Interpreter&, const Value& v, const Arguments&) { return v.is(Kind::Undefined); }},
      {"upper", [](Interpreter&, const Value& v, const Arguments&) { return has_trait(soft_text(v).str(), Trait::Upper); }},
  };
  return table;
}

std::string_view full_test_name(std::string_view name) {
  if (name == "equalto" || name == "==") return "eq";
  if (name == "!=") return "ne";
  if (name == ">" || name == "greaterthan") return "gt";
  if (name == "<" || name == "lessthan") return "lt";
  if (name == ">=") return "ge";
  if (name == "<=") return "le";
  return name;
}

}  // namespace

bool is_known_filter(std::string_view name) { return filters().contains(full_name(name)); }
bool is_known_test(std::string_view name) { return tests().contains(full_test_name(name)); }

Value apply_filter(Interpreter& interpreter, const std::string& name, const Value& value, const Arguments& arguments) {
  interpreter.count_step();
  const std::string_view full = full_name(name);
  static constexpr std::string_view cheap[] = {"attr", "default"};
  if (std::find(std::begin(cheap), std::end(cheap), full) == std::end(cheap)) {
    // A sequence's first, last and length don't look into its items.
    const bool shallow = value.is_sequence() && (full == "count" || full == "first" || full == "last");
    shallow ? interpreter.count_step(value.sequence().items.size() / 16) : interpreter.count_work(value);
    for (const Value& argument : arguments.plain) interpreter.count_work(argument);
    if (full == "replace" && !arguments.plain.empty()) interpreter.count_search(value, arguments.plain[0]);
  }
  return filters().at(full)(interpreter, value, arguments);
}

bool apply_test(Interpreter& interpreter, const std::string& name, const Value& value, const Arguments& arguments) {
  if (!arguments.plain.empty()) interpreter.count_search(arguments.plain[0], value);
  if (value.is(Kind::String) && (name == "lower" || name == "upper")) interpreter.count_work(value);
  return tests().at(full_test_name(name))(interpreter, value, arguments);
}

}  // namespace philo::jinja
