// The measuring part of the C interface: loads each combination of device and weight format, measures its cases,
// reports.
#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "api/handles.h"
#include "api/machine_report.h"
#include "api/model.h"
#include "api/options.h"
#include "bench/measure.h"
#include "bench/shares.h"
#include "bench/synthetic.h"
#include "generate/prompt_lookup.h"
#include "machine/cpu.h"
#include "machine/memory.h"

namespace philo {

namespace {

constexpr std::array shared_with_load = {
    "ov", "ort", "group-size", "ratio", "sym", "asym", "activation-format", "kv-format", "threads", "isa", "context", "allow-requantize", "cache-folder"};

const char* compiler_name() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "g++ " __VERSION__;
#else
  return "unknown";
#endif
}

template <class T>
OrderedJson or_null(const std::optional<T>& value) {
  return value ? OrderedJson(*value) : OrderedJson(nullptr);
}

std::vector<Token> parse_replay(std::string_view text) {
  std::vector<Token> tokens;
  constexpr std::string_view separators = ", \n\r\t";
  for (size_t at = text.find_first_not_of(separators); at != std::string_view::npos;
       at = text.find_first_not_of(separators, at)) {
    const size_t end = std::min(text.find_first_of(separators, at), text.size());
    Token token = 0;
    const auto [stop, problem] = std::from_chars(text.data() + at, text.data() + end, token);
    if (problem != std::errc() || stop != text.data() + end || token < 0)
      throw usage_error("--replay: at byte " + std::to_string(at) + ": found " +
                        shown(text.substr(at, std::min<size_t>(end - at, 40))) +
                        ", expected token ids, whole numbers from 0, separated by commas or white space");
    tokens.push_back(token);
    at = end;
  }
  if (tokens.empty()) throw usage_error("--replay: no token ids in it");
  return tokens;
}

// How a run's weights are computed with.
struct WeightsText {
  OrderedJson format, group_size, symmetric, ratio;
};

// What most of the block weights are.
WeightsText weights_of(const LoadedModel& model) {
  std::map<int, std::pair<int64_t, CodeFormat>> codes;  // by bits: weights, and the format of the last
  for (const Step& step : model.plan->steps) {
    if (step.op != Op::Linear || &step == &model.plan->steps.back()) continue;
    for (const Segment& segment : step.weight->segments)
      if (const auto* format = std::get_if<CodeFormat>(&segment.format)) {
        codes[format->bits].first += segment.rows * step.weight->columns;
        codes[format->bits].second = *format;
      }
  }
  WeightsText text{model.weight_format, nullptr, nullptr, nullptr};
  const auto found = codes.find(text.format == "int4" ? 4 : 8);
  if (found == codes.end() || (text.format != "int4" && text.format != "int8")) return text;
  text.group_size = found->second.second.group_size;
  text.symmetric = found->second.second.symmetric;
  if (text.format == "int4")
    text.ratio = static_cast<double>(found->second.first) / static_cast<double>(found->second.first + codes[8].first);
  return text;
}

// What was asked for, where it could not be loaded.
WeightsText weights_of(const std::string& format, const Options& options) {
  WeightsText text{format.empty() ? OrderedJson(nullptr) : OrderedJson(format), nullptr, nullptr, nullptr};
  if (format != "int4" && format != "int8") return text;
  text.group_size = std::stoll(options.text("group-size").value_or(format == "int4" ? "128" : "-1"));
  text.symmetric = !options.flag("asym");
  if (format == "int4") text.ratio = options.number("ratio").value_or(1.0);
  return text;
}

OrderedJson empty_run(const std::string& device, const OrderedJson& isa, const WeightsText& weights,
                      const OrderedJson& kv_format, const BenchCase& wanted) {
  OrderedJson run = {
      {"device", device}, {"isa", isa}, {"weight_format", weights.format}, {"group_size", weights.group_size}};
  run["symmetric"] = weights.symmetric;
  run["ratio"] = weights.ratio;
  run["kv_format"] = kv_format;
  run["sessions"] = wanted.sessions;
  run["prompt_tokens"] = wanted.prompt_tokens;
  run["depth"] = wanted.depth;
  for (const char* key :
       {"ttft_ms", "tpot_ms", "spread", "prefill_tokens_per_s", "decode_tokens_per_s", "share_of_bandwidth",
        "share_of_int8_peak", "load_ms", "peak_memory_bytes", "failed", "share_of_fp32_peak", "tokens_per_pass"})
    run[key] = nullptr;
  run["status"] = static_cast<int>(PHILO_OK);
  return run;
}

class BenchCall {
 public:
  BenchCall(const char* path, std::span<const philo_option> given, const Callbacks& callbacks)
      : given_(given), options_(OptionGroup::Bench, given), callbacks_(callbacks), path_(path == nullptr ? "" : path) {
    const auto synthetic = options_.text("synthetic");
    if (synthetic && path != nullptr) throw usage_error("--synthetic: a model is given, too; give one of them");
    if (!synthetic && path == nullptr) throw usage_error("no model is given, and no synthetic one");
    if (options_.flag("speculate")) drafter_ = [] { return std::make_unique<PromptLookup>(); };
    if (const auto text = options_.text("replay")) replay_ = parse_replay(*text);
    devices_ = options_.texts("device");
    formats_ = options_.texts("weight-format");
    if (devices_.empty()) devices_ = {"cpu"};
    if (formats_.empty()) formats_ = {synthetic ? "int4" : ""};
    make_cases();
  }

