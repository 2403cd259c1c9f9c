// The speed of the kernels as shares of what binds them: read bandwidth for one token, the peak of multiply-adds for many.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "coded.h"
#include "grid.h"
#include "machine/bandwidth.h"
#include "machine/cpu.h"
#include "machine/peaks.h"
#include "machine/thread_pool.h"

namespace philo {
namespace {

struct Shape {
  const char* name;
  size_t rows, depth;
};
constexpr Shape shapes[] = {{"qkv", 9216, 3072}, {"attention out", 3072, 3072}, {"gate up", 16384, 3072}, {"down", 3072, 8192}};
constexpr size_t weight_bytes = size_t{1} << 29;  // more than the last cache holds
constexpr size_t scratch_bytes = std::max(linear_scratch_floats * sizeof(float), coded_scratch_bytes);

template <typename Action>
double seconds(const Action& action) {
  const auto begin = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// The best of several: other programs only ever make a run slower.
template <typename Action>
double best_seconds(int repetitions, const Action& action) {
  double best = 1e9;
  for (int i = 0; i < repetitions; ++i) best = std::min(best, seconds(action));
  return best;
}

class Bench {
 public:
  explicit Bench(ThreadPool& pool)
      : pool_(pool),
        weights_(weight_bytes, "the weights of the measurement"),
        scratch_(pool.threads() * scratch_bytes, "matrix products") {
    // Bytes that are ordinary numbers in each of the formats.
    pool.run(weight_bytes >> 20, [&](size_t index, size_t) {
      std::fill_n(weights_.data() + (index << 20), size_t{1} << 20, std::byte{0x3c});
    });
  }

  // Seconds of one product.
  double run(const Kernels& kernels, FloatFormat format, const Shape& shape, size_t tokens, int repetitions) {
    const size_t row_bytes = shape.depth * bytes_of(format), matrix_bytes = shape.rows * row_bytes;
    const size_t in_stride = shape.depth + 16, task_rows = tokens < linear_block_rows ? std::max<size_t>(12, (256 << 10) / row_bytes / 12 * 12) : linear_block_rows;
    const std::vector<float> in = random_floats(in_stride * tokens, 1);
    std::vector<float> out(tokens * shape.rows);
    return best_seconds(repetitions, [&] {
      const std::byte* const matrix = next(matrix_bytes);
      pool_.run((shape.rows + task_rows - 1) / task_rows, [&](size_t index, size_t thread) {
        const size_t first = index * task_rows;
        kernels.linear[index_of(format)]({.weight = matrix + first * row_bytes,
                                          .rows = std::min(task_rows, shape.rows - first),
                                          .depth = shape.depth,
                                          .in = in.data(),
                                          .in_stride = in_stride,
                                          .tokens = tokens,
                                          .out = out.data() + first,
                                          .out_stride = shape.rows,
                                          .scratch = reinterpret_cast<float*>(scratch_.data() + thread * scratch_bytes)});
      });
    });
  }

  static size_t coded_bytes(const CodedFormat& format, const Shape& shape) {
    const size_t groups = format.group == 0 ? 1 : shape.depth / format.group;
    return shape.rows * (shape.depth * static_cast<size_t>(format.bits) / 8 + groups * (2 + (format.asymmetric ? 1u : 0u)));
  }

  // The same with integer weights; quantizing the input is not counted.
  double run(const Kernels& kernels, const CodedFormat& format, bool narrow, const Shape& shape, size_t tokens, int repetitions) {
    const size_t group = format.group == 0 ? shape.depth : format.group, groups = shape.depth / group, panels = shape.rows / panel_rows;
    const size_t code_bytes = panels * panel_lines(format.bits, shape.depth) * panel_line_bytes, factors = panels * groups * panel_rows;
    const size_t task_panels = tokens < 16 ? std::max<size_t>(1, (256 << 10) / (code_bytes / panels)) : 4;
    const std::vector<float> in = random_floats(shape.depth * tokens, 1);
    const CodedInput input(kernels, in, shape.depth, group, 64);
    std::vector<float> out(tokens * shape.rows);
    return best_seconds(repetitions, [&] {
      const std::byte* const matrix = next((coded_bytes(format, shape) + 63) / 64 * 64);
      const PanelMatrix weight{format.bits, shape.depth, group, matrix, matrix + code_bytes, FloatFormat::F16,
                               format.asymmetric ? reinterpret_cast<const uint8_t*>(matrix + code_bytes + 2 * factors) : nullptr};
      pool_.run((panels + task_panels - 1) / task_panels, [&](size_t index, size_t thread) {
        const size_t first = index * task_panels;
        (narrow ? kernels.coded_linear_i8 : kernels.coded_linear_f32)[format.bits == 8](
            {.weight = weight,
             .first_panel = first,
             .rows = std::min(task_panels, panels - first) * panel_rows,
             .input = input.view(),
             .in = in.data(),
             .in_stride = shape.depth,
             .tokens = tokens,
             .out = out.data() + first * panel_rows,
             .out_stride = shape.rows,
             .scratch = scratch_.data() + thread * scratch_bytes});
      });
    });
  }

 private:
  // Another matrix each time, so that none is read from a cache.
  const std::byte* next(size_t bytes) {
    if (offset_ + bytes > weights_.bytes()) offset_ = 0;
    const std::byte* const matrix = weights_.data() + offset_;
    offset_ += bytes;
    return matrix;
  }

  ThreadPool& pool_;
  Buffer weights_, scratch_;
  size_t offset_ = 0;
};

// Attention of one head's queries over many keys; multiplications and additions of the two products.
double attend_gflops(void (*attend)(const AttendTask&), size_t element_bytes, size_t head_size, size_t rows) {
  constexpr size_t blocks = 32;
  const auto queries = random_floats(rows * head_size, 1);
  const size_t block_bytes = key_block_tokens * head_size * element_bytes;
  const std::vector<std::byte> keys(blocks * block_bytes, std::byte{0x3c});
  const std::vector<float> scales(key_block_tokens, 0.01f);
  std::vector<const float*> pointers;
  for (size_t row = 0; row < rows; ++row) pointers.push_back(queries.data() + row * head_size);
  const std::vector<uint32_t> first(rows, 0), last(rows, key_block_tokens);
  std::vector<float> maximum(rows), sum(rows), out(rows * head_size), scratch(attend_scratch_floats(head_size));
  const double time = best_seconds(20, [&] {
    for (size_t block = 0; block < blocks; ++block)
      attend({.queries = pointers.data(),
              .rows = rows,
              .head_size = head_size,
              .scale = 0.1f,
              .keys = keys.data() + block * block_bytes,
              .values = keys.data() + block * block_bytes,
              .key_scales = scales.data(),
              .value_scales = scales.data(),
              .first = first.data(),
              .last = last.data(),
              .maximum = maximum.data(),
              .sum = sum.data(),
              .out = out.data(),
              .scratch = scratch.data()});
  });
  return static_cast<double>(4 * rows * blocks * key_block_tokens * head_size) / time * 1e-9;
}

// One line: a matrix's bytes per second for one token, and operations per second for more, as shares of what the machine can do.
// `run` takes tokens and repetitions and yields seconds.
template <typename Run>
void print_line(const std::string& name, const Shape& shape, size_t bytes, double bandwidth, std::span<const size_t> token_counts,
                double peak, bool slow, const Run& run) {
  const double decode = static_cast<double>(bytes) / run(1, slow ? 1 : 15) * 1e-9;
  std::printf("%-34s %-14s%5zu x %-5zu %6.1f GB/s (%3.0f %%)  ", name.c_str(), shape.name, shape.rows, shape.depth, decode,
              100 * decode / bandwidth);
  for (const size_t tokens : token_counts) {
    if (slow) continue;
    const double rate = 2e-9 * static_cast<double>(shape.rows * shape.depth * tokens) / run(tokens, 4);
    std::printf("  %6.0f (%3.0f %%)", rate, 100 * rate / peak);
  }
  std::printf("\n");
  std::fflush(stdout);
}

void print_heading(const char* rate, std::span<const size_t> token_counts) {
  std::printf("%-34s %-26s %20s  ", "", rate, "1 token");
  for (const size_t tokens : token_counts) std::printf("  %4zu tokens  ", tokens);
  std::printf("\n");
}

void print_table(const Kernels& kernels, Bench& bench, double bandwidth, const ComputePeak& peak) {
  const bool slow = &kernels == &reference();
  std::printf("\n%s: peaks of %.0f GFLOP/s in fp32 and %.0f Gop/s in int8\n", kernels.isa, peak.fp32_gflop_per_s, peak.int8_gop_per_s);
  constexpr size_t float_tokens[] = {4, 12, 64, 512}, coded_tokens[] = {4, 8, 64, 512};
  print_heading("GFLOP/s", float_tokens);
  for (const FloatFormat format : all_formats)
    for (const Shape& shape : shapes)
      print_line(name_of(format), shape, shape.rows * shape.depth * bytes_of(format), bandwidth, float_tokens, peak.fp32_gflop_per_s, slow,
                 [&](size_t tokens, int repetitions) { return bench.run(kernels, format, shape, tokens, repetitions); });
  for (const bool narrow : {true, false}) {
    print_heading(narrow ? "Gop/s, int8 activations" : "GFLOP/s, fp32 activations", coded_tokens);
    for (const CodedFormat& format : coded_formats)
      for (const Shape& shape : shapes) {
        if (!narrow && shape.depth != 8192) continue;
        print_line(name_of(format), shape, Bench::coded_bytes(format, shape), bandwidth, coded_tokens,
                   narrow ? peak.int8_gop_per_s : peak.fp32_gflop_per_s, slow,
                   [&](size_t tokens, int repetitions) { return bench.run(kernels, format, narrow, shape, tokens, repetitions); });
      }
  }
  for (const size_t head_size : {64, 96, 128})
    std::printf("attend, head %3zu, one thread, 1 and 32 rows: fp16 keys %6.1f and %6.1f GFLOP/s, int8 keys %6.1f and %6.1f\n", head_size,
                attend_gflops(kernels.attend_f16, 2, head_size, 1), attend_gflops(kernels.attend_f16, 2, head_size, 32),
                attend_gflops(kernels.attend_i8, 1, head_size, 1), attend_gflops(kernels.attend_i8, 1, head_size, 32));
}

}  // namespace

void print_perf(std::string_view table) {
  if (!table.empty()) choose_kernels(table);
  const int threads = static_cast<int>(cpu().cores);
  ThreadPool pool(threads);
  bool disturbed = false;
  const double bandwidth = measured_read_bandwidth(threads);
  const std::vector<ComputePeak> peaks = measured_peaks(threads, &disturbed);
  std::printf("%s, %d threads, reads %.1f GB/s%s\n", cpu().name.c_str(), threads, bandwidth,
              disturbed ? "; other programs run, so limits and speeds are lower bounds" : "");
  Bench bench(pool);
  for (const auto& [kernels, runs_here] : all_kernels()) {
    if (!table.empty() && table != kernels->isa) continue;
    const ComputePeak* const peak = find_peak(peaks, kernels->isa);
    if (!runs_here || peak == nullptr) std::printf("\n%s: skipped, this processor can't run it\n", kernels->isa);
    else print_table(*kernels, bench, bandwidth, *peak);
  }
}

}  // namespace philo
