// Statements and scopes of a template.
#include "tokenizer/template_interpreter.h"

#include <algorithm>

#include "base/utf8.h"

namespace philo::jinja {

const Value* Arguments::find(size_t position, std::string_view name) const {
  if (position < plain.size()) return &plain[position];
  for (const auto& [key, value] : named)
    if (key == name) return &value;
  return nullptr;
}

void Arguments::expect(std::string_view callee, size_t most, std::initializer_list<std::string_view> names) const {
  if (plain.size() > most) {
    throw Failure{std::string(callee) + " takes at most " + std::to_string(most) + " plain arguments, found " + std::to_string(plain.size())};
  }
  for (const auto& entry : named) {
    const auto found = std::find(names.begin(), names.end(), entry.first);
    if (found == names.end()) throw Failure{std::string(callee) + " has no argument \"" + entry.first + "\""};
    if (static_cast<size_t>(found - names.begin()) < plain.size())
      throw Failure{std::string(callee) + " got the argument \"" + entry.first + "\" twice"};
  }
}

const Value* Scope::find(const std::string& name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->outer)
    for (const auto& [key, value] : scope->names)
      if (key == name) return &value;
  return nullptr;
}

void Scope::set(const std::string& name, Value value) {
  for (auto& [key, old] : names) {
    if (key != name) continue;
    old = std::move(value);
    return;
  }
  names.emplace_back(name, std::move(value));
}

// A block's scope: gone with the block, unless a macro that was defined in it may still be called.
struct Interpreter::ScopeGuard {
  ScopeGuard(Interpreter& owner, Scope& outer) : interpreter(owner), scope(std::make_unique<Scope>(&outer)) {}
  ~ScopeGuard() {
    if (scope->kept) interpreter.kept_.push_back(std::move(scope));
  }
  ScopeGuard(const ScopeGuard&) = delete;
  ScopeGuard& operator=(const ScopeGuard&) = delete;
  Interpreter& interpreter;
  std::unique_ptr<Scope> scope;
};

Interpreter::~Interpreter() {
  // Macros may refer to each other through scopes: empty them before the objects go.
  global_.names.clear();
  for (const auto& scope : kept_) scope->names.clear();
  for (const auto& space : namespaces_) space->attributes.clear();
}

void Interpreter::count_step(uint64_t steps) {
  steps_ += steps;
  if (steps_ > most_steps) throw Failure{"the template runs for more than " + std::to_string(most_steps) + " steps: does it loop?"};
  if (meter_.held > most_held_bytes)
    throw Failure{"the template's values take more than " + std::to_string(most_held_bytes >> 20) + " MiB"};
}

void Interpreter::count_work(const Value& value) {
  if (value.is(Kind::String)) count_step(value.text().size() / 16);
  if (value.is_sequence()) count_step(value.sequence().weight / 2);
  if (value.is(Kind::Dict)) count_step(value.dict().weight / 2);
}

void Interpreter::count_search(const Value& container, const Value& wanted) {
  if (container.is(Kind::Dict)) return count_work(wanted);
  if (!container.is(Kind::String) || !wanted.is(Kind::String)) return count_work(container);
  // A search may look at the whole wanted text at every byte.
  const uint64_t size = container.text().size(), wanted_size = wanted.text().size();
  if (wanted_size <= size) count_step(size / 64 + (size - wanted_size) * wanted_size / 1024);
}

Text Interpreter::run(const Body& body) {
  Text out;
  Scope top(&global_);
  top.kept = true;
  run_body(body, top, out);
  top.names.clear();
  return out;
}

Interpreter::Flow Interpreter::run_body(const Body& body, Scope& scope, Text& out) {
  const Nesting nesting(*this);
  for (const NodePtr& statement : body) {
    const Flow flow = run_statement(*statement, scope, out);
    if (out.size() > most_output_bytes) throw Failure{"the template writes more than " + std::to_string(most_output_bytes >> 20) + " MiB"};
    if (flow != Flow::Next) return flow;
  }
  return Flow::Next;
}

