// Reads mapped weights ahead, converts or repacks them on all threads.
#include "device/cpu/loaded_weights.h"

#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <set>

#include "base/error.h"
#include "machine/memory.h"

namespace philo {
namespace {

std::optional<FloatFormat> float_format(const MatrixFormat& format) {
  const auto* const dtype = std::get_if<DType>(&format);
  if (dtype == nullptr) return std::nullopt;
  if (*dtype == DType::F32) return FloatFormat::F32;
  if (*dtype == DType::F16) return FloatFormat::F16;
  if (*dtype == DType::BF16) return FloatFormat::BF16;
  return std::nullopt;
}

bool is_coded(const Segment& segment) { return std::holds_alternative<CodeFormat>(segment.format); }

// Least magnitude that rounds to infinity: half a step above the largest number.
float overflow_limit(FloatFormat format) {
  if (format == FloatFormat::F16) return 65520.0f;
  if (format == FloatFormat::BF16) return std::bit_cast<float>(0x7f7f8000u);
  return INFINITY;
}

// Widens to float32 and rounds to the wanted format; false where a finite number becomes infinite.
bool convert(const Kernels& kernels, FloatFormat from, const std::byte* in, size_t count, FloatFormat to, std::byte* out) {
  constexpr size_t step = 1024;
  float wide[step];
  bool fits = true;
  const float limit = overflow_limit(to);
  for (size_t done = 0; done < count; done += step) {
    const size_t part = std::min(step, count - done);
    kernels.embed[static_cast<size_t>(from)](in + done * element_bytes(from), part, wide);
    for (size_t i = 0; i < part; ++i) fits = fits && !(std::isfinite(wide[i]) && std::fabs(wide[i]) >= limit);
    std::byte* target = out + done * element_bytes(to);
    if (to == FloatFormat::F32) std::memcpy(target, wide, part * sizeof(float));
    if (to == FloatFormat::F16) kernels.store_f16(wide, part, target);
    if (to == FloatFormat::BF16)
      for (size_t i = 0; i < part; ++i) {
        const uint16_t bits = f32_to_bf16(wide[i]);
        std::memcpy(target + i * sizeof bits, &bits, sizeof bits);
      }
  }
  return fits;
}

// Tells the sink how far loading is and stops where it wants that.
class LoadProgress {
 public:
  LoadProgress(const Progress& sink, size_t total) : sink_(sink), total_(total) {}
  void add(size_t bytes) {
    done_ += bytes;
    if (sink_ && !sink_("loading weights", done_, total_)) throw Error(ErrorCode::Stopped, "stopped while loading weights");
  }

