// Reads mapped weights ahead, or converts them on all threads.
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

std::optional<FloatFormat> stored_format(const Tensor& tensor) {
  if (tensor.dtype == DType::F32) return FloatFormat::F32;
  if (tensor.dtype == DType::F16) return FloatFormat::F16;
  if (tensor.dtype == DType::BF16) return FloatFormat::BF16;
  return std::nullopt;
}

FloatFormat wanted_format(const Tensor& tensor, WeightFormat format) {
  switch (format) {
    case WeightFormat::AsStored: return *stored_format(tensor);
    case WeightFormat::Fp32: return FloatFormat::F32;
    case WeightFormat::Fp16: return FloatFormat::F16;
    case WeightFormat::Bf16: return FloatFormat::BF16;
  }
  return FloatFormat::F32;
}

std::string_view format_name(FloatFormat format) {
  switch (format) {
    case FloatFormat::F32: return "fp32";
    case FloatFormat::F16: return "fp16";
    case FloatFormat::BF16: return "bf16";
  }
  return "";
}

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

void convert_tensor(const Tensor& tensor, FloatFormat to, std::byte* out, const Kernels& kernels, ThreadPool& pool,
                    LoadProgress& progress) {
  const FloatFormat from = *stored_format(tensor);
  const size_t elements = tensor.elements(), chunks = (elements + chunk_elements - 1) / chunk_elements;
  std::atomic<bool> fits{true};
  for (size_t begin = 0; begin < chunks; begin += chunks_per_report) {
    const size_t count = std::min(chunks_per_report, chunks - begin);
    pool.run(count, [&](size_t index, size_t) {
      const size_t first = (begin + index) * chunk_elements, part = std::min(chunk_elements, elements - first);
      if (!convert(kernels, from, tensor.bytes.data() + first * element_bytes(from), part, to, out + first * element_bytes(to)))
        fits.store(false, std::memory_order_relaxed);
    });
    if (!fits.load())
      throw Error(ErrorCode::Device, "tensor " + shown(tensor.name) + " holds numbers too large for " + std::string(format_name(to)) +
                                         " weights; use --weight-format fp32 or bf16");
    progress.add(std::min(count * chunk_elements, elements - begin * chunk_elements) * element_bytes(from));
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

// Each tensor of the matrices once, in the order of the plan.
std::vector<const Tensor*> matrix_tensors(const Plan& plan) {
  std::vector<const Tensor*> tensors;
  std::set<const std::byte*> seen;
  for (const Step& step : plan.steps)
    if (step.op == Op::Embed || step.op == Op::Linear)
      for (const Segment& segment : step.weight->segments)
        if (seen.insert(segment.values->bytes.data()).second) tensors.push_back(segment.values);
  return tensors;
}

}  // namespace

size_t element_bytes(FloatFormat format) { return format == FloatFormat::F32 ? 4 : 2; }

std::optional<std::string> refuses_tensor(const Tensor& tensor) {
  if (stored_format(tensor)) return std::nullopt;
  return "tensor " + shown(tensor.name) + " is stored as " + std::string(dtype_name(tensor.dtype)) +
         "; the cpu device reads F32, F16 and BF16";
}

size_t conversion_bytes(const Plan& plan, WeightFormat format) {
  size_t bytes = 0;
  for (const Tensor* tensor : matrix_tensors(plan))
    if (const FloatFormat to = wanted_format(*tensor, format); to != *stored_format(*tensor))
      bytes += tensor->elements() * element_bytes(to);
  return bytes;
}

LoadedWeights::LoadedWeights(const Plan& plan, const DeviceOptions& options, const Kernels& kernels, ThreadPool& pool) {
  const std::vector<const Tensor*> tensors = matrix_tensors(plan);
  size_t total = 0;
  for (const Tensor* tensor : tensors) total += tensor->bytes.size();
  LoadProgress progress(options.progress, total);
  const size_t available = memory_status().available_bytes;
  for (const Tensor* tensor : tensors) {
    const FloatFormat to = wanted_format(*tensor, options.weight_format);
    if (to != *stored_format(*tensor)) {
      Buffer buffer(tensor->elements() * element_bytes(to), "converted weights");
      convert_tensor(*tensor, to, buffer.data(), kernels, pool, progress);
      memory_bytes_ += buffer.bytes();
      converted_.emplace(tensor->bytes.data(), std::move(buffer));
    } else if (total < available) {
      read_ahead(*tensor, pool, progress);
    }
  }
  for (const Step& step : plan.steps) {
    if (step.weight == nullptr) continue;
    const Weight& weight = *step.weight;
    if (step.op == Op::RmsNorm) {
      const Tensor& tensor = *weight.segments.front().values;
      Buffer norm(tensor.elements() * sizeof(float), "norms");
      convert(kernels, *stored_format(tensor), tensor.bytes.data(), tensor.elements(), FloatFormat::F32, norm.data());
      memory_bytes_ += norm.bytes();
      norms_.emplace(&weight, std::move(norm));
      continue;
    }
    Matrix matrix{{}, static_cast<size_t>(weight.rows), static_cast<size_t>(weight.columns)};
    for (const Segment& segment : weight.segments) {
      const auto found = converted_.find(segment.values->bytes.data());
      const FloatFormat format = wanted_format(*segment.values, options.weight_format);
      const std::byte* data = found == converted_.end() ? segment.values->bytes.data() : found->second.data();
      matrix.parts.push_back({data, format, static_cast<size_t>(segment.rows)});
      if (step.op == Op::Linear) read_bytes_ += static_cast<size_t>(segment.rows) * matrix.columns * element_bytes(format);
    }
    matrices_.emplace(&weight, std::move(matrix));
  }
}

}  // namespace philo