Interpreter::Flow Interpreter::run_statement(const Node& node, Scope& scope, Text& out) {
  count_step();
  line_ = node.line;
  switch (node.kind) {
    case NodeKind::Output:
      for (const NodePtr& child : node.children) {
        const Value value = evaluate(*child, scope);
        count_work(value);
        append_text(out, value);
      }
      return Flow::Next;
    case NodeKind::If: return run_if(node, scope, out);
    case NodeKind::For: return run_for(node, scope, out);
    case NodeKind::Set: assign(*node.children[0], evaluate(*node.children[1], scope), scope); return Flow::Next;
    case NodeKind::SetBlock: {
      Value value = text(run_captured(node.bodies[0], scope));
      if (node.children[1] != nullptr) value = evaluate_filter(*node.children[1], scope, &value);
      assign(*node.children[0], std::move(value), scope);
      return Flow::Next;
    }
    case NodeKind::Macro: define_macro(node, scope); return Flow::Next;
    case NodeKind::CallBlock: run_call_block(node, scope, out); return Flow::Next;
    case NodeKind::FilterBlock: {
      const Value value = text(run_captured(node.bodies[0], scope));
      append_text(out, evaluate_filter(*node.children[0], scope, &value));
      return Flow::Next;
    }
    case NodeKind::With: run_with(node, scope, out); return Flow::Next;
    case NodeKind::Scope: out.append(run_captured(node.bodies[0], scope)); return Flow::Next;
    case NodeKind::Break: return Flow::Break;
    case NodeKind::Continue: return Flow::Continue;
    default: throw Failure{"an expression stands where a statement was expected"};
  }
}

Interpreter::Flow Interpreter::run_if(const Node& node, Scope& scope, Text& out) {
  for (size_t i = 0; i < node.bodies.size(); ++i) {
    if (i < node.children.size() && !truth(evaluate(*node.children[i], scope))) continue;
    return run_body(node.bodies[i], scope, out);
  }
  return Flow::Next;
}

Value Interpreter::make_loop(const std::vector<Value>& items, size_t index) {
  auto loop = std::make_shared<Namespace>();
  const auto whole_number = [](size_t value) { return Value::integer(static_cast<int64_t>(value)); };
  loop->set("index", whole_number(index + 1));
  loop->set("index0", whole_number(index));
  loop->set("revindex", whole_number(items.size() - index));
  loop->set("revindex0", whole_number(items.size() - index - 1));
  loop->set("first", Value::boolean(index == 0));
  loop->set("last", Value::boolean(index + 1 == items.size()));
  loop->set("length", whole_number(items.size()));
  loop->set("depth", Value::integer(1));
  loop->set("depth0", Value::integer(0));
  loop->set("previtem", index > 0 ? items[index - 1] : Value::undefined("there is no previous item"));
  loop->set("nextitem", index + 1 < items.size() ? items[index + 1] : Value::undefined("there is no next item"));
  for (const auto& [name, value] : loop->attributes) loop->depth = std::max(loop->depth, value_depth(value) + 1);
  if (loop->depth > most_value_depth) throw Failure{"values are nested more than " + std::to_string(most_value_depth) + " deep"};
  return Value::of(Kind::Loop, std::move(loop));
}

Interpreter::Flow Interpreter::run_for(const Node& node, Scope& scope, Text& out) {
  const Node& target = *node.children[0];
  std::vector<Value> items = items_of(evaluate(*node.children[1], scope), &meter_);
  count_step(3 * items.size());  // a loop variable and a scope each
  if (node.children[2] != nullptr) {
    std::vector<Value> wanted;
    for (Value& item : items) {
      const ScopeGuard inner(*this, scope);
      assign(target, item, *inner.scope);
      if (truth(evaluate(*node.children[2], *inner.scope))) wanted.push_back(std::move(item));
    }
    items = std::move(wanted);
  }
  bool completed = false;  // jinja2 runs the else block where no pass came to its end, be it for {% break %} or {% continue %}
  for (size_t i = 0; i < items.size(); ++i) {
    count_step();
    const ScopeGuard inner(*this, scope);
    inner.scope->set("loop", make_loop(items, i));
    assign(target, items[i], *inner.scope);
    const Flow flow = run_body(node.bodies[0], *inner.scope, out);
    if (flow == Flow::Break) break;
    completed = completed || flow == Flow::Next;
  }
  if (completed) return Flow::Next;
  const ScopeGuard inner(*this, scope);
  return run_body(node.bodies[1], *inner.scope, out);
}

