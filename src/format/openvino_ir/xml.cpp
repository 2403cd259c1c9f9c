// Scans the text strictly, then lets Boost.PropertyTree parse it.
#include "format/openvino_ir/xml.h"

#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <sstream>

#include "base/error.h"

namespace philo {
namespace {

using boost::property_tree::ptree;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == ':' || (c & 0x80) != 0;
}

// Accepts a subset of XML in which tags can't be told in two ways, so that what is counted here is what the parser will see.
class Scan {
 public:
  Scan(std::string_view text, const std::string& file, const XmlLimits& limits) : text_(text), file_(file), limits_(limits) {}

  void run() {
    if (text_.size() > limits_.bytes) throw input_error(file_, "is longer than " + std::to_string(limits_.bytes >> 20) + " MB; an OpenVINO model's description takes a few");
    if (const size_t zero = text_.find('\0'); zero != text_.npos) throw wrong(zero, "a zero byte; this is no XML");
    while ((at_ = text_.find('<', at_)) != text_.npos) tag();
    if (depth_ != 0) throw wrong(text_.size(), "the text ends inside of " + std::to_string(depth_) + " elements: the file is cut off");
  }

 private:
  Error wrong(size_t at, const std::string& what) const { return input_error_at(file_, at, what); }
  char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_spaces() {
    while (is_space(next())) ++at_;
  }
  void name(const char* what) {
    if (!is_name(next())) throw wrong(at_, std::string("expected ") + what);
    while (is_name(next())) ++at_;
  }
  void count() {
    if (++nodes_ > limits_.nodes) throw wrong(at_, "more than " + std::to_string(limits_.nodes) + " elements and attributes");
  }

  void tag() {
    const size_t begin = at_++;
    if (next() == '?') {
      at_ = text_.find("?>", at_);
      if (at_ == text_.npos) throw wrong(begin, "the text ends inside of a processing instruction: the file is cut off");
      return;
    }
    if (next() == '!')
      throw wrong(begin, "a comment, CDATA, document type or entity declaration, which OpenVINO never writes and philo does not read");
    if (next() == '/') {
      ++at_;
      name("the name of an element");
      skip_spaces();
      if (next() != '>') throw wrong(at_, "expected \">\"");
      if (--depth_ < 0) throw wrong(begin, "an end tag without its element");
      return;
    }
    name("the name of an element");
    count();
    if (depth_ >= limits_.depth) throw wrong(begin, "elements are nested deeper than " + std::to_string(limits_.depth));
    attributes(begin);
  }

  void attributes(size_t begin) {
    for (;;) {
      skip_spaces();
      if (next() == '>') {
        ++depth_;
        return;
      }
      if (next() == '/') {
        if (text_.substr(at_, 2) != "/>") throw wrong(at_, "expected \"/>\"");
        return;
      }
      if (at_ >= text_.size()) throw wrong(begin, "the text ends inside of a tag: the file is cut off");
      name("an attribute");
      count();
      skip_spaces();
      if (next() != '=') throw wrong(at_, "expected \"=\"");
      ++at_;
      skip_spaces();
      const char quote = next();
      if (quote != '"' && quote != '\'') throw wrong(at_, "expected a quoted value");
      const size_t end = text_.find(quote, ++at_);
      if (end == text_.npos) throw wrong(begin, "the text ends inside of a value: the file is cut off");
      at_ = end + 1;
    }
  }

  std::string_view text_;
  const std::string& file_;
  const XmlLimits& limits_;
  size_t at_ = 0, nodes_ = 0;
  int depth_ = 0;
};

const ptree& tree_of(const void* node) { return *static_cast<const ptree*>(node); }

}  // namespace

struct XmlDocument::Tree {
  ptree root;
};

XmlDocument::XmlDocument(std::string_view text, const std::string& file, const XmlLimits& limits) : tree_(std::make_unique<Tree>()) {
  Scan(text, file, limits).run();
  try {
    std::istringstream stream{std::string(text)};
    boost::property_tree::read_xml(stream, tree_->root);
  } catch (const boost::property_tree::xml_parser_error& error) {
    throw input_error(file, "line " + std::to_string(error.line()) + ": " + error.message() + "; expected XML");
  }
}

XmlDocument::~XmlDocument() = default;

std::optional<XmlElement> XmlDocument::root(const char* name) const { return XmlElement(&tree_->root).child(name); }

std::optional<std::string_view> XmlElement::attribute(const char* name) const {
  const auto attributes = tree_of(node_).find("<xmlattr>");
  if (attributes == tree_of(node_).not_found()) return {};
  const auto found = attributes->second.find(name);
  if (found == attributes->second.not_found()) return {};
  return found->second.data();
}

std::optional<XmlElement> XmlElement::child(const char* name) const {
  const auto found = tree_of(node_).find(name);
  if (found == tree_of(node_).not_found()) return {};
  return XmlElement(&found->second);
}

void XmlElement::each(std::string_view name, const std::function<void(XmlElement)>& act) const {
  for (const auto& [key, value] : tree_of(node_))
    if (key == name) act(XmlElement(&value));
}

std::string_view XmlElement::text() const { return tree_of(node_).data(); }

}  // namespace philo
