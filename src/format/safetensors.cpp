// Reading and writing of safetensors files; refuses what the reference implementation refuses.
#include "format/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <tuple>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace philo {
namespace {

constexpr size_t length_bytes = 8;                   // the header's length, little-endian
constexpr uint64_t most_header_bytes = 100'000'000;  // the format's own limit
constexpr size_t data_alignment = 64;

uint64_t read_u64(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value |= std::to_integer<uint64_t>(bytes[i]) << (8 * i);
  return value;
}

// The JSON text between the length and the data.
std::string_view header_text(std::span<const std::byte> bytes, const std::string& file) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("version https://git-lfs")) {
    throw input_error(file, "is a Git LFS pointer, not the weights; fetch them with `git lfs pull`");
  }
  if (bytes.size() < length_bytes) {
    throw input_error(file, "is " + std::to_string(bytes.size()) +
                                " bytes, too short for a safetensors file; it is cut off or of another kind");
  }
  const uint64_t length = read_u64(bytes);
  if (length > most_header_bytes) {
    throw input_error_at(file, 0, "the header's length is " + std::to_string(length) + ", more than the format's limit of " +
                                      std::to_string(most_header_bytes) + "; this is no safetensors file or it is damaged");
  }
  if (length > bytes.size() - length_bytes) {
    throw input_error_at(file, 0, "the header's length is " + std::to_string(length) + ", but only " +
                                      std::to_string(bytes.size() - length_bytes) + " bytes follow; the file is cut off");
  }
  const std::string_view header = text.substr(length_bytes, length);
  if (header.empty() || header[0] != '{') {
    throw input_error_at(file, length_bytes, "the header should be a JSON object that starts with \"{\"");
  }
  return header;
}

uint64_t unsigned_number(const Json& value, const std::string& file, const std::string& what) {
  if (!value.is_number_unsigned()) {
    throw input_error(file, what + " should be a whole number from 0, found " + shown(value.dump()));
  }
  return value.get<uint64_t>();
}

std::vector<int64_t> read_shape(const Json& value, const std::string& file, const std::string& what) {
  if (!value.is_array()) throw input_error(file, what + ": \"shape\" should be a list, found " + shown(value.dump()));
  std::vector<int64_t> shape;
  shape.reserve(value.size());
  for (const Json& size : value) {
    const uint64_t number = unsigned_number(size, file, what + ": an entry of \"shape\"");
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      throw input_error(file, what + ": \"shape\" has the absurd entry " + std::to_string(number));
    }
    shape.push_back(static_cast<int64_t>(number));
  }
  return shape;
}

// elements * dtype_bytes, or nullopt where a product does not fit into 64 bits.
std::optional<uint64_t> tensor_bytes(std::span<const int64_t> shape, DType dtype) {
  uint64_t product = dtype_bytes(dtype);
  for (const int64_t size : shape) {
    const auto factor = static_cast<uint64_t>(size);
    if (factor != 0 && product > std::numeric_limits<uint64_t>::max() / factor) return {};
    product *= factor;
  }
  return product;
}

struct Entry {
  Tensor tensor;
  uint64_t begin, end;  // within the data
};

