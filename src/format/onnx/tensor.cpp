// Reads shape and type, finds the bytes, and holds their number to what shape and type take.
#include "format/onnx/tensor.h"

#include <array>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

namespace philo {
namespace {

struct TypeSize {
  const char* name;
  int bits;
};
// By DataType's numbers.
constexpr std::array<TypeSize, 27> types = {{{"UNDEFINED", 0}, {"FLOAT", 32}, {"UINT8", 8}, {"INT8", 8}, {"UINT16", 16}, {"INT16", 16}, {"INT32", 32}, {"INT64", 64}, {"STRING", 0},
                                             {"BOOL", 8}, {"FLOAT16", 16}, {"DOUBLE", 64}, {"UINT32", 32}, {"UINT64", 64}, {"COMPLEX64", 64}, {"COMPLEX128", 128}, {"BFLOAT16", 16},
                                             {"FLOAT8E4M3FN", 8}, {"FLOAT8E4M3FNUZ", 8}, {"FLOAT8E5M2", 8}, {"FLOAT8E5M2FNUZ", 8}, {"UINT4", 4}, {"INT4", 4}, {"FLOAT4E2M1", 4},
                                             {"FLOAT8E8M0", 8}, {"UINT2", 2}, {"INT2", 2}}};

constexpr size_t most_dimensions = 8, most_listed = size_t{1} << 26;

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

class Reader {
 public:
  Reader(Message<onnx::Tensor>& message, const OnnxTensorSource& source, std::vector<std::shared_ptr<const std::vector<std::byte>>>& owned)
      : message_(message), source_(source), owned_(owned) {}

  OnnxConstant read() {
    while (message_.next()) read_field();
    if (onnx_element_bits(out_.type) == 0) throw wrong("has the type " + onnx_type_name(out_.type) + ", which philo does not read");
    const uint64_t wanted = wanted_bytes();
    if (external_ || !place_.location.empty()) {
      take_external(wanted);
    } else if (has_raw_) {
      out_.bytes = {reinterpret_cast<const std::byte*>(raw_.data()), raw_.size()};
      out_.file = source_.mapped;
    } else {
      take_listed();
    }
    if (out_.bytes.size() != wanted)
      throw wrong("has " + std::to_string(out_.bytes.size()) + " bytes, but " + onnx_type_name(out_.type) + " of the shape " + shape() + " takes " + std::to_string(wanted));
    return std::move(out_);
  }

 private:
  Error wrong(const std::string& what) const { return input_error(*message_.file().name, "the constant " + shown(out_.name) + " " + what); }

  std::string shape() const {
    std::string text = "(";
    for (const int64_t size : out_.shape) text += (text.size() == 1 ? "" : ", ") + std::to_string(size);
    return text + ")";
  }

  void read_field() {
    switch (message_.field()) {
      case onnx::Tensor::Dims: message_.add_integers(out_.shape, most_dimensions); return;
      case onnx::Tensor::DataType: {
        const int64_t type = message_.integer();
        if (type < 0 || type >= static_cast<int64_t>(types.size())) throw wrong("has the type " + std::to_string(type) + ", which philo does not know");
        out_.type = static_cast<onnx::DataType>(type);
        return;
      }
      case onnx::Tensor::Name: out_.name = message_.text(); return;
      case onnx::Tensor::RawData:
        raw_ = message_.bytes();
        has_raw_ = true;
        return;
      case onnx::Tensor::FloatData: message_.add_reals(reals_, most_listed); return;
      case onnx::Tensor::Int32Data:
      case onnx::Tensor::Int64Data:
      case onnx::Tensor::Uint64Data: message_.add_integers(integers_, most_listed); return;
      case onnx::Tensor::DataLocation: external_ = message_.integer() == static_cast<int64_t>(onnx::DataLocation::External); return;
      case onnx::Tensor::ExternalData: read_entry(message_.message<onnx::StringStringEntry>()); return;
      default: message_.skip();
    }
  }

