// Each number of threads computes the same matrix products in turns, and its fastest pass counts.
#include "device/cpu/crew_sizes.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <map>
#include <mutex>

#include "base/error.h"
#include "device/cpu/buffer.h"
#include "machine/machine_file.h"
#include "machine/memory.h"
#include "machine/thread_pool.h"

namespace philo {
namespace {

constexpr int measuring_version = 1;
constexpr double tolerance = 1.03;
constexpr size_t depth = 3072, group = 128, prefill_tokens = 64, prefill_panels = 512;
constexpr size_t sections = 8;  // of the matrix, one for each pass of decoding
constexpr double seconds_for_each = 0.06;  // of a number of threads and kind of work
constexpr int least_rounds = 3;
constexpr size_t least_available = size_t{1} << 30;

// An int4 matrix of random codes, larger than the caches, and the inputs of some tokens.
class Workload {
 public:
  Workload(const Kernels& kernels, ThreadPool& pool)
      : kernels_(kernels),
        pool_(pool),
        panel_bytes_(panel_lines(4, depth) * panel_line_bytes),
        panels_(std::clamp(2 * cpu().l3_bytes, size_t{64} << 20, size_t{256} << 20) / panel_bytes_),
        codes_(panels_ * panel_bytes_, "measuring threads"),
        scales_(panels_ * panel_rows * (depth / group) * sizeof(float), "measuring threads"),
        input_(prefill_tokens * depth, "measuring threads"),
        input_scales_(prefill_tokens * (depth / group) * sizeof(float), "measuring threads"),
        out_(std::max(panels_ / sections, prefill_tokens * prefill_panels) * panel_rows * sizeof(float), "measuring threads"),
        scratch_(pool.threads() * coded_scratch_bytes, "measuring threads") {
    pool_.run(panels_, [&](size_t panel, size_t) {
      std::memset(codes_.data() + panel * panel_bytes_, static_cast<int>(panel % 251), panel_bytes_);
      std::fill_n(scales_.floats() + panel * panel_rows * (depth / group), panel_rows * (depth / group), 0.01f);
    });
    std::memset(input_.data(), 17, input_.bytes());
    std::fill_n(input_scales_.floats(), prefill_tokens * (depth / group), 0.01f);
    sums_.assign(prefill_tokens * (depth / group), 17 * static_cast<int32_t>(group));
  }

  // One token by a section of the matrix, another one each time: what the caches still hold comes last.
  double decode(Crew& crew) {
    section_ = (section_ + 1) % sections;
    return seconds_of(section_ * (panels_ / sections), panels_ / sections, 8, 1, crew);
  }
  double prefill(Crew& crew) { return seconds_of(0, prefill_panels, 4, prefill_tokens, crew); }

