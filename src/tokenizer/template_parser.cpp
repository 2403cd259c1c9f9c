// A recursive descent parser in the order of jinja2's Parser class.
#include "tokenizer/template_parser.h"

#include <algorithm>

#include "base/error.h"
#include "tokenizer/template_lexer.h"

namespace philo::jinja {
namespace {

constexpr int most_depth = 200;  // of the tree, and of the parser's own recursion

class Parser {
 public:
  Parser(std::string_view source, const std::string& file) : file_(file), tokens_(tokenize_template(source, file)) {}

  Body run() {
    Body body = parse_body({});
    return body;
  }

 private:
  // Counts nested calls.
  struct Nesting {
    explicit Nesting(Parser& owner) : parser(owner) {
      if (++parser.nesting_ > most_depth) parser.fail("the template is nested more than " + std::to_string(most_depth) + " deep");
    }
    ~Nesting() { --parser.nesting_; }
    Parser& parser;
  };

  const TemplateToken& current() const { return tokens_[at_]; }
  const TemplateToken& following() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  void advance() { at_ = std::min(at_ + 1, tokens_.size() - 1); }
  [[noreturn]] void fail(const std::string& message) const { throw_template_error(file_, current().line, message); }
  [[noreturn]] void fail_at(int line, const std::string& message) const { throw_template_error(file_, line, message); }

  bool is_name(std::string_view name) const { return current().kind == TokenKind::Name && current().text == name; }
  bool is_operator(std::string_view text) const { return current().kind == TokenKind::Operator && current().text == text; }
  bool skip_name(std::string_view name) {
    if (!is_name(name)) return false;
    advance();
    return true;
  }
  bool skip_operator(std::string_view text) {
    if (!is_operator(text)) return false;
    advance();
    return true;
  }

  std::string describe() const {
    switch (current().kind) {
      case TokenKind::Data: return "text";
      case TokenKind::VariableBegin: return "\"{{\"";
      case TokenKind::VariableEnd: return "\"}}\"";
      case TokenKind::BlockBegin: return "\"{%\"";
      case TokenKind::BlockEnd: return "\"%}\"";
      case TokenKind::End: return "the end of the template";
      case TokenKind::String: return "the string " + shown(current().text, 40);
      default: return shown(current().text, 40);
    }
  }
  void expect_operator(std::string_view text) {
    if (!skip_operator(text)) fail("expected \"" + std::string(text) + "\", found " + describe());
  }
  void expect_name(std::string_view name) {
    if (!skip_name(name)) fail("expected \"" + std::string(name) + "\", found " + describe());
  }
  std::string take_name() {
    if (current().kind != TokenKind::Name) fail("expected a name, found " + describe());
    std::string name = current().text;
    advance();
    return name;
  }
  void expect_block_end() {
    if (current().kind != TokenKind::BlockEnd) fail("expected \"%}\", found " + describe());
    advance();
  }

  static NodePtr make(NodeKind kind, int line) {
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->line = line;
    return node;
  }
  // Bounds the depth of the tree: chains such as 1+1+1+… nest without nesting the parser.
  NodePtr done(NodePtr node) const {
    const auto look = [&](const NodePtr& inner) {
      if (inner != nullptr) node->depth = std::max(node->depth, inner->depth + 1);
    };
    for (const NodePtr& child : node->children) look(child);
    for (const Argument& argument : node->arguments) look(argument.value);
    for (const Body& body : node->bodies)
      for (const NodePtr& statement : body) look(statement);
    if (node->depth > most_depth) fail_at(node->line, "an expression or block is nested more than " + std::to_string(most_depth) + " deep");
    return node;
  }

  // Up to one of the tags `ends`, which stays the current token. None: up to the end of the template.
  Body parse_body(const std::vector<std::string_view>& ends) {
    const Nesting nesting(*this);
    Body body;
    while (true) {
      const TemplateToken& token = current();
      if (token.kind == TokenKind::End) {
        if (!ends.empty()) fail("the template ends where {% " + std::string(ends.back()) + " %} was expected");
        return body;
      }
      if (token.kind == TokenKind::Data) {
        NodePtr data = make(NodeKind::Constant, token.line);
        data->constant = Value::string(Text(token.text, false));
        advance();
        push_output(body, std::move(data));
      } else if (token.kind == TokenKind::VariableBegin) {
        advance();
        NodePtr value = parse_tuple(true, {}, false);
        if (current().kind != TokenKind::VariableEnd) fail("expected \"}}\", found " + describe());
        advance();
        push_output(body, std::move(value));
      } else {
        advance();  // {%
        if (std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return is_name(end); })) return body;
        body.push_back(parse_statement());
        expect_block_end();
      }
    }
  }

