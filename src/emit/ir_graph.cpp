// Numbers layers and ports as OpenVINO's own writer does: inputs first, outputs after them.
#include "emit/ir_graph.h"

#include <cstring>

namespace philo {
namespace {

constexpr uint64_t alignment = 64;  // a cache line: plugins use constants in place

struct TypeNames {
  const char* attribute;
  const char* port;
  int bits;
};

TypeNames names_of(IrType type) {
  switch (type) {
    case IrType::F32: return {"f32", "FP32", 32};
    case IrType::F16: return {"f16", "FP16", 16};
    case IrType::BF16: return {"bf16", "BF16", 16};
    case IrType::I64: return {"i64", "I64", 64};
    case IrType::I32: return {"i32", "I32", 32};
    case IrType::I8: return {"i8", "I8", 8};
    case IrType::U8: return {"u8", "U8", 8};
    case IrType::I4: return {"i4", "I4", 4};
    case IrType::U4: return {"u4", "U4", 4};
    case IrType::Boolean: return {"boolean", "BOOL", 8};
    case IrType::String: return {"string", "STRING", 8};
  }
  return {};
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\0': out += "\xEF\xBF\xBD"; break;  // no XML can hold it
      default:
        if (static_cast<unsigned char>(c) < 0x20) out += "&#" + std::to_string(static_cast<int>(c)) + ";";
        else out += c;
    }
  }
}

void append_attribute(std::string& out, std::string_view name, std::string_view value) {
  out += ' ';
  out += name;
  out += "=\"";
  append_escaped(out, value);
  out += '"';
}

std::string joined(const IrShape& shape) {
  std::string out;
  for (const int64_t dimension : shape) out += (out.empty() ? "" : ", ") + (dimension < 0 ? std::string("?") : std::to_string(dimension));
  return out;
}

void append_port(std::string& out, size_t id, const IrOutput& output) {
  out += "\t\t\t\t<port id=\"" + std::to_string(id) + "\" precision=\"" + names_of(output.type).port + '"';
  if (!output.names.empty()) append_attribute(out, "names", output.names);
  if (output.shape.empty()) {
    out += " />\n";
    return;
  }
  out += ">\n";
  for (const int64_t dimension : output.shape) out += "\t\t\t\t\t<dim>" + std::to_string(dimension) + "</dim>\n";
  out += "\t\t\t\t</port>\n";
}

void append_info(std::string& out, const IrInfo& info, int depth) {
  const std::string indent(static_cast<size_t>(depth), '\t');
  out += indent + '<' + info.key;
  if (info.entries.empty()) {
    append_attribute(out, "value", info.value);
    out += " />\n";
    return;
  }
  out += ">\n";
  for (const IrInfo& entry : info.entries) append_info(out, entry, depth + 1);
  out += indent + "</" + info.key + ">\n";
}

template <typename T>
std::span<const std::byte> bytes_of(const T& values) {
  return std::as_bytes(std::span(values));
}

}  // namespace

size_t ir_bytes(IrType type, int64_t elements) { return (static_cast<size_t>(elements) * static_cast<size_t>(names_of(type).bits) + 7) / 8; }

int IrGraph::take(IrLayer layer) {
  const auto number = static_cast<int>(layers_.size());
  if (layer.name.empty()) layer.name = std::string(layer.type) + "_" + std::to_string(number);
  layers_.push_back(std::move(layer));
  return number;
}

IrValue IrGraph::add(IrLayer layer) { return {take(std::move(layer)), 0}; }

const IrOutput& IrGraph::output(IrValue value) const {
  return layers_[static_cast<size_t>(value.layer)].outputs[static_cast<size_t>(value.port)];
}

IrValue IrGraph::parameter(std::string name, IrType type, IrShape shape) {
  std::string dimensions = joined(shape);
  for (size_t at; (at = dimensions.find(", ")) != std::string::npos;) dimensions.erase(at + 1, 1);
  IrOutput output{type, std::move(shape), name};
  return add({"Parameter", "opset1", std::move(name), {{"shape", dimensions}, {"element_type", names_of(type).attribute}}, {}, {std::move(output)}});
}

void IrGraph::result(IrValue value, std::string name) { take({"Result", "opset1", std::move(name), {}, {value}, {}}); }

IrValue IrGraph::literal(IrType type, IrShape shape, std::span<const std::byte> bytes) {
  const auto [known, is_new] = literal_offsets_.try_emplace(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), literals_.size());
  if (is_new) {
    literals_.insert(literals_.end(), bytes.begin(), bytes.end());
    literals_.resize((literals_.size() + 7) / 8 * 8);
  }
  const IrValue value = add({"Const", "opset1", {}, {}, {}, {{type, std::move(shape)}}});
  constants_[value.layer] = {true, known->second, bytes.size()};
  return value;
}

