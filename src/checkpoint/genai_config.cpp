// Reads and checks genai_config.json.
#include "checkpoint/genai_config.h"

#include "base/error.h"
#include "base/file.h"

namespace philo {
namespace {

constexpr JsonLimits limits = {.bytes = size_t{16} << 20, .depth = 64};
constexpr int64_t most_positions = int64_t{1} << 30;

void check_kind(const JsonObject& model) {
  const std::string type = model.text("type").value_or("(none)");
  if (type != "phi3") throw model.wrong("type", "is " + shown(type) + "; philo runs the dense Phi-3 family (\"phi3\"): Phi-3-mini, Phi-3-medium, Phi-3.5-mini, Phi-4-mini and Phi-4");
  for (const char* other : {"vision", "speech", "encoder", "embedding"})
    if (model.has(other)) throw model.wrong(other, "is given: the model takes more than text, or is cut into parts; philo reads whole text models");
}

}  // namespace

JsonObject GenaiConfig::model_object() const { return *JsonObject(json, file).object("model"); }

GenerationDefaults GenaiConfig::defaults() const {
  GenerationDefaults out;
  const std::optional<JsonObject> search = JsonObject(json, file).object("search");
  if (!search) return out;
  out.do_sample = search->boolean("do_sample");
  out.temperature = search->number("temperature");
  out.top_p = search->number("top_p");
  out.repetition_penalty = search->number("repetition_penalty");
  out.top_k = search->integer("top_k");
  return out;
}

GenaiConfig read_genai_config(const std::string& folder) {
  GenaiConfig out;
  out.file = join_path(folder, "genai_config.json");
  if (!is_file(out.file))
    throw input_error(out.file, "is missing; philo reads ONNX models in the folders that ONNX Runtime GenAI's builder makes, which hold it: copy it in, or use the Hugging Face folder that the model was exported from");
  out.json = read_json_file(out.file, limits);
  const JsonObject root(out.json, out.file);
  const std::optional<JsonObject> model = root.object("model");
  if (!model) throw root.wrong("model", "is missing; it describes the model");
  check_kind(*model);
  const std::optional<JsonObject> decoder = model->object("decoder");
  if (!decoder) throw model->wrong("decoder", "is missing; it names the ONNX model");
  if (decoder->has("pipeline")) throw decoder->wrong("pipeline", "is given: the model is cut into parts for one kind of NPU; philo reads whole models");
  out.model = decoder->text("filename").value_or("model.onnx");
  if (out.model.empty() || out.model.find_first_of(std::string_view("/\\:\0", 4)) != out.model.npos || out.model == "." || out.model == "..")
    throw decoder->wrong("filename", "is " + shown(out.model) + ", expected the name of a file in the folder");
  const std::optional<JsonObject> outputs = decoder->object("outputs");
  out.logits = outputs ? outputs->text("logits").value_or("logits") : "logits";
  out.context = model->integer_in("context_length", 1, most_positions);
  if (const auto window = decoder->object("sliding_window"); window && window->has("window_size")) out.window = window->integer_in("window_size", 1, most_positions);
  out.layers = decoder->integer("num_hidden_layers");
  out.heads = decoder->integer("num_attention_heads");
  out.kv_heads = decoder->integer("num_key_value_heads");
  out.head_size = decoder->integer("head_size");
  out.hidden_size = decoder->integer("hidden_size");
  out.vocabulary = model->integer("vocab_size");
  return out;
}

}  // namespace philo
