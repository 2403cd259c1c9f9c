// A chat template as a tree: jinja2's grammar without inheritance, imports and recursive loops.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/template_value.h"

namespace philo::jinja {

enum class NodeKind : uint8_t {
  // expressions
  Constant, Name, List, Tuple, Dict, Attribute, Item, Slice, Call, Filter, Test, Not, And, Or, Negative, Positive, Binary, Compare,
  Concat, Conditional,
  // statements
  Output, If, For, Set, SetBlock, Macro, CallBlock, FilterBlock, With, Break, Continue, Scope,
  NamespaceTarget
};

struct Node;
using NodePtr = std::unique_ptr<Node>;
using Body = std::vector<NodePtr>;

enum class ArgumentForm : uint8_t { Plain, Named, Star, DoubleStar };
struct Argument {
  ArgumentForm form;
  std::string name;
  NodePtr value;
};

// What the fields hold by kind:
//   Dict: key, value, key, value …      Slice: start, stop, step (null where left out)   Call, Filter, Test: children[0] and arguments
//   If: a condition for each body; one more body is the else      For: target, iterable, filter or null; bodies: body, else
//   Set: target, value    SetBlock: target, filters or null       Macro, CallBlock: parameters by name, default or null in value
//   With: target, value, target, value …
// The value that a filter works on in SetBlock and FilterBlock is null: it is the block's text.
struct Node {
  NodeKind kind;
  int line;
  std::string name;                    // identifier, attribute, filter, test, operator
  Value constant;
  std::vector<NodePtr> children;
  std::vector<Argument> arguments;
  std::vector<std::string> operators;  // of Compare
  std::vector<Body> bodies;
  bool takes_varargs = false, takes_kwargs = false, takes_caller = false;  // of Macro and CallBlock
  int depth = 1;
};

// Throws ErrorCode::Input naming `file` and the line for what is not valid or not supported.
Body parse_template(std::string_view source, const std::string& file);

bool is_known_filter(std::string_view name);  // in template_filter.cpp
bool is_known_test(std::string_view name);
bool is_refused_method(std::string_view name);  // Python's, but not here: in template_method.cpp

}  // namespace philo::jinja
