// The cache is one JSON file: what identifies the machine, and the limits for each number of threads that was measured.
#include "machine/limits.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "machine/bandwidth.h"
#include "machine/cpu.h"
#include "machine/memory.h"

namespace philo {
namespace {

namespace fs = std::filesystem;

constexpr int measuring_version = 1;  // another one wherever the same machine would give other numbers
constexpr int most_threads = 1024;
constexpr size_t most_cache_bytes = size_t{1} << 20;

using LimitsByThreads = std::map<int, MachineLimits>;

std::mutex known_mutex, measuring_mutex;  // taken in the order measuring, known

LimitsByThreads& known() {
  static LimitsByThreads limits;
  return limits;
}

// What tells this machine, as philo sees it, from others. Memory in whole GiB: the system's own part varies.
OrderedJson machine_key() {
  return {{"version", measuring_version},
          {"cpu", cpu().name},
          {"cores", cpu().cores},
          {"features", feature_names(cpu().features)},
          {"memory_gib", (memory_status().total_bytes + (size_t{1} << 29)) >> 30}};
}

std::string key_text() { return machine_key().dump(-1, ' ', false, OrderedJson::error_handler_t::replace); }

OrderedJson written(const MachineLimits& limits) {
  OrderedJson int8 = OrderedJson::object(), fp32 = OrderedJson::object();
  for (const ComputePeak& peak : limits.peaks) {
    int8[peak.isa] = peak.int8_gop_per_s;
    fp32[peak.isa] = peak.fp32_gflop_per_s;
  }
  return {{"threads", limits.threads},
          {"read_gb_per_s", limits.read_gb_per_s},
          {"int8_gop_per_s", std::move(int8)},
          {"fp32_gflop_per_s", std::move(fp32)},
          {"disturbed", limits.disturbed}};
}

double positive(const JsonObject& object, const char* key) {
  const std::optional<double> value = object.number(key);
  if (!value || *value <= 0) throw object.wrong(key, "expected a positive number");
  return *value;
}

fs::path to_path(const std::string& utf8) { return fs::path(std::u8string(utf8.begin(), utf8.end())); }

// Throws for anything that this version would not have written.
MachineLimits read_limits(const JsonObject& entry) {
  MachineLimits limits;
  limits.threads = static_cast<int>(entry.integer_in("threads", 1, most_threads));
  limits.read_gb_per_s = positive(entry, "read_gb_per_s");
  limits.disturbed = entry.boolean("disturbed").value_or(false);
  const auto int8 = entry.object("int8_gop_per_s"), fp32 = entry.object("fp32_gflop_per_s");
  if (!int8 || !fp32) throw entry.wrong("int8_gop_per_s", "expected the peaks of each instruction set");
  for (const std::string& isa : peak_isas())
    limits.peaks.push_back({isa, positive(*int8, isa.c_str()), positive(*fp32, isa.c_str())});
  return limits;
}

LimitsByThreads read_cache(const std::string& path) {
  std::error_code unknown;
  if (!fs::is_regular_file(to_path(path), unknown)) return {};
  try {
    const std::string text = read_text_file(path, most_cache_bytes);
    const Json file = parse_json(text, path, {.bytes = most_cache_bytes, .depth = 8});
    const JsonObject top(file, path);
    const Json* const machine = top.find("machine");
    const Json* const entries = top.find("limits");
    if (machine == nullptr || *machine != Json::parse(key_text()) || entries == nullptr || !entries->is_array()) return {};
    LimitsByThreads limits;
    for (const Json& entry : *entries) {
      MachineLimits one = read_limits(JsonObject(entry, path, "limits"));
      limits[one.threads] = std::move(one);
    }
    return limits;
  } catch (const Error&) {
    return {};
  }
}

void write_cache(const LimitsByThreads& fresh, const LimitsOptions& options) {
  try {
    std::error_code problem;
    const std::string& folder = options.cache_folder;
    fs::create_directories(to_path(folder), problem);
    if (problem) throw Error(ErrorCode::Failed, folder + ": can't make the folder: " + problem.message());
    const std::string path = limits_file(folder);
    const fs::file_status status = fs::status(to_path(path), problem);
    if (fs::exists(status) && !fs::is_regular_file(status)) throw Error(ErrorCode::Failed, path + ": it is not a regular file; remove it");
    LimitsByThreads all = read_cache(path);  // another process may have added to it
    for (const auto& [threads, limits] : fresh) all.insert_or_assign(threads, limits);
    OrderedJson entries = OrderedJson::array();
    for (const auto& [threads, limits] : all) entries.push_back(written(limits));
    OutputFile file(path);
    file.write(OrderedJson{{"machine", OrderedJson::parse(key_text())}, {"limits", std::move(entries)}}.dump(1) + "\n");
    file.commit();
  } catch (const Error& error) {
    if (options.note) options.note("what this machine can do is not kept: " + error.message());
  }
}

std::optional<std::vector<MachineLimits>> all_known(std::span<const int> threads) {
  std::vector<MachineLimits> limits;
  for (const int count : threads)
    if (auto one = known_limits(count)) limits.push_back(*std::move(one));
  if (limits.size() != threads.size()) return std::nullopt;
  return limits;
}

LimitsByThreads measure(std::span<const int> threads, const LimitsOptions& options) {
  LimitsByThreads measured;
  for (const int count : threads) {
    if (options.progress && !options.progress("measuring this machine", measured.size(), threads.size()))
      throw Error(ErrorCode::Stopped, "measuring this machine was stopped");
    if (options.note && measured.empty()) options.note("measuring what this machine can do takes a second or two");
    measured[count] = options.measure(count);
  }
  return measured;
}

bool complete(const MachineLimits& limits) {
  return limits.read_gb_per_s > 0 && std::all_of(limits.peaks.begin(), limits.peaks.end(), [](const ComputePeak& peak) {
           return peak.int8_gop_per_s > 0 && peak.fp32_gflop_per_s > 0;
         });
}

}  // namespace

MachineLimits measured_limits(int threads) {
  MachineLimits limits{.threads = threads};
  limits.read_gb_per_s = measured_read_bandwidth(threads, &limits.disturbed);
  limits.peaks = measured_peaks(threads, &limits.disturbed);
  return limits;
}

std::string limits_file(const std::string& cache_folder) {
  Hash hash;
  hash.add(key_text());
  return join_path(cache_folder, "machine-" + hash.text() + ".json");
}

std::vector<MachineLimits> cached_limits(const std::string& cache_folder) {
  std::vector<MachineLimits> limits;
  for (auto& [threads, one] : read_cache(limits_file(cache_folder))) limits.push_back(std::move(one));
  return limits;
}

std::optional<MachineLimits> known_limits(int threads) {
  const std::scoped_lock lock(known_mutex);
  const auto found = known().find(threads);
  return found == known().end() ? std::nullopt : std::optional(found->second);
}

std::vector<MachineLimits> machine_limits(std::span<const int> threads, const LimitsOptions& options) {
  for (const int count : threads)
    if (count < 1 || count > most_threads)
      throw usage_error(std::to_string(count) + " threads; 1 to " + std::to_string(most_threads) + " can be measured");
  const std::scoped_lock measuring(measuring_mutex);
  if (!options.remeasure) {
    if (auto limits = all_known(threads)) return *std::move(limits);
    if (!options.cache_folder.empty()) {
      LimitsByThreads cached = read_cache(limits_file(options.cache_folder));
      const std::scoped_lock lock(known_mutex);
      known().merge(cached);
    }
  }
  std::vector<int> missing;
  for (const int count : threads)
    if ((options.remeasure || !known_limits(count)) && std::find(missing.begin(), missing.end(), count) == missing.end())
      missing.push_back(count);
  LimitsByThreads measured;
  if (!missing.empty()) measured = measure(missing, options);

  std::vector<MachineLimits> limits;
  for (const int count : threads) limits.push_back(measured.contains(count) ? measured.at(count) : *known_limits(count));
  std::erase_if(measured, [](const auto& entry) { return !complete(entry.second); });
  {
    const std::scoped_lock lock(known_mutex);
    for (const auto& [count, one] : measured) known().insert_or_assign(count, one);
  }
  if (!measured.empty() && !options.cache_folder.empty()) write_cache(measured, options);
  return limits;
}

}  // namespace philo