void Interpreter::run_with(const Node& node, Scope& scope, Text& out) {
  const ScopeGuard inner(*this, scope);
  std::vector<Value> values;
  for (size_t i = 1; i < node.children.size(); i += 2) values.push_back(evaluate(*node.children[i], scope));
  for (size_t i = 0; i < values.size(); ++i) assign(*node.children[2 * i], std::move(values[i]), *inner.scope);
  run_body(node.bodies[0], *inner.scope, out);
}

Text Interpreter::run_captured(const Body& body, Scope& outer) {
  const ScopeGuard inner(*this, outer);
  Text out;
  run_body(body, *inner.scope, out);
  count_step(out.size() / 64);
  return out;
}

void Interpreter::define_macro(const Node& node, Scope& scope) {
  auto macro = std::make_shared<MacroObject>();
  macro->node = &node;
  macro->scope = &scope;
  for (Scope* outer = &scope; outer != nullptr; outer = outer->outer) outer->kept = true;
  scope.set(node.name, Value::of(Kind::Macro, std::move(macro)));
}

void Interpreter::run_call_block(const Node& node, Scope& scope, Text& out) {
  const ScopeGuard inner(*this, scope);
  auto block = std::make_shared<MacroObject>();
  block->node = &node;
  block->scope = inner.scope.get();
  for (Scope* outer = block->scope; outer != nullptr; outer = outer->outer) outer->kept = true;
  const Value caller = Value::of(Kind::Macro, std::move(block));
  const Node& call_node = *node.children[0];
  const Value callee = evaluate(*call_node.children[0], scope);
  Arguments arguments = evaluate_arguments(call_node, scope);
  if (!callee.is(Kind::Macro)) throw Failure{"{% call %} needs a macro"};
  append_text(out, call_macro(static_cast<const MacroObject&>(*callee.object()), std::move(arguments), &caller));
}

Value Interpreter::call_macro(const MacroObject& macro, Arguments arguments, const Value* caller) {
  const Node& node = *macro.node;
  const Nesting nesting(*this);
  if (calls_ >= most_calls) throw Failure{"macros call each other more than " + std::to_string(most_calls) + " deep"};
  const std::string callee = "macro \"" + node.name + "\"";
  const ScopeGuard inner(*this, *macro.scope);
  if (node.takes_caller) inner.scope->set("caller", caller != nullptr ? *caller : Value::undefined("no caller is defined"));
  if (caller != nullptr && !node.takes_caller) throw Failure{callee + " is called with a block but does not use caller()"};
  size_t taken = 0;
  for (const Argument& parameter : node.arguments) {
    const auto given = std::find_if(arguments.named.begin(), arguments.named.end(), [&](const auto& entry) { return entry.first == parameter.name; });
    if (taken < arguments.plain.size()) {
      inner.scope->set(parameter.name, arguments.plain[taken++]);
    } else if (given != arguments.named.end()) {
      inner.scope->set(parameter.name, given->second);
      arguments.named.erase(given);
    } else if (parameter.value != nullptr) {
      inner.scope->set(parameter.name, evaluate(*parameter.value, *inner.scope));
    } else {
      inner.scope->set(parameter.name, Value::undefined("the parameter \"" + parameter.name + "\" was not given"));
    }
  }
  if (node.takes_varargs) {
    std::vector<Value> rest(arguments.plain.begin() + static_cast<std::ptrdiff_t>(taken), arguments.plain.end());
    inner.scope->set("varargs", list(std::move(rest), Kind::Tuple));
  } else if (taken < arguments.plain.size()) {
    throw Failure{callee + " takes " + std::to_string(taken) + " arguments, found " + std::to_string(arguments.plain.size())};
  }
  if (node.takes_kwargs) {
    auto rest = std::make_shared<Dict>(&meter_);
    for (auto& [name, value] : arguments.named) rest->set(text(name), std::move(value));
    inner.scope->set("kwargs", Value::of(Kind::Dict, std::move(rest)));
  } else if (!arguments.named.empty()) {
    throw Failure{callee + " has no parameter \"" + arguments.named[0].first + "\""};
  }
  ++calls_;
  Text out;
  try {
    run_body(node.bodies[0], *inner.scope, out);
  } catch (...) {
    --calls_;
    throw;
  }
  --calls_;
  count_step(out.size() / 64);
  return text(std::move(out));
}