  void push_output(Body& body, NodePtr value) const {
    NodePtr output = make(NodeKind::Output, value->line);
    output->children.push_back(std::move(value));
    body.push_back(done(std::move(output)));
  }

  // The block after a tag, with its end tag.
  Body parse_block(std::string_view end) {
    Body body = parse_block_until({end});
    advance();
    return body;
  }
  Body parse_block_until(const std::vector<std::string_view>& ends) {
    skip_operator(":");
    expect_block_end();
    return parse_body(ends);
  }

  NodePtr parse_statement() {
    const Nesting nesting(*this);
    if (current().kind != TokenKind::Name) fail("expected the name of a tag, found " + describe());
    const std::string tag = current().text;
    const int line = current().line;
    advance();
    if (tag == "if") return parse_if(line);
    if (tag == "for") return parse_for(line);
    if (tag == "set") return parse_set(line);
    if (tag == "macro") return parse_macro(line);
    if (tag == "call") return parse_call_block(line);
    if (tag == "filter") return parse_filter_block(line);
    if (tag == "with") return parse_with(line);
    if (tag == "print") return parse_print(line);
    if (tag == "break" || tag == "continue") {
      if (loops_ == 0) fail_at(line, "{% " + tag + " %} outside of a loop");
      return make(tag == "break" ? NodeKind::Break : NodeKind::Continue, line);
    }
    if (tag == "generation") {
      NodePtr node = make(NodeKind::Scope, line);
      const size_t loops = std::exchange(loops_, 0);  // transformers runs the block as a macro
      node->bodies.push_back(parse_block("endgeneration"));
      loops_ = loops;
      return done(std::move(node));
    }
    fail_at(line, "the tag {% " + tag + " %} is unknown or not supported here");
  }

  NodePtr parse_if(int line) {
    NodePtr node = make(NodeKind::If, line);
    while (true) {
      node->children.push_back(parse_tuple(false, {}, false));
      node->bodies.push_back(parse_block_until({"elif", "else", "endif"}));
      if (skip_name("elif")) continue;
      if (skip_name("else")) {
        node->bodies.push_back(parse_block("endif"));
      } else {
        advance();
      }
      return done(std::move(node));
    }
  }

  NodePtr parse_for(int line) {
    NodePtr node = make(NodeKind::For, line);
    node->children.push_back(parse_target("in", false));
    expect_name("in");
    node->children.push_back(parse_tuple(false, "recursive", false));
    node->children.push_back(skip_name("if") ? parse_expression(true) : nullptr);
    if (is_name("recursive")) fail("recursive loops are not supported");
    ++loops_;
    node->bodies.push_back(parse_block_until({"else", "endfor"}));
    --loops_;
    if (skip_name("else")) {
      node->bodies.push_back(parse_block("endfor"));
    } else {
      advance();
      node->bodies.emplace_back();
    }
    return done(std::move(node));
  }

  NodePtr parse_set(int line) {
    NodePtr target = parse_target({}, true);
    if (skip_operator("=")) {
      NodePtr node = make(NodeKind::Set, line);
      node->children.push_back(std::move(target));
      node->children.push_back(parse_tuple(true, {}, false));
      return done(std::move(node));
    }
    NodePtr node = make(NodeKind::SetBlock, line);
    node->children.push_back(std::move(target));
    NodePtr filters;
    while (is_operator("|")) filters = parse_filter(std::move(filters), true);
    node->children.push_back(std::move(filters));
    node->bodies.push_back(parse_block("endset"));
    return done(std::move(node));
  }

  void parse_parameters(Node& node) {
    expect_operator("(");
    bool defaults = false;
    while (!is_operator(")")) {
      if (!node.arguments.empty()) expect_operator(",");
      Argument parameter{ArgumentForm::Named, take_name(), nullptr};
      for (const Argument& other : node.arguments)
        if (other.name == parameter.name) fail("the parameter \"" + parameter.name + "\" stands twice");
      if (skip_operator("=")) {
        parameter.value = parse_expression(true);
        defaults = true;
      } else if (defaults) {
        fail("a parameter without a default follows one with a default");
      }
      node.arguments.push_back(std::move(parameter));
    }
    advance();
  }

