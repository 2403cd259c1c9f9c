#include "api/model.h"

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <map>

#include "api/weight_recipe.h"
#include "convert/assign_formats.h"
#include "machine/cpu.h"
#include "machine/thread_pool.h"

namespace philo {

namespace {

// Collects notes and passes them on while the caller's callbacks live; the network may keep its sink for longer.
struct LoadNotes {
  std::vector<std::string> texts;
  const Callbacks* callbacks;

  void add(std::string_view text) {
    if (callbacks == nullptr) return;
    texts.emplace_back(text);
    callbacks->note(text);
  }
};

void check_device_options(const std::string& device, const Options& options) {
  const bool openvino = device.starts_with("openvino:"), onnxruntime = device.starts_with("onnxruntime:");
  if (options.has("ov") && !openvino) throw usage_error("--ov is for openvino devices; the device is " + device);
  if (options.has("ort") && !onnxruntime)
    throw usage_error("--ort is for onnxruntime devices; the device is " + device);
  if (options.flag("allow-requantize") && !device.starts_with("openvino:NPU"))
    throw usage_error("--allow-requantize is for NPUs; the device is " + device);
}

std::vector<std::pair<std::string, std::string>> properties_of(const Options& options) {
  std::vector<std::pair<std::string, std::string>> properties;
  for (const char* const option : {"ov", "ort"})
    for (const std::string& text : options.texts(option)) {
      const size_t equals = text.find('=');
      if (equals == 0 || equals == text.npos)
        throw usage_error("--" + std::string(option) + ": found " + shown(text) + ", expected KEY=VALUE");
      properties.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
  return properties;
}

void note_unused(std::initializer_list<const char*> names, const Options& options, const std::string& why, LoadNotes& notes) {
  std::string unused;
  for (const char* name : names)
    if (options.has(name)) unused.append(unused.empty() ? "" : ", ").append("--").append(name);
  if (!unused.empty()) notes.add(unused + ": no effect, because " + why);
}

// The plan with its weights in the formats that the options ask for.
Plan settle_weights(Plan plan, const Options& options, const Callbacks& callbacks, LoadNotes& notes) {
  const auto wanted = options.text("weight-format");
  if (!wanted) {
    const std::string why = is_quantized(plan) ? "the weights are taken as they are stored" : "the weights are not quantized";
    note_unused({"group-size", "ratio", "sym", "asym"}, options, why, notes);
    return plan;
  }
  if (*wanted == "fp32" || *wanted == "fp16") {
    if (const std::string note = unused_recipe_options(options); !note.empty()) notes.add(note);
    const DType dtype = *wanted == "fp32" ? DType::F32 : DType::F16;
    return with_formats(plan, [&](const Weight&, const Segment&) { return dtype; });
  }
  if (is_quantized(plan)) {
    const std::string stored = weight_format(plan);
    if (stored != *wanted)
      throw usage_error("--weight-format " + *wanted + ": the weights are stored as " + stored +
                        "; quantizing starts from floats, so give the model that these were made from, or leave it out");
    notes.add("--weight-format " + *wanted + ": the weights are stored so and taken as they are");
    note_unused({"group-size", "ratio", "sym", "asym"}, options, "the weights are taken as they are stored", notes);
    return plan;
  }
  if (const std::string note = unused_recipe_options(options); !note.empty()) notes.add(note);
  ThreadPool pool(threads_or_cores(static_cast<int>(options.integer("threads").value_or(0))));
  std::map<const std::byte*, MatrixFormat> formats;
  for (const AssignedTensor& assigned : assign_formats(plan, read_recipe(options), pool, callbacks.progress()))
    formats[assigned.segment->place()] = assigned.format;
  return with_formats(plan, [&](const Weight&, const Segment& segment) { return formats.at(segment.place()); });
}

KvFormat settle_kv_format(const Options& options, LoadNotes& notes) {
  const auto weights = options.text("weight-format"), kv = options.text("kv-format");
  if (weights == "fp32") {
    if (kv.value_or("fp32") != "fp32")
      notes.add("--kv-format " + *kv + ": no effect, because --weight-format fp32 implies fp32");
    return KvFormat::Fp32;
  }
  if (!kv) return KvFormat::Int8;
  return *kv == "fp32" ? KvFormat::Fp32 : *kv == "fp16" ? KvFormat::Fp16 : KvFormat::Int8;
}

}  // namespace

std::string weight_format(const Plan& plan) {
  std::map<std::string, int64_t> weights;
  for (const auto& weight : plan.weights)
    for (const Segment& segment : weight->segments)
      weights[format_name(segment.format)] += segment.rows * weight->columns;
  const auto most = std::max_element(weights.begin(), weights.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == weights.end() ? "" : most->first;
}

std::string kv_format_name(KvFormat format) {
  switch (format) {
    case KvFormat::Fp32:
      return "fp32";
    case KvFormat::Fp16:
      return "fp16";
    case KvFormat::Int8:
      return "int8";
  }
  return "";
}

std::string activation_format_name(ActivationFormat format) { return format == ActivationFormat::Fp32 ? "fp32" : "int8"; }

std::shared_ptr<LoadedModel> load_model(const std::string& path, const Options& options, const Callbacks& callbacks) {
  return load_model([&] { return open_checkpoint(path); }, options, callbacks);
}

std::shared_ptr<LoadedModel> load_model(const std::function<Checkpoint()>& open, const Options& options,
                                        const Callbacks& callbacks) {
  const auto start = std::chrono::steady_clock::now();
  const auto notes = std::make_shared<LoadNotes>(LoadNotes{{}, &callbacks});
  const Device& device = find_device(options.text("device").value_or("cpu"));
  check_device_options(std::string(device.name()), options);

  auto model = std::make_shared<LoadedModel>();
  model->checkpoint = open();
  for (const std::string& note : model->checkpoint.notes) notes->add(note);
  const Checkpoint& checkpoint = model->checkpoint;
  model->plan = std::make_shared<const Plan>(
      settle_weights(plan_phi3(checkpoint.config, checkpoint.weights, checkpoint.weights_file), options, callbacks, *notes));
  if (!is_quantized(*model->plan)) note_unused({"activation-format"}, options, "the weights are not quantized", *notes);
  if (options.text("device") == "auto") notes->add("--device auto: computing on " + std::string(device.name()));
  DeviceOptions compile;
  compile.kv_format = settle_kv_format(options, *notes);
  if (options.text("activation-format") == "fp32" || options.text("weight-format") == "fp32")
    compile.activation_format = ActivationFormat::Fp32;
  compile.threads = static_cast<int>(options.integer("threads").value_or(0));
  compile.isa = options.text("isa").value_or("");
  compile.properties = properties_of(options);
  compile.context = static_cast<size_t>(options.integer("context").value_or(0));
  compile.allow_requantize = options.flag("allow-requantize");
  compile.cache_folder = options.text("cache-folder").value_or("");
  compile.note = [notes](std::string_view text) { notes->add(text); };
  compile.progress = callbacks.progress();
  if (const auto adapted = device.adapt(model->plan, compile); adapted != model->plan) {
    notes->add("--allow-requantize: " + std::string(device.name()) + " does not take all weights as they are, so that they are quantized again");
    model->plan = adapted;
  }
  if (const auto reason = device.refuses(*model->plan, compile)) throw Error(ErrorCode::Device, *reason);
  model->network = device.compile(model->plan, compile);
  const KvFormat kept = model->network->traits().kv_format.value_or(compile.kv_format);
  if (options.has("kv-format") && kept != compile.kv_format)
    notes->add("--kv-format " + *options.text("kv-format") + ": no effect, because " + std::string(device.name()) + " keeps keys and values in " +
               kv_format_name(kept));

  model->device = device.name();
  model->weight_format = weight_format(*model->plan);
  model->device_options = compile;
  model->device_options.note = {};
  model->device_options.kv_format = kept;
  model->device_options.progress = {};
  model->notes = std::move(notes->texts);
  notes->callbacks = nullptr;
  model->load_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return model;
}

}  // namespace philo

philo_status philo_model_open(const char* path, const philo_option* options, size_t option_count,
                              const philo_callbacks* callbacks, philo_model** model, philo_error** error) {
  return philo::guarded(error, [&] {
    philo::required(model, "model");
    const philo::Callbacks sinks(callbacks);
    const philo::Options parsed(philo::OptionGroup::Load, philo::option_span(options, option_count));
    *model = new philo_model{philo::load_model(&philo::required(path, "path"), parsed, sinks)};
  });
}

void philo_model_free(philo_model* model) { delete model; }

philo_status philo_model_report(const philo_model* model, char** json, philo_error** error) {
  return philo::guarded(error, [&] {
    const philo::LoadedModel& loaded = *philo::required(model, "model").loaded;
    const philo::Traits traits = loaded.network->traits();
    philo::give_text(json, {{"path", loaded.checkpoint.path},
                            {"kind", loaded.checkpoint.kind},
                            {"architecture", loaded.checkpoint.architecture},
                            {"device", loaded.device},
                            {"isa", traits.isa},
                            {"threads", traits.threads},
                            {"prefill_threads", traits.prefill_threads != 0 ? traits.prefill_threads : traits.threads},
                            {"decode_threads", traits.decode_threads != 0 ? traits.decode_threads : traits.threads},
                            {"weight_format", loaded.weight_format},
                            {"activation_format", philo::activation_format_name(loaded.device_options.activation_format)},
                            {"kv_format", philo::kv_format_name(loaded.device_options.kv_format)},
                            {"context", traits.context},
                            {"chat", loaded.checkpoint.chat_template != nullptr},
                            {"weight_bytes", traits.weight_bytes},
                            {"load_ms", loaded.load_ms},
                            {"notes", loaded.notes}});
  });
}
