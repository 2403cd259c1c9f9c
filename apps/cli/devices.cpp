// philo devices: what can compute here, and what can't and why.
#include <nlohmann/json.hpp>

#include "answer.h"
#include "commands.h"

namespace {

using Json = nlohmann::ordered_json;

// A column for the threads that compute and one for a single thread.
std::string limits_text(const Json& machine) {
  std::vector<const Json*> columns = {&machine};
  if (machine.at("threads") != 1) columns.push_back(&machine.at("one_thread"));
  const auto row = [&](const std::string& name, const auto& value) {
    std::string text = "  " + name + std::string(name.size() < 18 ? 18 - name.size() : 1, ' ');
    for (const Json* column : columns) {
      const std::string cell = value(*column);
      text += std::string(cell.size() < 15 ? 15 - cell.size() : 1, ' ') + cell;
    }
    return text + "\n";
  };
  const auto amount = [](const Json& value, int digits, const char* unit) {
    return value.is_number() ? fixed(value.get<double>(), digits) + " " + unit : std::string("not known");
  };
  std::string text = "limits measured here\n";
  text += row("", [](const Json& column) {
    return column.at("threads").dump() + (column.at("threads") == 1 ? " thread" : " threads");
  });
  text += row("memory, read", [&](const Json& column) { return amount(column.at("read_gb_per_s"), 1, "GB/s"); });
  for (const auto& [key, kind, unit] :
       {std::tuple{"int8_gop_per_s", "int8", "Gop/s"}, {"fp32_gflop_per_s", "fp32", "GFLOP/s"}})
    for (const auto& entry : machine.at(key).items())
      text += row(std::string(kind) + ", " + entry.key(), [&, limit = key, measure = unit](const Json& column) {
        return amount(column.at(limit).at(entry.key()), 0, measure);
      });
  if (machine.at("disturbed").get<bool>() || machine.at("one_thread").at("disturbed").get<bool>())
    text += "  other programs ran meanwhile, so these are lower bounds; --remeasure measures again\n";
  return text;
}

class Devices : public Command {
 public:
  explicit Devices(CLI::App& program) : Command(program, "devices", "What can compute here, and what can not and why") {
    declare_group("machine", "Limits", {"cache-folder"});
    teach("  philo devices\n  philo devices --remeasure\n  philo devices --json");
  }

  int run(Output& output) override {
    const philo::Options options = given("machine");
    Json report = Json::parse(philo::devices());
    report["machine"] = machine_limits(output, options);
    if (output.json) {
      output.data(report.dump() + "\n");
      return 0;
    }
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
            bytes_text(machine.at("memory_bytes").get<double>()) + "\n" + limits_text(machine);
    output.data(text);
    return 0;
  }
};

}  // namespace

std::unique_ptr<Command> make_devices(CLI::App& program) { return std::make_unique<Devices>(program); }
