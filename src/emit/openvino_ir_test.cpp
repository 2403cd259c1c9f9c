// The graph's text and the bytes of its constants, for a plan of a few numbers.
#include "emit/openvino_ir.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <regex>
#include <set>

#include "base/refusal.h"
#include "fake/plan.h"
#include "model/segment_rows.h"

namespace philo {
namespace {

using fake::in_format, fake::small_config, fake::small_plan;

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

std::vector<std::byte> filled(const OpenvinoIr& ir, int64_t step) {
  std::vector<std::byte> weights(ir.weights_bytes);
  for (const IrMatrix& matrix : ir.matrices) {
    for (int64_t row = 0; row < matrix.segment.rows; row += step) fill_rows(matrix, row, std::min(row + step, matrix.segment.rows), weights);
  }
  fill_literals(ir, weights);
  return weights;
}

TEST(OpenvinoIr, HasOptimumsInputsOutputAndVariables) {
  const std::string xml = emit_openvino_ir(small_plan(small_config(), DType::BF16)).xml;
  for (const char* name : {"input_ids", "attention_mask", "position_ids", "beam_idx"}) {
    EXPECT_EQ(count(xml, "name=\"" + std::string(name) + "\" type=\"Parameter\""), 1u) << name;
  }
  EXPECT_EQ(count(xml, "type=\"Parameter\""), 4u);
  EXPECT_EQ(count(xml, "names=\"logits\""), 1u);
  for (int layer = 0; layer < 2; ++layer) {
    for (const char* kind : {"key", "value"}) {
      const std::string number = std::to_string(layer);
      const std::string name = "variable_id=\"past_key_values." + number + "." + kind + "present." + number + "." + kind + "\"";
      EXPECT_EQ(count(xml, name), 2u) << name;  // read and assigned
    }
  }
  EXPECT_EQ(count(xml, "variable_shape=\"?,2,?,16\""), 4u);
  EXPECT_EQ(count(xml, "type=\"ScaledDotProductAttention\""), 2u);
  EXPECT_EQ(count(xml, "type=\"Greater\""), 1u);  // the window
}

TEST(OpenvinoIr, VariantsAddInputs) {
  ModelConfig config = small_config();
  config.long_rope = LongRope{std::vector<float>(6, 1.0f), std::vector<float>(6, 2.0f), 1.2f, 64};
  const Plan plan = small_plan(config, DType::F32);
  EXPECT_EQ(count(emit_openvino_ir(plan).xml, "type=\"ReduceMax\""), 1u);
  IrVariant variant;
  variant.factors = IrFactors::Input;
  variant.chosen_rows = true;
  const std::string xml = emit_openvino_ir(plan, variant).xml;
  EXPECT_EQ(count(xml, "type=\"ReduceMax\""), 0u);
  EXPECT_EQ(count(xml, "name=\"long_factors\" type=\"Parameter\""), 1u);
  EXPECT_EQ(count(xml, "name=\"logit_rows\" type=\"Parameter\""), 1u);
  variant.factors = IrFactors::Long;
  EXPECT_EQ(count(emit_openvino_ir(plan, variant).xml, "name=\"long_factors\""), 0u);
}

TEST(OpenvinoIr, ConstantsLieInTheWeightsWithoutOverlap) {
  for (const MatrixFormat& format : {MatrixFormat(DType::F32), MatrixFormat(DType::F16), MatrixFormat(CodeFormat{8, -1, false}),
                                     MatrixFormat(CodeFormat{4, 32, true}), MatrixFormat(CodeFormat{4, -1, false})}) {
    const OpenvinoIr ir = emit_openvino_ir(in_format(small_plan(small_config(), DType::BF16), format));
    std::set<std::pair<uint64_t, uint64_t>> parts;
    const std::regex constant("offset=\"([0-9]+)\" size=\"([0-9]+)\"");
    for (std::sregex_iterator one(ir.xml.begin(), ir.xml.end(), constant), end; one != end; ++one) parts.emplace(std::stoull((*one)[1]), std::stoull((*one)[2]));
    uint64_t behind = 0;
    for (const auto& [offset, bytes] : parts) {
      if (offset >= ir.literals_offset) break;  // literals of the same bytes share them
      EXPECT_GE(offset, behind);
      EXPECT_EQ(offset % 64, 0u);
      behind = offset + bytes;
    }
    EXPECT_LE(behind, ir.literals_offset);
    EXPECT_LE(parts.rbegin()->first + parts.rbegin()->second, ir.weights_bytes);
  }
}

TEST(OpenvinoIr, CodesScalesAndZeroPointsAreTheRowReaders) {
  for (const CodeFormat codes : {CodeFormat{4, 32, true}, CodeFormat{4, 32, false}, CodeFormat{4, -1, false}, CodeFormat{8, -1, true}, CodeFormat{8, -1, false}}) {
    const OpenvinoIr ir = emit_openvino_ir(in_format(small_plan(small_config(), DType::F16), codes));
    const std::vector<std::byte> weights = filled(ir, 2);
    EXPECT_EQ(weights, filled(ir, 1000));
    for (const IrMatrix& matrix : ir.matrices) {
      if (!std::holds_alternative<CodeFormat>(matrix.segment.format)) continue;
      RowReader reader(matrix.segment);
      const auto columns = static_cast<size_t>(columns_of(matrix.segment));
      const size_t groups = codes.group_size > 0 ? columns / 32 : 1;
      for (size_t row = 0; row < static_cast<size_t>(matrix.segment.rows); ++row) {
        const CodedRow& expected = reader.read_codes(static_cast<int64_t>(row));
        const auto number = [&](uint64_t offset, size_t index) {
          const int byte = std::to_integer<int>(weights[offset + (codes.bits == 4 ? index / 2 : index)]);
          return codes.bits == 8 ? byte : index % 2 == 0 ? byte & 15 : byte >> 4;
        };
        for (size_t i = 0; i < columns; ++i) {
          const int code = codes.bits == 8 ? expected.codes[i] : i % 2 == 0 ? expected.codes[i / 2] & 15 : expected.codes[i / 2] >> 4;
          ASSERT_EQ(number(matrix.numbers, row * columns + i), codes.symmetric ? code ^ implied_zero_point(codes.bits) : code);
        }
        for (size_t group = 0; group < groups; ++group) {
          uint16_t scale;
          std::memcpy(&scale, weights.data() + *matrix.scale + 2 * (row * groups + group), 2);
          ASSERT_EQ(f16_to_f32(scale), expected.scales[group]);
          ASSERT_EQ(matrix.zero_point.has_value(), !codes.symmetric);
          if (matrix.zero_point) {
            ASSERT_EQ(number(*matrix.zero_point, row * groups + group), expected.zero_points[group]);
          }
        }
      }
    }
  }
}

TEST(OpenvinoIr, TiedHeadSharesTheEmbedding) {
  ModelConfig config = small_config();
  config.tied = true;
  const OpenvinoIr ir = emit_openvino_ir(in_format(small_plan(config, DType::F16), CodeFormat{8, -1, false}));
  EXPECT_EQ(count(ir.xml, "name=\"self.model.embed_tokens.weight\""), 1u);
  EXPECT_EQ(count(ir.xml, "lm_head"), 0u);
}

TEST(OpenvinoIr, SaysHowWeightsAreCompressed) {
  const Plan plan = small_plan(small_config(), DType::F16);
  const auto format_of = [](const Segment& segment) -> MatrixFormat {
    if (segment.name().find("_proj") != std::string::npos) return CodeFormat{4, 32, true};
    return segment.rows > 1 ? MatrixFormat(CodeFormat{8, -1, false}) : MatrixFormat(DType::F16);
  };
  IrVariant variant;
  variant.format_of = format_of;
  variant.ratio = 0.6;
  const std::string xml = emit_openvino_ir(plan, variant).xml;
  for (const char* entry : {"<mode value=\"int4_sym\" />", "<group_size value=\"32\" />", "<ratio value=\"0.6\" />", "<backup_mode value=\"int8_asym\" />"}) {
    EXPECT_EQ(count(xml, entry), 1u) << entry;
  }
  EXPECT_EQ(count(emit_openvino_ir(plan).xml, "nncf"), 0u);
}

TEST(OpenvinoIr, RefusesGroupsThatDoNotDivide) {
  const Plan plan = in_format(small_plan(small_config(), DType::F16), CodeFormat{4, 128, true});
  EXPECT_TRUE(says(refusal([&] { emit_openvino_ir(plan); }), "64 columns"));
}

}  // namespace
}  // namespace philo