 private:
  const Progress& sink_;
  size_t total_, done_ = 0;
};

constexpr size_t chunk_elements = size_t{1} << 18, chunks_per_report = 128;

Error too_large(const std::string& name, FloatFormat format) {
  return {ErrorCode::Device, "tensor " + shown(name) + " holds numbers too large for " + (format == FloatFormat::F16 ? "fp16" : "bf16") +
                                 " weights; use --weight-format fp32 or bf16"};
}

void convert_tensor(const Tensor& tensor, FloatFormat to, std::byte* out, const Kernels& kernels, ThreadPool& pool,
                    LoadProgress& progress) {
  const FloatFormat from = *float_format(tensor.dtype);
  const size_t elements = tensor.elements(), chunks = (elements + chunk_elements - 1) / chunk_elements;
  std::atomic<bool> fits{true};
  for (size_t begin = 0; begin < chunks; begin += chunks_per_report) {
    const size_t count = std::min(chunks_per_report, chunks - begin);
    pool.run(count, [&](size_t index, size_t) {
      const size_t first = (begin + index) * chunk_elements, part = std::min(chunk_elements, elements - first);
      if (!convert(kernels, from, tensor.bytes.data() + first * element_bytes(from), part, to, out + first * element_bytes(to)))
        fits.store(false, std::memory_order_relaxed);
    });
    if (!fits.load()) throw too_large(tensor.name, to);
    progress.add(std::min(count * chunk_elements, elements - begin * chunk_elements) * element_bytes(from));
  }
}

// Decodes stored codes to floats.
void decode_matrix(const Segment& segment, FloatFormat to, std::byte* out, const Kernels& kernels, ThreadPool& pool, LoadProgress& progress) {
  constexpr size_t rows_per_task = 16;
  const auto rows = static_cast<size_t>(segment.rows), columns = static_cast<size_t>(columns_of(segment));
  const size_t tasks = (rows + rows_per_task - 1) / rows_per_task;
  std::atomic<bool> fits{true};
  for (size_t begin = 0; begin < tasks; begin += chunks_per_report) {
    const size_t count = std::min(chunks_per_report, tasks - begin);
    pool.run(count, [&](size_t index, size_t) {
      std::vector<float> values(columns);
      const size_t first = (begin + index) * rows_per_task, last = std::min(first + rows_per_task, rows);
      for (size_t row = first; row < last; ++row) {
        segment.coded->read_row(static_cast<int64_t>(row), values);
        if (!convert(kernels, FloatFormat::F32, reinterpret_cast<const std::byte*>(values.data()), columns, to, out + row * columns * element_bytes(to)))
          fits.store(false);
      }
    });
    if (!fits.load()) throw too_large(segment.name(), to);
    progress.add(segment.stored_bytes() * (begin + count) / tasks - segment.stored_bytes() * begin / tasks);
  }
}

// Touches every page, so that the first tokens don't wait for the disk.
void read_ahead(const Tensor& tensor, ThreadPool& pool, LoadProgress& progress) {
  constexpr size_t page = 4096, chunk = size_t{1} << 20;
  const std::span<const std::byte> bytes = tensor.bytes;
  const size_t chunks = (bytes.size() + chunk - 1) / chunk;
  for (size_t begin = 0; begin < chunks; begin += chunks_per_report) {
    const size_t count = std::min(chunks_per_report, chunks - begin);
    pool.run(count, [&](size_t index, size_t) {
      const size_t first = (begin + index) * chunk, last = std::min(first + chunk, bytes.size());
      for (size_t at = first; at < last; at += page) static_cast<void>(*static_cast<const volatile std::byte*>(&bytes[at]));
    });
    progress.add(std::min(count * chunk, bytes.size() - begin * chunk));
  }
}

// Each stored matrix once, in the order of the plan, as a segment that is computed with; of a tied one the head, which is read whole.
std::vector<const Segment*> matrix_segments(const Plan& plan) {
  std::vector<const Segment*> segments;
  std::set<const std::byte*> seen;
  for (const Op op : {Op::Linear, Op::Embed})
    for (const Step& step : plan.steps)
      if (step.op == op)
        for (const Segment& segment : step.weight->segments)
          if (seen.insert(segment.place()).second) segments.push_back(&segment);
  return segments;
}

}  // namespace

size_t element_bytes(FloatFormat format) { return format == FloatFormat::F32 ? 4 : 2; }

std::optional<std::string> refuses_segment(const Segment& segment) {
  if (const auto* dtype = std::get_if<DType>(&segment.format); dtype != nullptr) {
    if (float_format(*dtype) && (segment.coded != nullptr || float_format(segment.values->dtype))) return std::nullopt;
    return "tensor " + shown(segment.name()) + " is stored as " + std::string(dtype_name(*dtype)) + "; the cpu device reads F32, F16 and BF16";
  }
  const auto& format = std::get<CodeFormat>(segment.format);
  if (kernel_group(format, columns_of(segment)) != 0) return std::nullopt;
  return "tensor " + shown(segment.name()) + " has groups of " + std::to_string(format.group_size) + " columns in rows of " +
         std::to_string(columns_of(segment)) + "; the cpu device computes one scale per row and groups that are multiples of 16 and divide the row: use --weight-format fp16, which decodes them";
}

size_t allocated_bytes(const Plan& plan) {
  size_t bytes = 0;
  std::set<std::pair<const std::byte*, FloatFormat>> converted;
  for (const Step& step : plan.steps) {
    if (step.op != Op::Linear && step.op != Op::Embed) continue;
    for (const Segment& segment : step.weight->segments) {
      if (is_coded(segment)) {
        if (step.op == Op::Linear) bytes += panel_bytes(segment);
      } else if (const FloatFormat to = *float_format(segment.format); !segment.as_stored() && converted.emplace(segment.place(), to).second) {
        bytes += static_cast<size_t>(segment.rows * columns_of(segment)) * element_bytes(to);
      }
    }
  }
  return bytes;
}

// Fills a LoadedWeights, step by step of the plan.
class LoadedWeights::Loader {
 public:
  Loader(LoadedWeights& weights, const DeviceOptions& options, const Kernels& kernels, ThreadPool& pool, size_t stored_bytes)
      : weights_(weights),
        kernels_(kernels),
        pool_(pool),
        progress_(options.progress, stored_bytes),
        reads_ahead_(stored_bytes < memory_status().available_bytes) {}

