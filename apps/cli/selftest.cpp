// philo selftest: does this machine compute this model right.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "commands.h"

namespace {

std::string number(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, value != 0 && value < 1e-2 ? "%.1e" : "%.4g", value);
  return buffer;
}

std::string table(const nlohmann::json& checks) {
  size_t width = 0;
  for (const auto& check : checks) width = std::max(width, check.at("name").get<std::string>().size());
  std::string text = padded("check", width + 2) + padded("compared", 10) + padded("worst", 10) + padded("allowed", 12) + "result\n";
  for (const auto& check : checks) {
    std::string allowed = number(check.at("allowed").get<double>());
    if (check.at("least").get<double>() != 0) allowed = number(check.at("least").get<double>()) + " to " + allowed;
    text += padded(check.at("name").get<std::string>(), width + 2) + padded(check.at("cells").dump(), 10) +
            padded(number(check.at("worst").get<double>()), 10) + padded(allowed, 12) +
            (check.at("passed").get<bool>() ? "passed" : "FAILED: " + check.at("what").get<std::string>()) + "\n";
  }
  return text;
}

class SelfTest : public Command {
 public:
  explicit SelfTest(CLI::App& program)
      : Command(program, "selftest", "Check that this machine computes this model right") {
    declare_model(true);
    declare_group("load", "Model and device", {"context"});
    teach(R"(  philo selftest
  philo selftest MODEL
  philo selftest MODEL --isa avx2 --kv-format int8)");
  }

  int run(Output& output) override {
    const philo::Options options = given("load");
    const std::string json = philo::selftest(model_path(), options, output.callbacks());
    output.end_progress();
    const auto report = nlohmann::json::parse(json);
    const bool passed = report.at("passed").get<bool>();
    if (output.json) {
      output.data(json + "\n");
      return passed ? 0 : PHILO_FAILED;
    }
    const auto word = [&](const char* key) { return report.at(key).get<std::string>(); };
    const std::string isa = word("isa");
    output.data(word("path") + " on " + word("device") + (isa.empty() ? "" : " (" + isa + ")") + ", weights " +
                word("weight_format") + ", keys and values " + word("kv_format") + "\n" + table(report.at("checks")));
    output.data(passed ? "verdict: this machine computes this model right\n"
                : word("device") == "cpu"
                    ? "verdict: NOT right; try --isa scalar: where that passes, the kernels of this processor are at fault, "
                      "else the weights are damaged or not of a trained model\n"
                    : "verdict: NOT right; try --device cpu: where that passes, this device, its driver or its library is at "
                      "fault, else the weights are damaged or not of a trained model\n");
    return passed ? 0 : PHILO_FAILED;
  }
};

}  // namespace

std::unique_ptr<Command> make_selftest(CLI::App& program) { return std::make_unique<SelfTest>(program); }
