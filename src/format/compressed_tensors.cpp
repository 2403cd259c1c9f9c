// Reads the scheme of each module and holds the tensors to it.
#include "format/compressed_tensors.h"

#include <algorithm>
#include <array>
#include <optional>
#include <regex>
#include <string_view>

#include "base/error.h"

namespace philo {
namespace {

// What one of "config_groups" says of the weights of its targets.
struct Scheme {
  std::string name;  // "group_0"
  std::vector<std::string> targets;
  CodeFormat format;
};

constexpr std::string_view packed_suffix = ".weight_packed", plain_suffix = ".weight";

Error wrong(const Tensor& tensor, const std::string& file, const std::string& what) {
  return input_error(tensor.file == nullptr ? file : tensor.file->path(), "tensor " + shown(tensor.name) + " " + what);
}

std::vector<std::string> texts(const JsonObject& object, const char* key) {
  std::vector<std::string> list;
  const Json* value = object.find(key);
  if (value == nullptr) return list;
  if (!value->is_array()) throw object.wrong(key, "expected a list of texts");
  for (const Json& entry : *value) {
    if (!entry.is_string()) throw object.wrong(key, "expected a list of texts, found " + shown(entry.dump()));
    list.push_back(entry.get<std::string>());
  }
  return list;
}

bool is_empty(const Json& value) { return (value.is_object() || value.is_array()) && value.empty(); }

CodeFormat read_format(const JsonObject& weights) {
  CodeFormat format{};
  if (const auto type = weights.text("type"); type.value_or("int") != "int")
    throw weights.wrong("type", "the weights are " + shown(*type) + "; philo reads \"int\"");
  format.bits = static_cast<int>(weights.integer_in("num_bits", 1, 64));
  if (format.bits != 4 && format.bits != 8)
    throw weights.wrong("num_bits", "weights of " + std::to_string(format.bits) + " bits; philo reads 4 and 8");
  format.symmetric = weights.boolean("symmetric").value_or(true);
  const std::string strategy = weights.text("strategy").value_or(weights.has("group_size") ? "group" : "channel");
  if (strategy == "group") {
    format.group_size = weights.integer_in("group_size", -1, 1 << 30);
    if (format.group_size == 0) throw weights.wrong("group_size", "a group of 0 columns");
  } else if (strategy == "channel") {
    format.group_size = -1;
  } else {
    throw weights.wrong("strategy", shown(strategy) + " is a strategy that philo does not read; expected \"group\" or \"channel\"");
  }
  const Json* order = weights.find("actorder");
  if (order != nullptr && *order != Json(false) && *order != Json("weight") && *order != Json("static"))
    throw weights.wrong("actorder", "columns are ordered by " + shown(order->dump()) + ", which this version does not read");
  return format;
}

std::vector<Scheme> read_schemes(const JsonObject& quantization) {
  const std::optional<JsonObject> groups = quantization.object("config_groups");
  if (!groups) throw quantization.wrong("config_groups", "is missing; it says how the weights are quantized");
  std::vector<Scheme> schemes;
  for (const auto& [name, value] : groups->value().items()) {
    const std::optional<JsonObject> group = groups->object(name.c_str());
    if (!group) throw groups->wrong(name.c_str(), "expected an object");
    const std::optional<JsonObject> weights = group->object("weights");
    if (!weights) continue;
    schemes.push_back({name, texts(*group, "targets"), read_format(*weights)});
  }
  return schemes;
}

// Whether `target` is a regular expression that matches the module's name from its start. The matcher that libstdc++ has for long
// alternatives takes polynomial time, so that a hostile pattern can't hang.
bool matches_pattern(const std::string& target, const std::string& module, const JsonObject& quantization) {
  constexpr std::string_view mark = "re:";
  constexpr size_t longest_pattern = 1000;
  if (!target.starts_with(mark)) return false;
  if (target.size() > longest_pattern) throw quantization.wrong("config_groups", "a target is longer than " + std::to_string(longest_pattern));
  try {
    const std::regex pattern(target.substr(mark.size()), std::regex::ECMAScript | std::regex_constants::__polynomial);
    return std::regex_search(module, pattern, std::regex_constants::match_continuous);
  } catch (const std::regex_error&) {
    throw quantization.wrong("config_groups", "the target " + shown(target) + " is no regular expression that philo reads");
  }
}

// As compressed-tensors resolves targets: a module's own name before patterns before its class.
const Scheme* scheme_of(const std::vector<Scheme>& schemes, const std::string& module, const JsonObject& quantization) {
  const bool embedding = module.ends_with("embed_tokens");
  for (const auto kind : {0, 1, 2})
    for (const Scheme& scheme : schemes)
      for (const std::string& target : scheme.targets) {
        if (kind == 0 && target == module) return &scheme;
        if (kind == 1 && matches_pattern(target, module, quantization)) return &scheme;
        if (kind == 2 && target == (embedding ? "Embedding" : "Linear")) return &scheme;
      }
  return nullptr;
}

void check_shape(const Tensor& tensor, std::array<int64_t, 2> shape, const std::string& file, const std::string& why) {
  if (tensor.shape.size() == 2 && tensor.shape[0] == shape[0] && tensor.shape[1] == shape[1]) return;
  throw wrong(tensor, file, "has the shape " + shape_text(tensor.shape) + ", expected " + shape_text(shape) + why);
}

int64_t word_count(int64_t values, int bits) { return (values * bits + 31) / 32; }

// The parts of one matrix, taken out of the named tensors.
class Gatherer {
 public:
  Gatherer(Weights& weights, const std::string& module, const Scheme& scheme, const std::string& file)
      : weights_(weights), module_(module), scheme_(scheme), file_(file) {}

