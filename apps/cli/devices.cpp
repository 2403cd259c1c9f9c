// philo devices: what can compute here, and what can't and why.
#include <nlohmann/json.hpp>

#include "commands.h"

namespace {

class Devices : public Command {
 public:
  explicit Devices(CLI::App& program) : Command(program, "devices", "What can compute here, and what can not and why") {
    teach("  philo devices\n  philo devices --json");
  }

  int run(Output& output) override {
    const std::string json = philo::devices();
    if (output.json) {
      output.data(json + "\n");
      return 0;
    }
    const auto report = nlohmann::json::parse(json);
    std::string text;
    size_t width = 6;
    for (const auto& device : report.at("devices"))
      width = std::max(width, device.at("name").get<std::string>().size());
    for (const auto& device : report.at("devices")) {
      const std::string name = device.at("name");
      text += name + std::string(width - name.size() + 2, ' ') +
              (device.at("usable").get<bool>() ? "usable    " : "not here  ") +
              device.at("description").get<std::string>() + "\n";
      if (const std::string reason = device.at("reason"); !reason.empty())
        text += std::string(width + 2, ' ') + reason + "\n";
    }
    const auto& machine = report.at("machine");
    text += "memory: " + bytes_text(machine.at("available_memory_bytes").get<double>()) + " available of " +
            bytes_text(machine.at("memory_bytes").get<double>()) + "\n";
    output.data(text);
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_devices(CLI::App& program) { return std::make_unique<Devices>(program); }