  // The block of a macro: it sees the names caller, varargs and kwargs where it uses them.
  void parse_macro_body(Node& node, std::string_view end) {
    const size_t loops = std::exchange(loops_, 0);
    const Uses outer = std::exchange(uses_, {});
    node.bodies.push_back(parse_block(end));
    const auto is_parameter = [&](std::string_view name) {
      return std::any_of(node.arguments.begin(), node.arguments.end(), [&](const Argument& a) { return a.name == name; });
    };
    node.takes_varargs = uses_.varargs && !is_parameter("varargs");
    node.takes_kwargs = uses_.kwargs && !is_parameter("kwargs");
    node.takes_caller = uses_.caller;
    for (const Argument& parameter : node.arguments)
      if (parameter.name == "caller" && parameter.value == nullptr)
        fail_at(node.line, "the parameter \"caller\" of a macro needs a default");
    // A macro inside this one that uses these names counts as a use of its own only.
    uses_ = outer;
    loops_ = loops;
  }

  NodePtr parse_macro(int line) {
    NodePtr node = make(NodeKind::Macro, line);
    node->name = take_name();
    check_target(node->name, line);
    parse_parameters(*node);
    parse_macro_body(*node, "endmacro");
    return done(std::move(node));
  }

  NodePtr parse_call_block(int line) {
    NodePtr node = make(NodeKind::CallBlock, line);
    if (is_operator("(")) parse_parameters(*node);
    NodePtr call = parse_expression(true);
    if (call->kind != NodeKind::Call) fail_at(line, "{% call %} needs a call");
    node->children.push_back(std::move(call));
    parse_macro_body(*node, "endcall");
    return done(std::move(node));
  }

  NodePtr parse_filter_block(int line) {
    NodePtr node = make(NodeKind::FilterBlock, line);
    NodePtr filters = parse_filter(nullptr, false);
    while (is_operator("|")) filters = parse_filter(std::move(filters), true);
    node->children.push_back(std::move(filters));
    node->bodies.push_back(parse_block("endfilter"));
    return done(std::move(node));
  }

  NodePtr parse_with(int line) {
    NodePtr node = make(NodeKind::With, line);
    while (current().kind != TokenKind::BlockEnd) {
      if (!node->children.empty()) expect_operator(",");
      node->children.push_back(parse_target({}, false));
      expect_operator("=");
      node->children.push_back(parse_expression(true));
    }
    node->bodies.push_back(parse_block("endwith"));
    return done(std::move(node));
  }

  NodePtr parse_print(int line) {
    NodePtr node = make(NodeKind::Output, line);
    while (current().kind != TokenKind::BlockEnd) {
      if (!node->children.empty()) expect_operator(",");
      node->children.push_back(parse_expression(true));
    }
    return done(std::move(node));
  }

  void check_target(std::string_view name, int line) const {
    if (name == "true" || name == "false" || name == "none" || name == "True" || name == "False" || name == "None")
      fail_at(line, "can't assign to \"" + std::string(name) + "\"");
  }

  NodePtr parse_target(std::string_view end, bool with_namespace) {
    const Nesting nesting(*this);
    const int line = current().line;
    std::vector<NodePtr> targets;
    bool is_tuple = false;
    while (true) {
      if (!targets.empty()) expect_operator(",");
      if (is_tuple && (ends_tuple() || is_operator("=") || (!end.empty() && is_name(end)))) break;
      targets.push_back(parse_single_target(with_namespace));
      if (!is_operator(",")) break;
      is_tuple = true;
    }
    if (!is_tuple) return std::move(targets[0]);
    NodePtr node = make(NodeKind::Tuple, line);
    node->children = std::move(targets);
    return done(std::move(node));
  }

  NodePtr parse_single_target(bool with_namespace) {
    const int line = current().line;
    if (skip_operator("(")) {
      NodePtr inner = parse_target({}, false);
      expect_operator(")");
      return inner;
    }
    if (current().kind != TokenKind::Name) fail("can't assign to " + describe());
    check_target(current().text, line);
    NodePtr node = make(NodeKind::Name, line);
    node->name = take_name();
    if (!is_operator(".")) return node;
    if (!with_namespace) fail("can't assign to an attribute here");
    advance();
    NodePtr attribute = make(NodeKind::NamespaceTarget, line);
    attribute->name = take_name();
    attribute->children.push_back(std::move(node));
    return done(std::move(attribute));
  }

  bool ends_tuple() const {
    return current().kind == TokenKind::VariableEnd || current().kind == TokenKind::BlockEnd || is_operator(")");
  }

