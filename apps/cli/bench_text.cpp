#include "bench_text.h"

#include <algorithm>
#include <array>
#include <vector>

#include "input.h"
#include "output.h"

namespace {

// What tells runs of one report apart; the instruction set is a way to do it, not what is measured.
constexpr std::array key_names = {"device",    "weight_format", "group_size",    "symmetric", "ratio",
                                  "kv_format", "sessions",      "prompt_tokens", "depth"};

std::string word(const BenchJson& value) { return value.is_string() ? value.get<std::string>() : std::string("-"); }

std::string number(const BenchJson& value, int digits, double factor = 1) {
  return value.is_number() ? fixed(factor * value.get<double>(), digits) : std::string("-");
}

// Rows of cells; the first `texts` columns are aligned to the left, the others to the right.
class Table {
 public:
  explicit Table(size_t texts) : texts_(texts) {}
  void add(std::vector<std::string> cells, std::string remark = "") {
    rows_.push_back({std::move(cells), std::move(remark)});
  }

  std::string text() const {
    std::vector<size_t> widths;
    for (const Row& row : rows_)
      for (size_t i = 0; i < row.cells.size(); ++i) {
        if (i == widths.size()) widths.push_back(0);
        widths[i] = std::max(widths[i], row.cells[i].size());
      }
    std::string out;
    for (const Row& row : rows_) {
      std::string line;
      for (size_t i = 0; i < row.cells.size(); ++i) {
        const std::string blanks(widths[i] - row.cells[i].size(), ' ');
        line += (i == 0 ? "" : "  ") + (i < texts_ ? row.cells[i] + blanks : blanks + row.cells[i]);
      }
      if (!row.remark.empty()) line += "  " + row.remark;
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + "\n";
    }
    return out;
  }

