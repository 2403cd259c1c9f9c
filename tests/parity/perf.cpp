// The speed of the kernels as shares of what binds them: read bandwidth for one token, the multiply-add peak for many.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "device/cpu/buffer.h"
#include "grid.h"
#include "machine/bandwidth.h"
#include "machine/cpu.h"
#include "machine/thread_pool.h"

namespace philo {
namespace {

struct Shape {
  const char* name;
  size_t rows, depth;
};
constexpr Shape shapes[] = {{"qkv", 9216, 3072}, {"attention out", 3072, 3072}, {"gate up", 16384, 3072}, {"down", 3072, 8192}};
constexpr size_t weight_bytes = size_t{1} << 29;  // more than the last cache holds

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

double peak_gflops(const Kernels& kernels, ThreadPool& pool) {
  constexpr size_t rounds = 2'000'000;
  std::vector<std::vector<float>> out(pool.threads(), std::vector<float>(16));
  size_t operations = 0;
  const double time = best_seconds(3, [&] {
    pool.run(pool.threads(), [&](size_t index, size_t) {
      const size_t count = kernels.multiply_adds(rounds, out[index].data());
      if (index == 0) operations = count;
    });
  });
  return static_cast<double>(operations * pool.threads()) / time * 1e-9;
}

class Bench {
 public:
  explicit Bench(ThreadPool& pool)
      : pool_(pool),
        weights_(weight_bytes, "the weights of the measurement"),
        scratch_(pool.threads() * linear_scratch_floats * sizeof(float), "matrix products") {
    // Bytes that are ordinary numbers in each of the formats.
    pool.run(weight_bytes >> 20, [&](size_t index, size_t) {
      std::fill_n(weights_.data() + (index << 20), size_t{1} << 20, std::byte{0x3c});
    });
  }

  double run(const Kernels& kernels, FloatFormat format, const Shape& shape, size_t tokens, int repetitions) {
    const size_t row_bytes = shape.depth * bytes_of(format), matrix_bytes = shape.rows * row_bytes;
    const size_t in_stride = shape.depth + 16, task_rows = tokens < linear_block_rows ? std::max<size_t>(12, (256 << 10) / row_bytes / 12 * 12) : linear_block_rows;
    const std::vector<float> in = random_floats(in_stride * tokens, 1);
    std::vector<float> out(tokens * shape.rows);
    return best_seconds(repetitions, [&] {
      // The next matrix each time, so that none is read from a cache.
      if (offset_ + matrix_bytes > weights_.bytes()) offset_ = 0;
      const std::byte* const matrix = weights_.data() + offset_;
      offset_ += matrix_bytes;
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
                                          .scratch = scratch_.floats() + thread * linear_scratch_floats});
      });
    });
  }

 private:
  ThreadPool& pool_;
  Buffer weights_, scratch_;
  size_t offset_ = 0;
};

// Attention of one head's queries over many keys; multiplications and additions of the two products.
double attend_gflops(const Kernels& kernels, size_t head_size, size_t rows) {
  constexpr size_t blocks = 32;
  const auto queries = random_floats(rows * head_size, 1);
  const Stored keys(random_floats(blocks * key_block_tokens * head_size, 2), FloatFormat::F16);
  std::vector<const float*> pointers;
  for (size_t row = 0; row < rows; ++row) pointers.push_back(queries.data() + row * head_size);
  const std::vector<uint32_t> first(rows, 0), last(rows, key_block_tokens);
  std::vector<float> maximum(rows), sum(rows), out(rows * head_size), scratch(attend_scratch_floats(head_size));
  const double time = best_seconds(20, [&] {
    for (size_t block = 0; block < blocks; ++block) {
      const std::byte* const data = keys.data() + block * key_block_tokens * head_size * 2;
      kernels.attend_f16({pointers.data(), rows, head_size, 0.1f, data, data, first.data(), last.data(), maximum.data(), sum.data(),
                          out.data(), scratch.data()});
    }
  });
  return static_cast<double>(4 * rows * blocks * key_block_tokens * head_size) / time * 1e-9;
}

}  // namespace

void print_perf() {
  const int threads = static_cast<int>(cpu().cores);
  ThreadPool pool(threads);
  const double bandwidth = measured_read_bandwidth(threads);
  std::printf("%s, %d threads, reads %.1f GB/s\n", cpu().name.c_str(), threads, bandwidth);
  Bench bench(pool);
  for (const auto& [kernels, runs_here] : all_kernels()) {
    if (!runs_here) {
      std::printf("\n%s: skipped, this processor can't run it\n", kernels->isa);
      continue;
    }
    const bool slow = kernels == &reference();
    const double peak = peak_gflops(*kernels, pool);
    std::printf("\n%s: multiply-add peak %.0f GFLOP/s\n", kernels->isa, peak);
    std::printf("%-28s %22s", "", "1 token");
    for (const size_t tokens : {4, 12, 64, 512}) std::printf("   %4zu tokens, GFLOP/s", tokens);
    std::printf("\n");
    for (const FloatFormat format : all_formats)
      for (const Shape& shape : shapes) {
        const size_t bytes = shape.rows * shape.depth * bytes_of(format);
        const double decode = static_cast<double>(bytes) / bench.run(*kernels, format, shape, 1, slow ? 1 : 15) * 1e-9;
        std::printf("%s %-14s%5zu x %-5zu %6.1f GB/s (%3.0f %%)    ", name_of(format), shape.name, shape.rows, shape.depth, decode,
                    100 * decode / bandwidth);
        for (const size_t tokens : {4, 12, 64, 512}) {
          if (slow) continue;
          const double rate = 2e-9 * static_cast<double>(shape.rows * shape.depth * tokens) / bench.run(*kernels, format, shape, tokens, 4);
          std::printf("   %12.0f (%3.0f %%)", rate, 100 * rate / peak);
        }
        std::printf("\n");
        std::fflush(stdout);
      }
    for (const size_t head_size : {64, 96, 128})
      std::printf("attend, fp16 keys, head %3zu, one thread: %6.1f GFLOP/s for 1 row, %6.1f for 32\n", head_size,
                  attend_gflops(*kernels, head_size, 1), attend_gflops(*kernels, head_size, 32));
  }
}

}  // namespace philo