  NodePtr parse_tuple(bool with_condition, std::string_view end, bool in_parentheses) {
    const int line = current().line;
    std::vector<NodePtr> items;
    bool is_tuple = false;
    while (true) {
      if (!items.empty()) expect_operator(",");
      if (ends_tuple() || (!end.empty() && is_name(end))) break;
      items.push_back(parse_expression(with_condition));
      if (!is_operator(",")) break;
      is_tuple = true;
    }
    if (!is_tuple && !items.empty()) return std::move(items[0]);
    if (!is_tuple && !in_parentheses) fail("expected an expression, found " + describe());
    NodePtr node = make(NodeKind::Tuple, line);
    node->children = std::move(items);
    return done(std::move(node));
  }

  NodePtr parse_expression(bool with_condition) {
    const Nesting nesting(*this);
    if (!with_condition) return parse_or();
    NodePtr value = parse_or();
    while (is_name("if")) {
      NodePtr node = make(NodeKind::Conditional, current().line);
      advance();
      NodePtr condition = parse_or();
      NodePtr otherwise = skip_name("else") ? parse_expression(true) : nullptr;
      node->children.push_back(std::move(condition));
      node->children.push_back(std::move(value));
      node->children.push_back(std::move(otherwise));
      value = done(std::move(node));
    }
    return value;
  }

  NodePtr join(NodeKind kind, int line, NodePtr left, NodePtr right, std::string_view name = {}) const {
    NodePtr node = make(kind, line);
    node->name = name;
    node->children.push_back(std::move(left));
    node->children.push_back(std::move(right));
    return done(std::move(node));
  }

  NodePtr parse_or() {
    NodePtr left = parse_and();
    while (is_name("or")) {
      const int line = current().line;
      advance();
      left = join(NodeKind::Or, line, std::move(left), parse_and());
    }
    return left;
  }

  NodePtr parse_and() {
    NodePtr left = parse_not();
    while (is_name("and")) {
      const int line = current().line;
      advance();
      left = join(NodeKind::And, line, std::move(left), parse_not());
    }
    return left;
  }

  NodePtr parse_not() {
    const Nesting nesting(*this);
    if (!is_name("not")) return parse_compare();
    NodePtr node = make(NodeKind::Not, current().line);
    advance();
    node->children.push_back(parse_not());
    return done(std::move(node));
  }

  NodePtr parse_compare() {
    const int line = current().line;
    NodePtr first = parse_sum();
    NodePtr node = make(NodeKind::Compare, line);
    node->children.push_back(std::move(first));
    while (true) {
      std::string sign;
      if (is_name("not") && following().kind == TokenKind::Name && following().text == "in") {
        advance();
        sign = "not in";
      } else if (is_name("in")) {
        sign = "in";
      } else if (current().kind == TokenKind::Operator) {
        for (std::string_view known : {"==", "!=", "<", "<=", ">", ">="})
          if (current().text == known) sign = known;
      }
      if (sign.empty()) break;
      advance();
      node->operators.push_back(std::move(sign));
      node->children.push_back(parse_sum());
    }
    if (node->operators.empty()) return std::move(node->children[0]);
    return done(std::move(node));
  }

  NodePtr parse_sum() {
    NodePtr left = parse_concat();
    while (is_operator("+") || is_operator("-")) {
      const TemplateToken sign = current();
      advance();
      left = join(NodeKind::Binary, sign.line, std::move(left), parse_concat(), sign.text);
    }
    return left;
  }

  NodePtr parse_concat() {
    const int line = current().line;
    NodePtr first = parse_product();
    if (!is_operator("~")) return first;
    NodePtr node = make(NodeKind::Concat, line);
    node->children.push_back(std::move(first));
    while (skip_operator("~")) node->children.push_back(parse_product());
    return done(std::move(node));
  }

  NodePtr parse_product() {
    NodePtr left = parse_power();
    while (is_operator("*") || is_operator("/") || is_operator("//") || is_operator("%")) {
      const TemplateToken sign = current();
      advance();
      left = join(NodeKind::Binary, sign.line, std::move(left), parse_power(), sign.text);
    }
    return left;
  }

  NodePtr parse_power() {
    NodePtr left = parse_unary(true);
    while (is_operator("**")) {
      const int line = current().line;
      advance();
      left = join(NodeKind::Binary, line, std::move(left), parse_unary(true), "**");
    }
    return left;
  }

