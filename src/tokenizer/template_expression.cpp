// Expressions of a template: names, operators, subscripts and calls, with Python's meaning.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tokenizer/template_interpreter.h"

namespace philo::jinja {
namespace {

constexpr std::string_view functions[] = {"range", "dict", "namespace", "raise_exception", "strftime_now", "joiner", "cycler", "lipsum"};

std::string sign_text(const Value& a, const Value& b, const std::string& sign) {
  return "\"" + sign + "\" does not work between " + std::string(type_name(a)) + " and " + std::string(type_name(b));
}

void refuse_undefined(const Value& value) {
  if (value.is(Kind::Undefined)) throw Failure{value.what()};
}

[[noreturn]] void overflow() { throw Failure{"an integer does not fit 64 bits"}; }

// Python's // and %: towards minus infinity, the remainder has the divisor's sign.
Value floor_division(const Value& a, const Value& b, bool remainder) {
  if (a.is_integral() && b.is_integral()) {
    const int64_t x = a.as_integer(), y = b.as_integer();
    if (y == 0) throw Failure{"division by zero"};
    if (y == -1) return remainder ? Value::integer(0) : x == INT64_MIN ? (overflow(), Value()) : Value::integer(-x);
    int64_t quotient = x / y, rest = x % y;
    if (rest != 0 && (rest < 0) != (y < 0)) {
      --quotient;
      rest += y;
    }
    return Value::integer(remainder ? rest : quotient);
  }
  const double x = a.as_real(), y = b.as_real();
  if (y == 0) throw Failure{"division by zero"};
  double rest = std::fmod(x, y), quotient = (x - rest) / y;
  if (rest == 0) {
    rest = std::copysign(0.0, y);
  } else if ((rest < 0) != (y < 0)) {
    rest += y;
    quotient -= 1;
  }
  if (remainder) return Value::real(rest);
  if (quotient == 0) return Value::real(std::copysign(0.0, x / y));
  const double floor = std::floor(quotient);
  return Value::real(quotient - floor > 0.5 ? floor + 1 : floor);
}

Value power(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral() && b.as_integer() >= 0) {
    int64_t result = 1;
    const int64_t base = a.as_integer();
    if (base == 0 || base == 1) return Value::integer(b.as_integer() == 0 ? 1 : base);
    if (base == -1) return Value::integer(b.as_integer() % 2 == 0 ? 1 : -1);
    for (int64_t i = 0; i < b.as_integer(); ++i)
      if (__builtin_mul_overflow(result, base, &result)) overflow();
    return Value::integer(result);
  }
  if (a.as_real() == 0 && b.as_real() < 0) throw Failure{"division by zero"};
  const double result = std::pow(a.as_real(), b.as_real());
  if (std::isnan(result) && !std::isnan(a.as_real())) throw Failure{"a power is not a real number"};
  return Value::real(result);
}

Value arithmetic(const Value& a, const Value& b, const std::string& sign) {
  if (sign == "//" || sign == "%") return floor_division(a, b, sign == "%");
  if (sign == "**") return power(a, b);
  if (sign == "/") {
    if (b.as_real() == 0) throw Failure{"division by zero"};
    return Value::real(a.as_real() / b.as_real());
  }
  if (a.is_integral() && b.is_integral()) {
    int64_t result = 0;
    const bool wraps = sign == "+"   ? __builtin_add_overflow(a.as_integer(), b.as_integer(), &result)
                       : sign == "-" ? __builtin_sub_overflow(a.as_integer(), b.as_integer(), &result)
                                     : __builtin_mul_overflow(a.as_integer(), b.as_integer(), &result);
    if (wraps) overflow();
    return Value::integer(result);
  }
  if (sign == "+") return Value::real(a.as_real() + b.as_real());
  return Value::real(sign == "-" ? a.as_real() - b.as_real() : a.as_real() * b.as_real());
}

// First and step of the items that a slice takes of `size`, and how many: Python's slice.indices().
struct SliceRange {
  int64_t first, last, step;  // last: where it ends, not part of it
  size_t count;
};

SliceRange slice_range(const Value& start, const Value& stop, const Value& step, size_t size) {
  const auto given = [](const Value& value) { return !value.is(Kind::None); };
  const int64_t stride = given(step) ? whole(step, "a slice's step") : 1;
  if (stride == 0) throw Failure{"a slice's step can't be 0"};
  const auto length = static_cast<int64_t>(size);
  const int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? length : length - 1;
  const auto clamp = [&](const Value& bound, int64_t fallback) {
    if (!given(bound)) return fallback;
    int64_t at = whole(bound, "a slice's bound");
    if (at < 0) at = at < -length ? low : at + length;
    return std::clamp(at, low, high);
  };
  const int64_t first = clamp(start, stride > 0 ? 0 : length - 1), last = clamp(stop, stride > 0 ? length : -1);
  const int64_t distance = stride > 0 ? last - first : first - last;
  if (distance <= 0) return {first, last, stride, 0};
  const uint64_t stride_size = stride > 0 ? static_cast<uint64_t>(stride) : 0 - static_cast<uint64_t>(stride);
  return {first, last, stride, static_cast<size_t>((static_cast<uint64_t>(distance) - 1) / stride_size + 1)};
}

}  // namespace

