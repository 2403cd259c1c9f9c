// Protobuf messages that may lie: fields one after the other, each checked against what is left of the message. Nothing is copied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace philo {

// The file that messages lie in, for errors.
struct MessageFile {
  const std::string* name;
  const char* begin;
};

class MessageReader {
 public:
  MessageReader(std::string_view message, MessageFile file) : reader_(message.data(), message.size()), file_(file) {}

  bool next();  // goes on to the next field; false at the end of the message
  uint32_t number() const { return reader_.tag(); }

  // The current field's value; each is called once for a field. They throw ErrorCode::Input, naming file and byte, for a field of another
  // type and for one that the message ends in.
  std::string_view bytes();  // also of text and of messages
  std::string text(size_t most_bytes = 4096);
  int64_t integer();
  float real();
  void skip();
  // Numbers of a repeated field: several in a packed one, one in another. Throws where `out` would hold more than `most`.
  void add_integers(std::vector<int64_t>& out, size_t most);
  void add_reals(std::vector<float>& out, size_t most);

  MessageFile file() const { return file_; }
  Error wrong(const std::string& what) const;

 private:
  template <class Act>
  auto guarded(Act&& act);
  void expect(protozero::pbf_wire_type type) const;

  protozero::pbf_reader reader_;
  MessageFile file_;
};

// A message whose fields `Field` enumerates (format/onnx/schema.h).
template <class Field>
class Message : public MessageReader {
 public:
  using MessageReader::MessageReader;
  Field field() const { return static_cast<Field>(number()); }
  template <class Inner>
  Message<Inner> message() { return Message<Inner>(bytes(), file()); }
};

}  // namespace philo
