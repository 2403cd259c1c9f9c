// Opening folders: the tiny models of the tests, and every way in which a folder can be unusable, by name.
#include "checkpoint/checkpoint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#ifndef _WIN32
#include <unistd.h>
#endif

#include "base/refusal.h"
#include "base/temporary_folder.h"
#include "fake/onnx_graph.h"
#include "fake/openvino_graph.h"

namespace philo {
namespace {

const std::string models = PHILO_SOURCE_DIR "/tests/data/models";

TEST(Checkpoint, OpensTheTinyModels) {
  for (const std::string& name : folder_entries(models)) {
    SCOPED_TRACE(name);
    const Checkpoint checkpoint = open_checkpoint(join_path(models, name));
    EXPECT_EQ(checkpoint.kind, "Hugging Face folder");
    EXPECT_EQ(checkpoint.architecture, "Phi3ForCausalLM");
    EXPECT_EQ(checkpoint.config.vocabulary, 320);
    EXPECT_NE(checkpoint.weights->find("model.embed_tokens.weight"), nullptr);
    ASSERT_NE(checkpoint.chat_template, nullptr);
    EXPECT_TRUE(checkpoint.notes.empty()) << checkpoint.notes[0];
    ASSERT_EQ(checkpoint.stop_tokens.size(), 3u);
    EXPECT_EQ(checkpoint.stop_tokens[0].id, 303);
    EXPECT_EQ(checkpoint.stop_tokens[1].id, 304);
    EXPECT_EQ(checkpoint.stop_tokens[1].source, "generation_config.json");
    EXPECT_EQ(checkpoint.stop_tokens[2].id, 306);
    EXPECT_EQ(checkpoint.stop_tokens[2].source, "generation_config.json, the tokenizer's <|end|>");
  }
  EXPECT_EQ(file_name(open_checkpoint(join_path(models, "form-sharded")).weights_file), "model.safetensors.index.json");
}

class CheckpointFolder : public testing::Test {
 protected:
  // A copy of a good model, to be spoiled.
  void SetUp() override {
    for (const char* name : {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"}) {
      folder_.write(name, read_text_file(join_path(models, "form-float32/" + std::string(name))));
    }
  }
  void remove(const char* name) { std::filesystem::remove_all(folder_.path(name)); }
  void change(const char* name, const Json& patch) {
    Json json = read_json_file(folder_.path(name));
    json.merge_patch(patch);
    folder_.write(name, json.dump());
  }
  Checkpoint open() const { return open_checkpoint(folder_.path()); }
  TemporaryFolder folder_;
};

std::string refusal_of(const std::string& path) {
  return refusal([&] { open_checkpoint(path); });
}

TEST_F(CheckpointFolder, ReadsGenerationDefaults) {
  change("generation_config.json", {{"do_sample", true}, {"temperature", 0.7}, {"top_p", 0.9}, {"top_k", 40}, {"min_p", 0.05}, {"repetition_penalty", 1.1}, {"max_new_tokens", 64}, {"later", {1}}});
  const GenerationDefaults defaults = open().defaults;
  EXPECT_EQ(defaults.do_sample, true);
  EXPECT_EQ(defaults.temperature, 0.7);
  EXPECT_EQ(defaults.top_p, 0.9);
  EXPECT_EQ(defaults.top_k, 40);
  EXPECT_EQ(defaults.min_p, 0.05);
  EXPECT_EQ(defaults.repetition_penalty, 1.1);
  EXPECT_EQ(defaults.max_new_tokens, 64);
  remove("generation_config.json");
  const Checkpoint checkpoint = open();
  EXPECT_FALSE(checkpoint.defaults.temperature.has_value());
  ASSERT_EQ(checkpoint.stop_tokens.size(), 2u);  // config.json's and <|end|>
  EXPECT_EQ(checkpoint.stop_tokens[1].source, "the tokenizer's <|end|>");
}

TEST_F(CheckpointFolder, ATemplateThatCannotBeUsedIsANote) {
  change("tokenizer_config.json", {{"chat_template", "{% for %}"}});
  const Checkpoint checkpoint = open();
  EXPECT_EQ(checkpoint.chat_template, nullptr);
  ASSERT_EQ(checkpoint.notes.size(), 1u);
  EXPECT_TRUE(says(checkpoint.notes[0], "the chat template can't be used"));
  change("tokenizer_config.json", {{"chat_template", nullptr}});
  EXPECT_EQ(open().chat_template, nullptr);
  EXPECT_TRUE(open().notes.empty());
}

TEST_F(CheckpointFolder, TheTokenizerAloneNeedsNoWeights) {
  for (const char* name : {"config.json", "model.safetensors", "generation_config.json"}) remove(name);
  const TextParts parts = open_tokenizer(folder_.path());
  EXPECT_EQ(parts.tokenizer->size(), 308);
  EXPECT_NE(parts.chat_template, nullptr);
  remove("tokenizer.json");
  EXPECT_TRUE(says(refusal([&] { open_tokenizer(folder_.path()); }), "tokenizer.json"));
}

struct BadFolder {
  const char* name;
  std::function<void(CheckpointFolder&)> spoil;
  const char* file;
  const char* cause;
};

TEST_F(CheckpointFolder, RefusesDamagedFiles) {
  const auto patch = [&](const char* file, Json json) { return [this, file, json](CheckpointFolder&) { change(file, json); }; };
  const auto write = [&](const char* file, std::string text) { return [this, file, text](CheckpointFolder&) { folder_.write(file, text); }; };
  const auto become_folder = [&](const char* file) {
    return [this, file](CheckpointFolder&) {
      remove(file);
      folder_.make_folder(file);
    };
  };
  const std::string weights = read_text_file(folder_.path("model.safetensors"));
  const std::vector<BadFolder> all = {
      {"no config", [&](CheckpointFolder&) { remove("config.json"); }, "", "has no config.json"},
      {"no weights", [&](CheckpointFolder&) { remove("model.safetensors"); }, "", "has no weights"},
      {"no tokenizer", [&](CheckpointFolder&) { remove("tokenizer.json"); }, "tokenizer.json", ""},
      {"config is empty", write("config.json", ""), "config.json", "not valid JSON"},
      {"config is cut off", write("config.json", "{\"model_type\":"), "config.json", "not valid JSON"},
      {"config is a list", write("config.json", "[]"), "config.json", "JSON object"},
      {"config nests absurdly", write("config.json", std::string(1'000'000, '[')), "config.json", "nests deeper"},
      {"config is huge", write("config.json", std::string((16 << 20) + 1, ' ')), "config.json", "longer than the limit"},
      {"config is a folder", become_folder("config.json"), "config.json", "it is a folder"},
      {"config is of another model", patch("config.json", {{"model_type", "llama"}}), "config.json", "Llama"},
      {"config has another width", patch("config.json", {{"intermediate_size", 64}}), "model.safetensors", "but config.json asks for"},
      {"config has more layers", patch("config.json", {{"num_hidden_layers", 9}}), "model.safetensors", "is missing"},
      {"config has an absurd size", patch("config.json", {{"vocab_size", 1e15}}), "config.json", "\"vocab_size\""},
      {"config has another vocabulary", patch("config.json", {{"vocab_size", 300}}), "model.safetensors", "tensor \"model.embed_tokens.weight\" has the shape"},
      {"config is quantized", patch("config.json", {{"quantization_config", {{"quant_method", "gptq"}}}}), "config.json", "quantized by \"gptq\""},
      {"config's eos is text", patch("config.json", {{"eos_token_id", "x"}}), "config.json", "\"eos_token_id\""},
      {"generation is cut off", write("generation_config.json", "{"), "generation_config.json", "not valid JSON"},
      {"generation is a folder", become_folder("generation_config.json"), "generation_config.json", "it is a folder"},
      {"generation has a text number", patch("generation_config.json", {{"temperature", "warm"}}), "generation_config.json", "\"temperature\""},
      {"generation's eos is text", patch("generation_config.json", {{"eos_token_id", {"x"}}}), "generation_config.json", "\"eos_token_id\""},
      {"weights are empty", write("model.safetensors", ""), "model.safetensors", "too short"},
      {"weights are cut off", write("model.safetensors", weights.substr(0, weights.size() / 2)), "model.safetensors", "the file ends within"},
      {"weights are a pointer", write("model.safetensors", "version https://git-lfs.github.com/spec/v1\n"), "model.safetensors", "git lfs pull"},
      {"weights are a folder", become_folder("model.safetensors"), "", "has no weights"},
      {"tokenizer is cut off", write("tokenizer.json", "{"), "tokenizer.json", ""},
      {"tokenizer is a folder", become_folder("tokenizer.json"), "tokenizer.json", ""},
  };
  for (const BadFolder& bad : all) {
    SCOPED_TRACE(bad.name);
    for (const std::string& entry : folder_entries(folder_.path())) remove(entry.c_str());
    SetUp();
    bad.spoil(*this);
    const std::string message = refusal_of(folder_.path());
    EXPECT_TRUE(message.starts_with(folder_.path())) << message;
    EXPECT_TRUE(says(message, bad.file));
    EXPECT_TRUE(says(message, bad.cause));
  }
}

TEST_F(CheckpointFolder, RefusesFilesWithoutPermission) {
#ifdef _WIN32
  GTEST_SKIP() << "POSIX permissions";
#else
  if (geteuid() == 0) GTEST_SKIP() << "root reads everything";
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"}) {
    std::filesystem::permissions(folder_.path(name), std::filesystem::perms::none);
    EXPECT_TRUE(says(refusal_of(folder_.path()), std::string(name) + ": can't open"));
    std::filesystem::permissions(folder_.path(name), std::filesystem::perms::owner_all);
  }
#endif
}

// An exported folder: a small network and the config.json that describes it.
class OpenvinoCheckpoint : public testing::Test {
 protected:
  void SetUp() override {
    net_.vocabulary = 320;
    for (const char* name : {"generation_config.json", "tokenizer.json", "tokenizer_config.json"})
      folder_.write(name, read_text_file(join_path(models, "form-float32/" + std::string(name))));
    write();
  }
  void write(const Json& patch = {}) {
    const FakeOpenvinoGraph graph = net_.graph();
    folder_.write("openvino_model.xml", graph.xml());
    folder_.write("openvino_model.bin", graph.constants);
    Json config = {{"model_type", "phi3"}, {"architectures", {"Phi3ForCausalLM"}}, {"hidden_size", 8}, {"intermediate_size", 8}, {"num_hidden_layers", 2}, {"num_attention_heads", 2},
                   {"num_key_value_heads", 1}, {"vocab_size", 320}, {"max_position_embeddings", 64}, {"sliding_window", 5}, {"rms_norm_eps", 1e-5}, {"rope_theta", 10000.0}};
    if (!patch.is_null()) config.merge_patch(patch);
    folder_.write("config.json", config.dump());
  }
  FakePhi3 net_;
  TemporaryFolder folder_;
};

TEST_F(OpenvinoCheckpoint, Opens) {
  {  // Windows does not let a file be written while it is mapped
    const Checkpoint checkpoint = open_checkpoint(folder_.path());
    EXPECT_EQ(checkpoint.kind, "OpenVINO folder");
    EXPECT_NE(checkpoint.weights->find_coded("model.layers.1.self_attn.qkv_proj.weight"), nullptr);
    EXPECT_TRUE(checkpoint.notes.empty()) << checkpoint.notes[0];
    EXPECT_FALSE(checkpoint.config.tied);
    EXPECT_FALSE(checkpoint.stop_tokens.empty());
  }
  net_.tied = net_.awq = true;
  write();
  const Checkpoint tied = open_checkpoint(folder_.path());
  EXPECT_TRUE(tied.config.tied);
  ASSERT_EQ(tied.notes.size(), 1u);
  EXPECT_TRUE(says(tied.notes[0], "2 scales of AWQ"));
}

TEST_F(OpenvinoCheckpoint, RefusesAGraphThatConfigJsonContradicts) {
  const std::vector<std::pair<Json, const char*>> all = {
      {{{"num_hidden_layers", 3}}, "the number of layers is 2 in the graph, but 3 by config.json"},
      {{{"num_key_value_heads", 2}}, "key and value heads is 1"},
      {{{"head_dim", 8}}, "numbers in a head is 4"},
      {{{"rms_norm_eps", 1e-6}}, "epsilon"},
      {{{"rope_theta", 10001.0}}, "number 1 of the rotation's frequencies"},
      {{{"partial_rotary_factor", 0.5}}, "the number of rotation's frequencies is 2"},
      {{{"sliding_window", 6}}, "the sliding window is 5 in the graph, but 6"},
      {{{"sliding_window", nullptr}}, "the sliding window is 5 in the graph, but none"},
      {{{"vocab_size", 321}}, "has the shape (320, 8), but config.json asks for (321, 8)"},
      {{{"model_type", "llama"}}, "this is a Llama"},
      {{{"rope_scaling", {{"type", "longrope"}, {"short_factor", {1.0, 1.0}}, {"long_factor", {1.0, 2.0}}}}, {"original_max_position_embeddings", 16}}, "the factor on cos and sin is 1"},
  };
  for (const auto& [patch, cause] : all) {
    SCOPED_TRACE(patch.dump());
    write(patch);
    EXPECT_TRUE(says(refusal_of(folder_.path()), cause));
  }
}

TEST_F(OpenvinoCheckpoint, NeedsTheFilesBesideIt) {
  for (const char* name : {"config.json", "tokenizer.json"}) {
    const std::string text = read_text_file(folder_.path(name));
    std::filesystem::remove(folder_.path(name));
    EXPECT_TRUE(says(refusal_of(folder_.path()), std::string(name) + ": is missing; optimum-cli export openvino writes it"));
    folder_.write(name, text);
  }
}

// A folder of ONNX Runtime GenAI: a small network, genai_config.json, and config.json where a test writes it.
class OnnxCheckpoint : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) folder_.write(name, read_text_file(join_path(models, "form-float32/" + std::string(name))));
    write();
  }
  void write(const Json& patch = {}) {
    const FakeOnnxModel model = net_.model();
    folder_.write("model.onnx", model.model());
    folder_.write("model.onnx.data", model.external);
    Json config = {{"model", {{"type", "phi3"}, {"context_length", net_.context}, {"vocab_size", 320}, {"eos_token_id", {303, 306}}, {"a_new_key", 1},
                              {"decoder", {{"filename", "model.onnx"}, {"num_hidden_layers", 2}, {"num_attention_heads", 2}, {"num_key_value_heads", 1}, {"head_size", 16}, {"hidden_size", 32},
                                           {"sliding_window", {{"window_size", 9}}}, {"outputs", {{"logits", "logits"}}}}}}},
                   {"search", {{"do_sample", true}, {"temperature", 0.5}, {"top_k", 7}}}};
    if (!patch.is_null()) config.merge_patch(patch);
    folder_.write("genai_config.json", config.dump());
  }
  FakeOnnxPhi3 net_;
  TemporaryFolder folder_;
};

