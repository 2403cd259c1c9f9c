// Reads a regular expression and makes the matcher's program of it.
#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/utf8.h"
#include "tokenizer/pattern.h"

namespace philo {
namespace {

constexpr uint32_t no_limit = std::numeric_limits<uint32_t>::max();
constexpr size_t most_instructions = 20000, most_classes = 512;
constexpr size_t most_source_bytes = 65536;
constexpr int most_nesting = 32;

enum class Greed { Greedy, Lazy, Possessive };

struct Node {
  enum class Kind { Set, Sequence, Choice, Repeat, Look } kind;
  CharacterSet set;            // Set
  bool folded = false;         // Set: letter case does not matter
  std::vector<Node> children;  // Sequence, Choice; one for Repeat, Look
  uint32_t least = 1, most = 1;
  Greed greed = Greed::Greedy;
  bool positive = true;  // Look
};

bool matches_empty(const Node& node) {
  switch (node.kind) {
    case Node::Kind::Set: return false;
    case Node::Kind::Look: return true;
    case Node::Kind::Repeat: return node.least == 0 || matches_empty(node.children[0]);
    case Node::Kind::Sequence: return std::all_of(node.children.begin(), node.children.end(), matches_empty);
    case Node::Kind::Choice: return std::any_of(node.children.begin(), node.children.end(), matches_empty);
  }
  return true;
}

bool contains(const CharacterSet& set, char32_t code_point) {
  return std::any_of(set.begin(), set.end(), [&](const CharacterRange& r) { return code_point >= r.first && code_point <= r.last; });
}

class Reader {
 public:
  Reader(std::string_view source, const std::string& file) : source_(source), file_(file) {
    if (source.size() > most_source_bytes) throw wrong("it is longer than 65536 bytes");
    if (utf8_first_invalid(source) != std::string_view::npos) throw wrong("it is not valid UTF-8");
  }

  Node whole() {
    Node node = choice(false, 0);
    if (at_ < source_.size()) throw wrong("\")\" without \"(\"");
    if (matches_empty(node)) throw wrong("it matches the empty text");
    return node;
  }