void Interpreter::assign(const Node& target, Value value, Scope& scope) {
  if (target.kind == NodeKind::Name) return scope.set(target.name, std::move(value));
  if (target.kind == NodeKind::NamespaceTarget) {
    const Value holder = evaluate(*target.children[0], scope);
    if (!holder.is(Kind::Namespace)) throw Failure{"can't assign to an attribute of " + std::string(type_name(holder)) + ", only of a namespace()"};
    return static_cast<Namespace&>(*holder.object()).set(target.name, std::move(value));
  }
  const std::vector<Value> items = items_of(value, &meter_);
  if (items.size() != target.children.size()) {
    throw Failure{"can't unpack " + std::to_string(items.size()) + " values into " + std::to_string(target.children.size()) + " names"};
  }
  for (size_t i = 0; i < items.size(); ++i) assign(*target.children[i], items[i], scope);
}

Value Interpreter::list(std::vector<Value> items, Kind kind) {
  return Value::of(kind, std::make_shared<Sequence>(std::move(items), &meter_));
}

namespace {

// A role becomes part of a control token in some templates ("<|" + role + "|>"), so plain words in it are not contents.
bool is_plain_role(const std::string& role) {
  return !role.empty() && role.size() <= 64 && std::all_of(role.begin(), role.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

const std::string& valid_utf8(const std::string& text) {
  const size_t at = utf8_first_invalid(text);
  if (at != std::string_view::npos) throw Failure{"a string of the messages is not valid UTF-8 at byte " + std::to_string(at)};
  return text;
}

}  // namespace

Value Interpreter::from_json(const OrderedJson& json, bool marked, int levels_to_roles) {
  const Nesting nesting(*this);
  count_step();
  switch (json.type()) {
    case OrderedJson::value_t::null: return Value::none();
    case OrderedJson::value_t::boolean: return Value::boolean(json.get<bool>());
    case OrderedJson::value_t::number_integer: return Value::integer(json.get<int64_t>());
    case OrderedJson::value_t::number_unsigned: {
      const auto number = json.get<uint64_t>();
      return number > static_cast<uint64_t>(INT64_MAX) ? Value::real(static_cast<double>(number)) : Value::integer(static_cast<int64_t>(number));
    }
    case OrderedJson::value_t::number_float: return Value::real(json.get<double>());
    case OrderedJson::value_t::string: return text(Text(valid_utf8(json.get_ref<const std::string&>()), marked));
    case OrderedJson::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const OrderedJson& element : json) items.push_back(from_json(element, marked, levels_to_roles - 1));
      return list(std::move(items));
    }
    case OrderedJson::value_t::object: {
      auto dict = std::make_shared<Dict>(&meter_);
      for (const auto& [key, element] : json.items()) {
        const bool plain = levels_to_roles == 0 && key == "role" && element.is_string() && is_plain_role(element.get_ref<const std::string&>());
        dict->set(text(Text(valid_utf8(key), marked)), from_json(element, marked && !plain, levels_to_roles - 1));
      }
      return Value::of(Kind::Dict, std::move(dict));
    }
    default: throw Failure{"a value of the messages has no JSON form"};
  }
}

}  // namespace philo::jinja
