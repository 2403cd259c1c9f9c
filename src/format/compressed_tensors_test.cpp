// Matrices packed here are read back; whatever contradicts itself is refused by name.
#include "format/compressed_tensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>

#include "base/refusal.h"

namespace philo {
namespace {

constexpr int64_t rows = 11, columns = 96;

template <typename Number>
void keep(Weights& weights, const std::string& name, DType dtype, std::vector<int64_t> shape, std::vector<Number> numbers) {
  auto owned = std::make_shared<const std::vector<Number>>(std::move(numbers));
  weights.add({name, dtype, std::move(shape), std::as_bytes(std::span(*owned))}, "test");
  weights.keep(owned);
}

// One module "m" as the format's own packing has it, and the values that are meant.
struct Module {
  CodeFormat format;
  bool packs = true;  // 8 bits may also be plain bytes
  std::vector<uint8_t> codes = {};        // (rows, columns)
  std::vector<float> scales = {};         // (rows, groups)
  std::vector<uint8_t> zero_points = {};  // (rows, groups)

  int64_t groups() const { return groups_per_row(format, columns); }

  void fill() {
    std::mt19937 random(static_cast<unsigned>(format.bits + format.group_size));
    for (int64_t i = 0; i < rows * columns; ++i) codes.push_back(static_cast<uint8_t>(random() % (1u << format.bits)));
    for (int64_t i = 0; i < rows * groups(); ++i) {
      scales.push_back(f16_to_f32(static_cast<uint16_t>(0x2000 + random() % 0x1000)) * (random() % 2 == 0 ? -1.0f : 1.0f));
      zero_points.push_back(static_cast<uint8_t>(format.symmetric ? implied_zero_point(format.bits) : random() % (1u << format.bits)));
    }
  }

  void add_to(Weights& weights) const {
    const auto bits = static_cast<unsigned>(format.bits), per_word = 32 / bits;
    if (packs) {
      const int64_t words = (columns + per_word - 1) / per_word;
      std::vector<uint32_t> packed(static_cast<size_t>(rows * words));
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column)
          packed[static_cast<size_t>(row * words + column / per_word)] |= uint32_t{codes[static_cast<size_t>(row * columns + column)]} << column % per_word * bits;
      keep(weights, "m.weight_packed", DType::I32, {rows, words}, packed);
      keep(weights, "m.weight_shape", DType::I64, {2}, std::vector<int64_t>{rows, columns});
    } else {
      std::vector<uint8_t> bytes = codes;
      for (uint8_t& byte : bytes) byte ^= 0x80;
      keep(weights, "m.weight", DType::I8, {rows, columns}, bytes);
    }
    std::vector<uint16_t> halves;
    for (const float scale : scales) halves.push_back(f32_to_f16(scale));
    keep(weights, "m.weight_scale", DType::F16, {rows, groups()}, halves);
    if (format.symmetric) return;
    if (packs) {
      const int64_t words = (rows + per_word - 1) / per_word;
      std::vector<uint32_t> packed(static_cast<size_t>(words * groups()));
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t group = 0; group < groups(); ++group)
          packed[static_cast<size_t>(row / per_word * groups() + group)] |= uint32_t{zero_points[static_cast<size_t>(row * groups() + group)]} << row % per_word * bits;
      keep(weights, "m.weight_zero_point", DType::I32, {words, groups()}, packed);
    } else {
      std::vector<uint8_t> bytes = zero_points;
      for (uint8_t& byte : bytes) byte ^= 0x80;
      keep(weights, "m.weight_zero_point", DType::I8, {rows, groups()}, bytes);
    }
  }

  Json scheme() const {
    Json weights = {{"num_bits", format.bits}, {"type", "int"}, {"symmetric", format.symmetric}, {"strategy", format.group_size < 0 ? "channel" : "group"}};
    weights["group_size"] = format.group_size < 0 ? Json(nullptr) : Json(format.group_size);
    return {{"quant_method", "compressed-tensors"}, {"config_groups", {{"group_0", {{"targets", {"Linear"}}, {"weights", weights}}}}}};
  }
};

std::vector<std::string> gather(const Json& scheme, Weights& weights) {
  return gather_compressed_tensors(JsonObject(scheme, "config.json"), weights, "model.safetensors");
}

