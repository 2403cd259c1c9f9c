// Whole conversions of the tiny models: what is written is read back and held against the quantizer, row by row.
#include "convert/convert.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "base/refusal.h"
#include "base/temporary_folder.h"
#include "checkpoint/checkpoint.h"
#include "convert/assign_formats.h"
#include "convert/convert_tensor.h"
#include "convert/folder_config.h"
#include "convert/openvino_tokenizer.h"
#include "convert/weights_layout.h"
#include "convert/weights_writer.h"
#include "emit/openvino_ir.h"
#include "format/openvino_ir/network.h"

namespace philo {
namespace {

const std::string models = PHILO_SOURCE_DIR "/tests/data/models";

ConvertOptions options_of(NumberFormat weights, int64_t group_size = -1, bool symmetric = true) {
  ConvertOptions options;
  options.recipe.weights = weights;
  options.recipe.group_size = group_size;
  options.recipe.symmetric = symmetric;
  options.threads = 2;
  return options;
}

std::vector<float> row_of(const Segment& segment, int64_t row, int64_t columns) {
  std::vector<float> values(static_cast<size_t>(columns));
  if (segment.coded != nullptr) {
    segment.coded->read_row(row, values);
  } else {
    read_elements(*segment.values, static_cast<size_t>(row * columns), values);
  }
  return values;
}

// What a row becomes in a format.
std::vector<float> expected_row(const std::vector<float>& row, const MatrixFormat& format) {
  std::vector<float> out(row.size());
  if (const DType* dtype = std::get_if<DType>(&format)) {
    for (size_t i = 0; i < row.size(); ++i) out[i] = *dtype == DType::F16 ? f16_to_f32(f32_to_f16(row[i])) : row[i];
    return out;
  }
  const CodeFormat& codes = std::get<CodeFormat>(format);
  const auto columns = static_cast<int64_t>(row.size());
  const auto groups = static_cast<size_t>(groups_per_row(codes, columns));
  std::vector<uint8_t> bytes(code_row_bytes(codes.bits, columns)), zero_points(groups, static_cast<uint8_t>(implied_zero_point(codes.bits)));
  std::vector<uint16_t> halves(groups);
  quantize_row(row, codes, bytes, halves, codes.symmetric ? std::span<uint8_t>() : std::span(zero_points));
  std::vector<float> scales(groups);
  for (size_t i = 0; i < groups; ++i) scales[i] = f16_to_f32(halves[i]);
  decode_row(codes, bytes, scales, zero_points, out);
  return out;
}

Plan plan_of(const Checkpoint& checkpoint) { return plan_phi3(checkpoint.config, checkpoint.weights, checkpoint.weights_file); }

// Each matrix of the converted folder holds what the recipe makes of the source's.
void expect_converted(const std::string& source, const std::string& target, const Recipe& recipe) {
  const Checkpoint before = open_checkpoint(source), after = open_checkpoint(target);
  const Plan old_plan = plan_of(before), new_plan = plan_of(after);
  ThreadPool pool(1);
  std::map<const std::byte*, MatrixFormat> formats;
  for (const AssignedTensor& tensor : assign_formats(old_plan, recipe, pool)) formats[tensor.segment->place()] = tensor.format;
  ASSERT_EQ(old_plan.steps.size(), new_plan.steps.size());
  for (size_t i = 0; i < old_plan.steps.size(); ++i) {
    const Weight* old_weight = old_plan.steps[i].weight;
    const Weight* new_weight = new_plan.steps[i].weight;
    if (old_weight == nullptr) continue;
    ASSERT_EQ(old_weight->segments.size(), new_weight->segments.size());
    for (size_t k = 0; k < old_weight->segments.size(); ++k) {
      const Segment &from = old_weight->segments[k], &to = new_weight->segments[k];
      const MatrixFormat& format = formats.at(from.place());
      EXPECT_EQ(to.stored(), format) << old_weight->name;
      for (int64_t row = 0; row < from.rows; ++row) {
        ASSERT_EQ(row_of(to, row, old_weight->columns), expected_row(row_of(from, row, old_weight->columns), format))
            << old_weight->name << " row " << row;
      }
    }
  }
}

class Converting : public testing::Test {
 protected:
  std::string target(const std::string& name = "out") const { return folder_.path(name); }
  // A copy of a tiny model that can be spoiled.
  std::string copy(const std::string& name) const {
    std::filesystem::copy(join_path(models, name), folder_.path(name));
    return folder_.path(name);
  }
  TemporaryFolder folder_;
};

// The file's bytes against what the emitter itself puts in memory.
void expect_openvino_weights(const std::string& source, const std::string& target, const std::vector<AssignedTensor>& assigned, const Plan& plan) {
  std::map<const std::byte*, MatrixFormat> formats;
  for (const AssignedTensor& tensor : assigned) {
    const bool norm = tensor.role == TensorRole::Norm;
    formats[tensor.segment->place()] = tensor.format == MatrixFormat(DType::BF16) ? norm ? DType::F32 : DType::F16 : tensor.format;
  }
  IrVariant variant;
  variant.format_of = [&](const Segment& segment) { return formats.at(segment.place()); };
  const OpenvinoIr ir = emit_openvino_ir(plan, variant);
  std::vector<std::byte> weights(ir.weights_bytes);
  for (const IrMatrix& matrix : ir.matrices) fill_rows(matrix, 0, matrix.segment.rows, weights);
  fill_literals(ir, weights);
  const std::string written = read_text_file(join_path(target, "openvino_model.bin"));
  EXPECT_TRUE(std::ranges::equal(weights, std::as_bytes(std::span(written)))) << source;
}

TEST_F(Converting, WritesOpenvinosWeightsAsTheEmitterFillsThem) {
  int number = 0;
  for (const std::string& name : folder_entries(models)) {
    SCOPED_TRACE(name);
    const std::string source = join_path(models, name);
    for (ConvertOptions options : {options_of(NumberFormat::Int4), options_of(NumberFormat::Int4, -1, false), options_of(NumberFormat::Int8Asymmetric),
                                   options_of(NumberFormat::Int8Symmetric), options_of(NumberFormat::Fp16), options_of(NumberFormat::Fp32)}) {
      options.kind = FolderKind::Openvino;
      const std::string path = target(std::to_string(number++));
      const ConvertReport report = convert(source, path, options);
      const Checkpoint checkpoint = open_checkpoint(source);
      const Plan plan = plan_of(checkpoint);
      ThreadPool pool(1);
      expect_openvino_weights(source, path, assign_formats(plan, options.recipe, pool), plan);
      EXPECT_NEAR(static_cast<double>(report.bytes), static_cast<double>(file_bytes(join_path(path, "openvino_model.bin"))), 4096);
    }
  }
}

TEST_F(Converting, WritesOnnxDataAsTheEmitterFillsThem) {
  int number = 0;
  for (const char* name : {"mini-4k", "phi-4-mini", "form-split", "form-float32", "medium-128k"}) {
    SCOPED_TRACE(name);
    const std::string source = join_path(models, name);
    for (const OnnxTarget onnx_target : {OnnxTarget::Cpu, OnnxTarget::Dml, OnnxTarget::Cuda}) {
      for (ConvertOptions options : {options_of(NumberFormat::Int4), options_of(NumberFormat::Int4, -1, false), options_of(NumberFormat::Int8Symmetric), options_of(NumberFormat::Fp16)}) {
        options.kind = FolderKind::Onnx;
        options.onnx_target = onnx_target;
        const std::string path = target(std::to_string(number++));
        const ConvertReport report = convert(source, path, options);
        const Checkpoint checkpoint = open_checkpoint(source);
        const Plan plan = plan_of(checkpoint);
        ThreadPool pool(1);
        OnnxVariant variant;
        variant.target = onnx_target;
        variant.half = onnx_target != OnnxTarget::Cpu;
        variant.accuracy = onnx_target == OnnxTarget::Cpu ? 4 : 0;
        variant.format_of = written_formats(assign_formats(plan, options.recipe, pool));
        const OnnxModel model = emit_onnx(plan, variant);
        std::vector<std::byte> data(model.data_bytes);
        for (const OnnxMatrix& matrix : model.matrices) fill_rows(matrix, 0, matrix.rows, data);
        std::ranges::copy(model.tables, data.begin() + static_cast<ptrdiff_t>(model.tables_offset));
        const std::string written = read_text_file(join_path(path, "model.onnx.data"));
        EXPECT_TRUE(std::ranges::equal(data, std::as_bytes(std::span(written)))) << number;
        EXPECT_TRUE(read_text_file(join_path(path, "model.onnx")) == model.graph);
        EXPECT_EQ(report.files.front(), "model.onnx");
      }
    }
  }
}

// What a device's graph takes from the file where it lies, and what is filled in beside that, has the values of the plan.
void expect_shared_weights(const Plan& plan, bool any) {
  const OpenvinoIr ir = emit_openvino_ir(plan, {.shared = true});
  std::vector<std::byte> weights(ir.weights_bytes);
  size_t shared = 0;
  for (const IrMatrix& matrix : ir.matrices) {
    fill_rows(matrix, 0, matrix.segment.rows, weights);
    for (const IrShared& one : shared_constants(matrix)) {
      EXPECT_TRUE(std::ranges::all_of(std::span(weights).subspan(one.offset, one.bytes.size()), [](std::byte byte) { return byte == std::byte{}; }));
      std::ranges::copy(one.bytes, weights.begin() + static_cast<std::ptrdiff_t>(one.offset));
      shared += one.bytes.size();
    }
  }
  EXPECT_EQ(shared > 0, any);
  fill_literals(ir, weights);
  Weights read;
  read_openvino_network(parse_openvino_graph(ir.xml, "m.xml", weights, "m.bin"), read);
  size_t compared = 0;
  for (const auto& [name, matrix] : read.coded()) {
    const CodedMatrix* const source = plan.tensors->find_coded(name);
    ASSERT_NE(source, nullptr) << name;
    std::vector<float> got(static_cast<size_t>(matrix.columns)), expected(got.size());
    for (int64_t row = 0; row < matrix.rows; ++row, ++compared) {
      matrix.read_row(row, got);
      source->read_row(row, expected);
      ASSERT_EQ(got, expected) << name << " row " << row;
    }
  }
  EXPECT_GT(compared, 0u);
}

TEST_F(Converting, OpenvinosConstantsCanBeTheFilesBytes) {
  int number = 0;
  for (const char* name : {"mini-4k", "mini-128k"}) {
    for (const ConvertOptions& options :
         {options_of(NumberFormat::Int4), options_of(NumberFormat::Int4, -1, false), options_of(NumberFormat::Int8Asymmetric), options_of(NumberFormat::Int8Symmetric)}) {
      for (const FolderKind kind : {FolderKind::Philo, FolderKind::Openvino, FolderKind::Onnx}) {
        SCOPED_TRACE(number);
        ConvertOptions into = options;
        into.kind = kind;
        const std::string path = target("shared" + std::to_string(number++));
        convert(join_path(models, name), path, into);
        // Signed codes with zero points are no form of OpenVINO's.
        expect_shared_weights(plan_of(open_checkpoint(path)), kind != FolderKind::Philo || options.recipe.weights != NumberFormat::Int8Asymmetric);
      }
    }
  }
}

TEST_F(Converting, TellsGenaiWhatItKnows) {
  ConvertOptions options = options_of(NumberFormat::Int4);
  options.kind = FolderKind::Onnx;
  convert(join_path(models, "mini-4k"), target(), options);
  const std::string path = join_path(target(), "genai_config.json");
  const OrderedJson config = parse_ordered_json(read_text_file(path), path);
  EXPECT_EQ(config["model"]["eos_token_id"], OrderedJson({303, 304, 306}));
  EXPECT_EQ(config["model"]["bos_token_id"], 1);
  EXPECT_EQ(config["model"]["pad_token_id"], 303);
  EXPECT_EQ(config["model"]["context_length"], 512);
  EXPECT_FALSE(config["model"]["decoder"].contains("sliding_window"));
  EXPECT_FALSE(config["model"]["decoder"]["inputs"].contains("position_ids"));
  EXPECT_EQ(config["search"]["max_length"], 512);
  options.onnx_target = OnnxTarget::Dml;
  options.recipe.weights = NumberFormat::Fp32;
  EXPECT_TRUE(says(refusal([&] { convert(join_path(models, "mini-4k"), target("wide"), options); }, ErrorCode::Usage), "float16"));
}

TEST_F(Converting, WritesTokenizerGraphsForPhi3sFormAlone) {
  const std::string source = join_path(models, "mini-4k");
  const std::string path = join_path(source, "tokenizer.json");
  const OpenvinoTokenizer made = openvino_tokenizer(read_text_file(path), path, *read_tokenizer(source));
  ASSERT_EQ(made.files.size(), 2u);
  EXPECT_EQ(made.files[0].name, "openvino_tokenizer");
  for (const char* part : {"type=\"SpecialTokensSplit\"", "type=\"BPETokenizer\"", "names=\"input_ids\"", "names=\"attention_mask\"", "<eos_token_id value=\"303\" />"})
    EXPECT_TRUE(says(made.files[0].xml, part));
  EXPECT_TRUE(says(made.files[1].xml, "names=\"string_output\""));
  for (const char* name : {"byte_fallback", "metaspace", "gpt2", "cl100k", "o200k"}) {
    const std::string other = PHILO_SOURCE_DIR "/tests/data/tokenizer/" + std::string(name) + ".json";
    const std::string text = read_text_file(other);
    const OpenvinoTokenizer none = openvino_tokenizer(text, other, *parse_tokenizer(text, other, {}));
    EXPECT_TRUE(none.files.empty()) << name;
    EXPECT_FALSE(none.why_not.empty()) << name;
  }
}

TEST_F(Converting, KeepsCodesForOnnx) {
  ConvertOptions options = options_of(NumberFormat::Int4, 32, false);
  options.recipe.ratio = 0.6;
  convert(join_path(models, "medium-4k"), target("coded"), options);
  options.kind = FolderKind::Onnx;
  convert(join_path(models, "medium-4k"), target("direct"), options);
  options.keep_codes = true;
  options.recipe = {};
  EXPECT_EQ(convert(target("coded"), target("kept"), options).relative_error, 0);
  EXPECT_TRUE(read_text_file(join_path(target("kept"), "model.onnx.data")) == read_text_file(join_path(target("direct"), "model.onnx.data")));
}

TEST_F(Converting, KeepsCodesForOpenvino) {
  const std::string source = join_path(models, "medium-4k");
  for (const bool symmetric : {true, false}) {
    const std::string coded = target(symmetric ? "symmetric" : "asymmetric"), ir = coded + "-ir", direct = coded + "-direct";
    ConvertOptions options = options_of(NumberFormat::Int4, 32, symmetric);
    options.recipe.ratio = 0.6;
    convert(source, coded, options);
    options.kind = FolderKind::Openvino;
    convert(source, direct, options);
    ConvertOptions keeping = options_of(NumberFormat::Int4, 128);
    keeping.kind = FolderKind::Openvino;
    keeping.keep_codes = true;
    EXPECT_EQ(convert(coded, ir, keeping).relative_error, 0);
    EXPECT_TRUE(read_text_file(join_path(ir, "openvino_model.bin")) == read_text_file(join_path(direct, "openvino_model.bin")));
    keeping.keep_codes = false;
    keeping.recipe.group_size = -1;
    EXPECT_TRUE(says(refusal([&] { convert(coded, target("other"), keeping); }), "quantized already"));
  }
}

TEST_F(Converting, KeepsCodesInItsOwnFolders) {
  for (const bool symmetric : {true, false}) {
    const std::string coded = target(symmetric ? "symmetric" : "asymmetric"), again = coded + "-again";
    ConvertOptions options = options_of(NumberFormat::Int4, 32, symmetric);
    options.recipe.ratio = 0.6;
    convert(join_path(models, "medium-4k"), coded, options);
    ConvertOptions keeping = options_of(NumberFormat::Int4, 128);
    keeping.keep_codes = true;
    EXPECT_EQ(convert(coded, again, keeping).relative_error, 0);
    for (const char* name : {"model.safetensors", "config.json"}) EXPECT_TRUE(read_text_file(join_path(again, name)) == read_text_file(join_path(coded, name))) << name;
  }
}

TEST_F(Converting, KeepsEveryRowOfEveryModel) {
  int number = 0;
  for (const std::string& name : folder_entries(models)) {
    SCOPED_TRACE(name);
    const std::string source = join_path(models, name);
    // Each model by two of the recipes, each recipe on several models.
    const std::vector<ConvertOptions> recipes = {options_of(NumberFormat::Int4),           options_of(NumberFormat::Int8Symmetric),
                                                 options_of(NumberFormat::Int4, -1, false), options_of(NumberFormat::Fp32),
                                                 options_of(NumberFormat::Int8Asymmetric), options_of(NumberFormat::Fp16)};
    for (int k = 0; k < 2; ++k) {
      const ConvertOptions& options = recipes[static_cast<size_t>(number) % recipes.size()];
      SCOPED_TRACE(number);
      const std::string path = target(name + std::to_string(number++));
      const ConvertReport report = convert(source, path, options);
      expect_converted(source, path, options.recipe);
      EXPECT_EQ(report.bytes, open_checkpoint(path).weights->bytes() + 16 * static_cast<uint64_t>(std::count_if(
                                                                              report.tensors.begin(), report.tensors.end(),
                                                                              [](const ConvertedTensor& tensor) { return tensor.format.starts_with("int4"); })))
          << "weights and the shapes of packed ones";
    }
  }
}

TEST_F(Converting, GroupsBackupAndKeepRulesMix) {
  ConvertOptions options = options_of(NumberFormat::Int4, 32, false);
  options.recipe.backup = NumberFormat::Fp16;
  options.recipe.keep = {parse_keep_rule("layers.1.down=int8-sym"), parse_keep_rule("*.o_proj=fp32"), parse_keep_rule("*norm*=fp16")};
  const std::string source = join_path(models, "phi-4-mini");
  const ConvertReport report = convert(source, target(), options);
  expect_converted(source, target(), options.recipe);
  std::map<std::string, std::string> formats;
  for (const ConvertedTensor& tensor : report.tensors) formats[tensor.name] = tensor.format;
  EXPECT_EQ(formats["model.layers.0.mlp.down_proj.weight"], "int4 group 32 asymmetric");
  EXPECT_EQ(formats["model.layers.1.mlp.down_proj.weight"], "int8 per row symmetric");
  EXPECT_EQ(formats["model.layers.1.self_attn.o_proj.weight"], "fp32");
  EXPECT_EQ(formats["model.embed_tokens.weight"], "fp16");
  EXPECT_EQ(formats["model.norm.weight"], "fp16");
}

TEST_F(Converting, ARatioLeavesSomeLayersInEightBits) {
  const std::string source = join_path(models, "mini-4k");
  for (const double ratio : {0.0, 0.5, 0.9, 1.0}) {
    SCOPED_TRACE(ratio);
    ConvertOptions options = options_of(NumberFormat::Int4);
    options.recipe.ratio = ratio;
    options.replace = true;
    const ConvertReport report = convert(source, target(), options);
    expect_converted(source, target(), options.recipe);
    uint64_t block = 0, int4 = 0;
    for (const ConvertedTensor& tensor : report.tensors) {
      if (!says(tensor.name, "_proj")) continue;
      block += tensor.weights;
      if (tensor.format.starts_with("int4")) int4 += tensor.weights;
    }
    const double share = static_cast<double>(int4) / static_cast<double>(block);
    const bool whole = ratio == 0 || ratio == 1;
    EXPECT_TRUE(whole ? share == ratio : share > 0 && share < ratio) << share;
  }
}

TEST_F(Converting, TiedModelsAreUntiedOnlyWhereTheEmbeddingIsQuantized) {
  const std::string source = join_path(models, "phi-4-mini");
  convert(source, target("int8"), options_of(NumberFormat::Int8Symmetric));
  convert(source, target("fp16"), options_of(NumberFormat::Fp16));
  const auto config = [&](const char* name) { return read_json_file(join_path(target(name), "config.json")); };
  EXPECT_EQ(config("int8").at("tie_word_embeddings"), false);
  EXPECT_EQ(config("fp16").at("tie_word_embeddings"), true);
  const Checkpoint int8 = open_checkpoint(target("int8")), fp16 = open_checkpoint(target("fp16"));
  const CodedMatrix *embedding = int8.weights->find_coded("model.embed_tokens.weight"), *head = int8.weights->find_coded("lm_head.weight");
  ASSERT_TRUE(embedding != nullptr && head != nullptr);
  EXPECT_TRUE(std::equal(embedding->codes.bytes.begin(), embedding->codes.bytes.end(), head->codes.bytes.begin()));
  EXPECT_EQ(fp16.weights->find("lm_head.weight"), nullptr);
}

TEST_F(Converting, ConfigKeepsItsKeysInOrder) {
  const std::string source = copy("mini-4k");
  OrderedJson config = parse_ordered_json(read_text_file(join_path(source, "config.json")), "config.json");
  config["auto_map"] = {{"AutoConfig", "configuration_phi3.Phi3Config"}, {"AutoModel", "someone/model--modeling_phi3.Phi3Model"}};
  folder_.write("mini-4k/config.json", config.dump());
  convert(source, target(), options_of(NumberFormat::Int4));
  const std::string path = join_path(target(), "config.json");
  OrderedJson written = parse_ordered_json(read_text_file(path), path);
  EXPECT_EQ(written["auto_map"], (OrderedJson{{"AutoModel", "someone/model--modeling_phi3.Phi3Model"}}));
  EXPECT_EQ(written["torch_dtype"], "float16");
  const OrderedJson quantization = written["quantization_config"];
  EXPECT_EQ(quantization.at("quant_method"), "compressed-tensors");
  EXPECT_EQ(quantization.at("format"), "mixed-precision");
  EXPECT_EQ(quantization.at("config_groups").size(), 2u);
  config.erase("auto_map");
  for (const char* key : {"auto_map", "quantization_config"}) written.erase(key);
  written["torch_dtype"] = config["torch_dtype"];
  EXPECT_EQ(written.dump(), config.dump());
}

TEST_F(Converting, CopiesWhatBelongsToTheModel) {
  const std::string source = copy("mini-4k");
  folder_.write("mini-4k/LICENSE", "free");
  folder_.write("mini-4k/NOTICE.md", "note");
  folder_.write("mini-4k/special_tokens_map.json", "{}");
  folder_.write("mini-4k/modeling_phi3.py", "print()");
  folder_.write("mini-4k/pytorch_model.bin", "x");
  const ConvertReport report = convert(source, target(), options_of(NumberFormat::Fp16));
  EXPECT_EQ(folder_entries(target()), (std::vector<std::string>{"LICENSE", "NOTICE.md", "config.json", "generation_config.json", "model.safetensors",
                                                                "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"}));
  EXPECT_EQ(report.files.size(), 8u);
  EXPECT_EQ(read_text_file(join_path(target(), "tokenizer.json")), read_text_file(join_path(source, "tokenizer.json")));
}

TEST_F(Converting, LargeModelsAreSharded) {
  const std::string source = join_path(models, "mini-4k");
  ConvertOptions options = options_of(NumberFormat::Int4);
  options.most_shard_bytes = 20000;
  const ConvertReport report = convert(source, target(), options);
  EXPECT_TRUE(is_file(join_path(target(), "model.safetensors.index.json")));
  EXPECT_FALSE(is_file(join_path(target(), "model.safetensors")));
  EXPECT_TRUE(report.files.front().starts_with("model-00001-of-0000")) << report.files.front();
  for (const std::string& name : report.files) EXPECT_TRUE(is_file(join_path(target(), name))) << name;
  expect_converted(source, target(), options.recipe);
}

TEST_F(Converting, TensorsAreAlignedToTheirTypes) {
  const std::string source = copy("mini-4k");
  convert(source, target(), options_of(NumberFormat::Int4, -1, false));
  const auto file = MappedFile::open(join_path(target(), "model.safetensors"));
  for (const Tensor& tensor : parse_safetensors(file->bytes(), "model.safetensors"))
    EXPECT_EQ(static_cast<size_t>(tensor.bytes.data() - file->bytes().data()) % dtype_bytes(tensor.dtype), 0u) << tensor.name;
}

TEST_F(Converting, CodesBecomeFloatsButNotOtherCodes) {
  const std::string source = join_path(models, "phi-4-mini");
  convert(source, target("int8"), options_of(NumberFormat::Int8Asymmetric));
  convert(target("int8"), target("fp32"), options_of(NumberFormat::Fp32));
  const Checkpoint int8 = open_checkpoint(target("int8")), fp32 = open_checkpoint(target("fp32"));
  const CodedMatrix* codes = int8.weights->find_coded("model.layers.1.mlp.down_proj.weight");
  const Tensor* floats = fp32.weights->find("model.layers.1.mlp.down_proj.weight");
  ASSERT_TRUE(codes != nullptr && floats != nullptr);
  std::vector<float> decoded(static_cast<size_t>(codes->columns)), read(decoded.size());
  for (int64_t row = 0; row < codes->rows; ++row) {
    codes->read_row(row, decoded);
    read_elements(*floats, static_cast<size_t>(row * codes->columns), read);
    ASSERT_EQ(decoded, read);
  }
  EXPECT_FALSE(read_json_file(join_path(target("fp32"), "config.json")).contains("quantization_config"));
  EXPECT_TRUE(says(refusal([&] { convert(target("int8"), target(), options_of(NumberFormat::Int4)); }, ErrorCode::Input), "quantized already"));
  EXPECT_FALSE(is_folder(target()));
}

TEST_F(Converting, RefusesBeforeAnythingIsWritten) {
  const std::string source = join_path(models, "mini-4k");
  const auto converting = [&](const ConvertOptions& options) { return [&, options] { convert(source, target(), options); }; };
  const std::string groups = refusal(converting(options_of(NumberFormat::Int4, 128)), ErrorCode::Usage);
  for (const char* part : {"qkv_proj", "48 columns", "-1"}) EXPECT_TRUE(says(groups, part));
  ConvertOptions kept = options_of(NumberFormat::Int4);
  kept.recipe.keep = {parse_keep_rule("*.down=int8"), parse_keep_rule("*.dwn=int8")};
  EXPECT_TRUE(says(refusal(converting(kept), ErrorCode::Usage), "*.dwn"));
  kept.recipe.keep = {parse_keep_rule("*norm*=int8")};
  EXPECT_TRUE(says(refusal(converting(kept), ErrorCode::Usage), "*norm*"));
  EXPECT_TRUE(folder_entries(folder_.path()).empty());
}

TEST_F(Converting, RefusesPlacesThatLieInEachOther) {
  const std::string source = copy("mini-4k");
  ConvertOptions options = options_of(NumberFormat::Int4);
  options.replace = true;
  for (const std::string& place : {source, join_path(source, "out"), source + "/", folder_.path()})
    EXPECT_TRUE(says(refusal([&] { convert(source, place, options); }, ErrorCode::Usage), "source folder")) << place;
  EXPECT_THROW(convert(folder_.path("missing"), target(), options), Error);
  EXPECT_EQ(folder_entries(folder_.path()), std::vector<std::string>{"mini-4k"});
}

TEST_F(Converting, LeavesTheOldFolderWhereItStopsOrFails) {
  const std::string source = copy("form-float32");
  folder_.make_folder("out");
  folder_.write("out/old", "old");
  ConvertOptions options = options_of(NumberFormat::Int4);
  options.replace = true;
  int calls = 0;
  options.progress = [&](std::string_view, uint64_t done, uint64_t total) {
    EXPECT_LE(done, total);
    return ++calls < 4;
  };
  EXPECT_EQ(thrown([&] { convert(source, target(), options); }).code(), ErrorCode::Stopped);
  EXPECT_EQ(folder_entries(target()), std::vector<std::string>{"old"});
  options.progress = {};

  const std::string file = read_text_file(join_path(source, "model.safetensors"));
  const auto spoil = [&](float number) {
    std::string spoiled = file;
    for (const Tensor& tensor : parse_safetensors(std::as_bytes(std::span(file)), "file")) {
      if (tensor.name != "model.layers.1.mlp.down_proj.weight") continue;
      const auto at = tensor.bytes.data() - std::as_bytes(std::span(file)).data();
      std::memcpy(spoiled.data() + at, &number, sizeof number);
    }
    folder_.write("form-float32/model.safetensors", spoiled);
  };
  spoil(INFINITY);
  EXPECT_TRUE(says(refusal([&] { convert(source, target(), options); }, ErrorCode::Input), "NaN or infinity"));
  EXPECT_EQ(folder_entries(target()), std::vector<std::string>{"old"});

  spoil(1e30f);
  EXPECT_TRUE(says(refusal([&] { convert(source, target(), options); }, ErrorCode::Input), "too large"));
  options.recipe = options_of(NumberFormat::Fp16).recipe;
  EXPECT_TRUE(says(refusal([&] { convert(source, target(), options); }, ErrorCode::Input), "too large"));
  EXPECT_EQ(folder_entries(folder_.path()), (std::vector<std::string>{"form-float32", "out"}));

  folder_.write("form-float32/model.safetensors", file);
  convert(source, target(), options);
  EXPECT_FALSE(is_file(join_path(target(), "old")));
  expect_converted(source, target(), options.recipe);
}

TEST_F(Converting, ThreadsDoNotChangeTheBytes) {
  const std::string source = join_path(models, "phi-4");
  ConvertOptions options = options_of(NumberFormat::Int4, -1, false);
  options.recipe.ratio = 0.5;
  convert(source, target("two"), options);
  options.threads = 5;
  convert(source, target("five"), options);
  EXPECT_EQ(read_text_file(join_path(target("two"), "model.safetensors")), read_text_file(join_path(target("five"), "model.safetensors")));
}

TEST_F(Converting, ReportsTheErrorThatItMakes) {
  const std::string source = join_path(models, "phi-4-mini");
  const ConvertReport report = convert(source, target(), options_of(NumberFormat::Int4));
  const Checkpoint before = open_checkpoint(source), after = open_checkpoint(target());
  for (const ConvertedTensor& tensor : report.tensors) {
    const CodedMatrix* codes = after.weights->find_coded(tensor.name);
    if (codes == nullptr) {
      EXPECT_EQ(tensor.relative_error, 0) << tensor.name;
      EXPECT_TRUE(std::isinf(tensor.signal_to_noise_db));
      continue;
    }
    double change = 0, square = 0;
    std::vector<float> was(static_cast<size_t>(codes->columns)), is(was.size());
    for (int64_t row = 0; row < codes->rows; ++row) {
      read_elements(*before.weights->find(tensor.name), static_cast<size_t>(row * codes->columns), was);
      codes->read_row(row, is);
      for (size_t i = 0; i < was.size(); ++i) {
        change += std::pow(static_cast<double>(was[i]) - static_cast<double>(is[i]), 2);
        square += std::pow(static_cast<double>(was[i]), 2);
      }
    }
    EXPECT_NEAR(tensor.relative_error / std::sqrt(change / square), 1, 1e-5) << tensor.name;
    EXPECT_NEAR(tensor.signal_to_noise_db, 10 * std::log10(square / change), 1e-3) << tensor.name;
  }
  EXPECT_GT(report.relative_error, 0.01);
  EXPECT_LT(report.relative_error, 0.2);
}

}  // namespace
}  // namespace philo