IrValue IrGraph::integers(std::initializer_list<int64_t> values) {
  return literal(IrType::I64, {static_cast<int64_t>(values.size())}, bytes_of(std::vector<int64_t>(values)));
}

IrValue IrGraph::integer(int64_t value) { return literal(IrType::I64, {}, bytes_of(std::vector<int64_t>{value})); }

IrValue IrGraph::floats(IrShape shape, std::span<const float> values) { return literal(IrType::F32, std::move(shape), std::as_bytes(values)); }

IrValue IrGraph::real(float value, IrShape shape) { return floats(std::move(shape), std::span(&value, 1)); }

uint64_t IrGraph::reserve(uint64_t bytes) {
  const uint64_t offset = (reserved_ + alignment - 1) / alignment * alignment;
  reserved_ = offset + bytes;
  return offset;
}

IrValue IrGraph::constant(std::string name, IrType type, IrShape shape, uint64_t offset) {
  int64_t elements = 1;
  for (const int64_t dimension : shape) elements *= dimension;
  const IrValue value = add({"Const", "opset1", std::move(name), {}, {}, {{type, std::move(shape)}}});
  constants_[value.layer] = {false, offset, ir_bytes(type, elements)};
  return value;
}

uint64_t IrGraph::literals_offset() const { return (reserved_ + alignment - 1) / alignment * alignment; }

std::string IrGraph::xml(std::string_view model_name, std::span<const IrInfo> info) const {
  std::string out = "<?xml version=\"1.0\"?>\n<net";
  append_attribute(out, "name", model_name);
  out += " version=\"11\">\n\t<layers>\n";
  for (size_t number = 0; number < layers_.size(); ++number) {
    const IrLayer& layer = layers_[number];
    out += "\t\t<layer id=\"" + std::to_string(number) + '"';
    append_attribute(out, "name", layer.name);
    append_attribute(out, "type", layer.type);
    append_attribute(out, "version", layer.opset);
    out += ">\n";
    if (const auto found = constants_.find(static_cast<int>(number)); found != constants_.end()) {
      const Data& data = found->second;
      const uint64_t offset = data.offset + (data.literal ? literals_offset() : 0);
      out += std::string("\t\t\t<data element_type=\"") + names_of(layer.outputs[0].type).attribute + "\" shape=\"" + joined(layer.outputs[0].shape) +
             "\" offset=\"" + std::to_string(offset) + "\" size=\"" + std::to_string(data.bytes) + "\" />\n";
    } else if (!layer.attributes.empty()) {
      out += "\t\t\t<data";
      for (const auto& [key, value] : layer.attributes) append_attribute(out, key, value);
      out += " />\n";
    }
    if (layer.decompression) out += "\t\t\t<rt_info>\n\t\t\t\t<attribute name=\"decompression\" version=\"0\" />\n\t\t\t</rt_info>\n";
    if (!layer.inputs.empty()) {
      out += "\t\t\t<input>\n";
      for (size_t i = 0; i < layer.inputs.size(); ++i) {
        IrOutput from = output(layer.inputs[i]);
        from.names.clear();
        append_port(out, i, from);
      }
      out += "\t\t\t</input>\n";
    }
    if (!layer.outputs.empty()) {
      out += "\t\t\t<output>\n";
      for (size_t i = 0; i < layer.outputs.size(); ++i) append_port(out, layer.inputs.size() + i, layer.outputs[i]);
      out += "\t\t\t</output>\n";
    }
    out += "\t\t</layer>\n";
  }
  out += "\t</layers>\n\t<edges>\n";
  for (size_t number = 0; number < layers_.size(); ++number) {
    const std::vector<IrValue>& inputs = layers_[number].inputs;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const auto from = static_cast<size_t>(inputs[i].layer);
      out += "\t\t<edge from-layer=\"" + std::to_string(from) + "\" from-port=\"" + std::to_string(layers_[from].inputs.size() + static_cast<size_t>(inputs[i].port)) +
             "\" to-layer=\"" + std::to_string(number) + "\" to-port=\"" + std::to_string(i) + "\" />\n";
    }
  }
  out += "\t</edges>\n\t<rt_info>\n";
  for (const IrInfo& entry : info) append_info(out, entry, 2);
  return out + "\t</rt_info>\n</net>\n";
}

}  // namespace philo