int64_t whole(const Value& value, std::string_view what) {
  refuse_undefined(value);
  if (!value.is_integral()) throw Failure{std::string(what) + " must be an int, not " + std::string(type_name(value))};
  return value.as_integer();
}

const Text& text_of(const Value& value, std::string_view what) {
  refuse_undefined(value);
  if (!value.is(Kind::String)) throw Failure{std::string(what) + " must be a str, not " + std::string(type_name(value))};
  return value.text();
}

Value Interpreter::evaluate_name(const Node& node, Scope& scope) {
  if (const Value* found = scope.find(node.name)) return *found;
  if (std::find(std::begin(functions), std::end(functions), node.name) != std::end(functions)) {
    auto method = std::make_shared<Method>();
    method->name = node.name;
    return Value::of(Kind::Function, std::move(method));
  }
  return Value::undefined("\"" + node.name + "\" is undefined");
}

Value Interpreter::attribute(const Value& object, const std::string& name) {
  switch (object.kind()) {
    case Kind::Undefined: throw Failure{object.what()};
    case Kind::Namespace:
    case Kind::Loop:
      if (const Value* found = static_cast<Namespace&>(*object.object()).find(name)) return *found;
      break;
    default: break;
  }
  if (object.is(Kind::Loop) && (name == "cycle" || name == "changed")) {
    auto method = std::make_shared<Method>();
    method->self = object;
    method->name = name;
    return Value::of(Kind::Method, std::move(method));
  }
  if (has_method(object, name)) {
    auto method = std::make_shared<Method>();
    method->self = object;
    method->name = name;
    return Value::of(Kind::Method, std::move(method));
  }
  if (object.is(Kind::Dict))
    if (const Value* found = object.dict().find(name)) return *found;
  return Value::undefined(std::string(type_name(object)) + " has no attribute \"" + name + "\"");
}

Value Interpreter::item(const Value& object, const Value& key, bool attribute_too) {
  if (object.is(Kind::Undefined)) throw Failure{object.what()};
  if (object.is(Kind::Dict)) {
    const bool hashable = !key.is(Kind::List) && !key.is(Kind::Dict) && !key.is(Kind::View);
    if (hashable)
      if (const Value* found = object.dict().find(key)) return *found;
  } else if (key.is_integral() && (object.is(Kind::List) || object.is(Kind::Tuple) || object.is(Kind::Range) || object.is(Kind::String))) {
    const auto size = static_cast<int64_t>(length(object));
    int64_t index = key.as_integer();
    if (index < 0) index += size;
    if (index >= 0 && index < size) {
      if (!object.is(Kind::String)) return object.sequence().items[static_cast<size_t>(index)];
      count_work(object);
      const std::vector<size_t> offsets = code_point_offsets(object.str());
      return text(object.text().slice(offsets[static_cast<size_t>(index)], offsets[static_cast<size_t>(index) + 1]));
    }
    return Value::undefined("there is no item " + std::to_string(key.as_integer()) + " of " + std::to_string(size));
  }
  if (attribute_too && key.is(Kind::String)) return attribute(object, key.str());
  Text shown_key;
  append_representation(shown_key, key);
  return Value::undefined(std::string(type_name(object)) + " has no item " + shown_key.str());
}

Value Interpreter::range_of(std::vector<Value> items, int64_t start, int64_t stop, int64_t step) {
  auto sequence = std::make_shared<Sequence>(std::move(items), &meter_);
  sequence->label = "range(" + std::to_string(start) + ", " + std::to_string(stop) + (step == 1 ? "" : ", " + std::to_string(step)) + ")";
  sequence->start = start;
  sequence->stop = stop;
  sequence->step = step;
  return Value::of(Kind::Range, std::move(sequence));
}