 private:
  double seconds_of(size_t first, size_t panels, size_t task_panels, size_t tokens, Crew& crew) {
    const PanelMatrix matrix{4, depth, group, codes_.data(), scales_.data(), FloatFormat::F32, nullptr};
    const QuantizedInput input{reinterpret_cast<const int8_t*>(input_.data()), depth, input_scales_.floats(), sums_.data()};
    const auto begin = std::chrono::steady_clock::now();
    pool_.run((panels + task_panels - 1) / task_panels, crew, [&](size_t index, size_t thread) {
      const size_t panel = first + index * task_panels;
      kernels_.coded_linear_i8[0]({.weight = matrix,
                                   .first_panel = panel,
                                   .rows = std::min(task_panels, first + panels - panel) * panel_rows,
                                   .input = input,
                                   .tokens = tokens,
                                   .out = out_.floats() + index * task_panels * panel_rows,
                                   .out_stride = panels * panel_rows,
                                   .scratch = scratch_.data() + thread * coded_scratch_bytes});
    });
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  const Kernels& kernels_;
  ThreadPool& pool_;
  size_t panel_bytes_, panels_, section_ = 0;
  Buffer codes_, scales_, input_, input_scales_, out_, scratch_;
  std::vector<int32_t> sums_;
};

// In turns, so that what disturbs disturbs all.
size_t fastest_count(std::span<const size_t> counts, const std::function<double(Crew& crew)>& pass) {
  std::vector<Crew> crews;
  for (const size_t count : counts) crews.emplace_back(count);
  std::vector<double> least(counts.size(), std::numeric_limits<double>::infinity());
  double spent = 0;
  for (int round = 0; round < least_rounds || spent < seconds_for_each * static_cast<double>(counts.size()); ++round)
    for (size_t i = 0; i < crews.size(); ++i) {
      const double seconds = pass(crews[i]);
      spent += seconds;
      least[i] = std::min(least[i], seconds);
    }
  return fewest_of_the_fastest(counts, least);
}

// By the name of the instruction set.
using SizesByIsa = std::map<std::string, CrewSizes>;

// What the file holds, but for numbers that nobody would try here.
SizesByIsa read_sizes(const MachineFile& file, std::span<const size_t> counts) {
  const std::optional<Json> content = file.read();
  if (!content || !content->is_object()) return {};
  SizesByIsa sizes;
  const auto taken = [&](const Json& entry, const char* key) -> size_t {
    const auto found = entry.is_object() ? entry.find(key) : entry.end();
    if (found == entry.end() || !found->is_number_unsigned()) return 0;
    const auto count = found->get<size_t>();
    return std::find(counts.begin(), counts.end(), count) == counts.end() ? 0 : count;
  };
  for (const auto& [isa, entry] : content->items()) {
    const CrewSizes one{taken(entry, "decode"), taken(entry, "prefill")};
    if (one.decode != 0 && one.prefill != 0) sizes[isa] = one;
  }
  return sizes;
}

}  // namespace

size_t fewest_of_the_fastest(std::span<const size_t> counts, std::span<const double> seconds) {
  const double least = *std::min_element(seconds.begin(), seconds.end());
  for (size_t i = 0; i < counts.size(); ++i)
    if (seconds[i] <= least * tolerance) return counts[i];
  return counts.back();
}

CrewSizes measured_crew_sizes(const Kernels& kernels, std::span<const size_t> counts) {
  const size_t available = memory_status().available_bytes;  // 0: the system does not say
  if (available != 0 && available < least_available) throw Error(ErrorCode::Resource, "too little memory is free to measure the best number of threads");
  ThreadPool pool(static_cast<int>(counts.back()));
  Workload work(kernels, pool);
  return {fastest_count(counts, [&](Crew& crew) { return work.decode(crew); }), fastest_count(counts, [&](Crew& crew) { return work.prefill(crew); })};
}

CrewSizes crew_sizes(const Kernels& kernels, const CrewSizesOptions& options) {
  static std::mutex mutex;
  static SizesByIsa known;
  const CrewSizes all{cpu().cores, cpu().cores};
  // The plain kernels take long for anything, and who asks for them does not ask for speed.
  if (options.counts.size() < 2 || kernels.isa == std::string("scalar")) return all;
  const std::scoped_lock lock(mutex);
  if (const auto found = known.find(kernels.isa); found != known.end()) return found->second;
  const MachineFile file(options.cache_folder, "threads", measuring_version);
  if (!options.cache_folder.empty())
    if (const SizesByIsa kept = read_sizes(file, options.counts); kept.contains(kernels.isa)) return known[kernels.isa] = kept.at(kernels.isa);
  if (options.note) options.note("measuring with how many threads this machine is fastest takes a second");
  CrewSizes sizes;
  try {
    sizes = options.measure(kernels, options.counts);
  } catch (const Error& error) {
    if (options.note) options.note("all cores compute: " + error.message());
    return all;
  }
  known[kernels.isa] = sizes;
  if (options.cache_folder.empty()) return sizes;
  try {
    SizesByIsa kept = read_sizes(file, options.counts);
    kept[kernels.isa] = sizes;
    OrderedJson content = OrderedJson::object();
    for (const auto& [isa, one] : kept) content[isa] = {{"decode", one.decode}, {"prefill", one.prefill}};
    file.write(std::move(content));
  } catch (const Error& error) {
    if (options.note) options.note("the best number of threads is not kept: " + error.message());
  }
  return sizes;
}

}  // namespace philo
