// protozero reads; what it takes on trust (types, lengths beyond 32 bits) is checked before.
#include "format/onnx/message.h"

#include <protozero/exception.hpp>
#include <protozero/varint.hpp>

namespace philo {

using protozero::pbf_wire_type;

Error MessageReader::wrong(const std::string& what) const {
  return input_error_at(*file_.name, static_cast<uint64_t>(reader_.data().data() - file_.begin), what + "; the file is cut off, damaged or no ONNX model: copy or export it again");
}

template <class Act>
auto MessageReader::guarded(Act&& act) {
  try {
    return act();
  } catch (const protozero::exception&) {
    throw wrong("the message ends inside of a field or holds what is no field");
  }
}

bool MessageReader::next() {
  return guarded([&] { return reader_.next(); });
}

void MessageReader::expect(pbf_wire_type type) const {
  if (reader_.wire_type() != type) throw wrong("field " + std::to_string(number()) + " has the wire type " + std::to_string(static_cast<uint32_t>(reader_.wire_type())) + ", expected " + std::to_string(static_cast<uint32_t>(type)));
}

std::string_view MessageReader::bytes() {
  expect(pbf_wire_type::length_delimited);
  constexpr uint64_t most_bytes = (uint64_t{1} << 31) - 1;
  return guarded([&] {
    const protozero::data_view rest = reader_.data();
    const char *at = rest.data(), *const end = at + rest.size();
    const uint64_t length = protozero::decode_varint(&at, end);
    if (length > most_bytes || length > static_cast<uint64_t>(end - at))
      throw wrong("field " + std::to_string(number()) + " is " + std::to_string(length) + " bytes long, where " + std::to_string(end - at) + " are left");
    const protozero::data_view view = reader_.get_view();
    return std::string_view(view.data(), view.size());
  });
}

std::string MessageReader::text(size_t most_bytes) {
  const std::string_view found = bytes();
  if (found.size() > most_bytes) throw wrong("a name is " + std::to_string(found.size()) + " bytes long, at most " + std::to_string(most_bytes) + " are read");
  return std::string(found);
}

int64_t MessageReader::integer() {
  expect(pbf_wire_type::varint);
  return guarded([&] { return reader_.get_int64(); });
}

float MessageReader::real() {
  expect(pbf_wire_type::fixed32);
  return guarded([&] { return reader_.get_float(); });
}

void MessageReader::skip() {
  if (reader_.wire_type() == pbf_wire_type::length_delimited) static_cast<void>(bytes());
  else guarded([&] { reader_.skip(); });
}

void MessageReader::add_integers(std::vector<int64_t>& out, size_t most) {
  const auto add = [&](int64_t value) {
    if (out.size() == most) throw wrong("a list has more than " + std::to_string(most) + " numbers");
    out.push_back(value);
  };
  if (reader_.wire_type() == pbf_wire_type::varint) return add(integer());
  const std::string_view packed = bytes();
  const char *at = packed.data(), *const end = at + packed.size();
  while (at != end) add(guarded([&] { return static_cast<int64_t>(protozero::decode_varint(&at, end)); }));
}

void MessageReader::add_reals(std::vector<float>& out, size_t most) {
  if (reader_.wire_type() == pbf_wire_type::fixed32) {
    if (out.size() == most) throw wrong("a list has more than " + std::to_string(most) + " numbers");
    out.push_back(real());
    return;
  }
  const std::string_view packed = bytes();
  if (packed.size() % sizeof(float) != 0) throw wrong("a list of floats is " + std::to_string(packed.size()) + " bytes long");
  if (packed.size() / sizeof(float) > most - out.size()) throw wrong("a list has more than " + std::to_string(most) + " numbers");
  const size_t first = out.size();
  out.resize(first + packed.size() / sizeof(float));
  if (!packed.empty()) packed.copy(reinterpret_cast<char*>(out.data() + first), packed.size());
}

}  // namespace philo
