// Codes, scales, zero points, errors and chosen layers against NNCF's, bit for bit: tests/data/quantize, made by
// tools/golden/quantize_goldens.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "base/json.h"
#include "convert/choose_int4.h"
#include "format/safetensors.h"
#include "tensor/quantize.h"

namespace philo::golden {
namespace {

const std::string folder = std::string(PHILO_SOURCE_DIR) + "/tests/data/quantize/";

const Weights& rows() {
  static const Weights weights = [] {
    Weights read;
    read_safetensors(folder + "rows.safetensors", read);
    return read;
  }();
  return weights;
}

const Tensor& tensor(const std::string& name) {
  const Tensor* found = rows().find(name);
  if (found == nullptr) throw Error(ErrorCode::Failed, "rows.safetensors lacks " + name);
  return *found;
}

// "F16.small" and the like.
std::vector<std::string> matrices() {
  std::vector<std::string> keys;
  for (const auto& [name, one] : rows().tensors()) {
    if (name.ends_with(".weights")) keys.push_back(name.substr(0, name.rfind('.')));
  }
  return keys;
}

struct Matrix {
  size_t rows, columns;
  std::vector<float> values;
  std::span<const float> row(size_t index) const { return std::span(values).subspan(index * columns, columns); }
};

Matrix matrix(const std::string& key) {
  const Tensor& stored = tensor(key + ".weights");
  Matrix made{static_cast<size_t>(stored.shape.at(0)), static_cast<size_t>(stored.shape.at(1)), {}};
  for (size_t i = 0; i < stored.elements(); ++i) made.values.push_back(element(stored, i));
  return made;
}

template <class Stored>
std::vector<Stored> numbers(const Tensor& from) {
  std::vector<Stored> out(from.elements());
  std::memcpy(out.data(), from.bytes.data(), from.bytes.size());
  return out;
}

TEST(QuantizeGolden, CodesScalesAndZeroPoints) {
  size_t compared = 0;
  for (const std::string& key : matrices()) {
    const Matrix in = matrix(key);
    for (const CodeFormat format : {CodeFormat{4, 32, true}, {4, 64, true}, {4, -1, true}, {4, 32, false}, {4, 64, false}, {4, -1, false},
                                    {8, -1, true}, {8, -1, false}}) {
      const std::string name = key + ".int" + std::to_string(format.bits) + "." + std::to_string(format.group_size) +
                               (format.symmetric ? ".sym" : ".asym");
      const auto codes = numbers<uint8_t>(tensor(name + ".codes"));
      const auto scales = numbers<uint16_t>(tensor(name + ".scales"));
      const auto zero_points = format.symmetric ? std::vector<uint8_t>() : numbers<uint8_t>(tensor(name + ".zero_points"));
      const size_t bytes = code_row_bytes(format.bits, static_cast<int64_t>(in.columns));
      const auto groups = static_cast<size_t>(groups_per_row(format, static_cast<int64_t>(in.columns)));
      ASSERT_EQ(codes.size(), in.rows * bytes);
      ASSERT_EQ(scales.size(), in.rows * groups);
      for (size_t row = 0; row < in.rows; ++row) {
        std::vector<uint8_t> made_codes(bytes), made_zero_points(format.symmetric ? 0 : groups);
        std::vector<uint16_t> made_scales(groups);
        quantize_row(in.row(row), format, made_codes, made_scales, made_zero_points);
        ASSERT_TRUE(std::equal(made_scales.begin(), made_scales.end(), scales.data() + row * groups)) << name << ", scales of row " << row;
        ASSERT_TRUE(format.symmetric || std::equal(made_zero_points.begin(), made_zero_points.end(), zero_points.data() + row * groups))
            << name << ", zero points of row " << row;
        ASSERT_TRUE(std::equal(made_codes.begin(), made_codes.end(), codes.data() + row * bytes)) << name << ", codes of row " << row;
        ++compared;
      }
    }
  }
  EXPECT_EQ(compared, size_t{8} * 3 * (44 + 80));
}

TEST(QuantizeGolden, LargestErrorOfEightBits) {
  for (const std::string& key : matrices()) {
    const Matrix in = matrix(key);
    float largest = 0;
    for (size_t row = 0; row < in.rows; ++row) largest = std::max(largest, int8_error(in.row(row), in.values.size()));
    EXPECT_EQ(std::bit_cast<uint32_t>(largest), std::bit_cast<uint32_t>(element(tensor(key + ".int8_error"), 0))) << key;
  }
}

TEST(QuantizeGolden, ChosenLayers) {
  const Json file = read_json_file(folder + "layers.json");
  size_t compared = 0;
  for (const Json& model : file.at("models")) {
    std::vector<ScoredLayer> layers;
    for (const Json& layer : model.at("layers")) {
      layers.push_back({layer.at("name"), layer.at("weights"), layer.at("score")});
    }
    for (const Json& choice : model.at("choices")) {
      std::set<std::string, std::less<>> expected;
      for (const Json& name : choice.at("int4")) expected.insert(name.get<std::string>());
      EXPECT_EQ(choose_int4(layers, choice.at("ratio")), expected) << model.at("stored") << " at " << choice.at("ratio");
      ++compared;
    }
  }
  EXPECT_EQ(compared, size_t{4} * 17);
}

}  // namespace
}  // namespace philo::golden