Value Interpreter::evaluate_slice(const Value& object, const Node& slice, Scope& scope) {
  const auto bound = [&](size_t i) { return slice.children[i] == nullptr ? Value::none() : evaluate(*slice.children[i], scope); };
  const Value start = bound(0), stop = bound(1), step = bound(2);
  refuse_undefined(object);
  if (object.is(Kind::String)) {
    count_work(object);
    const std::vector<size_t> offsets = code_point_offsets(object.str());
    const SliceRange range = slice_range(start, stop, step, offsets.size() - 1);
    count_step(range.count / 16);
    Text out;
    const auto first = static_cast<size_t>(range.first);
    if (range.step == 1 && range.count > 0) return text(object.text().slice(offsets[first], offsets[first + range.count]));
    for (size_t i = 0; i < range.count; ++i) {
      const auto at = static_cast<size_t>(range.first + static_cast<int64_t>(i) * range.step);
      out.append(object.text(), offsets[at], offsets[at + 1]);
    }
    return text(std::move(out));
  }
  if (!object.is(Kind::List) && !object.is(Kind::Tuple) && !object.is(Kind::Range))
    throw Failure{std::string(type_name(object)) + " has no slices"};
  const std::vector<Value>& items = object.sequence().items;
  const SliceRange range = slice_range(start, stop, step, items.size());
  count_step(range.count);
  std::vector<Value> taken;
  for (size_t i = 0; i < range.count; ++i) taken.push_back(items[static_cast<size_t>(range.first + static_cast<int64_t>(i) * range.step)]);
  if (!object.is(Kind::Range)) return list(std::move(taken), object.kind());
  const Sequence& source = object.sequence();
  const int64_t first = source.start + range.first * source.step, stride = source.step * range.step;
  return range_of(std::move(taken), first, source.start + range.last * source.step, stride);
}