TEST_F(OnnxCheckpoint, OpensWithoutConfigJson) {
  net_.theta = 250000;
  write();
  const Checkpoint checkpoint = open_checkpoint(folder_.path());
  EXPECT_EQ(checkpoint.kind, "ONNX Runtime GenAI folder");
  EXPECT_EQ(checkpoint.config.rope_theta, 250000);
  EXPECT_EQ(checkpoint.config.rms_epsilon, 1e-5f);
  EXPECT_EQ(checkpoint.config.window, 9);
  EXPECT_EQ(checkpoint.config.context, 64);
  EXPECT_EQ(checkpoint.config.rotary_size, 16);
  EXPECT_EQ(checkpoint.defaults.do_sample, true);
  EXPECT_EQ(checkpoint.defaults.temperature, 0.5);
  EXPECT_EQ(checkpoint.defaults.top_k, 7);
  std::string ends;
  for (const StopToken& token : checkpoint.stop_tokens) ends += std::to_string(token.id) + " " + token.source + "; ";
  EXPECT_TRUE(says(ends, "306 genai_config.json")) << ends;
  EXPECT_EQ(checkpoint.made_files.size(), 2u);
  ASSERT_EQ(checkpoint.notes.size(), 2u);
  EXPECT_TRUE(says(checkpoint.notes[0], "there is no config.json"));
  EXPECT_TRUE(says(checkpoint.notes[1], "without the sliding window of 9 tokens"));
}