TEST(CompressedTensors, ReadsWhatWasPacked) {
  const Module modules[] = {{{4, 32, true}}, {{4, 32, false}}, {{4, -1, true}}, {{4, -1, false}},
                            {{8, -1, true}, false}, {{8, -1, false}, false}, {{8, 32, false}, true}, {{8, -1, true}, true}};
  for (Module module : modules) {
    SCOPED_TRACE(format_description(module.format) + (module.packs ? " packed" : ""));
    module.fill();
    Weights weights;
    module.add_to(weights);
    EXPECT_TRUE(gather(module.scheme(), weights).empty());
    EXPECT_TRUE(weights.tensors().empty());  // every part was used
    const CodedMatrix* matrix = weights.find_coded("m.weight");
    ASSERT_NE(matrix, nullptr);
    EXPECT_EQ(matrix->rows, rows);
    EXPECT_EQ(matrix->columns, columns);
    EXPECT_EQ(matrix->format, module.format);
    const auto groups = static_cast<size_t>(module.groups()), group = static_cast<size_t>(columns) / groups;
    for (size_t row = 0; row < static_cast<size_t>(rows); ++row) {
      std::vector<float> values(columns);
      matrix->read_row(static_cast<int64_t>(row), values);
      for (size_t column = 0; column < static_cast<size_t>(columns); ++column) {
        const size_t at = row * groups + column / group;
        ASSERT_EQ(values[column], static_cast<float>(module.codes[row * columns + column] - module.zero_points[at]) * module.scales[at]);
      }
    }
  }
}

// What the module is refused with after `lie`, at the latest where its rows are read.
std::string refusal_of(Module module, const std::function<void(Weights&, Json&)>& lie) {
  module.fill();
  Weights weights;
  module.add_to(weights);
  Json scheme = module.scheme();
  lie(weights, scheme);
  return refusal([&] {
    gather(scheme, weights);
    const CodedMatrix* matrix = weights.find_coded("m.weight");
    if (matrix == nullptr) return;
    std::vector<float> values(static_cast<size_t>(matrix->columns));
    for (int64_t row = 0; row < matrix->rows; ++row) matrix->read_row(row, values);
  });
}

template <typename Number>
std::function<void(Weights&, Json&)> instead(const std::string& name, DType dtype, std::vector<int64_t> shape, std::vector<Number> numbers) {
  return [=](Weights& weights, Json&) {
    weights.extract(name);
    keep(weights, name, dtype, shape, numbers);
  };
}

