// ONNX models: weights come out as they are stored, and every way to lie is refused with its cause.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "base/refusal.h"
#include "base/temporary_folder.h"
#include "fake/onnx_graph.h"
#include "format/onnx/network.h"

namespace philo {
namespace {

using Form = FakeOnnxPhi3::Form;

struct Read {
  Weights weights;
  OnnxNetwork network;
};

void write(const TemporaryFolder& folder, const FakeOnnxModel& model) {
  folder.write("model.onnx", model.model());
  folder.write("model.onnx.data", model.external);
}

Read read(const FakeOnnxPhi3& net) {
  const TemporaryFolder folder;
  write(folder, net.model());
  Read out;
  out.network = read_onnx_folder(folder.path(), "model.onnx", "logits", out.weights);
  return out;
}

// What the reader says to a model in memory, whose external data is `external`.
std::string refused(const std::string& model, const std::string& external = "") {
  return refusal([&] {
    Weights weights;
    const auto bytes = std::as_bytes(std::span(model));
    read_onnx_network(parse_onnx_graph(bytes, "m.onnx", nullptr, [&](const std::string&) { return OnnxExternal{std::as_bytes(std::span(external)), nullptr, "m.data"}; }), "logits", weights);
  });
}
std::string refused(const FakeOnnxPhi3& net) {
  const FakeOnnxModel model = net.model();
  return refused(model.model(), model.external);
}

std::vector<float> row_of(const Weights& weights, const std::string& name, int64_t row) {
  if (const CodedMatrix* coded = weights.find_coded(name)) {
    std::vector<float> out(static_cast<size_t>(coded->columns));
    coded->read_row(row, out);
    return out;
  }
  const Tensor* tensor = weights.find(name);
  if (tensor == nullptr) return {};
  std::vector<float> out(static_cast<size_t>(tensor->shape.back()));
  read_elements(*tensor, static_cast<size_t>(row) * out.size(), out);
  return out;
}

TEST(OnnxNetwork, NamesWeightsByTheirPlace) {
  const Read found = read({});
  EXPECT_EQ(found.network.layers, 2);
  EXPECT_EQ(found.network.heads, 2);
  EXPECT_EQ(found.network.kv_heads, 1);
  EXPECT_EQ(found.network.head_size, 16);
  EXPECT_EQ(found.network.hidden_size, 32);
  EXPECT_EQ(found.network.intermediate_size, 32);
  EXPECT_EQ(found.network.vocabulary, 320);
  EXPECT_EQ(found.network.epsilon, 1e-5f);
  EXPECT_EQ(found.network.attention_scale, 0.25f);
  EXPECT_FALSE(found.network.window);
  EXPECT_FALSE(found.network.tied);
  EXPECT_FALSE(found.network.last_row_only);
  EXPECT_FALSE(found.network.rotation.long_cache);
  for (const char* name : {"input_layernorm", "post_attention_layernorm"}) EXPECT_NE(found.weights.find("model.layers.1." + std::string(name) + ".weight"), nullptr);
  for (const char* name : {"self_attn.qkv_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"}) {
    const CodedMatrix* matrix = found.weights.find_coded("model.layers.1." + std::string(name) + ".weight");
    ASSERT_NE(matrix, nullptr) << name;
    EXPECT_TRUE(matrix->format == (CodeFormat{4, 16, true}));
    EXPECT_NE(matrix->codes.file, nullptr) << "not copied";
  }
  EXPECT_NE(found.weights.find("model.norm.weight"), nullptr);
  EXPECT_NE(found.weights.find_coded("lm_head.weight"), nullptr);
  EXPECT_NE(found.weights.find("model.embed_tokens.weight"), nullptr);
}

TEST(OnnxNetwork, ReadsEveryFormOfCodes) {
  for (const Form form : {Form::Int4, Form::Int8, Form::Dequantized})
    for (const bool zero_points : {false, true}) {
      FakeOnnxPhi3 net;
      net.form = form;
      net.zero_points = zero_points;
      const Read found = read(net);
      const CodedMatrix* matrix = found.weights.find_coded("model.layers.0.mlp.down_proj.weight");
      ASSERT_NE(matrix, nullptr);
      EXPECT_EQ(matrix->format.symmetric, !zero_points);
      EXPECT_EQ(matrix->format.bits, form == Form::Int8 ? 8 : 4);
      std::vector<uint8_t> codes(code_row_bytes(matrix->format.bits, matrix->columns)), zeros(static_cast<size_t>(matrix->groups()));
      std::vector<float> scales(zeros.size());
      matrix->read_codes(3, codes);
      matrix->read_scales(3, scales);
      matrix->read_zero_points(3, zeros);
      const std::vector<float> row = row_of(found.weights, matrix->name, 3);
      for (size_t column = 0; column < row.size(); ++column) {
        const int code = matrix->format.bits == 8 ? codes[column] : codes[column / 2] >> (column % 2 * 4) & 15;
        EXPECT_EQ(row[column], static_cast<float>(code - zeros[column / 16]) * scales[column / 16]);
      }
    }
}

// The same numbers the other way round, in memory.
TEST(OnnxNetwork, TurnsDequantizedCodes) {
  FakeOnnxPhi3 net;
  net.form = Form::Dequantized;
  net.zero_points = true;
  const TemporaryFolder folder;
  write(folder, net.model());
  Weights weights;
  read_onnx_folder(folder.path(), "model.onnx", "logits", weights);
  const CodedMatrix& matrix = *weights.find_coded("model.layers.0.mlp.gate_proj.weight");
  EXPECT_EQ(matrix.codes_kind, CodedMatrix::Codes::Nibbles);
  EXPECT_EQ(matrix.zero_points_kind, CodedMatrix::ZeroPoints::Bytes);
  EXPECT_EQ(matrix.codes.file, nullptr);
  EXPECT_EQ(matrix.scales.shape, (std::vector<int64_t>{32, 2}));
}

TEST(OnnxNetwork, ReadsQuantizedEmbeddingsTiedHeadsAndSplitProjections) {
  FakeOnnxPhi3 net;
  net.quantized_embedding = true;
  net.packed = false;
  net.pruned = true;
  net.window = 7;
  const Read found = read(net);
  const CodedMatrix* embedding = found.weights.find_coded("model.embed_tokens.weight");
  ASSERT_NE(embedding, nullptr);
  EXPECT_EQ(embedding->codes_kind, CodedMatrix::Codes::Nibbles);
  EXPECT_NE(found.weights.find_coded("model.layers.0.self_attn.k_proj.weight"), nullptr);
  EXPECT_EQ(found.network.kv_heads, 1);
  EXPECT_EQ(found.network.window, 7);
  EXPECT_TRUE(found.network.last_row_only);

  FakeOnnxPhi3 tied;
  tied.tied = true;
  tied.form = Form::Floats;
  const Read shared = read(tied);
  EXPECT_TRUE(shared.network.tied);
  EXPECT_EQ(shared.weights.find("lm_head.weight"), nullptr);
  EXPECT_EQ(shared.weights.find("model.embed_tokens.weight")->shape, (std::vector<int64_t>{320, 32}));
}

TEST(OnnxNetwork, FindsBothRotaryCaches) {
  for (const bool joined : {false, true}) {
    FakeOnnxPhi3 net;
    net.short_context = 24;
    net.joined_caches = joined;
    const Read found = read(net);
    const OnnxRotation& rotation = found.network.rotation;
    ASSERT_TRUE(rotation.long_cache);
    EXPECT_EQ(rotation.long_limit, 24);
    EXPECT_EQ(rotation.short_cache.positions(), 24u);
    EXPECT_EQ(rotation.long_cache->positions(), 64u);
    const OnnxFrequencies near = onnx_frequencies(rotation.short_cache), far = onnx_frequencies(*rotation.long_cache);
    EXPECT_NEAR(near.factor, 1, 1e-7);
    for (size_t k = 0; k < 8; ++k) {
      const double frequency = std::pow(10000.0, -2.0 * static_cast<double>(k) / 16);
      EXPECT_NEAR(near.frequencies[k] / frequency, 1, 1e-6);
      EXPECT_NEAR(far.frequencies[k] / (frequency / 4), 1, 1e-6);
    }
    std::vector<float> frequencies(near.frequencies.begin(), near.frequencies.end());
    EXPECT_FALSE(compare_onnx_cache(rotation.short_cache, frequencies, 1));
    EXPECT_TRUE(compare_onnx_cache(rotation.short_cache, frequencies, 1.1f));
    frequencies[3] *= 1.001f;
    const auto fault = compare_onnx_cache(rotation.short_cache, frequencies, 1);
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->pair, 3u);
  }
}

TEST(OnnxNetwork, RefusesOtherNetworks) {
  using Model = FakeOnnxModel;
  const std::vector<std::pair<std::function<void(FakeOnnxPhi3&)>, const char*>> all = {
      {[](FakeOnnxPhi3& net) { net.activation = "Erf"; }, "has no silu"},
      {[](FakeOnnxPhi3& net) { net.norm = "LayerNormalization"; }, "stands where a norm (SimplifiedLayerNormalization) is expected"},
      {[](FakeOnnxPhi3& net) { net.attention = "SparseAttention"; }, "stands where GroupQueryAttention is expected"},
      {[](FakeOnnxPhi3& net) { net.logits = "hidden_states"; }, "has no output \"logits\": the model was exported without its head"},
      {[](FakeOnnxPhi3& net) { net.bias = "attention_mask"; }, "adds a bias"},
      {[](FakeOnnxPhi3& net) { net.matrix_attribute = Model::number("weight_prepacked", 1); }, "packed for one kind of CUDA device"},
      {[](FakeOnnxPhi3& net) { net.matrix_attribute = Model::number("K", 48); }, "has the attribute \"K\" twice"},
      {[](FakeOnnxPhi3& net) { net.epsilon = 2; }, "has the epsilon 2"},
  };
  for (const auto& [change, cause] : all) {
    SCOPED_TRACE(cause);
    FakeOnnxPhi3 net;
    change(net);
    EXPECT_TRUE(says(refused(net), cause));
  }
}

TEST(OnnxGraph, RefusesMessagesThatLie) {
  using Model = FakeOnnxModel;
  const auto with = [](const std::function<void(Model&)>& add) {
    Model model;
    add(model);
    return model.model();
  };
  const auto constant = [&](onnx::DataType type, const std::vector<int64_t>& shape, const std::string& bytes) {
    return with([&](Model& model) { model.add(onnx::Graph::Initializer, Model::tensor("w", type, shape, bytes)); });
  };
  std::string nested;
  for (int i = 0; i < 1000; ++i) {
    std::string graph;
    protozero::pbf_builder<onnx::Graph>(graph).add_message(onnx::Graph::Node, Model::node_message("If", "if", {}, {}, {Model::graph("then_branch", nested)}));
    nested = graph;
  }
  std::string many;
  for (int i = 0; i < 140000; ++i) many += std::string("\x0a\0", 2);
  const std::vector<std::pair<std::string, const char*>> all = {
      {"", "is no ONNX model"},
      {"GGUF", "at byte"},
      {std::string(64, '\xff'), "at byte"},
      {std::string("\x08\x0a\x3a\xff\xff\xff\xff\x1f", 8), "is 8589934591 bytes long, where 0 are left"},
      {std::string("\x08\x0a\x3a\x05\x0a", 5), "is 5 bytes long, where 1 are left"},
      {std::string("\x08\x0a\x38\x05", 4), "field 7 has the wire type 0, expected 2"},
      {with([&](Model& model) { model.add(onnx::Graph::Node, Model::node_message("If", "if", {}, {}, {Model::graph("then_branch", nested)})); }), "deeper than 4"},
      {with([&](Model& model) { model.body += many; }), "more than 131072 operations"},
      {with([](Model& model) { model.node("Add", "a", {"b/output_0", "b/output_0"}); model.node("Add", "b", {"a/output_0", "a/output_0"}); }), "they form a cycle"},
      {with([](Model& model) { model.node("Add", "a", {"a/output_0"}); }), "they form a cycle"},
      {with([](Model& model) { model.node("Add", "a", {"w", "x"}); }), "reads \"w\", which is no constant, no input"},
      {with([](Model& model) { model.input("x"); model.node("Add", "a", {"x"}); model.node("Add", "a", {"x"}); }), "\"a/output_0\" is there a second time"},
      {with([](Model& model) { model.output("y"); }), "has the output \"y\", which nothing computes"},
      {with([](Model& model) { model.add(onnx::Graph::SparseInitializer, ""); }), "sparse constants"},
      {constant(onnx::DataType::Float, {2, 3}, std::string(20, '\0')), "has 20 bytes, but FLOAT of the shape (2, 3) takes 24"},
      {constant(onnx::DataType::Float, {int64_t{1} << 32, int64_t{1} << 32}, ""), "whose product 64 bits can't hold"},
      {constant(onnx::DataType::Float, {int64_t{1} << 62, 4}, ""), "whose product 64 bits can't hold"},
      {constant(onnx::DataType::Float, {-1, -4}, std::string(16, '\0')), "whose sizes are below 0"},
      {constant(onnx::DataType::String, {1}, ""), "has the type STRING"},
      {constant(static_cast<onnx::DataType>(99), {1}, ""), "has the type 99"},
      {constant(onnx::DataType::Uint8, std::vector<int64_t>(9, 1), "x"), "more than 8 numbers"},
      {with([](Model& model) { model.constant("w", onnx::DataType::Float, {4}, std::string(16, '\0')); }), "m.data: is 0 bytes long, but the constant \"w\" of m.onnx lies at 0 and takes 16"},
  };
  for (const auto& [model, cause] : all) {
    SCOPED_TRACE(cause);
    const std::string message = refused(model);
    EXPECT_TRUE(says(message, cause));
    EXPECT_TRUE(says(message, "m."));
  }
}

TEST(OnnxGraph, EveryTruncationIsRefused) {
  FakeOnnxPhi3 net;
  net.layers = 1;
  net.vocabulary = 32;
  const FakeOnnxModel model = net.model();
  const std::string whole = model.model();
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(refused(whole.substr(0, size), model.external).empty()) << size;
  for (const size_t size : {size_t{0}, size_t{1}, model.external.size() / 2, model.external.size() - 1})
    EXPECT_TRUE(says(refused(whole, model.external.substr(0, size)), "cut off or belongs to another model")) << size;
}

TEST(OnnxFolder, OpensNothingOutsideOfTheFolder) {
  const TemporaryFolder folder;
  folder.make_folder("model");
  const auto refusal_of = [&] {
    return refusal([&] {
      Weights weights;
      read_onnx_folder(folder.path("model"), "model.onnx", "logits", weights);
    });
  };
  EXPECT_TRUE(says(refusal_of(), "model.onnx: is missing"));
  FakeOnnxModel model = FakeOnnxPhi3{}.model();
  folder.write("secret", model.external);
  for (const std::string& location : {std::string("../secret"), folder.path("secret"), std::string("a/../../secret"), std::string(""), std::string("./x"), std::string("a//b"), std::string("..\\secret"),
                                      std::string("C:secret"), std::string("\0x", 2)}) {
    FakeOnnxModel other;
    other.location = location;
    other.constant("w", onnx::DataType::Float, {1}, "1234");
    folder.write("model/model.onnx", other.model());
    EXPECT_TRUE(says(refusal_of(), "which is no name of a file in the model's folder")) << location;
  }
  folder.write("model/model.onnx", model.model());
  EXPECT_TRUE(says(refusal_of(), "model.onnx.data: is missing"));
#ifndef _WIN32
  std::filesystem::create_symlink(folder.path("secret"), folder.path("model/model.onnx.data"));
  EXPECT_TRUE(says(refusal_of(), "is a link that leads out of the model's folder"));
  // As the Hugging Face cache has them: both files are links into one folder.
  folder.make_folder("blobs");
  folder.write("blobs/1", model.model());
  folder.write("blobs/2", model.external);
  folder.make_folder("snapshot");
  std::filesystem::create_symlink("../blobs/1", folder.path("snapshot/model.onnx"));
  std::filesystem::create_symlink("../blobs/2", folder.path("snapshot/model.onnx.data"));
  Weights weights;
  EXPECT_EQ(read_onnx_folder(folder.path("snapshot"), "model.onnx", "logits", weights).layers, 2);
#endif
}

}  // namespace
}  // namespace philo
