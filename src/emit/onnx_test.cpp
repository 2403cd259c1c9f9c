// The graph's nodes and the bytes of its initializers, for a plan of a few numbers.
#include "emit/onnx.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <tuple>
#include <protozero/pbf_message.hpp>

#include "emit/onnx_graph.h"
#include "fake/plan.h"
#include "model/segment_rows.h"

namespace philo {
namespace {

using fake::in_format, fake::small_config, fake::small_plan;

// What a test looks at in a graph.
struct Read {
  std::map<std::string, int> operators;
  std::map<std::string, int> names;  // of inputs and outputs of the graph
  std::map<std::string, int64_t> offsets;  // of external data
  std::map<std::string, std::map<std::string, int64_t>> settings;  // of the first node of a type
};

std::string text_of(protozero::data_view view) { return {view.data(), view.size()}; }

void read_node(protozero::pbf_message<onnx::Node> node, Read& read) {
  std::string type;
  std::map<std::string, int64_t> settings;
  while (node.next()) {
    if (node.tag() == onnx::Node::OpType) {
      type = text_of(node.get_view());
    } else if (node.tag() == onnx::Node::Attribute) {
      protozero::pbf_message<onnx::Attribute> attribute = node.get_message();
      std::string name;
      while (attribute.next()) {
        if (attribute.tag() == onnx::Attribute::Name) name = text_of(attribute.get_view());
        else if (attribute.tag() == onnx::Attribute::I) settings[name] = attribute.get_int64();
        else attribute.skip();
      }
    } else {
      node.skip();
    }
  }
  if (read.operators[type]++ == 0) read.settings[type] = settings;
}

void read_tensor(protozero::pbf_message<onnx::Tensor> tensor, Read& read) {
  std::string name;
  while (tensor.next()) {
    if (tensor.tag() == onnx::Tensor::Name) {
      name = text_of(tensor.get_view());
    } else if (tensor.tag() == onnx::Tensor::ExternalData) {
      protozero::pbf_message<onnx::StringStringEntry> entry = tensor.get_message();
      std::string key, value;
      while (entry.next()) {
        std::string& part = entry.tag() == onnx::StringStringEntry::Key ? key : value;
        part = text_of(entry.get_view());
      }
      if (key == "location") EXPECT_EQ(value, "model.onnx.data");
      if (key == "offset") read.offsets[name] = std::stoll(value);
    } else {
      tensor.skip();
    }
  }
}

Read read_model(const std::string& bytes) {
  Read read;
  protozero::pbf_message<onnx::Model> model(bytes);
  while (model.next(onnx::Model::Graph)) {
    protozero::pbf_message<onnx::Graph> graph = model.get_message();
    while (graph.next()) {
      switch (graph.tag()) {
        case onnx::Graph::Node: read_node(graph.get_message(), read); break;
        case onnx::Graph::Initializer: read_tensor(graph.get_message(), read); break;
        case onnx::Graph::Input:
        case onnx::Graph::Output: {
          protozero::pbf_message<onnx::ValueInfo> info = graph.get_message();
          while (info.next(onnx::ValueInfo::Name)) ++read.names[text_of(info.get_view())];
          break;
        }
        default: graph.skip();
      }
    }
  }
  return read;
}

std::vector<std::byte> filled(const OnnxModel& model, int64_t step) {
  std::vector<std::byte> data(model.data_bytes);
  for (const OnnxMatrix& matrix : model.matrices) {
    for (int64_t row = 0; row < matrix.rows; row += step) fill_rows(matrix, row, std::min(row + step, matrix.rows), data);
  }
  std::memcpy(data.data() + model.tables_offset, model.tables.data(), model.tables.size());
  return data;
}

ModelConfig fitting_config() {  // heads that attention rotates itself
  ModelConfig config = small_config();
  config.head_size = 32;
  config.rotary_size = 16;
  return config;
}

ModelConfig long_config() {
  ModelConfig config = fitting_config();
  config.long_rope = LongRope{std::vector<float>(8, 1.0f), std::vector<float>(8, 2.0f), 1.2f, 64};
  return config;
}

int nibble(std::byte byte, int64_t column) { return std::to_integer<int>(column % 2 == 0 ? byte & std::byte{15} : byte >> 4); }

// A number of a row of codes, as RowReader has it.
int code(const CodeFormat& format, const CodedRow& row, int64_t column) {
  const auto index = static_cast<size_t>(column);
  return format.bits == 8 ? row.codes[index] : column % 2 == 0 ? row.codes[index / 2] & 15 : row.codes[index / 2] >> 4;
}

float scale_at(const OnnxMatrix& matrix, const std::vector<std::byte>& data, int64_t index) {
  float wide;
  uint16_t half;
  std::memcpy(&wide, data.data() + *matrix.scale + 4 * index, matrix.wide_scales ? 4 : 0);
  std::memcpy(&half, data.data() + *matrix.scale + 2 * index, 2);
  return matrix.wide_scales ? wide : f16_to_f32(half);
}

// Code, scale and zero point of an element, by the operators' own rules.
void expect_element(const OnnxMatrix& matrix, const std::vector<std::byte>& data, const CodedRow& expected, int64_t row, int64_t column) {
  const auto& format = std::get<CodeFormat>(matrix.segment.format);
  const int64_t columns = columns_of(matrix.segment), groups = groups_per_row(format, columns), group = format.group_size > 0 ? column / format.group_size : 0;
  int found, zero;
  int64_t scale;
  if (matrix.layout == OnnxLayout::Blocks) {
    const int64_t blocks = (columns + matrix.block - 1) / matrix.block, block = column / matrix.block, zero_bytes = (blocks * format.bits + 7) / 8;
    const std::byte* const codes = data.data() + matrix.numbers + row * blocks * matrix.block * format.bits / 8;
    found = format.bits == 8 ? std::to_integer<int>(codes[column]) : nibble(codes[column / 2], column);
    scale = row * blocks + block;
    zero = 1 << (format.bits - 1);
    if (matrix.zero_point) {
      const std::byte* const zeros = data.data() + *matrix.zero_point + row * zero_bytes;
      zero = format.bits == 8 ? std::to_integer<int>(zeros[block]) : nibble(zeros[block / 2], block);
    }
  } else {
    const bool turned = matrix.layout == OnnxLayout::Columns;
    found = std::to_integer<int>(data[matrix.numbers + static_cast<uint64_t>(turned ? column * matrix.rows + row : row * columns + column)]);
    scale = turned ? group * matrix.rows + row : row * groups + group;
    zero = std::to_integer<int>(data[*matrix.zero_point + static_cast<uint64_t>(scale)]);
  }
  ASSERT_EQ(found, code(format, expected, column)) << row << " " << column;
  ASSERT_EQ(scale_at(matrix, data, scale), expected.scales[static_cast<size_t>(group)]) << row << " " << column;
  ASSERT_EQ(zero, expected.zero_points[static_cast<size_t>(group)]) << row << " " << column;
}

TEST(Onnx, CodesScalesAndZeroPointsAreTheRowReaders) {
  const std::vector<CodeFormat> formats = {{4, 32, true}, {4, 16, false}, {4, 48, false}, {4, 24, false}, {4, -1, false}, {4, -1, true}, {8, -1, true}, {8, -1, false}, {8, 32, false}};
  for (const CodeFormat& format : formats) {
    for (const OnnxTarget target : {OnnxTarget::Cpu, OnnxTarget::Dml}) {
      OnnxVariant variant;
      variant.target = target;
      variant.half = target == OnnxTarget::Dml;
      const OnnxModel model = emit_onnx(in_format(small_plan(small_config(), DType::F16), format), variant);
      const std::vector<std::byte> data = filled(model, 7);
      EXPECT_EQ(data, filled(model, 1000));
      for (const OnnxMatrix& matrix : model.matrices) {
        if (!std::holds_alternative<CodeFormat>(matrix.segment.format)) continue;
        const bool embedding = matrix.segment.name().find("embed") != std::string::npos, blocks = matrix.layout == OnnxLayout::Blocks;
        EXPECT_EQ(blocks, !(format.bits == 8 && target == OnnxTarget::Dml) && format.group_size != 24) << matrix.segment.name();
        if (!embedding && !blocks) {
          EXPECT_EQ(matrix.layout, OnnxLayout::Columns);
        }
        RowReader reader(matrix.segment);
        for (int64_t row = 0; row < matrix.rows; ++row) {
          const CodedRow& expected = reader.read_codes(matrix.first_row + row);
          for (int64_t column = 0; column < columns_of(matrix.segment); ++column) ASSERT_NO_FATAL_FAILURE(expect_element(matrix, data, expected, row, column));
        }
      }
    }
  }
}

TEST(Onnx, FloatsAreTurnedForProductsAndNotForTables) {
  for (const DType dtype : {DType::F32, DType::F16, DType::BF16}) {
    const OnnxModel model = emit_onnx(small_plan(small_config(), dtype));
    const std::vector<std::byte> data = filled(model, 5);
    EXPECT_EQ(data, filled(model, 1000));
    for (const OnnxMatrix& matrix : model.matrices) {
      if (matrix.segment.values->shape.size() == 1) {
        EXPECT_EQ(matrix.segment.format, MatrixFormat(DType::F32));
        continue;
      }
      const auto columns = static_cast<size_t>(columns_of(matrix.segment)), bytes = dtype_bytes(dtype);
      for (size_t row = 0; row < static_cast<size_t>(matrix.rows); row += 3) {
        for (size_t column = 0; column < columns; column += 5) {
          const size_t index = matrix.layout == OnnxLayout::Columns ? column * static_cast<size_t>(matrix.rows) + row : row * columns + column;
          const std::byte* const expected = matrix.segment.values->bytes.data() + ((row + static_cast<size_t>(matrix.first_row)) * columns + column) * bytes;
          ASSERT_EQ(std::memcmp(data.data() + matrix.numbers + index * bytes, expected, bytes), 0);
        }
      }
    }
  }
}

// Rows of the checkpoint that a device may take from there are what fill_rows would write; otherwise there are none.
TEST(Onnx, StoredNumbersAreThoseThatAreFilled) {
  using Codes = CodedMatrix::Codes;
  std::vector<uint8_t> codes(4 * 64);
  std::iota(codes.begin(), codes.end(), uint8_t{0});
  const std::vector<float> scales(4 * 2, 0.5f);
  for (const auto& [bits, kind, same] : {std::tuple{4, Codes::Nibbles, true}, {4, Codes::Packed, true}, {4, Codes::SignedNibbles, false}, {8, Codes::Bytes, true}, {8, Codes::SignedBytes, false}}) {
    const size_t row = static_cast<size_t>(64 * bits / 8);
    CodedMatrix coded{"m", CodeFormat{bits, 32, true}, 4, 64, kind, CodedMatrix::ZeroPoints::None, {}, {}, {}};
    const auto width = static_cast<int64_t>(kind == Codes::Packed ? row / 4 : row);
    coded.codes = {"c", kind == Codes::Packed ? DType::I32 : DType::U8, {4, width}, std::as_bytes(std::span(codes)).first(4 * row)};
    coded.scales = {"s", DType::F32, {4, 2}, std::as_bytes(std::span(scales))};
    OnnxMatrix matrix{Segment{nullptr, &coded, 4, coded.format}, 1, 2, OnnxLayout::Blocks, 32, true, 0, 1024, {}};
    std::vector<std::byte> data(2048), without(2048);
    fill_rows(matrix, 0, 2, data);
    fill_rows(matrix, 0, 2, without, false);
    const std::span<const std::byte> stored = stored_numbers(matrix);
    EXPECT_EQ(!stored.empty(), same) << bits;
    EXPECT_TRUE(!same || std::ranges::equal(stored, std::span(data).first(2 * row)));
    EXPECT_TRUE(std::ranges::all_of(std::span(without).first(1024), [](std::byte byte) { return byte == std::byte{}; }));
    EXPECT_TRUE(std::ranges::equal(std::span(without).subspan(1024), std::span(data).subspan(1024)));
    matrix.layout = OnnxLayout::Columns;
    EXPECT_TRUE(stored_numbers(matrix).empty());
  }
}

TEST(Onnx, InitializersLieInTheDataWithoutOverlap) {
  for (const MatrixFormat& format : {MatrixFormat(DType::F32), MatrixFormat(CodeFormat{8, -1, false}), MatrixFormat(CodeFormat{4, 32, true})}) {
    const OnnxModel model = emit_onnx(in_format(small_plan(long_config(), DType::BF16), format));
    std::map<uint64_t, uint64_t> parts;
    for (const OnnxInitializer& one : model.initializers) parts[one.offset] = one.bytes;
    uint64_t behind = 0;
    for (const auto& [offset, bytes] : parts) {
      EXPECT_GE(offset, behind);
      EXPECT_EQ(offset % 64, 0u);
      behind = offset + bytes;
    }
    EXPECT_EQ(behind, model.data_bytes);
    const Read read = read_model(model.graph);
    EXPECT_EQ(read.offsets.size(), model.initializers.size());
    for (const OnnxInitializer& one : model.initializers) EXPECT_EQ(read.offsets.at(one.name), static_cast<int64_t>(one.offset)) << one.name;
  }
}

TEST(Onnx, LargeConstantsBeginAtPagesBeyondEveryLimit) {
  OnnxGraphWriter graph;
  graph.reserve(100);
  EXPECT_EQ(graph.reserve(10), 128u);
  EXPECT_EQ(graph.reserve(uint64_t{5} << 30), 65536u);
  const uint64_t offset = graph.reserve(1 << 20);
  EXPECT_GT(offset, uint64_t{5} << 30);
  EXPECT_EQ(offset % 65536, 0u);
  graph.constant("far", onnx::DataType::Uint8, {1 << 20}, offset);
  EXPECT_EQ(read_model(graph.model()).offsets.at("far"), static_cast<int64_t>(offset));
}

TEST(Onnx, HasTheBuildersOperators) {
  const Read read = read_model(emit_onnx(in_format(small_plan(fitting_config(), DType::F16), CodeFormat{4, 32, true})).graph);
  const std::map<std::string, int> expected = {{"MatMulNBits", 11}, {"GroupQueryAttention", 2}, {"SkipSimplifiedLayerNormalization", 4}, {"SimplifiedLayerNormalization", 1},
                                               {"Sigmoid", 2}, {"Mul", 4}, {"GatherBlockQuantized", 1}, {"ReduceSum", 1}, {"Sub", 1}, {"Shape", 1}, {"Gather", 1}, {"Cast", 2}};
  EXPECT_EQ(read.operators, expected);
  for (const char* name : {"input_ids", "attention_mask", "past_key_values.0.key", "past_key_values.1.value", "logits", "present.0.value", "present.1.key"}) {
    EXPECT_TRUE(read.names.contains(name)) << name;
  }
  EXPECT_EQ(read.names.size(), 2u + 4u + 1u + 4u);
  EXPECT_EQ(read.settings.at("GroupQueryAttention").at("local_window_size"), 20);
  EXPECT_EQ(read.settings.at("GroupQueryAttention").at("do_rotary"), 1);
  EXPECT_EQ(read.settings.at("MatMulNBits").at("accuracy_level"), 4);
  EXPECT_EQ(read.settings.at("MatMulNBits").at("block_size"), 32);
}

TEST(Onnx, TargetsTakeOtherOperators) {
  const Plan plan = in_format(small_plan(long_config(), DType::F16), CodeFormat{4, 32, true});
  OnnxVariant variant;
  const Read cpu = read_model(emit_onnx(plan, variant).graph);
  EXPECT_EQ(cpu.operators.count("If"), 0u);
  EXPECT_EQ(cpu.operators.count("RotaryEmbedding"), 0u);
  variant.half = true;
  variant.accuracy = 0;
  variant.target = OnnxTarget::Cuda;
  const Read cuda = read_model(emit_onnx(plan, variant).graph);
  EXPECT_EQ(cuda.operators.at("If"), 1);
  EXPECT_TRUE(cuda.offsets.contains("cos_cache_small"));
  EXPECT_EQ(cuda.settings.at("MatMulNBits").count("accuracy_level"), 0u);
  variant.target = OnnxTarget::Dml;
  const Read dml = read_model(emit_onnx(plan, variant).graph);
  EXPECT_EQ(dml.operators.count("If"), 0u);
  EXPECT_EQ(dml.operators.at("RotaryEmbedding"), 4);
  EXPECT_EQ(dml.operators.at("MatMulNBits"), 15);  // q, k and v apart
  EXPECT_TRUE(dml.names.contains("position_ids"));
  EXPECT_EQ(dml.settings.at("GroupQueryAttention").at("do_rotary"), 0);
}

TEST(Onnx, VariantsAddInputs) {
  const Plan plan = small_plan(long_config(), DType::F32);
  OnnxVariant variant;
  variant.factors = OnnxFactors::Input;
  variant.chosen_rows = true;
  const Read read = read_model(emit_onnx(plan, variant).graph);
  EXPECT_TRUE(read.names.contains("long_factors"));
  EXPECT_TRUE(read.names.contains("logit_rows"));
  variant.factors = OnnxFactors::Long;
  variant.context = 100;
  const OnnxModel fixed = emit_onnx(plan, variant);
  EXPECT_FALSE(read_model(fixed.graph).names.contains("long_factors"));
  EXPECT_EQ(fixed.tables.size(), 2u * 100 * 8 * sizeof(float));
  float cosine;
  std::memcpy(&cosine, fixed.tables.data() + 3 * 8 * sizeof(float), sizeof cosine);
  EXPECT_NEAR(cosine, 1.2f * std::cos(3 * 0.5f), 1e-6f);
}

TEST(Onnx, TiedHeadSharesTheEmbedding) {
  ModelConfig config = small_config();
  config.tied = true;
  for (const MatrixFormat& format : {MatrixFormat(CodeFormat{8, -1, false}), MatrixFormat(DType::F16)}) {
    const OnnxModel model = emit_onnx(in_format(small_plan(config, DType::F16), format));
    size_t tables = 0;
    for (const OnnxMatrix& matrix : model.matrices) tables += matrix.segment.name() == "model.embed_tokens.weight";
    EXPECT_EQ(tables, 1u);
  }
}

}  // namespace
}  // namespace philo