  OrderedJson report() {
    open_model();
    const MachineLimits limits =
        machine_limits(std::vector{threads_of(options_)}, limits_options(options_, callbacks_)).front();
    if (limits.disturbed)
      note(
          "other programs ran while the machine's limits were measured, so that these are lower bounds; --remeasure "
          "measures again");
    for (const std::string& device : devices_)
      for (const std::string& format : formats_) run_cases(device, format);
    OrderedJson machine = limits_report(limits);
    machine.erase("disturbed");
    OrderedJson report = {
        {"model", model_}, {"machine", {{"cpu", cpu().name}}}, {"build", {{"version", philo_version()}}}};
    report["machine"].update(machine);
    report["machine"]["memory_bytes"] = memory_status().total_bytes;
    report["build"]["compiler"] = compiler_name();
    report["settings"] = {{"new_tokens", cases_.front().new_tokens},
                          {"repetitions", cases_.front().repetitions},
                          {"speculate", options_.flag("speculate")},
                          {"replay", !replay_.empty()},
                          {"activation_format", options_.text("activation-format").value_or("int8")}};
    report["runs"] = std::move(runs_);
    report["notes"] = notes_;
    return report;
  }

 private:
  void make_cases() {
    const auto listed = [&](const char* name, std::vector<int64_t> fallback) {
      const std::vector<int64_t> values = options_.integers(name);
      return values.empty() ? fallback : values;
    };
    for (const int64_t prompt : listed("prompt-tokens", {128, 512}))
      for (const int64_t depth : listed("depth", {0}))
        for (const int64_t sessions : listed("sessions", {1})) {
          BenchCase one;
          one.prompt_tokens = static_cast<size_t>(prompt);
          one.depth = static_cast<size_t>(depth);
          one.sessions = static_cast<size_t>(sessions);
          one.new_tokens = static_cast<size_t>(options_.integer("new-tokens").value_or(32));
          one.repetitions = static_cast<size_t>(options_.integer("repetitions").value_or(3));
          one.context = static_cast<size_t>(options_.integer("context").value_or(0));
          one.replay = replay_;
          one.drafter = drafter_;
          one.progress = callbacks_.progress();
          cases_.push_back(std::move(one));
        }
  }

  // A model that is not there ends the call before anything is measured.
  void open_model() {
    if (path_.empty()) {
      synthetic_ = synthetic_checkpoint(options_.text("synthetic").value());
      model_ = synthetic_->path + ", random weights";
    } else {
      model_ = open_checkpoint(path_).path;
    }
  }

  void note(const std::string& text) {
    if (std::find(notes_.begin(), notes_.end(), text) != notes_.end()) return;
    notes_.push_back(text);
    callbacks_.note(text);
  }

  void begin_peak() {
    if (!reset_peak_memory())
      note(
          "this system does not let the mark of memory begin anew, so that peak memory is the most that the process "
          "held so far");
  }

  std::shared_ptr<LoadedModel> load(const std::string& device, const std::string& format) const {
    std::vector<philo_option> load = {{"device", device.c_str()}};
    if (!format.empty()) load.push_back({"weight-format", format.c_str()});
    for (const philo_option& option : given_)
      if (std::find(shared_with_load.begin(), shared_with_load.end(), std::string_view(option.name)) !=
          shared_with_load.end())
        load.push_back(option);
    const Options parsed(OptionGroup::Load, load);
    return load_model([&] { return synthetic_ ? *synthetic_ : open_checkpoint(path_); }, parsed, callbacks_);
  }