  void read_entry(Message<onnx::StringStringEntry> entry) {
    std::string key, value;
    while (entry.next()) {
      if (entry.field() == onnx::StringStringEntry::Key) key = entry.text();
      else if (entry.field() == onnx::StringStringEntry::Value) value = entry.text();
      else entry.skip();
    }
    if (key == "location") {
      place_.location = value;
    } else if (key == "offset" || key == "length") {
      const std::optional<uint64_t> found = number(value);
      if (!found) throw wrong("has the " + key + " " + shown(value) + ", expected a number from 0");
      (key == "offset" ? place_.offset : place_.length) = *found;
    }
  }

  uint64_t wanted_bytes() const {
    uint64_t elements = 1;
    for (const int64_t size : out_.shape)
      if (size < 0 || __builtin_mul_overflow(elements, static_cast<uint64_t>(size), &elements) || elements > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / 128)
        throw wrong("has the shape " + shape() + ", whose sizes are below 0 or whose product 64 bits can't hold");
    return (elements * static_cast<uint64_t>(onnx_element_bits(out_.type)) + 7) / 8;
  }

  void take_external(uint64_t wanted) {
    const OnnxExternal external = source_.open(place_.location);
    const uint64_t length = place_.length.value_or(wanted), offset = place_.offset.value_or(0), size = external.bytes.size();
    if (offset > size || length > size - offset)
      throw input_error(external.path, "is " + std::to_string(size) + " bytes long, but the constant " + shown(out_.name) + " of " + file_name(*message_.file().name) + " lies at " + std::to_string(offset) +
                                           " and takes " + std::to_string(length) + ": the file is cut off or belongs to another model; copy or export it again");
    source_.files.emplace(external.bytes.data(), size);
    out_.bytes = external.bytes.subspan(static_cast<size_t>(offset), static_cast<size_t>(length));
    out_.file = external.file;
  }

  // Each number in as many bytes as the type has; two nibbles come in one number.
  void take_listed() {
    auto bytes = std::make_shared<std::vector<std::byte>>();
    if (out_.type == onnx::DataType::Float) {
      bytes->resize(reals_.size() * sizeof(float));
      if (!reals_.empty()) std::memcpy(bytes->data(), reals_.data(), bytes->size());
    } else if (onnx_element_bits(out_.type) <= 64) {
      const size_t width = static_cast<size_t>(std::max(onnx_element_bits(out_.type), 8)) / 8;
      bytes->resize(integers_.size() * width);
      for (size_t i = 0; i < integers_.size(); ++i)
        for (size_t byte = 0; byte < width; ++byte) (*bytes)[i * width + byte] = static_cast<std::byte>(static_cast<uint64_t>(integers_[i]) >> (8 * byte));
    }
    out_.bytes = *bytes;
    owned_.push_back(std::move(bytes));
  }

  struct Place {
    std::string location;
    std::optional<uint64_t> offset, length;
  };
  Message<onnx::Tensor>& message_;
  const OnnxTensorSource& source_;
  std::vector<std::shared_ptr<const std::vector<std::byte>>>& owned_;
  OnnxConstant out_{{}, onnx::DataType::Undefined, {}, {}, nullptr};
  std::string_view raw_;
  bool has_raw_ = false, external_ = false;
  Place place_;
  std::vector<float> reals_;
  std::vector<int64_t> integers_;
};

}  // namespace

int64_t OnnxConstant::elements() const {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

int onnx_element_bits(onnx::DataType type) {
  const auto place = static_cast<size_t>(type);
  return place < types.size() ? types[place].bits : 0;
}

std::string onnx_type_name(onnx::DataType type) {
  const auto place = static_cast<size_t>(type);
  return place < types.size() ? types[place].name : std::to_string(place);
}

OnnxConstant read_onnx_tensor(Message<onnx::Tensor> message, const OnnxTensorSource& source, std::vector<std::shared_ptr<const std::vector<std::byte>>>& owned) {
  return Reader(message, source, owned).read();
}

}  // namespace philo