  NodePtr parse_unary(bool with_filter) {
    const Nesting nesting(*this);
    NodePtr node;
    if (is_operator("-") || is_operator("+")) {
      node = make(is_operator("-") ? NodeKind::Negative : NodeKind::Positive, current().line);
      advance();
      node->children.push_back(parse_unary(false));
      node = done(std::move(node));
    } else {
      node = parse_primary();
    }
    node = parse_postfix(std::move(node));
    return with_filter ? parse_filters(std::move(node)) : std::move(node);
  }

  NodePtr constant(int line, Value value) const {
    NodePtr node = make(NodeKind::Constant, line);
    node->constant = std::move(value);
    return node;
  }

  NodePtr parse_primary() {
    const TemplateToken token = current();
    switch (token.kind) {
      case TokenKind::Name: {
        advance();
        if (token.text == "true" || token.text == "True") return constant(token.line, Value::boolean(true));
        if (token.text == "false" || token.text == "False") return constant(token.line, Value::boolean(false));
        if (token.text == "none" || token.text == "None") return constant(token.line, Value::none());
        uses_.caller = uses_.caller || token.text == "caller";
        uses_.varargs = uses_.varargs || token.text == "varargs";
        uses_.kwargs = uses_.kwargs || token.text == "kwargs";
        NodePtr node = make(NodeKind::Name, token.line);
        node->name = token.text;
        return node;
      }
      case TokenKind::String: {
        std::string text;
        while (current().kind == TokenKind::String) {
          text += current().text;
          advance();
        }
        return constant(token.line, Value::string(Text(std::move(text), false)));
      }
      case TokenKind::Integer: advance(); return constant(token.line, Value::integer(token.integer));
      case TokenKind::Float: advance(); return constant(token.line, Value::real(token.real));
      default: break;
    }
    if (skip_operator("(")) {
      NodePtr node = parse_tuple(true, {}, true);
      expect_operator(")");
      return node;
    }
    if (is_operator("[")) return parse_list();
    if (is_operator("{")) return parse_dict();
    fail("expected an expression, found " + describe());
  }

  NodePtr parse_list() {
    NodePtr node = make(NodeKind::List, current().line);
    advance();
    while (!is_operator("]")) {
      if (!node->children.empty()) expect_operator(",");
      if (is_operator("]")) break;
      node->children.push_back(parse_expression(true));
    }
    advance();
    return done(std::move(node));
  }

  NodePtr parse_dict() {
    NodePtr node = make(NodeKind::Dict, current().line);
    advance();
    while (!is_operator("}")) {
      if (!node->children.empty()) expect_operator(",");
      if (is_operator("}")) break;
      node->children.push_back(parse_expression(true));
      expect_operator(":");
      node->children.push_back(parse_expression(true));
    }
    advance();
    return done(std::move(node));
  }

  NodePtr parse_postfix(NodePtr node) {
    while (true) {
      if (is_operator(".") || is_operator("[")) {
        node = parse_subscript(std::move(node));
      } else if (is_operator("(")) {
        node = parse_call(std::move(node));
      } else {
        return node;
      }
    }
  }

  NodePtr parse_filters(NodePtr node) {
    while (true) {
      if (is_operator("|")) {
        node = parse_filter(std::move(node), true);
      } else if (is_name("is")) {
        node = parse_test(std::move(node));
      } else if (is_operator("(")) {
        node = parse_call(std::move(node));
      } else {
        return node;
      }
    }
  }

  NodePtr parse_subscript(NodePtr object) {
    const int line = current().line;
    if (skip_operator(".")) {
      if (current().kind == TokenKind::Integer) {
        NodePtr index = constant(line, Value::integer(current().integer));
        advance();
        return join(NodeKind::Item, line, std::move(object), std::move(index));
      }
      NodePtr node = make(NodeKind::Attribute, line);
      node->name = take_name();
      node->children.push_back(std::move(object));
      return done(std::move(node));
    }
    advance();  // [
    std::vector<NodePtr> indices;
    while (!is_operator("]")) {
      if (!indices.empty()) expect_operator(",");
      indices.push_back(parse_subscribed());
    }
    advance();
    if (indices.size() == 1) return join(NodeKind::Item, line, std::move(object), std::move(indices[0]));
    if (std::any_of(indices.begin(), indices.end(), [](const NodePtr& index) { return index->kind == NodeKind::Slice; }))
      fail_at(line, "several slices in one subscript are not supported");
    NodePtr tuple = make(NodeKind::Tuple, line);
    tuple->children = std::move(indices);
    return join(NodeKind::Item, line, std::move(object), done(std::move(tuple)));
  }