Entry read_entry(const std::string& name, const Json& value, const std::string& file) {
  const std::string what = "tensor " + shown(name);
  if (!value.is_object()) throw input_error(file, what + " should be a JSON object, found " + shown(value.dump()));
  for (const char* key : {"dtype", "shape", "data_offsets"}) {
    if (!value.contains(key)) throw input_error(file, what + " has no " + shown(key));
  }
  const Json& type = value["dtype"];
  const std::optional<DType> dtype = type.is_string() ? dtype_from_name(type.get_ref<const std::string&>()) : std::nullopt;
  if (!dtype) throw input_error(file, what + " has the type " + shown(type.dump()) + ", which this version does not know");

  Entry entry{{name, *dtype, read_shape(value["shape"], file, what), {}}, 0, 0};
  const Json& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2) {
    throw input_error(file, what + ": \"data_offsets\" should be two numbers, found " + shown(offsets.dump()));
  }
  entry.begin = unsigned_number(offsets[0], file, what + ": an entry of \"data_offsets\"");
  entry.end = unsigned_number(offsets[1], file, what + ": an entry of \"data_offsets\"");
  if (entry.begin > entry.end) {
    throw input_error(file, what + ": \"data_offsets\" end at " + std::to_string(entry.end) + ", before their begin at " +
                                std::to_string(entry.begin));
  }
  const std::optional<uint64_t> expected = tensor_bytes(entry.tensor.shape, *dtype);
  if (!expected) {
    throw input_error(file, what + ": \"shape\" " + shape_text(entry.tensor.shape) + " has more elements than 64 bits can count");
  }
  if (entry.end - entry.begin != *expected) {
    throw input_error(file, what + ": \"data_offsets\" span " + std::to_string(entry.end - entry.begin) + " bytes, but " +
                                std::string(dtype_name(*dtype)) + " " + shape_text(entry.tensor.shape) + " takes " +
                                std::to_string(*expected));
  }
  return entry;
}

void check_metadata(const Json& metadata, const std::string& file) {
  if (!metadata.is_object()) {
    throw input_error(file, "\"__metadata__\" should be a JSON object, found " + shown(metadata.dump()));
  }
  for (const auto& [key, value] : metadata.items()) {
    if (value.is_string()) continue;
    throw input_error(file, "\"__metadata__\": " + shown(key) + " should be a string, found " + shown(value.dump()));
  }
}

// The format allows neither gaps nor overlaps nor bytes behind the last tensor.
void check_coverage(std::vector<Entry>& entries, uint64_t data_start, uint64_t data_size, const std::string& file) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.tensor.name) < std::tie(b.begin, b.end, b.tensor.name);
  });
  uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at) {
      const char* fault = entry.begin < at ? "overlaps the tensor before it" : "leaves a gap after the tensor before it";
      throw input_error_at(file, data_start + std::min(entry.begin, data_size),
                           "tensor " + shown(entry.tensor.name) + " " + fault + ": it begins at " + std::to_string(entry.begin) +
                               " of the data, expected " + std::to_string(at));
    }
    if (entry.end > data_size) {
      throw input_error_at(file, data_start + data_size,
                           "the file ends within tensor " + shown(entry.tensor.name) + ", which goes to " +
                               std::to_string(entry.end) + " of the data where only " + std::to_string(data_size) +
                               " bytes are; the file is cut off, fetch it again");
    }
    at = entry.end;
  }
  if (at != data_size) {
    throw input_error_at(file, data_start + at,
                         std::to_string(data_size - at) + " bytes follow that belong to no tensor; the file is damaged");
  }
}

std::string json_text(const Json& value, const std::string& path) {
  try {
    return value.dump();
  } catch (const Json::type_error&) {
    throw Error(ErrorCode::Failed, path + ": names and metadata of tensors should be UTF-8");
  }
}

// All that lies before the first tensor's data: the header and its length.
std::string file_start(const std::string& path, std::span<const TensorEntry> tensors, const std::map<std::string, std::string>& metadata) {
  std::string header = "{";
  if (!metadata.empty()) header += "\"__metadata__\":" + json_text(Json(metadata), path) + ",";
  std::set<std::string_view> seen = {"__metadata__"};
  uint64_t at = 0;
  for (const TensorEntry& tensor : tensors) {
    if (!seen.insert(tensor.name).second) {
      throw Error(ErrorCode::Failed, path + ": can't write a second tensor named " + shown(tensor.name));
    }
    const uint64_t end = at + entry_bytes(tensor);
    header += json_text(Json(tensor.name), path) + ":{\"dtype\":\"" + std::string(dtype_name(tensor.dtype)) +
              "\",\"shape\":" + json_text(Json(tensor.shape), path) + ",\"data_offsets\":[" + std::to_string(at) + "," +
              std::to_string(end) + "]},";
    at = end;
  }
  if (header.size() > 1) header.pop_back();
  header += '}';
  const size_t start = (length_bytes + header.size() + data_alignment - 1) / data_alignment * data_alignment;
  header.resize(start - length_bytes, ' ');
  if (header.size() > most_header_bytes) {
    throw Error(ErrorCode::Failed, path + ": the tensors' names take more room than the format allows");
  }
  std::string length;
  for (size_t i = 0; i < length_bytes; ++i) length += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  return length + header;
}

}  // namespace