  // Runs `body`; what it throws becomes the reason that these runs failed.
  template <class Body>
  static void record_failure(std::span<OrderedJson> runs, Body&& body) {
    const auto failed = [&](philo_status status, const char* reason) {
      for (OrderedJson& run : runs) {
        run["failed"] = reason;
        run["status"] = static_cast<int>(status);
      }
    };
    try {
      body();
    } catch (const Error& problem) {
      if (problem.code() == ErrorCode::Stopped) throw;
      failed(static_cast<philo_status>(problem.code()), problem.what());
    } catch (const std::bad_alloc&) {
      failed(PHILO_RESOURCE, "out of memory");
    }
  }

  // The model is there for its own cases only.
  void run_cases(const std::string& device, const std::string& format) {
    std::vector<OrderedJson> runs;
    for (const BenchCase& one : cases_)
      runs.push_back(
          empty_run(device, nullptr, weights_of(format, options_), or_null(options_.text("kv-format")), one));
    record_failure(runs, [&] {
      return_free_memory();  // of the model before
      begin_peak();
      const std::shared_ptr<LoadedModel> model = load(device, format);
      for (const std::string& text : model->notes)
        if (std::find(notes_.begin(), notes_.end(), text) == notes_.end()) notes_.push_back(text);
      const size_t load_peak = memory_status().peak_bytes;
      for (size_t i = 0; i < runs.size(); ++i) {
        runs[i] = empty_run(model->device, model->network->traits().isa, weights_of(*model),
                            kv_format_name(model->device_options.kv_format), cases_[i]);
        record_failure(std::span(runs).subspan(i, 1), [&] { run_case(*model, cases_[i], load_peak, runs[i]); });
      }
    });
    for (OrderedJson& run : runs) runs_.push_back(std::move(run));
  }

  void run_case(const LoadedModel& model, BenchCase wanted, size_t load_peak, OrderedJson& run) {
    wanted.title = model.device + " " + model.weight_format + ", prompt " + std::to_string(wanted.prompt_tokens) +
                   ", depth " + std::to_string(wanted.depth) + ", " + std::to_string(wanted.sessions) +
                   (wanted.sessions == 1 ? " session" : " sessions");
    begin_peak();
    const Measurement measured = measure(*model.network, *model.plan, wanted);
    const Traits traits = model.network->traits();
    const double tokens =
        static_cast<double>(wanted.depth + wanted.prompt_tokens) + static_cast<double>(wanted.new_tokens) / 2;
    const double bytes =
        pass_bytes(traits, model.plan->config, model.device_options.kv_format, tokens, wanted.sessions);
    const double operations = prefill_operations(*model.plan, wanted.sessions * wanted.prompt_tokens, wanted.sessions);
    const Shares shares = shares_of_limits(traits, bytes * measured.passes_per_s, operations / measured.ttft_ms * 1e3);
    run["ttft_ms"] = measured.ttft_ms;
    run["tpot_ms"] = or_null(measured.tpot_ms);
    run["spread"] = or_null(measured.spread);
    run["prefill_tokens_per_s"] = measured.prefill_tokens_per_s;
    run["decode_tokens_per_s"] = or_null(measured.decode_tokens_per_s);
    run["share_of_bandwidth"] = or_null(shares.bandwidth);
    run["share_of_int8_peak"] = or_null(shares.int8_peak);
    run["load_ms"] = model.load_ms;
    run["peak_memory_bytes"] = std::max(load_peak, memory_status().peak_bytes);
    run["share_of_fp32_peak"] = or_null(shares.fp32_peak);
    if (measured.tokens_per_pass > 0) run["tokens_per_pass"] = measured.tokens_per_pass;
  }

  std::span<const philo_option> given_;
  Options options_;
  const Callbacks& callbacks_;
  std::string path_, model_;
  std::optional<Checkpoint> synthetic_;
  std::function<std::unique_ptr<Drafter>()> drafter_;
  std::vector<Token> replay_;
  std::vector<std::string> devices_, formats_;
  std::vector<BenchCase> cases_;
  OrderedJson runs_ = OrderedJson::array();
  std::vector<std::string> notes_;
};

}  // namespace

}  // namespace philo

philo_status philo_bench(const char* path, const philo_option* options, size_t option_count,
                         const philo_callbacks* callbacks, char** json, philo_error** error) {
  return philo::guarded(error, [&] {
    philo::required(json, "json");
    const philo::Callbacks sinks(callbacks);
    philo::give_text(json, philo::BenchCall(path, philo::option_span(options, option_count), sinks).report());
  });
}
