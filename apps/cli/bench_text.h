// What philo bench's report looks like as text: a table for people, CSV for spreadsheets, ratios to an older report.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

using BenchJson = nlohmann::ordered_json;

std::string bench_weights_text(
    const BenchJson& run);                          // "int4 g128 sym", "int4 g64 asym, ratio 0.6", "bf16", "as stored"
std::string bench_case_text(const BenchJson& run);  // "prompt 512, depth 0, 1 session"
std::string bench_settings_text(const BenchJson& report);  // "32 new tokens, median of 3"
std::string bench_machine_text(const BenchJson& report);
std::string bench_milliseconds(const BenchJson& value);  // with as many digits as people need; "" for null

std::string bench_table(const BenchJson& report);
std::string bench_csv(const BenchJson& report);  // one line for each run, under the names of its keys

// Runs of both reports that measured the same: {"old", "runs": [{what was measured, "old_ttft_ms", "ttft_ms",
// "ttft_ratio", "old_tpot_ms", "tpot_ms", "tpot_ratio"}], "only_here", "only_in_old", "notes"}. Ratios are old / new:
// above 1 is faster now.
BenchJson bench_comparison(const BenchJson& report, const BenchJson& old, const std::string& old_path);
std::string bench_comparison_table(const BenchJson& comparison);

// The report that --compare names; throws CommandError where it is none.
BenchJson read_bench_report(const std::string& path);