Value Interpreter::evaluate_compare(const Node& node, Scope& scope) {
  Value left = evaluate(*node.children[0], scope);
  for (size_t i = 0; i < node.operators.size(); ++i) {
    Value right = evaluate(*node.children[i + 1], scope);
    const std::string& sign = node.operators[i];
    if (sign == "in" || sign == "not in") {
      count_search(right, left);
    } else if (left.kind() == right.kind()) {
      count_work(left);
    }
    bool holds = false;
    if (sign == "==") holds = equal(left, right);
    else if (sign == "!=") holds = !equal(left, right);
    else if (sign == "in") holds = contains(right, left);
    else if (sign == "not in") holds = !contains(right, left);
    else holds = compare(left, right, sign == "<" ? Order::Less : sign == "<=" ? Order::LessEqual : sign == ">" ? Order::Greater : Order::GreaterEqual);
    if (!holds) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::evaluate_binary(const Node& node, Scope& scope) {
  const Value a = evaluate(*node.children[0], scope), b = evaluate(*node.children[1], scope);
  const std::string& sign = node.name;
  refuse_undefined(a);
  if (sign == "%" && a.is(Kind::String)) {
    count_work(a);
    count_work(b);
    return format_percent(*this, a.text(), b.is(Kind::Tuple) ? b.sequence().items : std::vector<Value>{b});
  }
  refuse_undefined(b);
  if (a.is_number() && b.is_number()) return arithmetic(a, b, sign);
  if (sign == "+" && a.is(Kind::String) && b.is(Kind::String)) {
    Text out = a.text();
    out.append(b.text());
    count_step(out.size() / 64);
    return text(std::move(out));
  }
  if (sign == "+" && a.kind() == b.kind() && (a.is(Kind::List) || a.is(Kind::Tuple))) {
    std::vector<Value> items = a.sequence().items;
    items.insert(items.end(), b.sequence().items.begin(), b.sequence().items.end());
    count_step(items.size());
    return list(std::move(items), a.kind());
  }
  if (sign == "*" && (a.is_integral() || b.is_integral())) {
    const Value& repeated = a.is_integral() ? b : a;
    const int64_t times = std::max<int64_t>(0, (a.is_integral() ? a : b).as_integer());
    if (repeated.is(Kind::String)) {
      Text out;
      if (!repeated.text().empty()) {
        count_step(static_cast<uint64_t>(std::min<int64_t>(times, 1 << 30)));
        for (int64_t i = 0; i < times; ++i) out.append(repeated.text());
      }
      return text(std::move(out));
    }
    if (repeated.is(Kind::List) || repeated.is(Kind::Tuple)) {
      std::vector<Value> items;
      const std::vector<Value>& source = repeated.sequence().items;
      for (int64_t i = 0; i < times && !source.empty(); ++i) {
        count_step(source.size());
        items.insert(items.end(), source.begin(), source.end());
      }
      return list(std::move(items), repeated.kind());
    }
  }
  throw Failure{sign_text(a, b, sign)};
}

Arguments Interpreter::evaluate_arguments(const Node& node, Scope& scope) {
  Arguments arguments;
  for (const Argument& argument : node.arguments) {
    Value value = evaluate(*argument.value, scope);
    switch (argument.form) {
      case ArgumentForm::Plain: arguments.plain.push_back(std::move(value)); break;
      case ArgumentForm::Named: arguments.named.emplace_back(argument.name, std::move(value)); break;
      case ArgumentForm::Star:
        for (Value& inner : items_of(value, &meter_)) arguments.plain.push_back(std::move(inner));
        break;
      case ArgumentForm::DoubleStar:
        if (!value.is(Kind::Dict)) throw Failure{"** needs a dict, found " + std::string(type_name(value))};
        for (const auto& [key, inner] : value.dict().entries) arguments.named.emplace_back(text_of(key, "a name after **").str(), inner);
        break;
    }
  }
  return arguments;
}

Value Interpreter::evaluate_filter(const Node& node, Scope& scope, const Value* block_text) {
  const Nesting nesting(*this);
  Value input;
  const NodePtr& inner = node.children[0];
  if (inner == nullptr) {
    input = *block_text;
  } else if (inner->kind == NodeKind::Filter && block_text != nullptr) {
    input = evaluate_filter(*inner, scope, block_text);
  } else {
    input = evaluate(*inner, scope);
  }
  const Arguments arguments = evaluate_arguments(node, scope);
  line_ = node.line;
  return apply_filter(*this, node.name, input, arguments);
}

Value Interpreter::call(const Value& callee, Arguments arguments) {
  switch (callee.kind()) {
    case Kind::Macro: return call_macro(static_cast<const MacroObject&>(*callee.object()), std::move(arguments), nullptr);
    case Kind::Method: {
      const auto& method = static_cast<const Method&>(*callee.object());
      return call_method(*this, method.self, method.name, arguments);
    }
    case Kind::Function: return call_function(static_cast<const Method&>(*callee.object()).name, arguments);
    case Kind::Undefined: throw Failure{callee.what()};
    default: throw Failure{std::string(type_name(callee)) + " can't be called"};
  }
}

Value Interpreter::call_function(const std::string& name, const Arguments& arguments) {
  if (name == "raise_exception") {
    arguments.expect(name, 1, {"message"});
    const Value* message = arguments.find(0, "message");
    throw Failure{"the template refuses these messages: " + (message == nullptr ? std::string() : to_text(*message).str())};
  }
  if (name == "strftime_now") {
    arguments.expect(name, 1, {"format"});
    const Value* format = arguments.find(0, "format");
    if (format == nullptr) throw Failure{"strftime_now() needs a format"};
    return text(date_text(text_of(*format, "the format of strftime_now()").str()));
  }
  if (name == "range") {
    arguments.expect(name, 3, {});
    if (arguments.plain.empty()) throw Failure{"range() needs an argument"};
    const bool only_stop = arguments.plain.size() == 1;
    const int64_t start = only_stop ? 0 : whole(arguments.plain[0], "range()'s start");
    const int64_t stop = whole(arguments.plain[only_stop ? 0 : 1], "range()'s stop");
    const int64_t step = arguments.plain.size() == 3 ? whole(arguments.plain[2], "range()'s step") : 1;
    if (step == 0) throw Failure{"range()'s step can't be 0"};
    constexpr size_t most = 100'000;  // jinja2's sandbox allows as many
    std::vector<Value> items;
    for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
      if (items.size() >= most) throw Failure{"range() gives more than " + std::to_string(most) + " numbers"};
      items.push_back(Value::integer(i));
      if (__builtin_add_overflow(i, step, &i)) break;
    }
    count_step(items.size());
    return range_of(std::move(items), start, stop, step);
  }
  throw Failure{name + "() is not supported"};
}

Value Interpreter::evaluate_call(const Node& node, Scope& scope) {
  const Value callee = evaluate(*node.children[0], scope);
  Arguments arguments = evaluate_arguments(node, scope);
  line_ = node.line;
  if (!callee.is(Kind::Function)) return call(callee, std::move(arguments));
  const std::string& name = static_cast<const Method&>(*callee.object()).name;
  if (name != "namespace" && name != "dict") return call_function(name, arguments);
  std::vector<std::pair<Value, Value>> entries;
  if (arguments.plain.size() > 1) throw Failure{name + "() takes at most one plain argument"};
  if (!arguments.plain.empty()) {
    const Value& source = arguments.plain[0];
    if (source.is(Kind::Dict)) {
      entries = source.dict().entries;
    } else {
      for (const Value& pair : items_of(source, &meter_)) {
        std::vector<Value> both = items_of(pair, &meter_);
        if (both.size() != 2) throw Failure{name + "() needs pairs"};
        entries.emplace_back(std::move(both[0]), std::move(both[1]));
      }
    }
  }
  for (auto& [key, value] : arguments.named) entries.emplace_back(text(key), std::move(value));
  if (name == "dict") {
    auto dict = std::make_shared<Dict>(&meter_);
    for (auto& [key, value] : entries) dict->set(std::move(key), std::move(value));
    return Value::of(Kind::Dict, std::move(dict));
  }
  auto space = std::make_shared<Namespace>();
  for (auto& [key, value] : entries) space->set(text_of(key, "a namespace's name").str(), std::move(value));
  namespaces_.push_back(space);
  return Value::of(Kind::Namespace, std::move(space));
}

Value Interpreter::evaluate(const Node& node, Scope& scope) {
  const Nesting nesting(*this);
  count_step();
  switch (node.kind) {
    case NodeKind::Constant: return node.constant;
    case NodeKind::Name: return evaluate_name(node, scope);
    case NodeKind::List:
    case NodeKind::Tuple: {
      std::vector<Value> items;
      items.reserve(node.children.size());
      for (const NodePtr& child : node.children) items.push_back(evaluate(*child, scope));
      return list(std::move(items), node.kind == NodeKind::List ? Kind::List : Kind::Tuple);
    }
    case NodeKind::Dict: {
      auto dict = std::make_shared<Dict>(&meter_);
      for (size_t i = 0; i + 1 < node.children.size(); i += 2) {
        Value key = evaluate(*node.children[i], scope);
        dict->set(std::move(key), evaluate(*node.children[i + 1], scope));
      }
      return Value::of(Kind::Dict, std::move(dict));
    }
    case NodeKind::Attribute: {
      const Value object = evaluate(*node.children[0], scope);
      // jinja2 looks for an attribute first and for an item then; both agree but for methods' names.
      return attribute(object, node.name);
    }
    case NodeKind::Item: {
      const Value object = evaluate(*node.children[0], scope);
      const Node& key = *node.children[1];
      if (key.kind == NodeKind::Slice) return evaluate_slice(object, key, scope);
      return item(object, evaluate(key, scope), true);
    }
    case NodeKind::Call: return evaluate_call(node, scope);
    case NodeKind::Filter: return evaluate_filter(node, scope, nullptr);
    case NodeKind::Test: {
      const Value value = evaluate(*node.children[0], scope);
      return Value::boolean(apply_test(*this, node.name, value, evaluate_arguments(node, scope)));
    }
    case NodeKind::Not: return Value::boolean(!truth(evaluate(*node.children[0], scope)));
    case NodeKind::And: {
      Value left = evaluate(*node.children[0], scope);
      return truth(left) ? evaluate(*node.children[1], scope) : left;
    }
    case NodeKind::Or: {
      Value left = evaluate(*node.children[0], scope);
      return truth(left) ? left : evaluate(*node.children[1], scope);
    }
    case NodeKind::Negative:
    case NodeKind::Positive: {
      const Value value = evaluate(*node.children[0], scope);
      refuse_undefined(value);
      if (!value.is_number()) throw Failure{"a sign does not work with " + std::string(type_name(value))};
      if (node.kind == NodeKind::Positive) return value.is_integral() ? Value::integer(value.as_integer()) : value;
      if (!value.is_integral()) return Value::real(-value.as_real());
      if (value.as_integer() == INT64_MIN) overflow();
      return Value::integer(-value.as_integer());
    }
    case NodeKind::Binary: return evaluate_binary(node, scope);
    case NodeKind::Compare: return evaluate_compare(node, scope);
    case NodeKind::Concat: {
      Text out;
      for (const NodePtr& child : node.children) {
        const Value part = evaluate(*child, scope);
        if (!part.is(Kind::String)) count_work(part);
        append_text(out, part);
      }
      count_step(out.size() / 64);
      return text(std::move(out));
    }
    case NodeKind::Conditional:
      if (truth(evaluate(*node.children[0], scope))) return evaluate(*node.children[1], scope);
      if (node.children[2] != nullptr) return evaluate(*node.children[2], scope);
      return Value::undefined("an inline if without else gave nothing");
    default: throw Failure{"a statement stands where an expression was expected"};
  }
}

}  // namespace philo::jinja
