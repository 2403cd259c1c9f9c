// The largest error of any row decides for a layer.
#include "convert/score_layers.h"

#include <algorithm>
#include <cmath>

#include "tensor/quantize.h"

namespace philo {
namespace {

constexpr size_t piece_weights = size_t{1} << 18;  // what one thread does at a time
constexpr size_t batch_bytes = size_t{64} << 20;   // between two calls of `advance`; resident at once

// NaN, from weights that are none, stays.
float larger(float a, float b) { return std::isnan(a) || a > b ? a : b; }

float largest_error(const Tensor& tensor, ThreadPool& pool, const std::function<void(size_t bytes)>& advance) {
  const size_t elements = tensor.elements(), columns = static_cast<size_t>(tensor.shape.back());
  const size_t rows = columns == 0 ? 0 : elements / columns, row_bytes = columns * dtype_bytes(tensor.dtype);
  const size_t piece_rows = std::max<size_t>(1, piece_weights / std::max<size_t>(1, columns));
  const size_t batch_rows = std::max<size_t>(1, batch_bytes / std::max<size_t>(1, row_bytes) / piece_rows) * piece_rows;
  const auto part = [&](size_t row) {
    const size_t begin = std::min(row, rows) * row_bytes, end = std::min(row + batch_rows, rows) * row_bytes;
    return tensor.bytes.subspan(begin, end - begin);
  };
  std::vector<std::vector<float>> values(pool.threads(), std::vector<float>(columns));
  std::vector<float> largest(pool.threads(), 0.0f);
  for (size_t row = 0; row < rows; row += batch_rows) {
    if (tensor.file != nullptr) tensor.file->prefetch(part(row + batch_rows));
    const size_t last = std::min(row + batch_rows, rows), pieces = (last - row + piece_rows - 1) / piece_rows;
    pool.run(pieces, [&](size_t index, size_t thread) {
      const size_t begin = row + index * piece_rows, end = std::min(begin + piece_rows, last);
      for (size_t at = begin; at < end; ++at) {
        read_elements(tensor, at * columns, values[thread]);
        largest[thread] = larger(int8_error(values[thread], elements), largest[thread]);
      }
    });
    if (tensor.file != nullptr) tensor.file->release(part(row));
    advance(part(row).size());
  }
  float whole = 0;
  for (const float one : largest) whole = larger(one, whole);
  return whole;
}

}  // namespace

std::vector<ScoredLayer> score_layers(const std::vector<const Tensor*>& tensors, ThreadPool& pool,
                                      const std::function<void(size_t bytes)>& advance) {
  std::vector<ScoredLayer> layers;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& tensor = *tensors[i];
    layers.push_back({tensor.name, tensor.elements(), int8_sensitivity(largest_error(tensor, pool, advance), tensor.dtype)});
  }
  return layers;
}

}  // namespace philo