TEST_F(OnnxCheckpoint, FindsLongRopeInItsTables) {
  net_.short_context = 24;
  for (const bool joined : {false, true}) {
    net_.joined_caches = joined;
    {
      std::filesystem::remove(folder_.path("config.json"));
      write();
      // The tables have no attention factor, which config.json must say then.
      const Checkpoint checkpoint = open_checkpoint(folder_.path());
      ASSERT_TRUE(checkpoint.config.long_rope);
      EXPECT_EQ(checkpoint.config.long_rope->original_context, 24);
      EXPECT_FLOAT_EQ(checkpoint.config.long_rope->attention_factor, 1);
      for (const float factor : checkpoint.config.long_rope->short_factors) EXPECT_EQ(factor, 1);
      for (const float factor : checkpoint.config.long_rope->long_factors) EXPECT_EQ(factor, 4);
      folder_.write("config.json", checkpoint.made_files.at("config.json").dump());
    }
    const Checkpoint again = open_checkpoint(folder_.path());
    EXPECT_EQ(again.config.long_rope->long_factors, std::vector<float>(8, 4));
    EXPECT_EQ(again.made_files.count("config.json"), 0u);
  }
}

TEST_F(OnnxCheckpoint, RefusesFilesThatContradictEachOther) {
  const auto decoder = [](const Json& patch) { return Json{{"model", {{"decoder", patch}}}}; };
  const std::vector<std::pair<Json, const char*>> all = {
      {{{"model", {{"type", "phi3small"}}}}, "\"model.type\": is \"phi3small\"; philo runs the dense Phi-3 family"},
      {{{"model", {{"vision", Json::object()}}}}, "takes more than text"},
      {{{"model", {{"context_length", 0}}}}, "context_length"},
      {{{"model", {{"vocab_size", 321}}}}, "is 321, but 320 in the graph"},
      {decoder({{"num_hidden_layers", 3}}), "is 3, but 2 in the graph"},
      {decoder({{"head_size", 8}}), "is 8, but 16 in the graph"},
      {decoder({{"pipeline", Json::array()}}), "cut into parts"},
      {decoder({{"filename", "../model.onnx"}}), "expected the name of a file in the folder"},
      {decoder({{"filename", "other.onnx"}}), "other.onnx: is missing"},
      {decoder({{"outputs", {{"logits", "scores"}}}}), "has no output \"scores\""},
  };
  for (const auto& [patch, cause] : all) {
    SCOPED_TRACE(patch.dump());
    write(patch);
    EXPECT_TRUE(says(refusal_of(folder_.path()), cause));
  }
}

