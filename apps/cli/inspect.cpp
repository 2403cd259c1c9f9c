// philo inspect: what is in a model and what memory it takes.
#include <nlohmann/json.hpp>

#include "commands.h"

namespace {

using Json = nlohmann::ordered_json;

std::string plain(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::string shape_of(const Json& shape) {
  std::string text;
  for (const auto& size : shape) text += (text.empty() ? "" : ", ") + size.dump();
  return "(" + text + ")";
}

std::string config_text(const Json& config) {
  std::string text = "config\n";
  for (const auto& [key, value] : config.items())
    if (!value.is_null())
      text += "  " + key + std::string(key.size() < 20 ? 20 - key.size() : 1, ' ') + plain(value) + "\n";
  return text;
}

std::string tensors_text(const Json& report, bool all) {
  std::string text = "tensors\n  " + std::to_string(report.at("tensors").size()) + " tensors, " +
                     fixed(report.at("parameters").get<double>() / 1e6, 1) + " million parameters\n";
  for (const auto& [format, sums] : report.at("formats").items())
    text += "  " + format + ": " + sums.at("tensors").dump() + " tensors, " +
            bytes_text(sums.at("bytes").get<double>()) + "\n";
  if (!all) return text + "  (--verbose lists them)\n";
  for (const auto& tensor : report.at("tensors"))
    text += "  " + tensor.at("format").get<std::string>() + "\t" + tensor.at("name").get<std::string>() + " " +
            shape_of(tensor.at("shape")) + " " + bytes_text(tensor.at("bytes").get<double>()) + "\n";
  return text;
}

std::string memory_text(const Json& memory) {
  const auto size = [&](const char* key) { return bytes_text(memory.at(key).get<double>()); };
  const auto& kv = memory.at("kv_bytes_by_format");
  std::string text = "memory at a context of " + memory.at("context").dump() + " tokens\n";
  text +=
      "  weights             " + size("weight_bytes") + " (" + memory.at("weight_format").get<std::string>() + ")\n";
  text += "  keys and values     " + size("kv_bytes") + " (" + memory.at("kv_format").get<std::string>() + "); fp16 " +
          bytes_text(kv.at("fp16").get<double>()) + ", fp32 " + bytes_text(kv.at("fp32").get<double>()) + "\n";
  if (memory.at("visible_tokens") != memory.at("context"))
    text += "  sliding window      each token sees the last " + memory.at("visible_tokens").dump() + "\n";
  text += "  together            " + size("total_bytes") + "; available here " + size("available_bytes") + " of " +
          size("machine_bytes") + "\n";
  return text;
}

class Inspect : public Command {
 public:
  explicit Inspect(CLI::App& program) : Command(program, "inspect", "What is in a model and what memory it takes") {
    declare_model(false);
    declare_group("inspect", "Report");
    teach(R"(  philo inspect MODEL
  philo inspect MODEL --context 4096 --verbose
  philo inspect MODEL --plan)");
  }

  int run(Output& output) override {
    const philo::Options options = given("inspect");
    const std::string json = philo::inspect(model_path(), options);
    if (output.json) {
      output.data(json + "\n");
      return 0;
    }
    const auto report = Json::parse(json);
    std::string text =
        plain(report.at("path")) + ": " + plain(report.at("kind")) + ", " + plain(report.at("architecture")) + "\n";
    text += config_text(report.at("config")) + tensors_text(report, output.verbose) + memory_text(report.at("memory"));
    const auto& tokenizer = report.at("tokenizer");
    text += "tokenizer\n  " + plain(tokenizer.at("form")) + ", " + tokenizer.at("size").dump() + " tokens, " +
            tokenizer.at("added_tokens").dump() + " of them added; " +
            (tokenizer.at("chat_template").get<bool>() ? "with" : "without") + " a chat template\n";
    text += "stop tokens\n";
    for (const auto& stop : report.at("stop_tokens"))
      text += "  " + stop.at("id").dump() + " " + plain(stop.at("text")) + " (" + plain(stop.at("source")) + ")\n";
    for (const auto& note : report.at("notes")) text += "note: " + plain(note) + "\n";
    if (report.contains("plan")) text += "plan\n" + plain(report.at("plan"));
    output.data(text);
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_inspect(CLI::App& program) { return std::make_unique<Inspect>(program); }