 private:
  Error wrong(const std::string& what) const {
    return input_error(file_, "pattern " + shown(source_, 400) + ": at byte " + std::to_string(at_) + ": " + what);
  }
  bool ended() const { return at_ >= source_.size(); }
  bool take(std::string_view text) {
    if (!source_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  char32_t next() {
    if (ended()) throw wrong("it ends too early");
    const size_t bytes = utf8_length(source_.substr(at_));
    const char32_t code_point = utf8_decode(source_.substr(at_));
    at_ += bytes;
    return code_point;
  }

  Node choice(bool fold, int depth) {
    if (depth > most_nesting) throw wrong("groups nest deeper than 32 levels");
    Node node{Node::Kind::Choice, {}, false, {}};
    do {
      node.children.push_back(sequence(fold, depth));
    } while (take("|"));
    if (node.children.size() == 1) {
      Node only = std::move(node.children[0]);
      return only;
    }
    return node;
  }

  Node sequence(bool fold, int depth) {
    Node node{Node::Kind::Sequence, {}, false, {}};
    while (!ended() && source_[at_] != '|' && source_[at_] != ')') {
      Node item = quantified(atom(fold, depth));
      if (!node.children.empty()) refuse_fold_of_two(node.children.back(), item);
      node.children.push_back(std::move(item));
    }
    return node;
  }

  // Without regard to case, "ff" "fi" "fl" "ss" "st" also match one character (ligatures, sharp s) in Oniguruma.
  void refuse_fold_of_two(const Node& first, const Node& second) const {
    const auto set_of = [](const Node& node) { return node.kind == Node::Kind::Repeat ? &node.children[0] : &node; };
    const Node &a = *set_of(first), &b = *set_of(second);
    if (a.kind != Node::Kind::Set || b.kind != Node::Kind::Set || !a.folded || !b.folded) return;
    const bool f = contains(a.set, 'f') && (contains(b.set, 'f') || contains(b.set, 'i') || contains(b.set, 'l'));
    const bool s = contains(a.set, 's') && (contains(b.set, 's') || contains(b.set, 't'));
    if (f || s) throw wrong("(?i:…) with \"ff\", \"fi\", \"fl\", \"ss\" or \"st\" is not supported");
  }

  Node quantified(Node atom_node) {
    uint32_t least = 0, most = no_limit;
    bool interval = false;
    if (take("?")) {
      most = 1;
    } else if (take("+")) {
      least = 1;
    } else if (take("{")) {
      interval = true;
      least = number();
      most = take(",") ? (source_.substr(at_).starts_with("}") ? no_limit : number()) : least;
      if (!take("}") || most < least || most == 0) throw wrong("expected {m}, {m,} or {m,n}");
    } else if (!take("*")) {
      return atom_node;
    }
    Node node{Node::Kind::Repeat, {}, false, {}};
    node.least = least;
    node.most = most;
    if (!interval && take("?")) node.greed = Greed::Lazy;
    if (!interval && node.greed == Greed::Greedy && take("+")) node.greed = Greed::Possessive;
    if (!ended() && std::string_view("?*+{").find(source_[at_]) != std::string_view::npos) {
      throw wrong("a quantifier after a quantifier is not supported");
    }
    if (matches_empty(atom_node)) throw wrong("repeating what matches the empty text is not supported");
    node.children.push_back(std::move(atom_node));
    return node;
  }

  uint32_t number() {
    uint32_t value = 0;
    const size_t first = at_;
    while (!ended() && source_[at_] >= '0' && source_[at_] <= '9') {
      value = value * 10 + static_cast<uint32_t>(source_[at_++] - '0');
      if (value > 1000) throw wrong("a count of more than 1000 is not supported");
    }
    if (at_ == first) throw wrong("expected a number in {…}; a plain \"{\" is written \\{");
    return value;
  }

  Node group(bool fold, int depth) {
    Node node{Node::Kind::Look, {}, false, {}};
    bool look = false;
    if (take("?=")) {
      look = true;
    } else if (take("?!")) {
      look = true;
      node.positive = false;
    } else if (take("?i:")) {
      fold = true;
    } else if (!take("?:") && source_.substr(at_).starts_with("?")) {
      throw wrong("the group \"(" + std::string(source_.substr(at_, 3)) + "\" is not supported");
    }
    Node inner = choice(fold, depth + 1);
    if (!take(")")) throw wrong("\"(\" without \")\"");
    if (!look) return inner;
    node.children.push_back(std::move(inner));
    return node;
  }

  Node atom(bool fold, int depth) {
    const size_t start = at_;
    const char32_t c = next();
    switch (c) {
      case '(': return group(fold, depth);
      case '[': return set_node(bracket(fold), fold);
      case '.': return set_node(complement_of({{'\n', '\n'}}), false);
      case '\\': {
        const std::optional<CharacterSet> known = named_set(false);
        if (known) {
          if (fold) throw wrong("classes in (?i:…) are not supported");
          return set_node(*known, false);
        }
        const char32_t escaped = escape();
        return set_node(folded({{escaped, escaped}}, fold), fold);
      }
      case '^': case '$':
        at_ = start;
        throw wrong("anchors are not supported");
      case '?': case '*': case '+': case '{':
        at_ = start;
        throw wrong("nothing to repeat");
      default: return set_node(folded({{c, c}}, fold), fold);
    }
  }

  static Node set_node(CharacterSet set, bool fold) {
    Node node{Node::Kind::Set, std::move(set), fold, {}};
    return node;
  }

  // Simple case folding of ASCII: the long s and the Kelvin sign fold to s and k.
  CharacterSet folded(CharacterSet set, bool fold) const {
    if (!fold) return set;
    CharacterSet more;
    for (const CharacterRange& range : set) {
      if (range.last > 0x7F) throw wrong("characters outside ASCII in (?i:…) are not supported");
      for (char32_t c = range.first; c <= range.last; ++c) {
        const char32_t lower = c | 0x20;
        if (lower < 'a' || lower > 'z') continue;
        more.push_back({lower, lower});
        more.push_back({lower - 0x20, lower - 0x20});
        if (lower == 's') more.push_back({0x17F, 0x17F});
        if (lower == 'k') more.push_back({0x212A, 0x212A});
      }
    }
    return union_of(set, more);
  }

  // After a backslash: \s and its kind, or nothing.
  std::optional<CharacterSet> named_set(bool bracketed) {
    if (ended()) throw wrong("it ends after a backslash");
    switch (source_[at_]) {
      case 's': ++at_; return white_space_set();
      case 'S': ++at_; return complement_of(white_space_set());
      case 'd': ++at_; return category_set("Nd");
      case 'D': ++at_; return complement_of(*category_set("Nd"));
      case 'w': ++at_; return bracketed ? bracketed_word_set() : word_set();
      case 'W': ++at_; return complement_of(bracketed ? bracketed_word_set() : word_set());
      case 'p': case 'P': break;
      default: return {};
    }
    bool negated = source_[at_++] == 'P';
    if (!take("{")) throw wrong("expected \"{\" after \\p");
    if (take("^")) negated = !negated;
    const size_t end = source_.find('}', at_);
    if (end == std::string_view::npos) throw wrong("expected \"}\" after \\p{");
    const std::string_view name = source_.substr(at_, end - at_);
    const std::optional<CharacterSet> set = category_set(name);
    if (!set) throw wrong("the property " + shown(name) + " is not supported; general categories such as L, Lu, N are");
    at_ = end + 1;
    return negated ? complement_of(*set) : *set;
  }

  char32_t hexadecimal(size_t least, size_t most) {
    char32_t value = 0;
    size_t digits = 0;
    for (; digits < most && !ended(); ++digits) {
      const char c = source_[at_];
      const int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
      if (digit < 0) break;
      value = value * 16 + static_cast<char32_t>(digit);
      ++at_;
    }
    if (digits < least || value > 0x10FFFF) throw wrong("expected a code point in hexadecimal");
    return value;
  }

  char32_t escape() {
    const size_t start = at_;
    const char32_t c = next();
    switch (c) {
      case 'r': return '\r';
      case 'n': return '\n';
      case 't': return '\t';
      case 'f': return '\f';
      case 'v': return '\v';
      case 'a': return 7;
      case 'e': return 27;
      case 'u': return hexadecimal(4, 4);
      case 'x': {
        if (take("{")) {
          const char32_t value = hexadecimal(1, 8);
          if (!take("}")) throw wrong("expected \"}\"");
          return value;
        }
        const char32_t value = hexadecimal(2, 2);
        if (value > 0x7F) throw wrong("\\x above 7F is a byte, not a character; use \\x{…}");
        return value;
      }
      default: break;
    }
    const bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter) {
      at_ = start;
      throw wrong("the escape \"\\" + std::string(1, static_cast<char>(c)) + "\" is not supported");
    }
    return c;
  }

  CharacterSet bracket(bool fold) {
    const bool negated = take("^");
    CharacterSet set;
    bool first = true;
    for (;; first = false) {
      if (ended()) throw wrong("\"[\" without \"]\"");
      if (!first && take("]")) break;
      if (source_.substr(at_).starts_with("[") || source_.substr(at_).starts_with("&&") || source_.substr(at_).starts_with("]")) {
        throw wrong("nested, intersected and empty classes are not supported");
      }
      char32_t low = next();
      if (low == '\\') {
        if (const std::optional<CharacterSet> known = named_set(true)) {
          if (fold) throw wrong("classes in (?i:…) are not supported");
          if (source_.substr(at_).starts_with("-") && !source_.substr(at_).starts_with("-]")) {
            throw wrong("a range can't start with a class");
          }
          set = union_of(set, *known);
          continue;
        }
        low = escape();
      }
      char32_t high = low;
      if (source_.substr(at_).starts_with("-") && !source_.substr(at_).starts_with("-]")) {
        ++at_;
        high = next();
        if (high == '[') throw wrong("nested classes are not supported");
        if (high == '\\') high = escape();
        if (high < low) throw wrong("a range ends before it starts");
      }
      set = union_of(set, {{low, high}});
    }
    set = folded(std::move(set), fold);
    return negated ? complement_of(set) : set;
  }

  std::string_view source_;
  std::string file_;
  size_t at_ = 0;
};

}  // namespace

class PatternCompiler {
 public:
  PatternCompiler(Pattern& pattern) : pattern_(pattern) {}

