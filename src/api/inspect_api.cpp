// Reports on checkpoints and options.
#include <map>

#include "api/handles.h"
#include "api/model.h"
#include "api/options.h"
#include "api/weight_recipe.h"
#include "bench/shares.h"
#include "convert/assign_formats.h"
#include "machine/memory.h"

namespace philo {

namespace {

template <class T>
OrderedJson or_null(const std::optional<T>& value) {
  return value ? OrderedJson(*value) : OrderedJson(nullptr);
}

OrderedJson config_report(const ModelConfig& config) {
  OrderedJson report = {{"hidden_size", config.hidden_size},
                        {"intermediate_size", config.intermediate_size},
                        {"layers", config.layers},
                        {"heads", config.heads},
                        {"kv_heads", config.kv_heads},
                        {"head_size", config.head_size},
                        {"rotary_size", config.rotary_size},
                        {"vocabulary", config.vocabulary},
                        {"context", config.context},
                        {"window", or_null(config.window)},
                        {"rope_theta", config.rope_theta},
                        {"rms_epsilon", config.rms_epsilon},
                        {"tied", config.tied},
                        {"long_rope", nullptr}};
  if (config.long_rope)
    report["long_rope"] = {{"original_context", config.long_rope->original_context},
                           {"attention_factor", config.long_rope->attention_factor}};
  return report;
}

// Bytes of the weights in the format asked for.
size_t weight_bytes(const Plan& plan, const Options& options) {
  const auto wanted = options.text("weight-format");
  double bytes = 0;
  if (wanted == "int4" || wanted == "int8") {
    ThreadPool pool(1);
    for (const AssignedTensor& assigned : assign_formats(plan, read_recipe(options), pool))
      bytes += static_cast<double>(assigned.segment->rows * assigned.columns) / 8 *
               bits_per_weight(assigned.format, assigned.columns);
    return static_cast<size_t>(bytes);
  }
  for (const auto& weight : plan.weights)
    for (const Segment& segment : weight->segments) {
      const auto elements = static_cast<double>(segment.rows * weight->columns);
      bytes += wanted ? elements * (wanted == "fp32" ? 4 : 2) : static_cast<double>(segment.stored_bytes());
    }
  return static_cast<size_t>(bytes);
}

// What the model takes at a context: weights and KV cache in the formats asked for, and in the others for comparison.
OrderedJson memory_report(const ModelConfig& config, const Plan& plan, const Options& options) {
  const auto context = options.integer("context").value_or(config.context);
  const size_t weights = weight_bytes(plan, options);
  const std::string format = options.text("weight-format").value_or(weight_format(plan));
  const std::string kv_format =
      format == "fp32" && options.has("weight-format") ? "fp32" : options.text("kv-format").value_or("int8");
  const auto tokens = static_cast<size_t>(context);
  const auto kv_bytes = [&](KvFormat kv) { return tokens * kv_bytes_per_token(config, kv); };
  const KvFormat kv = kv_format == "fp32" ? KvFormat::Fp32 : kv_format == "fp16" ? KvFormat::Fp16 : KvFormat::Int8;
  const MemoryStatus machine = memory_status();
  return {{"context", context},
          {"weight_format", format},
          {"weight_bytes", weights},
          {"kv_format", kv_format},
          {"kv_bytes", kv_bytes(kv)},
          {"kv_bytes_by_format",
           {{"fp32", kv_bytes(KvFormat::Fp32)}, {"fp16", kv_bytes(KvFormat::Fp16)}, {"int8", kv_bytes(KvFormat::Int8)}}},
          {"visible_tokens", config.window ? std::min(context, *config.window) : context},
          {"total_bytes", weights + kv_bytes(kv)},
          {"machine_bytes", machine.total_bytes},
          {"available_bytes", machine.available_bytes}};
}

OrderedJson tokenizer_report(const Checkpoint& checkpoint) {
  const Tokenizer& tokenizer = *checkpoint.tokenizer;
  return {{"form", tokenizer.form()},
          {"size", tokenizer.size()},
          {"added_tokens", tokenizer.added_tokens().size()},
          {"chat_template", checkpoint.chat_template != nullptr}};
}

OrderedJson inspect_report(const std::string& path, const Options& options) {
  const Checkpoint checkpoint = open_checkpoint(path);
  const Plan plan = plan_phi3(checkpoint.config, checkpoint.weights, checkpoint.weights_file);
  OrderedJson report = {
      {"path", checkpoint.path}, {"kind", checkpoint.kind}, {"architecture", checkpoint.architecture}};
  report["config"] = config_report(checkpoint.config);
  size_t parameters = 0;
  std::map<std::string, std::pair<size_t, size_t>> formats;  // tensors, bytes
  OrderedJson tensors = OrderedJson::array();
  for (const auto& [name, tensor] : checkpoint.weights->tensors()) {
    parameters += tensor.elements();
    auto& [count, bytes] = formats[std::string(dtype_name(tensor.dtype))];
    count += 1;
    bytes += tensor.bytes.size();
    tensors.push_back({{"name", name},
                       {"format", dtype_name(tensor.dtype)},
                       {"shape", tensor.shape},
                       {"bytes", tensor.bytes.size()}});
  }
  for (const auto& [name, matrix] : checkpoint.weights->coded()) {
    parameters += static_cast<size_t>(matrix.rows * matrix.columns);
    auto& [count, bytes] = formats[format_description(matrix.format)];
    count += 1;
    bytes += matrix.bytes();
    tensors.push_back({{"name", name},
                       {"format", format_description(matrix.format)},
                       {"shape", {matrix.rows, matrix.columns}},
                       {"bytes", matrix.bytes()}});
  }
  report["parameters"] = parameters;
  report["tensors"] = std::move(tensors);
  report["formats"] = OrderedJson::object();
  for (const auto& [name, sums] : formats) report["formats"][name] = {{"tensors", sums.first}, {"bytes", sums.second}};
  report["memory"] = memory_report(checkpoint.config, plan, options);
  report["tokenizer"] = tokenizer_report(checkpoint);
  report["stop_tokens"] = OrderedJson::array();
  for (const StopToken& stop : checkpoint.stop_tokens)
    report["stop_tokens"].push_back(
        {{"id", stop.id}, {"text", checkpoint.tokenizer->piece(stop.id)}, {"source", stop.source}});
  const GenerationDefaults& defaults = checkpoint.defaults;
  report["defaults"] = {{"do_sample", or_null(defaults.do_sample)},
                        {"temperature", or_null(defaults.temperature)},
                        {"top_k", or_null(defaults.top_k)},
                        {"top_p", or_null(defaults.top_p)},
                        {"min_p", or_null(defaults.min_p)},
                        {"repetition_penalty", or_null(defaults.repetition_penalty)},
                        {"max_new_tokens", or_null(defaults.max_new_tokens)}};
  report["notes"] = checkpoint.notes;
  if (options.flag("plan")) report["plan"] = plan_text(plan);
  return report;
}

}  // namespace

}  // namespace philo

using philo::guarded;
using philo::required;

philo_status philo_options_describe(const char* group, char** json, philo_error** error) {
  return guarded(
      error, [&] { philo::give_text(json, philo::describe_options(philo::option_group(&required(group, "group")))); });
}

philo_status philo_options_check(const char* group, const philo_option* options, size_t option_count,
                                 philo_error** error) {
  return guarded(error, [&] {
    philo::Options(philo::option_group(&required(group, "group")), philo::option_span(options, option_count));
  });
}

philo_status philo_inspect(const char* path, const philo_option* options, size_t option_count, char** json,
                           philo_error** error) {
  return guarded(error, [&] {
    const philo::Options parsed(philo::OptionGroup::Inspect, philo::option_span(options, option_count));
    philo::give_text(json, philo::inspect_report(&required(path, "path"), parsed));
  });
}
