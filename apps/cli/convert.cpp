// philo convert: a copy of a model with its weights in another format.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "commands.h"

namespace {

using Json = nlohmann::ordered_json;

constexpr size_t format_width = 26;  // "int4 group 128 asymmetric" and a space

std::string formats_text(const Json& report) {
  std::string text;
  for (const auto& [name, sums] : report.at("formats").items()) {
    const double bytes = sums.at("bytes").get<double>(), weights = sums.at("weights").get<double>();
    text += "  " + padded(name, format_width) + sums.at("tensors").dump() + " tensors, " + fixed(weights / 1e6, 1) + " million weights, " +
            bytes_text(bytes) + "\n";
  }
  return text;
}

// The tensors that changed most first.
std::string tensors_text(const Json& report, size_t most) {
  std::vector<const Json*> tensors;
  for (const Json& tensor : report.at("tensors"))
    if (tensor.at("signal_to_noise_db").is_number()) tensors.push_back(&tensor);
  if (tensors.empty()) return "";
  std::sort(tensors.begin(), tensors.end(), [](const Json* a, const Json* b) {
    const double error_a = a->at("relative_error").get<double>(), error_b = b->at("relative_error").get<double>();
    return error_a != error_b ? error_a > error_b : a->at("name") < b->at("name");
  });
  std::string text = "  error   noise    bits   " + padded("format", format_width) + "tensor\n";
  for (size_t i = 0; i < std::min(most, tensors.size()); ++i) {
    const Json& tensor = *tensors[i];
    text += "  " + padded(fixed(100 * tensor.at("relative_error").get<double>(), 2) + " %", 8) +
            padded("-" + fixed(tensor.at("signal_to_noise_db").get<double>(), 1) + " dB", 9) +
            padded(fixed(tensor.at("bits_per_weight").get<double>(), 2), 7) + padded(tensor.at("format").get<std::string>(), format_width) +
            tensor.at("name").get<std::string>() + "\n";
  }
  if (tensors.size() > most) text += "  (" + std::to_string(tensors.size() - most) + " more; --verbose lists them)\n";
  return text;
}

class Convert : public Command {
 public:
  explicit Convert(CLI::App& program) : Command(program, "convert", "A copy of a model with its weights in another format") {
    source_ = declare_place("SRC", "path of the model");
    target_ = declare_place("DST", "the folder to make; it appears when all is done");
    declare_group("convert", "Conversion");
    // Known names that only later versions can follow; help does not list them.
    for (const char* name : {"--calibration", "--gguf-type"}) {
      later_.push_back(declare(name, "X", "not in this version"));
      later_.back()->group("");
    }
    teach(R"(  philo convert Phi-3-mini-4k-instruct phi-3-int4
  philo convert Phi-3-mini-4k-instruct phi-3-mixed --group-size 64 --ratio 0.6
  philo convert Phi-3-mini-4k-instruct phi-3-int4 --keep "*.down_proj=int8" --force --json
  philo convert Phi-3-mini-4k-instruct phi-3-ov --to openvino --ratio 0.6
  philo convert Phi-3-mini-4k-instruct phi-3-onnx --to onnx --onnx-target dml)");
  }

  int run(Output& output) override {
    for (const CLI::Option* option : later_)
      if (has(option)) throw usage_error("--" + option->get_lnames().front() + " is not in this version, which rounds to the nearest (rtn) and writes --to philo, openvino and onnx only");
    const philo::Options options = given("convert");
    const std::string json = philo::convert(text(source_), text(target_), options, output.callbacks(ProgressUnit::Bytes));
    output.end_progress();
    if (output.json) {
      output.data(json + "\n");
      return 0;
    }
    const auto report = Json::parse(json);
    const double seconds = report.at("seconds").get<double>();
    std::string text = report.at("target").get<std::string>() + ": " + bytes_text(report.at("bytes").get<double>()) + " of " +
                       bytes_text(report.at("source_bytes").get<double>()) + ", " +
                       fixed(report.at("bits_per_weight").get<double>(), 2) + " bits per weight, in " +
                       (seconds < 10 ? fixed(seconds, 1) + " s" : time_text(seconds)) + " (" +
                       bytes_text(report.at("source_bytes_per_s").get<double>()) + "/s)\n";
    text += formats_text(report) + tensors_text(report, output.verbose ? report.at("tensors").size() : 5);
    output.data(text);
    return 0;
  }

 private:
  CLI::Option *source_, *target_;
  std::vector<CLI::Option*> later_;
};

}  // namespace

std::unique_ptr<Command> make_convert(CLI::App& program) { return std::make_unique<Convert>(program); }