  void emit(const Node& node) {
    switch (node.kind) {
      case Node::Kind::Set: add({Pattern::Code::Set, false, class_of(node.set), 0}); return;
      case Node::Kind::Sequence:
        for (const Node& child : node.children) emit(child);
        return;
      case Node::Kind::Choice: emit_choice(node); return;
      case Node::Kind::Repeat: emit_repeat(node); return;
      case Node::Kind::Look: {
        const uint32_t head = add({Pattern::Code::Look, node.positive, 0, 0});
        emit(node.children[0]);
        accept();
        pattern_.program_[head].target = size();
        return;
      }
    }
  }
  void accept() { add({Pattern::Code::Accept, false, 0, 0}); }

 private:
  uint32_t size() const { return static_cast<uint32_t>(pattern_.program_.size()); }

  uint32_t add(Pattern::Instruction instruction) {
    if (pattern_.program_.size() >= most_instructions) {
      throw input_error(pattern_.file_, "pattern " + shown(pattern_.source_, 400) + " is too large");
    }
    pattern_.program_.push_back(instruction);
    return size() - 1;
  }

  void emit_choice(const Node& node) {
    std::vector<uint32_t> ends;
    for (size_t i = 0; i < node.children.size(); ++i) {
      const bool last = i + 1 == node.children.size();
      const uint32_t split = last ? 0 : add({Pattern::Code::Split, false, 0, 0});
      emit(node.children[i]);
      if (last) break;
      ends.push_back(add({Pattern::Code::Jump, false, 0, 0}));
      pattern_.program_[split].target = size();
    }
    for (const uint32_t end : ends) pattern_.program_[end].target = size();
  }

