// Python's methods of str and dict, and printf-style formatting, as far as chat templates use them.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <map>

#include "tokenizer/template_interpreter.h"

namespace philo::jinja {
namespace {

using StringMethod = Value (*)(Interpreter&, const Text&, const Arguments&);

std::optional<std::string> characters_of(const Arguments& arguments) {
  arguments.expect("strip()", 1, {"chars"});
  const Value* set = arguments.find(0, "chars");
  if (set == nullptr || set->is(Kind::None)) return std::nullopt;
  return text_of(*set, "the characters of strip()").str();
}

Value list_of(Interpreter& interpreter, const std::vector<Text>& parts, Kind kind = Kind::List) {
  interpreter.count_step(parts.size());
  std::vector<Value> items;
  items.reserve(parts.size());
  for (const Text& part : parts) items.push_back(interpreter.text(part));
  return interpreter.list(std::move(items), kind);
}

Value split_method(Interpreter& interpreter, const Text& self, const Arguments& arguments, bool from_right) {
  arguments.expect("split()", 2, {"sep", "maxsplit"});
  const Value *separator = arguments.find(0, "sep"), *most_given = arguments.find(1, "maxsplit");
  const int64_t most = most_given == nullptr ? -1 : whole(*most_given, "split()'s maxsplit");
  if (separator == nullptr || separator->is(Kind::None))
    return list_of(interpreter, from_right ? split_from_right(self, most) : split(self, most));
  const std::string& between = text_of(*separator, "split()'s separator").str();
  return list_of(interpreter, from_right ? split_from_right(self, between, most) : split(self, between, most));
}

// The part of `self` between two positions in code points, as start and end of find(), count(), startswith(), endswith().
struct Part {
  std::string_view text;
  size_t begin;  // code points before it
  bool valid;    // the start lies within the text
};

Part part_of(const Text& self, const Arguments& arguments) {
  const std::vector<size_t> offsets = code_point_offsets(self.str());
  const auto size = static_cast<int64_t>(offsets.size()) - 1;
  const auto bound = [&](size_t position, int64_t fallback) {
    const Value* given = arguments.find(position, "");
    if (given == nullptr || given->is(Kind::None)) return fallback;
    const int64_t at = whole(*given, "a position in a str");
    return at < 0 ? std::max<int64_t>(0, at < -size ? 0 : at + size) : at;
  };
  const int64_t begin = bound(1, 0), end = std::min(bound(2, size), size);
  if (begin > size || end < begin) return {{}, 0, begin <= size && end >= begin};
  const size_t first = offsets[static_cast<size_t>(begin)], last = offsets[static_cast<size_t>(end)];
  return {std::string_view(self.str()).substr(first, last - first), static_cast<size_t>(begin), true};
}

Value starts_or_ends(const Text& self, const Arguments& arguments, bool at_start) {
  arguments.expect(at_start ? "startswith()" : "endswith()", 3, {});
  if (arguments.plain.empty()) throw Failure{"startswith() and endswith() need a text"};
  const Part part = part_of(self, arguments);
  const auto matches = [&](const Value& wanted) {
    const std::string& text = text_of(wanted, "what startswith() and endswith() look for").str();
    return part.valid && (at_start ? part.text.starts_with(text) : part.text.ends_with(text));
  };
  const Value& wanted = arguments.plain[0];
  if (!wanted.is(Kind::Tuple)) return Value::boolean(matches(wanted));
  const std::vector<Value>& all = wanted.sequence().items;
  return Value::boolean(std::any_of(all.begin(), all.end(), matches));
}

Value find_method(const Text& self, const Arguments& arguments, bool from_right, bool must) {
  arguments.expect("find()", 3, {});
  if (arguments.plain.empty()) throw Failure{"find() needs a text"};
  const std::string& wanted = text_of(arguments.plain[0], "what find() looks for").str();
  const Part part = part_of(self, arguments);
  size_t at = std::string::npos;
  if (part.valid) at = from_right ? part.text.rfind(wanted) : part.text.find(wanted);
  if (at == std::string::npos && must) throw Failure{"substring not found"};
  if (at == std::string::npos) return Value::integer(-1);
  return Value::integer(static_cast<int64_t>(part.begin + code_point_count(part.text.substr(0, at))));
}

Value count_method(Interpreter& interpreter, const Text& self, const Arguments& arguments) {
  (void)interpreter;
  arguments.expect("count()", 3, {});
  if (arguments.plain.empty()) throw Failure{"count() needs a text"};
  const std::string& wanted = text_of(arguments.plain[0], "what count() looks for").str();
  const Part part = part_of(self, arguments);
  if (!part.valid) return Value::integer(0);
  if (wanted.empty()) return Value::integer(static_cast<int64_t>(code_point_count(part.text)) + 1);
  int64_t count = 0;
  for (size_t at = part.text.find(wanted); at != std::string_view::npos; at = part.text.find(wanted, at + wanted.size())) ++count;
  return Value::integer(count);
}

Value partition(Interpreter& interpreter, const Text& self, const Arguments& arguments, bool from_right) {
  arguments.expect("partition()", 1, {});
  if (arguments.plain.empty()) throw Failure{"partition() needs a separator"};
  const std::string& separator = text_of(arguments.plain[0], "partition()'s separator").str();
  if (separator.empty()) throw Failure{"partition() with an empty separator"};
  const size_t at = from_right ? self.str().rfind(separator) : self.str().find(separator);
  if (at == std::string::npos) {
    const std::vector<Text> parts = from_right ? std::vector<Text>{Text(), Text(), self} : std::vector<Text>{self, Text(), Text()};
    return list_of(interpreter, parts, Kind::Tuple);
  }
  return list_of(interpreter, {self.slice(0, at), self.slice(at, at + separator.size()), self.slice(at + separator.size(), self.size())}, Kind::Tuple);
}

Value join_method(Interpreter& interpreter, const Text& self, const Arguments& arguments) {
  arguments.expect("join()", 1, {});
  if (arguments.plain.empty()) throw Failure{"join() needs a sequence"};
  Text out;
  bool first = true;
  for (const Value& item : items_of(arguments.plain[0], interpreter.meter())) {
    interpreter.count_step();
    if (!first) out.append(self);
    first = false;
    out.append(text_of(item, "an item of join()"));
  }
  return interpreter.text(std::move(out));
}

Value replace_method(Interpreter& interpreter, const Text& self, const Arguments& arguments) {
  arguments.expect("replace()", 3, {"old", "new", "count"});
  const Value *from = arguments.find(0, "old"), *to = arguments.find(1, "new"), *count = arguments.find(2, "count");
  if (from == nullptr || to == nullptr) throw Failure{"replace() needs an old and a new text"};
  return interpreter.text(replace(self, text_of(*from, "replace()'s old text"), text_of(*to, "replace()'s new text"),
                                  count == nullptr ? -1 : whole(*count, "replace()'s count")));
}

Value remove_affix(Interpreter& interpreter, const Text& self, const Arguments& arguments, bool prefix) {
  arguments.expect("removeprefix()", 1, {});
  if (arguments.plain.empty()) throw Failure{"removeprefix() and removesuffix() need a text"};
  const std::string& affix = text_of(arguments.plain[0], "what is removed").str();
  const bool there = !affix.empty() && (prefix ? self.str().starts_with(affix) : self.str().ends_with(affix));
  if (!there) return interpreter.text(self);
  return interpreter.text(prefix ? self.slice(affix.size(), self.size()) : self.slice(0, self.size() - affix.size()));
}

Value justify(Interpreter& interpreter, const Text& self, const Arguments& arguments, Side text_at) {
  arguments.expect("ljust()", 2, {});
  if (arguments.plain.empty()) throw Failure{"ljust(), rjust() and center() need a width"};
  char32_t fill = ' ';
  if (arguments.plain.size() > 1) {
    const std::string& given = text_of(arguments.plain[1], "a fill character").str();
    if (code_point_count(given) != 1) throw Failure{"a fill character must be one character"};
    if (given.size() != 1) throw Failure{"fill characters beyond ASCII are not supported"};
    fill = static_cast<char32_t>(given[0]);
  }
  return interpreter.text(pad(self, whole(arguments.plain[0], "a width"), fill, text_at));
}

template <Case to>
Value case_method(Interpreter& interpreter, const Text& self, const Arguments&) {
  return interpreter.text(change_case(self, to));
}

template <Trait trait>
Value trait_method(Interpreter&, const Text& self, const Arguments&) {
  return Value::boolean(has_trait(self.str(), trait));
}

const std::map<std::string_view, StringMethod>& string_methods() {
  static const std::map<std::string_view, StringMethod> table = {
      {"capitalize", case_method<Case::Capitalize>},
      {"casefold", case_method<Case::Lower>},
      {"center", [](Interpreter& i, const Text& s, const Arguments& a) { return justify(i, s, a, Side::Both); }},
      {"count", count_method},
      {"endswith", [](Interpreter&, const Text& s, const Arguments& a) { return starts_or_ends(s, a, false); }},
      {"find", [](Interpreter&, const Text& s, const Arguments& a) { return find_method(s, a, false, false); }},
      {"index", [](Interpreter&, const Text& s, const Arguments& a) { return find_method(s, a, false, true); }},
      {"isalnum", trait_method<Trait::Alnum>},
      {"isalpha", trait_method<Trait::Alpha>},
      {"isascii", trait_method<Trait::Ascii>},
      {"isdecimal", trait_method<Trait::Decimal>},
      {"isdigit", trait_method<Trait::Digit>},
      {"islower", trait_method<Trait::Lower>},
      {"isnumeric", trait_method<Trait::Numeric>},
      {"isprintable", trait_method<Trait::Printable>},
      {"isspace", trait_method<Trait::Space>},
      {"istitle", trait_method<Trait::Title>},
      {"isupper", trait_method<Trait::Upper>},
      {"join", join_method},
      {"ljust", [](Interpreter& i, const Text& s, const Arguments& a) { return justify(i, s, a, Side::Left); }},
      {"lower", case_method<Case::Lower>},
      {"lstrip", [](Interpreter& i, const Text& s, const Arguments& a) { return i.text(strip(s, Side::Left, characters_of(a))); }},
      {"partition", [](Interpreter& i, const Text& s, const Arguments& a) { return partition(i, s, a, false); }},
      {"removeprefix", [](Interpreter& i, const Text& s, const Arguments& a) { return remove_affix(i, s, a, true); }},
      {"removesuffix", [](Interpreter& i, const Text& s, const Arguments& a) { return remove_affix(i, s, a, false); }},
      {"replace", replace_method},
      {"rfind", [](Interpreter&, const Text& s, const Arguments& a) { return find_method(s, a, true, false); }},
      {"rindex", [](Interpreter&, const Text& s, const Arguments& a) { return find_method(s, a, true, true); }},
      {"rjust", [](Interpreter& i, const Text& s, const Arguments& a) { return justify(i, s, a, Side::Right); }},
      {"rpartition", [](Interpreter& i, const Text& s, const Arguments& a) { return partition(i, s, a, true); }},
      {"rsplit", [](Interpreter& i, const Text& s, const Arguments& a) { return split_method(i, s, a, true); }},
      {"rstrip", [](Interpreter& i, const Text& s, const Arguments& a) { return i.text(strip(s, Side::Right, characters_of(a))); }},
      {"split", [](Interpreter& i, const Text& s, const Arguments& a) { return split_method(i, s, a, false); }},
      {"splitlines", [](Interpreter& i, const Text& s, const Arguments& a) {
         a.expect("splitlines()", 1, {"keepends"});
         const Value* keep = a.find(0, "keepends");
         return list_of(i, split_lines(s, keep != nullptr && truth(*keep)));
       }},
      {"startswith", [](Interpreter&, const Text& s, const Arguments& a) { return starts_or_ends(s, a, true); }},
      {"strip", [](Interpreter& i, const Text& s, const Arguments& a) { return i.text(strip(s, Side::Both, characters_of(a))); }},
      {"swapcase", case_method<Case::Swap>},
      {"title", case_method<Case::Title>},
      {"upper", case_method<Case::Upper>},
      {"zfill", [](Interpreter& i, const Text& s, const Arguments& a) {
         a.expect("zfill()", 1, {});
         if (a.plain.empty()) throw Failure{"zfill() needs a width"};
         return i.text(zero_fill(s, whole(a.plain[0], "a width")));
       }},
  };
  return table;
}

Value view(Interpreter& interpreter, const Dict& dict, const std::string& name) {
  std::vector<Value> items;
  for (const auto& [key, value] : dict.entries)
    items.push_back(name == "keys" ? key : name == "values" ? value : interpreter.list({key, value}, Kind::Tuple));
  const Value result = interpreter.list(std::move(items), Kind::View);
  result.sequence().label = "dict_" + name;
  return result;
}

Value dict_method(Interpreter& interpreter, const Value& self, const std::string& name, const Arguments& arguments) {
  if (name == "get") {
    arguments.expect("get()", 2, {});
    if (arguments.plain.empty()) throw Failure{"get() needs a key"};
    if (const Value* found = self.dict().find(arguments.plain[0])) return *found;
    return arguments.plain.size() > 1 ? arguments.plain[1] : Value::none();
  }
  arguments.expect(name + "()", 0, {});
  if (name != "copy") return view(interpreter, self.dict(), name);
  auto copy = std::make_shared<Dict>(interpreter.meter());
  for (const auto& [key, value] : self.dict().entries) copy->set(key, value);
  return Value::of(Kind::Dict, std::move(copy));
}

Value sequence_method(const Value& self, const std::string& name, const Arguments& arguments) {
  arguments.expect(name + "()", 1, {});
  if (arguments.plain.empty()) throw Failure{name + "() needs a value"};
  const std::vector<Value>& items = self.sequence().items;
  if (name == "count") {
    return Value::integer(std::count_if(items.begin(), items.end(), [&](const Value& item) { return equal(item, arguments.plain[0]); }));
  }
  const auto found = std::find_if(items.begin(), items.end(), [&](const Value& item) { return equal(item, arguments.plain[0]); });
  if (found == items.end()) throw Failure{"index(): the value is not in the list"};
  return Value::integer(found - items.begin());
}

// One conversion of a printf-style format: flags, width, precision.
struct Conversion {
  bool left = false, zero = false, plus = false, space = false, alternate = false;
  int width = 0, precision = -1;
};

Text padded(const Text& body, const Conversion& conversion) {
  const bool number = !body.empty() && conversion.zero && !conversion.left;
  if (number) return zero_fill(body, conversion.width);
  return pad(body, conversion.width, ' ', conversion.left ? Side::Left : Side::Right);
}

Text number_text(const Value& value, const Conversion& conversion, char type) {
  std::string format = "%";
  if (conversion.plus) format += '+';
  if (conversion.space) format += ' ';
  if (conversion.alternate) format += '#';
  std::array<char, 512> buffer{};
  if (std::string_view("diouxX").find(type) != std::string_view::npos) {
    if (!value.is_number()) throw Failure{std::string("%") + type + " needs a number, found " + std::string(type_name(value))};
    const bool decimal = type == 'd' || type == 'i' || type == 'u';
    if (!decimal && !value.is_integral()) throw Failure{std::string("%") + type + " needs an int"};
    const double real = std::trunc(value.as_real());
    if (!value.is_integral() && !(std::fabs(real) < 9.2e18)) throw Failure{"a number does not fit 64 bits"};
    const int64_t number = value.is_integral() ? value.as_integer() : static_cast<int64_t>(real);
    if (!decimal && number < 0) throw Failure{std::string("%") + type + " of a negative number is not supported"};
    format += std::string(".*ll") + (decimal ? 'd' : type);
    std::snprintf(buffer.data(), buffer.size(), format.c_str(), std::min(conversion.precision, 400), static_cast<long long>(number));
    return Text(std::string_view(buffer.data()));
  }
  if (!value.is_number()) throw Failure{std::string("%") + type + " needs a number, found " + std::string(type_name(value))};
  format += std::string(".*") + type;
  const int precision = conversion.precision < 0 ? 6 : std::min(conversion.precision, 150);
  std::snprintf(buffer.data(), buffer.size(), format.c_str(), precision, value.as_real());
  return Text(std::string_view(buffer.data()));
}

Text converted(const Value& value, const Conversion& conversion, char type) {
  Text body;
  if (type == 's' || type == 'r' || type == 'a') {
    type == 's' ? append_text(body, value) : append_representation(body, value);
    if (conversion.precision >= 0) {
      const std::vector<size_t> offsets = code_point_offsets(body.str());
      if (static_cast<size_t>(conversion.precision) + 1 < offsets.size()) body = body.slice(0, offsets[static_cast<size_t>(conversion.precision)]);
    }
    return pad(body, conversion.width, ' ', conversion.left ? Side::Left : Side::Right);
  }
  if (type == 'c' && value.is(Kind::String)) return pad(value.text(), conversion.width, ' ', conversion.left ? Side::Left : Side::Right);
  return padded(number_text(value, conversion, type), conversion);
}

}  // namespace

bool is_refused_method(std::string_view name) {
  static constexpr std::string_view refused[] = {"format", "format_map", "encode", "translate", "maketrans", "expandtabs", "isidentifier"};
  return std::find(std::begin(refused), std::end(refused), name) != std::end(refused);
}

bool has_method(const Value& self, const std::string& name) {
  switch (self.kind()) {
    case Kind::String: return string_methods().contains(name);
    case Kind::Dict: return name == "get" || name == "items" || name == "keys" || name == "values" || name == "copy";
    case Kind::List: return name == "count" || name == "index" || name == "copy";
    case Kind::Tuple:
    case Kind::Range: return name == "count" || name == "index";
    default: return false;
  }
}

Value call_method(Interpreter& interpreter, const Value& self, const std::string& name, const Arguments& arguments) {
  interpreter.count_step();
  if (self.is(Kind::Dict)) {
    if (name != "get") interpreter.count_step(self.dict().entries.size());
  } else if (!self.is(Kind::Loop)) {
    interpreter.count_work(self);
    for (const Value& argument : arguments.plain) {
      interpreter.count_work(argument);
      if (argument.is(Kind::String)) interpreter.count_search(self, argument);
    }
  }
  switch (self.kind()) {
    case Kind::String: return string_methods().at(name)(interpreter, self.text(), arguments);
    case Kind::Dict: return dict_method(interpreter, self, name, arguments);
    case Kind::List:
    case Kind::Tuple:
    case Kind::Range:
      if (name == "copy") {
        arguments.expect("copy()", 0, {});
        return self;  // nothing can change a list here
      }
      return sequence_method(self, name, arguments);
    case Kind::Loop: {
      auto& loop = static_cast<Namespace&>(*self.object());
      if (name == "cycle") {
        if (arguments.plain.empty()) throw Failure{"loop.cycle() needs values"};
        return arguments.plain[static_cast<size_t>(loop.find("index0")->as_integer()) % arguments.plain.size()];
      }
      throw Failure{"loop." + name + "() is not supported"};
    }
    default: throw Failure{std::string(type_name(self)) + " has no method " + name + "()"};
  }
}

Value format_percent(Interpreter& interpreter, const Text& format, const std::vector<Value>& values) {
  Text out;
  size_t next = 0;
  const std::string& text = format.str();
  const auto take = [&]() -> const Value& {
    if (next >= values.size()) throw Failure{"% has not enough values for its format"};
    return values[next++];
  };
  for (size_t at = 0; at < text.size();) {
    const size_t sign = std::min(text.find('%', at), text.size());
    out.append(format, at, sign);
    if (sign == text.size()) break;
    at = sign + 1;
    Conversion conversion;
    for (; at < text.size(); ++at) {
      if (text[at] == '-') conversion.left = true;
      else if (text[at] == '0') conversion.zero = true;
      else if (text[at] == '+') conversion.plus = true;
      else if (text[at] == ' ') conversion.space = true;
      else if (text[at] == '#') conversion.alternate = true;
      else break;
    }
    const auto number = [&] {
      int value = 0;
      while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
        value = value * 10 + (text[at++] - '0');
        if (value > 10'000) throw Failure{"a width or precision is above 10000"};
      }
      return value;
    };
    conversion.width = number();
    if (at < text.size() && text[at] == '.') {
      ++at;
      conversion.precision = number();
    }
    if (at >= text.size()) throw Failure{"a format ends within a conversion"};
    const char type = text[at++];
    if (type == '%') {
      out.append("%");
    } else if (std::string_view("srad iuoxXeEfFgGc").find(type) != std::string_view::npos && type != ' ') {
      out.append(converted(take(), conversion, type));
    } else {
      throw Failure{std::string("the conversion %") + type + " is not supported"};
    }
  }
  // Python takes whatever can be subscripted, but for str and tuple, for a mapping that need not be used up.
  const bool one_mapping = values.size() == 1 && (values[0].is(Kind::Dict) || values[0].is(Kind::List) || values[0].is(Kind::Range) ||
                                                  values[0].is(Kind::Undefined));
  if (next < values.size() && !one_mapping) throw Failure{"% has more values than its format takes"};
  return interpreter.text(std::move(out));
}

std::string date_text(const std::string& format) {
  if (format.size() > 200) throw Failure{"the format of strftime_now() is too long"};
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
#ifdef _WIN32
  localtime_s(&parts, &now);
#else
  localtime_r(&now, &parts);
#endif
  // Directive by directive: what some systems' strftime() crashes on is refused, and "%-d" works on all of them.
  static constexpr std::string_view known = "aAbBcdHIjmMpSUwWxXyYZz%eFTDRhn";
  std::string out;
  for (size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      out += format[at];
      continue;
    }
    const bool unpadded = at + 1 < format.size() && format[at + 1] == '-';
    at += unpadded ? 2 : 1;
    if (at >= format.size() || known.find(format[at]) == std::string_view::npos)
      throw Failure{"the format of strftime_now() has a directive that is not supported: " + format};
    const char directive[] = {'%', format[at], '\0'};
    std::array<char, 256> buffer{};
    std::string_view part(buffer.data(), std::strftime(buffer.data(), buffer.size(), directive, &parts));
    while (unpadded && part.size() > 1 && (part[0] == '0' || part[0] == ' ')) part.remove_prefix(1);
    out += part;
  }
  return out;
}

}  // namespace philo::jinja
