// philo bench: first-token and next-token latency by device and precision, beside what this machine can do.
#include <algorithm>
#include <cctype>

#include "bench_page.h"
#include "bench_text.h"
#include "commands.h"
#include "input.h"
#include "terminal.h"

namespace {

class BenchCommand : public Command {
 public:
  explicit BenchCommand(CLI::App& program)
      : Command(program, "bench", "How long the first and each next token take, by device and precision") {
    declare_model(true);
    declare_group("bench", "Measuring", {"cache-folder"});
    app().get_option("--weight-format")->delimiter(',');
    csv_ = declare("--csv", "F", "write the runs as comma-separated values");
    html_ = declare("--html", "F", "write the runs as a web page of one file, with a chart");
    compare_ = declare("--compare", "OLD.json", "show ratios to the runs of an older report, as --json printed it");
    for (CLI::Option* option : {csv_, html_, compare_}) option->group("Report");
    teach(R"(  philo bench
  philo bench MODEL --weight-format int4,int8 --prompt-tokens 128,512 --depth 0,2048
  philo bench --synthetic phi-3-mini --sessions 1,8 --html phi-3-mini.html
  philo bench MODEL --json > old.json
  philo bench MODEL --compare old.json
  philo bench MODEL --speculate --replay ids.txt)");
  }

  int run(Output& output) override {
    const philo::Options options = completed(given("bench"));
    const std::string csv = has(csv_) ? text(csv_) : "", html = has(html_) ? text(html_) : "";
    BenchJson old;
    if (has(compare_)) old = read_bench_report(text(compare_));
    const bool synthetic = app().get_option("--synthetic")->count() > 0;
    const std::string model = synthetic && !names_model() ? "" : model_path();

    BenchJson report = measured(model, options, output);
    if (has(compare_)) report["comparison"] = bench_comparison(report, old, text(compare_));
    if (output.json) {
      output.data(report.dump() + "\n");
    } else {
      output.data(bench_table(report));
      if (has(compare_)) output.data("\n" + bench_comparison_table(report.at("comparison")));
    }
    if (!csv.empty()) write_file(csv, bench_csv(report));
    if (!html.empty()) write_file(html, bench_page(report));
    return exit_code(report);
  }

 private:
  static BenchJson measured(const std::string& model, const philo::Options& options, Output& output) {
    try {
      const std::string json = philo::bench(model, options, output.callbacks());
      output.end_progress();
      return BenchJson::parse(json);
    } catch (const philo::Error& problem) {
      if (problem.status() != PHILO_STOPPED) throw;
      throw CommandError(PHILO_STOPPED, "stopped before all was measured; nothing is reported");
    }
  }

  // The library takes token ids and the cache folder as text; people name files.
  static philo::Options completed(const philo::Options& given) {
    philo::Options options;
    for (const auto& [name, value] : given.pairs()) {
      const auto of_list = [](unsigned char c) { return std::isdigit(c) != 0 || std::isspace(c) != 0 || c == ','; };
      const bool file = name == "replay" && !std::all_of(value.begin(), value.end(), of_list);
      if (!file) {
        options.set(name, value);
        continue;
      }
      std::string ids;
      for (const philo_token id : parse_ids(read_file(value), value))
        ids += (ids.empty() ? "" : ",") + std::to_string(id);
      options.set(name, ids);
    }
    if (const std::string folder = cache_folder(); !folder.empty()) options.set("cache-folder", folder);
    return options;
  }

  // Done where anything could be measured; else why the first run failed.
  static int exit_code(const BenchJson& report) {
    for (const auto& run : report.at("runs"))
      if (run.at("failed").is_null()) return 0;
    return report.at("runs").front().at("status");
  }

  CLI::Option *csv_, *html_, *compare_;
};

}  // namespace

std::unique_ptr<Command> make_bench(CLI::App& program) { return std::make_unique<BenchCommand>(program); }