  void emit_repeat(const Node& node) {
    const Node& child = node.children[0];
    if (child.kind == Node::Kind::Set && node.greed != Greed::Lazy) {
      add({Pattern::Code::Repeat, node.greed == Greed::Possessive, class_of(child.set), 0, node.least, node.most});
      return;
    }
    if (node.greed == Greed::Possessive) {
      const uint32_t head = add({Pattern::Code::Atomic, false, 0, 0});
      emit_loop(node, false);
      accept();
      pattern_.program_[head].target = size();
      return;
    }
    emit_loop(node, node.greed == Greed::Lazy);
  }

  // A choice between `body` and what follows; lazily the other way round, by way of one more jump.
  uint32_t optional_head(bool lazy) {
    const uint32_t split = add({Pattern::Code::Split, false, 0, 0});
    if (!lazy) return split;
    const uint32_t leave = add({Pattern::Code::Jump, false, 0, 0});
    pattern_.program_[split].target = size();
    return leave;
  }

  void emit_loop(const Node& node, bool lazy) {
    const Node& child = node.children[0];
    for (uint32_t i = 0; i < node.least; ++i) emit(child);
    if (node.most == no_limit) {
      const uint32_t start = size();
      const uint32_t leave = optional_head(lazy);
      emit(child);
      add({Pattern::Code::Jump, false, 0, start});
      pattern_.program_[leave].target = size();
      return;
    }
    std::vector<uint32_t> leaves;
    for (uint32_t i = node.least; i < node.most; ++i) {
      leaves.push_back(optional_head(lazy));
      emit(child);
    }
    for (const uint32_t leave : leaves) pattern_.program_[leave].target = size();
  }

  uint32_t class_of(const CharacterSet& set) {
    const auto same = [](const CharacterRange& a, const CharacterRange& b) { return a.first == b.first && a.last == b.last; };
    for (size_t i = 0; i < pattern_.classes_.size(); ++i) {
      const CharacterSet& known = pattern_.classes_[i].ranges;
      if (std::equal(known.begin(), known.end(), set.begin(), set.end(), same)) return static_cast<uint32_t>(i);
    }
    if (pattern_.classes_.size() >= most_classes) {
      throw input_error(pattern_.file_, "pattern " + shown(pattern_.source_, 400) + " has more than 512 different characters and classes");
    }
    pattern_.classes_.push_back({set, {}});
    auto& low = pattern_.classes_.back().low;
    for (const CharacterRange& range : set) {
      for (char32_t c = range.first; c <= range.last && c < 0x10000; ++c) low.set(c);
    }
    return static_cast<uint32_t>(pattern_.classes_.size() - 1);
  }

  Pattern& pattern_;
};

Pattern::Pattern(std::string_view source, const std::string& file) : source_(source), file_(file) {
  const Node root = Reader(source, file).whole();
  PatternCompiler compiler(*this);
  compiler.emit(root);
  compiler.accept();
}

Pattern Pattern::literal(std::string_view text, const std::string& file) {
  std::string source;
  for (const char c : text) {
    if (std::string_view("\\.^$|?*+()[]{}-&").find(c) != std::string_view::npos) source += '\\';
    source += c;
  }
  return Pattern(source, file);
}

}  // namespace philo