  CodedMatrix gather() {
    CodedMatrix matrix{};
    matrix.name = module_ + std::string(plain_suffix);
    matrix.format = scheme_.format;
    const bool packed = weights_.find(module_ + std::string(packed_suffix)) != nullptr;
    matrix.codes_kind = packed ? CodedMatrix::Codes::Packed : CodedMatrix::Codes::SignedBytes;
    matrix.codes = *weights_.extract(module_ + std::string(packed ? packed_suffix : plain_suffix));
    if (packed) read_packed_shape(matrix);
    else read_plain_shape(matrix);
    if (matrix.format.group_size >= matrix.columns) matrix.format.group_size = -1;
    read_scales(matrix);
    read_zero_points(matrix);
    if (const Tensor* order = weights_.find(module_ + ".weight_g_idx"))
      throw wrong(*order, file_, "orders the columns by activations (act-order), which this version does not read");
    return matrix;
  }

 private:
  std::string agreement() const { return "; config.json's group " + shown(scheme_.name) + " says " + format_description(scheme_.format); }

  void check_matrix(const Tensor& tensor, DType dtype) const {
    if (tensor.dtype != dtype)
      throw wrong(tensor, file_, "is " + std::string(dtype_name(tensor.dtype)) + ", expected " + std::string(dtype_name(dtype)) + agreement());
    if (tensor.shape.size() != 2 || tensor.shape[0] < 1 || tensor.shape[1] < 1)
      throw wrong(tensor, file_, "has the shape " + shape_text(tensor.shape) + ", expected (rows, columns)");
  }

  void read_packed_shape(CodedMatrix& matrix) {
    check_matrix(matrix.codes, DType::I32);
    const std::optional<Tensor> shape = weights_.extract(module_ + ".weight_shape");
    if (!shape) throw wrong(matrix.codes, file_, "has no " + shown(module_ + ".weight_shape") + " beside it, which says how many columns are packed");
    if (shape->dtype != DType::I64 || shape->elements() != 2) throw wrong(*shape, file_, "should be two I64 numbers: rows and columns");
    const auto number = [&](size_t at) {
      uint64_t value = 0;
      for (size_t i = 0; i < 8; ++i) value |= std::to_integer<uint64_t>(shape->bytes[8 * at + i]) << (8 * i);
      return static_cast<int64_t>(value);
    };
    matrix.rows = number(0);
    matrix.columns = number(1);
    constexpr int64_t most = int64_t{1} << 40;
    if (matrix.rows < 1 || matrix.columns < 1 || matrix.rows > most || matrix.columns > most)
      throw wrong(*shape, file_, "says (" + std::to_string(matrix.rows) + ", " + std::to_string(matrix.columns) + "), which is no matrix");
    check_shape(matrix.codes, {matrix.rows, word_count(matrix.columns, matrix.format.bits)}, file_,
                " for the " + shape_text(std::array{matrix.rows, matrix.columns}) + " codes that " + shown(shape->name) + " says" + agreement());
  }

  void read_plain_shape(CodedMatrix& matrix) {
    check_matrix(matrix.codes, DType::I8);
    if (matrix.format.bits != 8) throw wrong(matrix.codes, file_, "holds 8-bit codes" + agreement());
    static_cast<void>(weights_.extract(module_ + ".weight_shape"));
    matrix.rows = matrix.codes.shape[0];
    matrix.columns = matrix.codes.shape[1];
  }

