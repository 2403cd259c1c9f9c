// Reads a folder of ONNX Runtime GenAI and holds its files to each other.
#include "checkpoint/onnx_folder.h"

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/genai_config.h"
#include "checkpoint/hugging_face.h"
#include "checkpoint/onnx_config.h"
#include "checkpoint/stop_tokens.h"
#include "format/onnx/network.h"
#include "model/plan.h"

namespace philo {
namespace {

void check_genai(const GenaiConfig& genai, const OnnxNetwork& network) {
  const JsonObject model = genai.model_object(), decoder = *model.object("decoder");
  const auto same = [](const JsonObject& object, const char* key, const std::optional<int64_t>& said, int64_t found) {
    if (said && *said != found)
      throw object.wrong(key, "is " + std::to_string(*said) + ", but " + std::to_string(found) + " in the graph: the two don't belong together; export the model again");
  };
  same(decoder, "num_hidden_layers", genai.layers, network.layers);
  same(decoder, "num_attention_heads", genai.heads, network.heads);
  same(decoder, "num_key_value_heads", genai.kv_heads, network.kv_heads);
  same(decoder, "head_size", genai.head_size, network.head_size);
  same(decoder, "hidden_size", genai.hidden_size, network.hidden_size);
  same(model, "vocab_size", genai.vocabulary, network.vocabulary);
  if (network.window && genai.window) same(decoder, "sliding_window", genai.window, *network.window);
}

// What generation_config.json says in other folders.
OrderedJson made_generation(const GenaiConfig& genai) {
  OrderedJson json = OrderedJson::object();
  for (const char* token : {"bos_token_id", "eos_token_id", "pad_token_id"})
    if (const JsonObject model = genai.model_object(); model.has(token)) json[token] = *model.find(token);
  const GenerationDefaults defaults = genai.defaults();
  const auto give = [&](const char* key, const auto& value) {
    if (value) json[key] = *value;
  };
  give("do_sample", defaults.do_sample);
  give("temperature", defaults.temperature);
  give("top_k", defaults.top_k);
  give("top_p", defaults.top_p);
  give("repetition_penalty", defaults.repetition_penalty);
  return json;
}

FolderConfig config_of(const std::string& folder, const OnnxNetwork& network, const GenaiConfig& genai, Checkpoint& out) {
  if (is_file(join_path(folder, "config.json"))) return read_folder_config(folder);
  const OrderedJson made = made_config(network, genai, out.weights_file);
  out.made_files.emplace("config.json", made);
  out.notes.emplace_back("there is no config.json: the network's numbers come from genai_config.json and the graph, those of RoPE from the rotary caches");
  FolderConfig config{Json::parse(made.dump()), genai.file, {}, "Phi3ForCausalLM"};
  config.config = parse_config(config.json, config.file);
  return config;
}

}  // namespace

Checkpoint open_onnx(const std::string& folder) {
  Checkpoint out;
  out.path = folder;
  out.kind = "ONNX Runtime GenAI folder";
  const GenaiConfig genai = read_genai_config(folder);
  out.weights_file = join_path(folder, genai.model);
  if (!is_file(join_path(folder, "tokenizer.json")))
    throw input_error(join_path(folder, "tokenizer.json"), "is missing; the builder writes it beside the ONNX model: copy it from there or from the Hugging Face folder that was exported");

  auto weights = std::make_shared<Weights>();
  const OnnxNetwork network = read_onnx_folder(folder, genai.model, genai.logits, *weights);
  check_genai(genai, network);
  const FolderConfig config = config_of(folder, network, genai, out);
  out.config = config.config;
  out.architecture = config.architecture;
  check_onnx_network(network, out.config, out.weights_file, out.notes);
  out.config.tied = network.tied;
  out.weights = std::move(weights);
  for (std::string& note : plan_phi3(out.config, out.weights, out.weights_file).notes) out.notes.push_back(std::move(note));
  const EosSource eos{"genai_config.json", eos_token_ids(genai.model_object())};
  read_text_parts(config, out, std::span(&eos, 1));
  if (!is_file(join_path(folder, "generation_config.json"))) {
    out.defaults = genai.defaults();
    out.made_files.emplace("generation_config.json", made_generation(genai));
  }
  return out;
}

}  // namespace philo
