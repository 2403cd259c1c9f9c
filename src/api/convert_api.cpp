// The conversion part of the C interface.
#include <cmath>
#include <map>

#include "api/handles.h"
#include "api/options.h"
#include "api/weight_recipe.h"
#include "convert/convert.h"

namespace philo {

namespace {

OrderedJson finite_or_null(double value) { return std::isfinite(value) ? OrderedJson(value) : OrderedJson(nullptr); }

double bits(uint64_t bytes, uint64_t weights) {
  return weights == 0 ? 0 : 8 * static_cast<double>(bytes) / static_cast<double>(weights);
}

OrderedJson report_of(const ConvertReport& result) {
  OrderedJson report = {{"files", result.files},
                        {"weights", result.weights},
                        {"source_bytes", result.source_bytes},
                        {"bytes", result.bytes},
                        {"bits_per_weight", bits(result.bytes, result.weights)},
                        {"relative_error", result.relative_error},
                        {"seconds", result.seconds},
                        {"source_bytes_per_s", static_cast<double>(result.source_bytes) / std::max(result.seconds, 1e-9)}};
  struct Sums {
    uint64_t tensors = 0, weights = 0, bytes = 0;
  };
  std::map<std::string, Sums> formats;
  OrderedJson tensors = OrderedJson::array();
  for (const ConvertedTensor& tensor : result.tensors) {
    Sums& sums = formats[tensor.format];
    sums.tensors += 1;
    sums.weights += tensor.weights;
    sums.bytes += tensor.bytes;
    tensors.push_back({{"name", tensor.name},
                       {"format", tensor.format},
                       {"weights", tensor.weights},
                       {"source_bytes", tensor.source_bytes},
                       {"bytes", tensor.bytes},
                       {"bits_per_weight", bits(tensor.bytes, tensor.weights)},
                       {"relative_error", tensor.relative_error},
                       {"signal_to_noise_db", finite_or_null(tensor.signal_to_noise_db)}});
  }
  report["formats"] = OrderedJson::object();
  for (const auto& [name, sums] : formats)
    report["formats"][name] = {{"tensors", sums.tensors}, {"weights", sums.weights}, {"bytes", sums.bytes}};
  report["tensors"] = std::move(tensors);
  return report;
}

FolderKind kind_of(const std::string& name) {
  return name == "onnx" ? FolderKind::Onnx : name == "openvino" ? FolderKind::Openvino : FolderKind::Philo;
}

OnnxTarget onnx_target_of(const std::string& name) {
  return name == "dml" ? OnnxTarget::Dml : name == "cuda" ? OnnxTarget::Cuda : name == "webgpu" ? OnnxTarget::Webgpu : OnnxTarget::Cpu;
}

OrderedJson convert_report(const std::string& source, const std::string& target, const Options& options,
                           const Callbacks& callbacks) {
  ConvertOptions settings;
  settings.kind = kind_of(options.text("to").value_or("philo"));
  settings.recipe = read_recipe(options);
  settings.keep_codes = !asks_for_formats(options);
  settings.onnx_target = onnx_target_of(options.text("onnx-target").value_or("cpu"));
  settings.replace = options.flag("force");
  settings.threads = static_cast<int>(options.integer("threads").value_or(0));
  settings.progress = callbacks.progress();
  std::vector<std::string> notes;
  settings.note = [&](std::string_view text) {
    notes.emplace_back(text);
    callbacks.note(text);
  };
  if (settings.kind != FolderKind::Onnx && options.has("onnx-target")) settings.note("--onnx-target: no effect without --to onnx");
  if (const std::string note = unused_recipe_options(options); !note.empty()) settings.note(note);
  const ConvertReport result = convert(source, target, settings);
  OrderedJson report = {{"source", source}, {"target", target}};
  const bool mixes = settings.recipe.weights == NumberFormat::Int4;
  report["weight_format"] = options.text("weight-format").value_or("int4");
  report["group_size"] = mixes ? OrderedJson(settings.recipe.group_size) : OrderedJson(nullptr);
  report["symmetric"] = settings.recipe.symmetric;
  report["ratio"] = mixes ? OrderedJson(settings.recipe.ratio) : OrderedJson(nullptr);
  report["backup_format"] = mixes ? OrderedJson(options.text("backup-format").value_or("int8")) : OrderedJson(nullptr);
  report.update(report_of(result));
  report["notes"] = notes;
  return report;
}

}  // namespace

}  // namespace philo

philo_status philo_convert(const char* source, const char* target, const philo_option* options, size_t option_count,
                           const philo_callbacks* callbacks, char** json, philo_error** error) {
  return philo::guarded(error, [&] {
    const philo::Callbacks sinks(callbacks);
    const philo::Options parsed(philo::OptionGroup::Convert, philo::option_span(options, option_count));
    philo::required(json, "json");
    philo::give_text(json, philo::convert_report(&philo::required(source, "source"), &philo::required(target, "target"), parsed, sinks));
  });
}
