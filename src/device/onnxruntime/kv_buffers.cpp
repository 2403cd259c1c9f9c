// Growing, saving and restoring.
#include "device/onnxruntime/kv_buffers.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace philo::onnxruntime {
namespace {

constexpr size_t least_tokens = 256;

}  // namespace

void KvBuffers::grow(Buffer& buffer, size_t capacity, size_t kept) const {
  const size_t row = sizes_.token_bytes();
  Buffer larger{std::unique_ptr<std::byte, Free>(static_cast<std::byte*>(std::calloc(sizes_.heads * capacity, row))), capacity};
  if (larger.data == nullptr)
    throw Error(ErrorCode::Resource, "no memory for the keys and values of " + std::to_string(capacity) + " tokens (" + std::to_string(memory_bytes(capacity) >> 20) +
                                         " MiB in all); shorten the conversation or give a smaller --context");
  for (size_t head = 0; head < sizes_.heads && kept > 0; ++head)
    std::memcpy(larger.data.get() + head * capacity * row, buffer.data.get() + head * buffer.capacity * row, kept * row);
  buffer = std::move(larger);
}

void KvBuffers::prepare(size_t tokens, size_t kept) {
  for (Buffer& buffer : buffers_) {
    if (buffer.capacity >= tokens) continue;
    const size_t wanted = std::max({tokens, least_tokens, buffer.capacity + buffer.capacity / 2});
    grow(buffer, std::max(tokens, std::min(wanted, sizes_.context)), kept);
  }
}

void KvBuffers::clear() {
  for (Buffer& buffer : buffers_) buffer = {};
}

std::vector<CachePart> KvBuffers::parts(size_t tokens) const {
  std::vector<CachePart> out;
  const std::vector<int64_t> shape = {static_cast<int64_t>(sizes_.heads), static_cast<int64_t>(tokens), static_cast<int64_t>(sizes_.head_size)};
  for (size_t buffer = 0; buffer < buffers_.size() && tokens > 0; ++buffer)
    out.push_back({"layers." + std::to_string(buffer / 2) + (buffer % 2 == 0 ? ".keys" : ".values"), sizes_.dtype, shape});
  return out;
}

void KvBuffers::read_part(size_t part, size_t tokens, std::span<std::byte> to) const {
  const size_t row = sizes_.token_bytes();
  for (size_t head = 0; head < sizes_.heads; ++head)
    std::memcpy(to.data() + head * tokens * row, data(part) + head * capacity(part) * row, tokens * row);
}

void KvBuffers::restore(size_t tokens, const Weights& saved, const std::string& file) {
  if (tokens > sizes_.context)
    throw input_error(file, "holds " + std::to_string(tokens) + " tokens, but the context " + std::to_string(sizes_.context) + "; give a larger one (--context)");
  prepare(tokens, 0);
  const std::vector<CachePart> expected = parts(tokens);
  const size_t row = sizes_.token_bytes();
  for (size_t part = 0; part < expected.size(); ++part) {
    const auto& [name, dtype, shape] = expected[part];
    const Tensor* const tensor = saved.find(name);
    if (tensor == nullptr) throw input_error(file, "holds no \"" + name + "\"");
    if (tensor->dtype != dtype || tensor->shape != shape)
      throw input_error(file, "\"" + name + "\" is " + std::string(dtype_name(tensor->dtype)) + " " + shape_text(tensor->shape) + ", expected " + std::string(dtype_name(dtype)) + " " +
                                  shape_text(shape) + "; a windowed cache of another device can't be taken");
    for (size_t head = 0; head < sizes_.heads; ++head)
      std::memcpy(data(part) + head * capacity(part) * row, tensor->bytes.data() + head * tokens * row, tokens * row);
  }
}

}  // namespace philo::onnxruntime