std::vector<Tensor> parse_safetensors(std::span<const std::byte> file_bytes, const std::string& file) {
  const std::string_view header = header_text(file_bytes, file);
  const Json json = parse_json(header, file + ": header (from byte 8)", {.bytes = most_header_bytes, .depth = 8});
  const std::span<const std::byte> data = file_bytes.subspan(length_bytes + header.size());

  std::vector<Entry> entries;
  entries.reserve(json.size());
  for (const auto& [name, value] : json.items()) {
    if (name == "__metadata__") {
      check_metadata(value, file);
    } else {
      entries.push_back(read_entry(name, value, file));
    }
  }
  check_coverage(entries, length_bytes + header.size(), data.size(), file);

  std::vector<Tensor> tensors;
  tensors.reserve(entries.size());
  for (Entry& entry : entries) {
    entry.tensor.bytes = data.subspan(entry.begin, entry.end - entry.begin);
    tensors.push_back(std::move(entry.tensor));
  }
  return tensors;
}

void read_safetensors(const std::string& path, Weights& weights) {
  const std::shared_ptr<const MappedFile> file = MappedFile::open(path);
  for (Tensor& tensor : parse_safetensors(file->bytes(), path)) {
    tensor.file = file.get();
    weights.add(std::move(tensor), path);
  }
  weights.keep(file);
}

uint64_t entry_bytes(const TensorEntry& entry) {
  const std::optional<uint64_t> bytes = tensor_bytes(entry.shape, entry.dtype);
  if (!bytes) throw Error(ErrorCode::Failed, "tensor " + shown(entry.name) + " " + shape_text(entry.shape) + " has more bytes than 64 bits can count");
  return *bytes;
}

void write_safetensors(const std::string& path, std::span<const Tensor> tensors, const std::map<std::string, std::string>& metadata) {
  std::vector<TensorEntry> entries;
  for (const Tensor& tensor : tensors) {
    if (tensor_bytes(tensor.shape, tensor.dtype) != tensor.bytes.size()) {
      throw Error(ErrorCode::Failed, path + ": tensor " + shown(tensor.name) + " has " + std::to_string(tensor.bytes.size()) +
                                         " bytes, not those of " + shape_text(tensor.shape));
    }
    entries.push_back({tensor.name, tensor.dtype, tensor.shape});
  }
  const std::string start = file_start(path, entries, metadata);
  OutputFile out(path);
  out.write(start);
  for (const Tensor& tensor : tensors) out.write(tensor.bytes);
  out.commit();
}

SafetensorsWriter::SafetensorsWriter(OutputFile& file, std::span<const TensorEntry> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(file) {
  const std::string start = file_start(file.path(), tensors, metadata);
  begins_.push_back(start.size());
  for (const TensorEntry& tensor : tensors) begins_.push_back(begins_.back() + entry_bytes(tensor));
  file_.write(start);
  file_.flush();
}

void SafetensorsWriter::write(size_t index, uint64_t offset, std::span<const std::byte> bytes) {
  const uint64_t begin = begins_.at(index) + offset;
  if (begin + bytes.size() > begins_.at(index + 1)) {
    throw Error(ErrorCode::Failed, file_.path() + ": bytes beyond the end of tensor number " + std::to_string(index));
  }
  file_.write_at(begin, bytes);
  written_ += bytes.size();
}

void SafetensorsWriter::finish() {
  if (const uint64_t expected = begins_.back() - begins_.front(); written_ != expected) {
    throw Error(ErrorCode::Failed, file_.path() + ": " + std::to_string(written_) + " bytes were written, expected " + std::to_string(expected));
  }
  file_.sync();
}

}  // namespace philo
