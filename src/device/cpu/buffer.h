// Memory aligned to cache lines, in huge pages where it is large, that says by an Error where it is missing.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace philo {

struct AlignedDelete {
  std::align_val_t alignment{64};
  void operator()(std::byte* data) const { ::operator delete(data, alignment); }
};

class Buffer {
 public:
  Buffer() = default;
  // Contents are not set. Throws ErrorCode::Resource, naming `purpose`, where the bytes are not to be had.
  Buffer(size_t bytes, const char* purpose);

  std::byte* data() const { return data_.get(); }
  float* floats() const { return reinterpret_cast<float*>(data_.get()); }
  size_t bytes() const { return bytes_; }
  // Makes it at least this large; contents are lost when it grows.
  void reserve(size_t bytes, const char* purpose) {
    if (bytes > bytes_) *this = Buffer(bytes, purpose);
  }

 private:
  std::unique_ptr<std::byte, AlignedDelete> data_;
  size_t bytes_ = 0;
};

}  // namespace philo