TEST_F(OnnxCheckpoint, HoldsConfigJsonAgainstTheGraph) {
  const Json right = {{"model_type", "phi3"}, {"architectures", {"Phi3ForCausalLM"}}, {"hidden_size", 32}, {"intermediate_size", 32}, {"num_hidden_layers", 2}, {"num_attention_heads", 2},
                      {"num_key_value_heads", 1}, {"vocab_size", 320}, {"max_position_embeddings", 64}, {"rms_norm_eps", 1e-5}, {"rope_theta", 10000.0}};
  const std::vector<std::pair<Json, const char*>> all = {
      {{{"num_hidden_layers", 3}}, "the number of layers is 2 in the graph, but 3"},
      {{{"rope_theta", 10100.0}}, "the only rotary cache holds"},
      {{{"rope_theta", 10100.0}}, "take it away, and philo takes RoPE from the cache"},
      {{{"partial_rotary_factor", 0.5}}, "half the rotary size is 8"},
      {{{"rms_norm_eps", 1e-6}}, "epsilon"},
      {{{"intermediate_size", 48}}, "has the shape (32, 32), but config.json asks for (48, 32)"},
  };
  for (const auto& [patch, cause] : all) {
    SCOPED_TRACE(patch.dump());
    Json config = right;
    config.merge_patch(patch);
    folder_.write("config.json", config.dump());
    EXPECT_TRUE(says(refusal_of(folder_.path()), cause));
  }
  folder_.write("config.json", right.dump());
  EXPECT_FALSE(open_checkpoint(folder_.path()).config.window) << "config.json has none";
  net_.window = 5;
  write();
  EXPECT_TRUE(says(refusal_of(folder_.path()), "sliding_window"));
}