  void load(const Step& step) {
    const Weight& weight = *step.weight;
    if (step.op == Op::RmsNorm) {
      load_norm(weight);
      return;
    }
    Matrix matrix{{}, static_cast<size_t>(weight.rows), static_cast<size_t>(weight.columns)};
    for (const Segment& segment : weight.segments) {
      MatrixPart part{.rows = static_cast<size_t>(segment.rows)};
      if (!is_coded(segment)) load_floats(segment, part);
      else if (step.op == Op::Embed) part.reader = std::make_shared<RowReader>(segment);
      else load_panels(segment, part);
      if (step.op == Op::Linear)
        weights_.read_bytes_ += part.panels != nullptr ? part.panels->bytes() : part.rows * matrix.columns * element_bytes(part.format);
      matrix.parts.push_back(std::move(part));
    }
    weights_.matrices_.emplace(&weight, std::move(matrix));
  }

 private:
  void load_norm(const Weight& weight) {
    const Tensor& tensor = *weight.segments.front().values;
    Buffer norm(tensor.elements() * sizeof(float), "norms");
    convert(kernels_, *float_format(tensor.dtype), tensor.bytes.data(), tensor.elements(), FloatFormat::F32, norm.data());
    weights_.memory_bytes_ += norm.bytes();
    weights_.norms_.emplace(&weight, std::move(norm));
  }

  void load_floats(const Segment& segment, MatrixPart& part) {
    part.format = *float_format(segment.format);
    if (segment.as_stored()) {
      part.data = segment.place();
      if (reads_ahead_ && seen_.insert(segment.place()).second) read_ahead(*segment.values, pool_, progress_);
      return;
    }
    const auto [at, added] = weights_.converted_.try_emplace({segment.place(), part.format});
    if (added) {
      at->second = Buffer(part.rows * static_cast<size_t>(columns_of(segment)) * element_bytes(part.format), "converted weights");
      if (segment.coded != nullptr) decode_matrix(segment, part.format, at->second.data(), kernels_, pool_, progress_);
      else convert_tensor(*segment.values, part.format, at->second.data(), kernels_, pool_, progress_);
      weights_.memory_bytes_ += at->second.bytes();
    }
    part.data = at->second.data();
  }

  void load_panels(const Segment& segment, MatrixPart& part) {
    weights_.panels_.push_back(std::make_unique<Panels>(segment, pool_, [this](size_t bytes) { progress_.add(bytes); }));
    part.panels = weights_.panels_.back().get();
    weights_.memory_bytes_ += part.panels->bytes();
  }

  LoadedWeights& weights_;
  const Kernels& kernels_;
  ThreadPool& pool_;
  LoadProgress progress_;
  bool reads_ahead_;
  std::set<const std::byte*> seen_;
};

LoadedWeights::LoadedWeights(const Plan& plan, const DeviceOptions& options, const Kernels& kernels, ThreadPool& pool) {
  size_t stored = 0;
  for (const Segment* segment : matrix_segments(plan)) stored += segment->stored_bytes();
  Loader loader(*this, options, kernels, pool, stored);
  for (const Step& step : plan.steps)
    if (step.weight != nullptr) loader.load(step);
}

}  // namespace philo
