// Runs a parsed template: scopes, statements and expressions with jinja2's meaning, within bounds.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "tokenizer/template_parser.h"

namespace philo::jinja {

inline constexpr uint64_t most_steps = 5'000'000;        // expressions and statements of one rendering, and their work on large values
inline constexpr size_t most_held_bytes = 512u << 20;    // by all values of one rendering
inline constexpr size_t most_output_bytes = 64u << 20;   // text that a rendering may make
inline constexpr int most_calls = 40;                    // macros in macros
inline constexpr int most_nesting = 600;                 // nested evaluations, macros included: they fit a stack of 1 MiB

struct Arguments {
  std::vector<Value> plain;
  std::vector<std::pair<std::string, Value>> named;

  // The argument at `position` or called `name`; nullptr where it was not given.
  const Value* find(size_t position, std::string_view name) const;
  // Throws Failure for more than `most` plain arguments and for names that are not in `names`.
  void expect(std::string_view callee, size_t most, std::initializer_list<std::string_view> names) const;
};

// Names of one block. A macro keeps the scopes it was defined in.
struct Scope {
  explicit Scope(Scope* outer_scope) : outer(outer_scope) {}
  Scope* outer;
  std::vector<std::pair<std::string, Value>> names;
  bool kept = false;  // a macro refers to it
  const Value* find(const std::string& name) const;
  void set(const std::string& name, Value value);
};

struct MacroObject : Object {
  const Node* node = nullptr;
  Scope* scope = nullptr;
};

class Interpreter {
 public:
  Interpreter() = default;
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  void define(const std::string& name, Value value) { global_.set(name, std::move(value)); }
  // Throws Failure; line() then says where.
  Text run(const Body& body);
  int line() const { return line_; }
  Meter* meter() { return &meter_; }

  // For filters and methods.
  Value text(Text value) { return Value::string(std::move(value), &meter_); }
  Value text(std::string_view value) { return Value::string(Text(value), &meter_); }
  Value list(std::vector<Value> items, Kind kind = Kind::List);
  Value call(const Value& callee, Arguments arguments);
  Value attribute(const Value& object, const std::string& name);           // object.name
  Value item(const Value& object, const Value& key, bool attribute_too);   // object[key]
  void count_step(uint64_t steps = 1);
  void count_work(const Value& value);                                     // reading all of it once
  void count_search(const Value& container, const Value& wanted);          // "in" and its like
  // Strings are marked where `marked` is set; not the plain words that are roles of the objects `levels_to_roles` below.
  Value from_json(const OrderedJson& json, bool marked, int levels_to_roles = -1);

 private:
  enum class Flow : uint8_t { Next, Break, Continue };
  struct Nesting {
    explicit Nesting(Interpreter& owner) : interpreter(owner) {
      if (++interpreter.nesting_ <= most_nesting) return;
      --interpreter.nesting_;
      throw Failure{"macros, blocks and expressions nest too deep"};
    }
    ~Nesting() { --interpreter.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    Interpreter& interpreter;
  };

  Flow run_body(const Body& body, Scope& scope, Text& out);
  Flow run_statement(const Node& node, Scope& scope, Text& out);
  Flow run_if(const Node& node, Scope& scope, Text& out);
  Flow run_for(const Node& node, Scope& scope, Text& out);
  void run_with(const Node& node, Scope& scope, Text& out);
  Text run_captured(const Body& body, Scope& outer);
  void define_macro(const Node& node, Scope& scope);
  void run_call_block(const Node& node, Scope& scope, Text& out);

  void assign(const Node& target, Value value, Scope& scope);
  Value evaluate(const Node& node, Scope& scope);
  Value evaluate_name(const Node& node, Scope& scope);
  Value evaluate_compare(const Node& node, Scope& scope);
  Value evaluate_binary(const Node& node, Scope& scope);
  Value range_of(std::vector<Value> items, int64_t start, int64_t stop, int64_t step);
  Value evaluate_slice(const Value& object, const Node& slice, Scope& scope);
  Value evaluate_call(const Node& node, Scope& scope);
  Value evaluate_filter(const Node& node, Scope& scope, const Value* block_text);
  Arguments evaluate_arguments(const Node& node, Scope& scope);
  Value call_macro(const MacroObject& macro, Arguments arguments, const Value* caller);
  Value call_function(const std::string& name, const Arguments& arguments);
  Value make_loop(const std::vector<Value>& items, size_t index);

  // Keeps a scope that a macro refers to beyond its block.
  struct ScopeGuard;

  Meter meter_;  // first: values count on it until they are gone
  std::vector<std::unique_ptr<Scope>> kept_;
  std::vector<std::shared_ptr<Namespace>> namespaces_;  // may hold each other, so they are emptied at the end
  Scope global_{nullptr};
  uint64_t steps_ = 0;
  int nesting_ = 0, calls_ = 0, line_ = 1;
};

Value apply_filter(Interpreter& interpreter, const std::string& name, const Value& value, const Arguments& arguments);
bool apply_test(Interpreter& interpreter, const std::string& name, const Value& value, const Arguments& arguments);
bool has_method(const Value& self, const std::string& name);
Value call_method(Interpreter& interpreter, const Value& self, const std::string& name, const Arguments& arguments);
Value format_percent(Interpreter& interpreter, const Text& format, const std::vector<Value>& values);  // str % values
std::string date_text(const std::string& format);  // strftime_now()

// A whole number in int64, or Failure naming `what`.
int64_t whole(const Value& value, std::string_view what);
const Text& text_of(const Value& value, std::string_view what);

}  // namespace philo::jinja