  NodePtr parse_subscribed() {
    const int line = current().line;
    NodePtr start;
    if (!is_operator(":")) {
      start = parse_expression(true);
      if (!is_operator(":")) return start;
    }
    advance();
    const auto ends = [&] { return is_operator("]") || is_operator(",") || is_operator(":"); };
    NodePtr node = make(NodeKind::Slice, line);
    node->children.push_back(std::move(start));
    node->children.push_back(ends() ? nullptr : parse_expression(true));
    NodePtr step;
    if (skip_operator(":") && !ends()) step = parse_expression(true);
    node->children.push_back(std::move(step));
    return done(std::move(node));
  }

  std::vector<Argument> parse_arguments() {
    expect_operator("(");
    std::vector<Argument> arguments;
    bool named = false, star = false, double_star = false;
    while (!is_operator(")")) {
      if (!arguments.empty()) {
        expect_operator(",");
        if (is_operator(")")) break;
      }
      Argument argument{ArgumentForm::Plain, "", nullptr};
      if (is_operator("*") || is_operator("**")) {
        argument.form = is_operator("*") ? ArgumentForm::Star : ArgumentForm::DoubleStar;
        if (double_star || (star && argument.form == ArgumentForm::Star)) fail("wrong order of arguments");
        (argument.form == ArgumentForm::Star ? star : double_star) = true;
        advance();
      } else if (current().kind == TokenKind::Name && following().kind == TokenKind::Operator && following().text == "=") {
        if (double_star) fail("wrong order of arguments");
        argument.form = ArgumentForm::Named;
        argument.name = take_name();
        for (const Argument& other : arguments)
          if (other.form == ArgumentForm::Named && other.name == argument.name) fail("the argument \"" + argument.name + "\" stands twice");
        advance();
        named = true;
      } else if (named || star || double_star) {
        fail("a plain argument stands after a named one");
      }
      argument.value = parse_expression(true);
      arguments.push_back(std::move(argument));
    }
    advance();
    return arguments;
  }

  NodePtr parse_call(NodePtr called) {
    if (called->kind == NodeKind::Attribute && is_refused_method(called->name))
      fail("the method " + called->name + "() is not supported");
    NodePtr node = make(NodeKind::Call, current().line);
    node->children.push_back(std::move(called));
    node->arguments = parse_arguments();
    return done(std::move(node));
  }

  std::string dotted_name() {
    std::string name = take_name();
    while (skip_operator(".")) name += "." + take_name();
    return name;
  }

  NodePtr parse_filter(NodePtr value, bool with_pipe) {
    if (with_pipe) advance();
    NodePtr node = make(NodeKind::Filter, current().line);
    node->name = dotted_name();
    if (!is_known_filter(node->name)) fail_at(node->line, "the filter \"" + node->name + "\" is unknown or not supported");
    node->children.push_back(std::move(value));
    if (is_operator("(")) node->arguments = parse_arguments();
    return done(std::move(node));
  }

  NodePtr parse_test(NodePtr value) {
    NodePtr node = make(NodeKind::Test, current().line);
    advance();  // is
    const bool negated = skip_name("not");
    node->name = dotted_name();
    if (!is_known_test(node->name)) fail_at(node->line, "the test \"" + node->name + "\" is unknown or not supported");
    node->children.push_back(std::move(value));
    const TokenKind next = current().kind;
    if (is_operator("(")) {
      node->arguments = parse_arguments();
    } else if ((next == TokenKind::Name || next == TokenKind::String || next == TokenKind::Integer || next == TokenKind::Float ||
                is_operator("[") || is_operator("{")) &&
               !is_name("else") && !is_name("or") && !is_name("and")) {
      if (is_name("is")) fail("tests can't be chained with \"is\"");
      Argument argument{ArgumentForm::Plain, "", nullptr};
      argument.value = parse_postfix(parse_primary());
      node->arguments.push_back(std::move(argument));
    }
    NodePtr test = done(std::move(node));
    if (!negated) return test;
    NodePtr inverted = make(NodeKind::Not, test->line);
    inverted->children.push_back(std::move(test));
    return done(std::move(inverted));
  }

  struct Uses {
    bool caller = false, varargs = false, kwargs = false;
  };

  const std::string& file_;
  std::vector<TemplateToken> tokens_;
  size_t at_ = 0;
  int nesting_ = 0;
  size_t loops_ = 0;
  Uses uses_;
};

}  // namespace

Body parse_template(std::string_view source, const std::string& file) { return Parser(source, file).run(); }

}  // namespace philo::jinja