TEST_F(OnnxCheckpoint, NeedsTheFilesBesideIt) {
  for (const char* name : {"model.onnx.data", "model.onnx", "tokenizer.json", "genai_config.json"}) {
    const std::string text = read_text_file(folder_.path(name));
    std::filesystem::remove(folder_.path(name));
    EXPECT_TRUE(says(refusal_of(folder_.path()), std::string(name) + ": is missing")) << name;
    folder_.write(name, text);
  }
}

TEST(CheckpointKinds, RefusesWhatIsNotRead) {
  const TemporaryFolder folder;
  const auto with = [&](const std::string& name, std::initializer_list<const char*> files) {
    folder.make_folder(name);
    for (const char* file : files) folder.write(name + "/" + file, "{}");
    return folder.path(name);
  };
  const std::vector<std::pair<std::string, const char*>> all = {
      {folder.path("missing"), "there is no such file or folder"},
      {with("empty", {}), "is an empty folder"},
      {with("other", {"readme.txt"}), "has no config.json"},
      {with("vision", {"config.json", "openvino_language_model.xml", "openvino_language_model.bin", "tokenizer.json"}), "OpenVINO model of several networks"},
      {with("onnx", {"config.json", "genai_config.json", "model.onnx"}), "\"model\": is missing"},
      {with("onnx-only", {"phi.onnx"}), "genai_config.json: is missing"},
      {with("gguf", {"phi-3-q4.gguf"}), "is a GGUF model"},
      {with("adapter", {"adapter_config.json"}), "adapter (LoRA)"},
      {with("diffusion", {"model_index.json"}), "diffusion pipeline"},
      {with("cache", {"refs", "snapshots"}), "\"snapshots\""},
      {folder.write("phi.gguf", "GGUF...."), "is a GGUF model"},
      {folder.write("renamed.bin", "GGUF\3\0\0\0"), "is a GGUF model"},
      {folder.write("phi.onnx", ""), "is one file of an ONNX model"},
      {folder.write("model.xml", "<net/>"), "is one file of an OpenVINO model"},
      {folder.write("model.safetensors", ""), "give the folder that it lies in"},
      {folder.write("config.json", "{}"), "give the folder that it lies in"},
      {folder.write("notes.txt", "hello"), "is a file; expected a Hugging Face folder"},
  };
  for (const auto& [path, cause] : all) {
    const std::string message = refusal_of(path);
    EXPECT_TRUE(message.starts_with(path)) << message;
    EXPECT_TRUE(says(message, cause));
  }
}

}  // namespace
}  // namespace philo