  void read_scales(CodedMatrix& matrix) {
    std::optional<Tensor> scales = weights_.extract(module_ + ".weight_scale");
    if (!scales) throw wrong(matrix.codes, file_, "has no " + shown(module_ + ".weight_scale") + " beside it: the scales are missing");
    if (scales->dtype != DType::F32 && scales->dtype != DType::F16 && scales->dtype != DType::BF16)
      throw wrong(*scales, file_, "is " + std::string(dtype_name(scales->dtype)) + ", expected F32, F16 or BF16");
    const CodeFormat& format = matrix.format;
    if (format.group_size > 0 && matrix.columns % format.group_size != 0)
      throw wrong(*scales, file_, "belongs to groups of " + std::to_string(format.group_size) + " columns, which don't divide the " +
                                      std::to_string(matrix.columns) + " columns of " + shown(matrix.name));
    if (scales->shape.size() == 1 && matrix.groups() == 1) scales->shape.push_back(1);
    check_shape(*scales, {matrix.rows, matrix.groups()}, file_, agreement());
    matrix.scales = std::move(*scales);
  }

  void read_zero_points(CodedMatrix& matrix) {
    std::optional<Tensor> zero_points = weights_.extract(module_ + ".weight_zero_point");
    if (matrix.format.symmetric) {
      if (zero_points) throw wrong(*zero_points, file_, "is there, but symmetric weights have no zero points" + agreement());
      return;
    }
    if (!zero_points) throw wrong(matrix.codes, file_, "has no " + shown(module_ + ".weight_zero_point") + " beside it: the zero points are missing" + agreement());
    if (zero_points->shape.size() == 1 && matrix.groups() == 1) zero_points->shape.push_back(1);
    if (zero_points->dtype == DType::I32) {
      matrix.zero_points_kind = CodedMatrix::ZeroPoints::PackedRows;
      check_shape(*zero_points, {word_count(matrix.rows, matrix.format.bits), matrix.groups()}, file_, agreement());
    } else if (zero_points->dtype == DType::I8 && matrix.format.bits == 8) {
      matrix.zero_points_kind = CodedMatrix::ZeroPoints::SignedBytes;
      check_shape(*zero_points, {matrix.rows, matrix.groups()}, file_, agreement());
    } else {
      throw wrong(*zero_points, file_, "is " + std::string(dtype_name(zero_points->dtype)) + ", expected I32 (packed)" +
                                           (matrix.format.bits == 8 ? " or I8" : ""));
    }
    matrix.zero_points = std::move(*zero_points);
  }

  Weights& weights_;
  const std::string& module_;
  const Scheme& scheme_;
  const std::string& file_;
};

void refuse_other_forms(const JsonObject& quantization) {
  for (const char* key : {"sparsity_config", "transform_config", "kv_cache_scheme"}) {
    const Json* value = quantization.find(key);
    if (value == nullptr || is_empty(*value)) continue;
    if (std::string_view(key) == "sparsity_config" && value->is_object() && value->value("format", "dense") == "dense") continue;
    throw quantization.wrong(key, "is set, which this version does not compute; use a checkpoint without it");
  }
}

}  // namespace

std::vector<std::string> gather_compressed_tensors(const JsonObject& quantization, Weights& weights, const std::string& file) {
  refuse_other_forms(quantization);
  const std::vector<Scheme> schemes = read_schemes(quantization);
  std::vector<std::string> modules;
  for (const auto& [name, tensor] : weights.tensors()) {
    if (name.ends_with(packed_suffix)) modules.push_back(name.substr(0, name.size() - packed_suffix.size()));
    else if (name.ends_with(plain_suffix) && tensor.dtype == DType::I8) modules.push_back(name.substr(0, name.size() - plain_suffix.size()));
  }
  for (const std::string& module : modules) {
    const Scheme* scheme = scheme_of(schemes, module, quantization);
    if (scheme == nullptr)
      throw input_error(file, "tensor " + shown(module + ".weight") + " is stored as integer codes, but none of config.json's " +
                                  "\"quantization_config\" groups is for it, so that nothing says how to read them");
    weights.add_coded(Gatherer(weights, module, *scheme, file).gather(), file);
  }
  // What is left of a matrix without its codes.
  for (const auto& [name, tensor] : weights.tensors())
    for (const std::string_view part : {".weight_scale", ".weight_zero_point", ".weight_shape", ".weight_g_idx"})
      if (name.ends_with(part))
        throw wrong(tensor, file, "has no codes beside it: " + shown(name.substr(0, name.size() - part.size()) + std::string(packed_suffix)) + " is missing");
  std::vector<std::string> notes;
  if (modules.empty()) notes.emplace_back("config.json says that the weights are quantized, but no tensor is");
  return notes;
}

}  // namespace philo
