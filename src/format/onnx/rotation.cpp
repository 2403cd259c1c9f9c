// Finds the caches, unwraps their angles, and computes them again to compare.
#include "format/onnx/rotation.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "format/onnx/constant.h"

namespace philo {
namespace {

constexpr int64_t most_positions = int64_t{1} << 22, most_pairs = int64_t{1} << 13;
constexpr size_t most_samples = 4096;  // positions of a cache that are looked at
constexpr int most_depth = 16;

Tensor table(const OnnxFileGraph& graph, int value) {
  const OnnxConstant* constant = graph.constant_of(behind_casts(graph, value));
  if (constant == nullptr) throw graph.wrong_value(value, "stands where a rotary cache is expected: a constant");
  const std::optional<DType> dtype = onnx_float_type(constant->type);
  if (!dtype || constant->shape.size() != 2 || constant->shape[0] < 2 || constant->shape[0] > most_positions || constant->shape[1] < 1 || constant->shape[1] > most_pairs)
    throw graph.wrong_value(value, "is no rotary cache: " + onnx_type_name(constant->type) + " of the shape " + shape_text(constant->shape) + ", expected floats (positions, half the rotary size)");
  return {constant->name, *dtype, constant->shape, constant->bytes, constant->file};
}

OnnxRotaryCache cache_of(const OnnxFileGraph& graph, int cosines, int sines) {
  OnnxRotaryCache cache{table(graph, cosines), table(graph, sines)};
  if (cache.cosines.shape != cache.sines.shape || cache.cosines.dtype != cache.sines.dtype) throw graph.wrong_value(sines, "has another shape or type than the cosines beside it");
  return cache;
}

float at(const Tensor& tensor, size_t position, size_t pair) { return element(tensor, position * static_cast<size_t>(tensor.shape[1]) + pair); }

// Rows [first, last) of a cache.
OnnxRotaryCache rows_of(const OnnxRotaryCache& cache, size_t first, size_t last) {
  const auto part = [&](const Tensor& tensor) {
    const size_t row_bytes = cache.pairs() * dtype_bytes(tensor.dtype);
    return Tensor{tensor.name, tensor.dtype, {static_cast<int64_t>(last - first), tensor.shape[1]}, tensor.bytes.subspan(first * row_bytes, (last - first) * row_bytes), tensor.file};
  };
  return {part(cache.cosines), part(cache.sines)};
}

// Position 0 has no angle; where a later row has none, a second cache begins.
std::optional<size_t> second_start(const OnnxRotaryCache& cache) {
  for (size_t position = 1; position < cache.positions(); ++position) {
    size_t pair = 0;
    while (pair < cache.pairs() && at(cache.sines, position, pair) == 0 && at(cache.cosines, position, pair) > 0) ++pair;
    if (pair == cache.pairs()) return position;
  }
  return {};
}

// Whether `value` comes from the model's input of positions (rather than from the length of the mask).
bool counts_positions(const OnnxFileGraph& graph, int value) {
  for (int depth = 0; depth < most_depth && value >= 0; ++depth) {
    const OnnxFileNode* node = graph.node_of(value);
    if (node == nullptr) return graph.values[static_cast<size_t>(value)].name.find("position") != std::string::npos;
    value = node->input(0);
  }
  return false;
}

// The length up to which the short cache serves, from Greater or GreaterOrEqual.
int64_t limit_of(const OnnxFileGraph& graph, int condition) {
  const OnnxFileNode* node = graph.node_of(behind_casts(graph, condition));
  const bool or_equal = node != nullptr && node->type == "GreaterOrEqual";
  const auto number = node != nullptr && (or_equal || node->type == "Greater") ? onnx_numbers(graph, node->input(1), 1) : std::nullopt;
  if (!number || number->size() != 1 || !((*number)[0] >= 1 && (*number)[0] < 2e9))
    throw graph.wrong_value(condition, "stands where the length is compared with the limit of the short LongRoPE factors");
  // The last position is one below the length.
  return static_cast<int64_t>((*number)[0]) - (or_equal ? 1 : 0) + (counts_positions(graph, node->input(0)) ? 1 : 0);
}

OnnxRotation behind_if(const OnnxFileGraph& graph, const OnnxFileNode& choice, int cosines, int sines) {
  const auto branch = [&](const char* name) {
    const auto found = choice.attributes.find(name);
    if (found == choice.attributes.end() || found->second.graph == nullptr) throw graph.wrong(choice, "has no " + shown(name));
    const OnnxFileGraph& inner = *found->second.graph;
    const auto output = [&](int value) {
      const auto place = static_cast<size_t>(graph.values[static_cast<size_t>(value)].output);
      if (place >= inner.outputs.size()) throw graph.wrong(choice, "has a branch with too few outputs");
      const int result = behind_casts(inner, inner.outputs[place]);
      // A branch may hand on a constant of the graph around.
      if (inner.constant_of(result) == nullptr && inner.node_of(result) == nullptr) return std::pair{&graph, graph.find(inner.values[static_cast<size_t>(result)].name)};
      return std::pair{&inner, result};
    };
    const auto [cosine_graph, cosine] = output(cosines);
    const auto [sine_graph, sine] = output(sines);
    if (cosine_graph != sine_graph) throw graph.wrong(choice, "takes cosines and sines from different places");
    return cache_of(*cosine_graph, cosine, sine);
  };
  return {branch("else_branch"), branch("then_branch"), limit_of(graph, choice.input(0))};
}

double wrapped(double angle) { return std::remainder(angle, 2 * std::numbers::pi); }

double angle_at(const OnnxRotaryCache& cache, size_t position, size_t pair) {
  return std::atan2(static_cast<double>(at(cache.sines, position, pair)), static_cast<double>(at(cache.cosines, position, pair)));
}

// Doubling positions pin the frequency down until one more turn can't hide; then a least-squares fit over many of them.
double frequency_of(const OnnxRotaryCache& cache, size_t pair) {
  const size_t last = cache.positions() - 1;
  double frequency = angle_at(cache, 1, pair);
  if (frequency < 0) frequency += 2 * std::numbers::pi;
  const auto improve = [&](size_t position) { frequency += wrapped(angle_at(cache, position, pair) - frequency * static_cast<double>(position)) / static_cast<double>(position); };
  for (size_t position = 2; position < last; position *= 2) improve(position);
  improve(last);
  const size_t step = last / std::min(last, most_samples);
  double above = 0, below = 0;
  for (size_t position = step; position <= last; position += step) {
    const auto p = static_cast<double>(position);
    above += p * wrapped(angle_at(cache, position, pair) - frequency * p);
    below += p * p;
  }
  return frequency + above / below;
}

}  // namespace

OnnxRotation read_onnx_rotation(const OnnxFileGraph& graph, int cosines, int sines, int positions) {
  cosines = behind_casts(graph, cosines);
  sines = behind_casts(graph, sines);
  if (const OnnxFileNode* choice = graph.node_of(cosines); choice != nullptr && choice->type == "If" && choice == graph.node_of(sines)) return behind_if(graph, *choice, cosines, sines);
  OnnxRotaryCache whole = cache_of(graph, cosines, sines);
  const std::optional<size_t> second = second_start(whole);
  if (!second) return {std::move(whole), {}, {}};
  const auto limit = static_cast<int64_t>(*second);
  // Where positions are moved on to the second cache, they are by its place and from there on.
  if (const OnnxFileNode* moved = positions < 0 ? nullptr : graph.node_of(behind_casts(graph, positions)); moved != nullptr && moved->type == "Add") {
    const OnnxFileNode* by = graph.node_of(behind_casts(graph, moved->input(0)));
    const auto distance = by != nullptr && by->type == "Mul" ? onnx_numbers(graph, by->input(1), 1) : std::nullopt;
    if (!distance || distance->size() != 1 || (*distance)[0] != static_cast<double>(limit) || limit_of(graph, by->input(0)) != limit)
      throw graph.wrong(*moved, "moves positions otherwise than from the short rotary cache of " + std::to_string(limit) + " positions to the long one behind it");
  }
  if (whole.positions() - *second < 2) throw graph.wrong_value(cosines, "is no rotary cache: its second part has one position");
  return {rows_of(whole, 0, *second), rows_of(whole, *second, whole.positions()), limit};
}

OnnxFrequencies onnx_frequencies(const OnnxRotaryCache& cache) {
  OnnxFrequencies out{std::vector<double>(cache.pairs()), 0};
  double squares = 0;
  size_t count = 0;
  const size_t step = std::max<size_t>(1, cache.positions() / most_samples);
  for (size_t position = 0; position < cache.positions(); position += step)
    for (size_t pair = 0; pair < cache.pairs(); ++pair, ++count) {
      const double cosine = at(cache.cosines, position, pair), sine = at(cache.sines, position, pair);
      squares += cosine * cosine + sine * sine;
    }
  out.factor = std::sqrt(squares / static_cast<double>(count));
  for (size_t pair = 0; pair < cache.pairs(); ++pair) out.frequencies[pair] = frequency_of(cache, pair);
  return out;
}

std::optional<OnnxCacheFault> compare_onnx_cache(const OnnxRotaryCache& cache, const std::vector<float>& frequencies, float factor) {
  if (frequencies.size() != cache.pairs()) return OnnxCacheFault{0, 0, 0, 0};
  const float rounding = cache.cosines.dtype == DType::F32 ? 1e-6f : cache.cosines.dtype == DType::F16 ? 5e-4f : 4e-3f;
  const size_t step = std::max<size_t>(1, cache.positions() / most_samples);
  for (size_t position = 0; position < cache.positions(); position += step)
    for (size_t pair = 0; pair < cache.pairs(); ++pair) {
      const float angle = static_cast<float>(position) * frequencies[pair];
      // Angles are products in float32, of frequencies that may be a few last places apart.
      const float allowed = factor * (rounding + 5e-7f * std::fabs(angle));
      const float cosine = std::cos(angle) * factor, sine = std::sin(angle) * factor;
      const float stored_cosine = at(cache.cosines, position, pair), stored_sine = at(cache.sines, position, pair);
      if (!(std::fabs(stored_cosine - cosine) <= allowed)) return OnnxCacheFault{position, pair, stored_cosine, cosine};
      if (!(std::fabs(stored_sine - sine) <= allowed)) return OnnxCacheFault{position, pair, stored_sine, sine};
    }
  return {};
}

}  // namespace philo
