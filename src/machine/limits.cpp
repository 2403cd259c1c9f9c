// The cache is one file of the machine, with the limits for each number of threads that was measured.
#include "machine/limits.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "base/error.h"
#include "base/json.h"
#include "machine/bandwidth.h"
#include "machine/machine_file.h"

namespace philo {
namespace {

constexpr int measuring_version = 1;  // another one wherever the same machine would give other numbers
constexpr int most_threads = 1024;

using LimitsByThreads = std::map<int, MachineLimits>;

std::mutex known_mutex, measuring_mutex;  // taken in the order measuring, known

LimitsByThreads& known() {
  static LimitsByThreads limits;
  return limits;
}

MachineFile cache_file(const std::string& folder) { return MachineFile(folder, "limits", measuring_version); }

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

LimitsByThreads read_cache(const std::string& folder) {
  const MachineFile file = cache_file(folder);
  try {
    const std::optional<Json> entries = file.read();
    if (!entries || !entries->is_array()) return {};
    LimitsByThreads limits;
    for (const Json& entry : *entries) {
      MachineLimits one = read_limits(JsonObject(entry, file.path(), "limits"));
      limits[one.threads] = std::move(one);
    }
    return limits;
  } catch (const Error&) {
    return {};
  }
}

void write_cache(const LimitsByThreads& fresh, const LimitsOptions& options) {
  try {
    LimitsByThreads all = read_cache(options.cache_folder);  // another process may have added to it
    for (const auto& [threads, limits] : fresh) all.insert_or_assign(threads, limits);
    OrderedJson entries = OrderedJson::array();
    for (const auto& [threads, limits] : all) entries.push_back(written(limits));
    cache_file(options.cache_folder).write(std::move(entries));
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

std::string limits_file(const std::string& cache_folder) { return cache_file(cache_folder).path(); }

std::vector<MachineLimits> cached_limits(const std::string& cache_folder) {
  std::vector<MachineLimits> limits;
  for (auto& [threads, one] : read_cache(cache_folder)) limits.push_back(std::move(one));
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
      LimitsByThreads cached = read_cache(options.cache_folder);
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