 private:
  struct Row {
    std::vector<std::string> cells;
    std::string remark;
  };
  size_t texts_;
  std::vector<Row> rows_;
};

std::vector<std::string> case_cells(const BenchJson& run) {
  return {word(run.at("device")),         bench_weights_text(run), word(run.at("kv_format")),
          run.at("prompt_tokens").dump(), run.at("depth").dump(),  run.at("sessions").dump()};
}

std::string csv_cell(const BenchJson& value) {
  if (value.is_null()) return "";
  if (!value.is_string()) return value.dump();
  const std::string text = value;
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

BenchJson key_of(const BenchJson& run) {
  BenchJson key;
  for (const char* name : key_names) key[name] = run.contains(name) ? run.at(name) : BenchJson(nullptr);
  return key;
}

BenchJson ratio(const BenchJson& old, const BenchJson& now) {
  const bool known = old.is_number() && now.is_number() && now.get<double>() > 0;
  return known ? BenchJson(old.get<double>() / now.get<double>()) : BenchJson(nullptr);
}

BenchJson part(const BenchJson& object, const char* outer, const char* inner) {
  const auto found = object.find(outer);
  return found != object.end() && found->is_object() && found->contains(inner) ? found->at(inner) : BenchJson(nullptr);
}

std::string run_text(const BenchJson& run) {
  return word(run.at("device")) + " " + bench_weights_text(run) + ", keys and values " + word(run.at("kv_format")) +
         ", " + bench_case_text(run);
}

}  // namespace

std::string bench_milliseconds(const BenchJson& value) {
  if (!value.is_number()) return "";
  const double milliseconds = value;
  return fixed(milliseconds, milliseconds < 1 ? 3 : milliseconds < 10 ? 2 : milliseconds < 100 ? 1 : 0);
}

std::string bench_weights_text(const BenchJson& run) {
  if (!run.at("weight_format").is_string()) return "as stored";
  std::string text = run.at("weight_format");
  if (const auto& group = run.at("group_size"); group.is_number())
    text += group == -1 ? " per row" : " g" + group.dump();
  if (const auto& symmetric = run.at("symmetric"); symmetric.is_boolean())
    text += symmetric.get<bool>() ? " sym" : " asym";
  if (const auto& share = run.at("ratio"); share.is_number() && share != 1.0) text += ", ratio " + fixed(share, 2);
  return text;
}

std::string bench_case_text(const BenchJson& run) {
  return "prompt " + run.at("prompt_tokens").dump() + ", depth " + run.at("depth").dump() + ", " +
         run.at("sessions").dump() + (run.at("sessions") == 1 ? " session" : " sessions");
}

std::string bench_settings_text(const BenchJson& report) {
  const auto& settings = report.at("settings");
  std::string text = settings.at("new_tokens").dump() + (settings.at("new_tokens") == 1 ? " new token" : " new tokens");
  text += ", median of " + settings.at("repetitions").dump();
  if (settings.at("replay") == true) text += ", a given text";
  if (settings.at("speculate") == true) text += ", with speculation";
  return text;
}

std::string bench_machine_text(const BenchJson& report) {
  const auto& machine = report.at("machine");
  std::string isa;
  for (const auto& run : report.at("runs"))
    if (isa.empty() && run.at("isa").is_string()) isa = run.at("isa");
  std::string text = word(machine.at("cpu")) + ", " + machine.at("threads").dump() +
                     (machine.at("threads") == 1 ? " thread" : " threads");
  if (machine.at("read_gb_per_s").is_number())
    text += "; memory reads " + number(machine.at("read_gb_per_s"), 1) + " GB/s";
  for (const auto& [key, kind, unit] :
       {std::tuple{"int8_gop_per_s", "int8", "Gop/s"}, {"fp32_gflop_per_s", "fp32", "GFLOP/s"}}) {
    const auto& peaks = machine.at(key);
    if (peaks.contains(isa) && peaks.at(isa).is_number())
      text += std::string("; ") + kind + " " + number(peaks.at(isa), 0) + " " + unit + " (" + isa + ")";
  }
  return text;
}

std::string bench_table(const BenchJson& report) {
  Table table(3);
  table.add({"", "", "", "", "", "", "first", "", "", "next", "", "", "", "peak"});
  table.add({"device", "weights", "kv", "prompt", "depth", "sessions", "token ms", "tok/s", "of limit", "token ms",
             "tok/s", "of limit", "spread", "memory"});
  const bool guesses = report.at("settings").at("speculate") == true;
  for (const auto& run : report.at("runs")) {
    std::vector<std::string> cells = case_cells(run);
    if (run.at("failed").is_string()) {
      table.add(std::move(cells), "FAILED: " + run.at("failed").get<std::string>());
      continue;
    }
    const auto dash = [](std::string text) { return text.empty() ? "-" : text; };
    const auto percent = [](const BenchJson& share) {
      return share.is_number() ? number(share, 0, 100) + " %" : std::string("-");
    };
    cells.push_back(bench_milliseconds(run.at("ttft_ms")));
    cells.push_back(number(run.at("prefill_tokens_per_s"), 0));
    cells.push_back(percent(run.at("share_of_int8_peak").is_number() ? run.at("share_of_int8_peak")
                                                                     : run.at("share_of_fp32_peak")));
    cells.push_back(dash(bench_milliseconds(run.at("tpot_ms"))));
    cells.push_back(number(run.at("decode_tokens_per_s"), 1));
    cells.push_back(percent(run.at("share_of_bandwidth")));
    cells.push_back(percent(run.at("spread")));
    cells.push_back(bytes_text(run.at("peak_memory_bytes")));
    table.add(std::move(cells), guesses ? number(run.at("tokens_per_pass"), 2) + " tokens a pass" : "");
  }
  return word(report.at("model")) + ", " + bench_settings_text(report) + "\n" + bench_machine_text(report) + "\n\n" +
         table.text() +
         "limits: the peak of the first token's multiplications, int8 or fp32; the memory's read bandwidth\n";
}

std::string bench_csv(const BenchJson& report) {
  std::string text;
  for (const auto& run : report.at("runs")) {
    std::string names, values;
    for (const auto& [name, value] : run.items()) {
      names += (names.empty() ? "" : ",") + name;
      values += (name == run.begin().key() ? "" : ",") + csv_cell(value);
    }
    if (text.empty()) text = names + "\n";
    text += values + "\n";
  }
  return text;
}

BenchJson bench_comparison(const BenchJson& report, const BenchJson& old, const std::string& old_path) {
  BenchJson result = {{"old", old_path},
                      {"runs", BenchJson::array()},
                      {"only_here", BenchJson::array()},
                      {"only_in_old", BenchJson::array()}};
  std::vector<BenchJson> left;  // of the old runs
  for (const auto& run : old.at("runs")) left.push_back(run);
  for (const auto& run : report.at("runs")) {
    BenchJson entry = key_of(run);
    const auto found =
        std::find_if(left.begin(), left.end(), [&](const BenchJson& one) { return key_of(one) == entry; });
    if (found == left.end()) {
      result["only_here"].push_back(std::move(entry));
      continue;
    }
    for (const char* name : {"ttft", "tpot"}) {
      const std::string milliseconds = std::string(name) + "_ms";
      const BenchJson before = found->contains(milliseconds) ? found->at(milliseconds) : BenchJson(nullptr);
      entry["old_" + milliseconds] = before;
      entry[milliseconds] = run.at(milliseconds);
      entry[std::string(name) + "_ratio"] = ratio(before, run.at(milliseconds));
    }
    left.erase(found);
    result["runs"].push_back(std::move(entry));
  }
  for (const BenchJson& run : left) result["only_in_old"].push_back(key_of(run));
  result["notes"] = BenchJson::array();
  const auto compare = [&](const std::string& what, const BenchJson& before, const BenchJson& now) {
    if (before != now) result["notes"].push_back(what + " differs: " + before.dump() + " then, " + now.dump() + " now");
  };
  compare("the model", old.contains("model") ? old.at("model") : BenchJson(nullptr), report.at("model"));
  for (const char* name : {"cpu", "threads"}) compare(name, part(old, "machine", name), part(report, "machine", name));
  for (const char* name : {"new_tokens", "speculate", "replay", "activation_format"})
    compare(name, part(old, "settings", name), part(report, "settings", name));
  return result;
}

std::string bench_comparison_table(const BenchJson& comparison) {
  const std::string old = comparison.at("old");
  std::string text = "compared with " + old + ": then / now, above 1 is faster now\n";
  for (const auto& note : comparison.at("notes")) text += "  " + note.get<std::string>() + "\n";
  if (!comparison.at("runs").empty()) {
    Table table(3);
    table.add({"", "", "", "", "", "", "first", "token ms", "", "next", "token ms", ""});
    table.add(
        {"device", "weights", "kv", "prompt", "depth", "sessions", "then", "now", "ratio", "then", "now", "ratio"});
    for (const auto& run : comparison.at("runs")) {
      std::vector<std::string> cells = case_cells(run);
      for (const std::string name : {"ttft", "tpot"}) {
        const std::string then = bench_milliseconds(run.at("old_" + name + "_ms")),
                          now = bench_milliseconds(run.at(name + "_ms"));
        cells.push_back(then.empty() ? "-" : then);
        cells.push_back(now.empty() ? "-" : now);
        cells.push_back(number(run.at(name + "_ratio"), 2));
      }
      table.add(std::move(cells));
    }
    text += "\n" + table.text();
  }
  for (const auto& run : comparison.at("only_here")) text += "not in " + old + ": " + run_text(run) + "\n";
  for (const auto& run : comparison.at("only_in_old")) text += "only in " + old + ": " + run_text(run) + "\n";
  return text;
}

BenchJson read_bench_report(const std::string& path) {
  BenchJson report = BenchJson::parse(read_file(path), nullptr, false);
  const auto wrong = [&](const std::string& what) {
    return input_error(path + ": " + what + "; expected what philo bench --json printed");
  };
  if (report.is_discarded()) throw wrong("no JSON");
  if (!report.is_object() || !report.contains("runs") || !report.at("runs").is_array()) throw wrong("no list \"runs\"");
  for (const auto& run : report.at("runs")) {
    if (!run.is_object()) throw wrong("a run that is no object");
    for (const char* name : key_names)
      if (!run.contains(name)) throw wrong(std::string("a run without \"") + name + "\"");
  }
  return report;
}
