// XML from files that may lie: its form, depth and size are checked before the parser, which recurses, sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace philo {

struct XmlLimits {
  size_t bytes = size_t{64} << 20;
  int depth = 32;
  size_t nodes = size_t{4} << 20;  // elements and attributes
};

// One element; valid as long as the document it belongs to.
class XmlElement {
 public:
  explicit XmlElement(const void* node) : node_(node) {}
  std::optional<std::string_view> attribute(const char* name) const;
  std::optional<XmlElement> child(const char* name) const;  // the first of that name
  void each(std::string_view name, const std::function<void(XmlElement)>& act) const;
  std::string_view text() const;

 private:
  const void* node_;  // the parser's own
};

class XmlDocument {
 public:
  // Throws ErrorCode::Input naming `file` and the byte for text that is no XML or that holds what OpenVINO never writes: document types,
  // entity declarations, comments, CDATA, elements nested too deep, too many of them.
  XmlDocument(std::string_view text, const std::string& file, const XmlLimits& limits = {});
  ~XmlDocument();
  XmlDocument(const XmlDocument&) = delete;
  XmlDocument& operator=(const XmlDocument&) = delete;
  std::optional<XmlElement> root(const char* name) const;  // nothing where the root element is another

 private:
  struct Tree;
  std::unique_ptr<Tree> tree_;
};

}  // namespace philo