TEST(CompressedTensors, RefusesWhatContradictsItself) {
  const Module four{{4, 32, false}}, symmetric{{4, 32, true}}, eight{{8, -1, false}, false};
  const auto without = [](const std::string& name) { return [name](Weights& weights, Json&) { weights.extract(name); }; };
  const auto said = [](const char* key, const Json& value) {
    return [key, value](Weights&, Json& scheme) { scheme["config_groups"]["group_0"]["weights"][key] = value; };
  };
  const auto top = [](const char* key, const Json& value) { return [key, value](Weights&, Json& scheme) { scheme[key] = value; }; };
  std::vector<uint16_t> wild(static_cast<size_t>(rows) * 3, 0x3c00);
  wild[7] = 0x7c00;
  const struct {
    Module module;
    std::function<void(Weights&, Json&)> lie;
    const char* tensor;
    const char* message;
  } cases[] = {
      {four, without("m.weight_scale"), "m.weight_packed", "the scales are missing"},
      {four, without("m.weight_zero_point"), "m.weight_packed", "the zero points are missing"},
      {four, without("m.weight_shape"), "m.weight_packed", "m.weight_shape"},
      {four, without("m.weight_packed"), "m.weight_s", "has no codes beside it"},
      {four, instead("m.weight_scale", DType::F16, {rows, 2}, std::vector<uint16_t>(rows * 2)), "m.weight_scale", "(11, 2), expected (11, 3)"},
      {four, instead("m.weight_scale", DType::F16, {rows * 3}, std::vector<uint16_t>(rows * 3)), "m.weight_scale", "expected (11, 3)"},
      {four, instead("m.weight_scale", DType::I8, {rows, 3}, std::vector<int8_t>(rows * 3)), "m.weight_scale", "expected F32, F16 or BF16"},
      {four, instead("m.weight_scale", DType::F16, {rows, 3}, wild), "m.weight_scale", "no finite number in row 2, group 1"},
      {four, instead("m.weight_zero_point", DType::I32, {rows, 3}, std::vector<int32_t>(rows * 3)), "m.weight_zero_point", "expected (2, 3)"},
      {four, instead("m.weight_zero_point", DType::I8, {rows, 3}, std::vector<int8_t>(rows * 3)), "m.weight_zero_point", "expected I32"},
      {four, instead("m.weight_packed", DType::I32, {rows, 11}, std::vector<int32_t>(rows * 11)), "m.weight_packed", "expected (11, 12)"},
      {four, instead("m.weight_packed", DType::F32, {rows, 12}, std::vector<float>(rows * 12)), "m.weight_packed", "expected I32"},
      {four, instead("m.weight_shape", DType::I64, {2}, std::vector<int64_t>{rows, -1}), "m.weight_shape", "no matrix"},
      {four, instead("m.weight_shape", DType::I64, {2}, std::vector<int64_t>{rows, std::numeric_limits<int64_t>::max()}), "m.weight_shape", "no matrix"},
      {four, instead("m.weight_shape", DType::I32, {2}, std::vector<int32_t>{rows, columns}), "m.weight_shape", "two I64"},
      {four, said("group_size", 64), "m.weight_scale", "don't divide the 96 columns"},
      {four, said("group_size", 48), "m.weight_scale", "expected (11, 2)"},
      {four, said("num_bits", 8), "m.weight_packed", "expected (11, 24)"},
      {four, said("symmetric", true), "m.weight_zero_point", "symmetric weights have no zero points"},
      {symmetric, said("symmetric", false), "m.weight_packed", "the zero points are missing"},
      {four, said("num_bits", 3), "num_bits", "philo reads 4 and 8"},
      {four, said("type", "float"), "type", "philo reads \"int\""},
      {four, said("strategy", "tensor"), "strategy", "expected \"group\" or \"channel\""},
      {four, said("actorder", "group"), "actorder", "does not read"},
      {four, [](Weights& weights, Json&) { keep(weights, "m.weight_g_idx", DType::I32, {columns}, std::vector<int32_t>(columns)); }, "m.weight_g_idx", "act-order"},
      {four, top("config_groups", nullptr), "config_groups", "is missing"},
      {four, top("sparsity_config", {{"format", "sparse-bitmask"}}), "sparsity_config", "does not compute"},
      {four, [](Weights&, Json& scheme) { scheme["config_groups"]["group_0"]["targets"] = {"other"}; }, "m.weight", "none of config.json's"},
      {four, [](Weights&, Json& scheme) { scheme["config_groups"]["group_0"]["targets"] = {"re:("}; }, "re:(", "no regular expression"},
      {eight, without("m.weight_scale"), "m.weight", "the scales are missing"},
      {eight, said("num_bits", 4), "m.weight", "holds 8-bit codes"},
      {eight, instead("m.weight_zero_point", DType::I8, {rows, 2}, std::vector<int8_t>(rows * 2)), "m.weight_zero_point", "expected (11, 1)"},
  };
  for (const auto& [module, lie, tensor, message] : cases) {
    const std::string found = refusal_of(module, lie);
    EXPECT_TRUE(says(found, message));
    EXPECT_TRUE(says(found, tensor));
  }
}

TEST(CompressedTensors, FindsTheSchemeAsTheFormatDoes) {
  Module module{{4, 32, true}};
  module.fill();
  for (const char* target : {"m", "re:^m$", "re:.*", "Linear"}) {
    Weights weights;
    module.add_to(weights);
    Json scheme = module.scheme();
    scheme["config_groups"]["group_0"]["targets"] = {target};
    // A worse fit that says something else.
    scheme["config_groups"]["a"] = scheme["config_groups"]["group_0"];
    scheme["config_groups"]["a"]["weights"]["num_bits"] = 8;
    scheme["config_groups"]["a"]["targets"] = {std::string(target) == "m" ? "re:m" : std::string(target) == "Linear" ? "Embedding" : "Linear"};
    EXPECT_NO_THROW(gather(scheme, weights)) << target;
    EXPECT_NE(weights.find_coded("m.weight"), nullptr) << target;
  }
}

TEST(CompressedTensors, SaysWhereNothingIsQuantized) {
  Weights weights;
  EXPECT_EQ(gather(Module{{4, 32, true}}.scheme(), weights).size(), 1u);
}

}  // namespace
}  // namespace philo
