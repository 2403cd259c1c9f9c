// Allocation that asks the system before it promises: Linux hands out memory it does not have and ends the process later.
#include "device/cpu/buffer.h"

#include <string>

#include "base/error.h"
#include "machine/memory.h"

namespace philo {

Buffer::Buffer(size_t bytes, const char* purpose) : bytes_(bytes) {
  constexpr size_t worth_asking = size_t{4} << 20;
  size_t available = 0;
  if (bytes >= worth_asking) available = memory_status().available_bytes;
  const bool enough = available == 0 || bytes <= available;
  const std::align_val_t alignment{bytes >= worth_asking ? huge_page_bytes : 64};
  if (enough) data_ = {static_cast<std::byte*>(::operator new(bytes, alignment, std::nothrow)), AlignedDelete{alignment}};
  if (data_ && bytes >= worth_asking) prefer_huge_pages(data_.get(), bytes);
  if (data_) return;
  std::string message = "not enough memory for " + std::string(purpose) + ": " + std::to_string(bytes >> 20) + " MiB needed";
  if (!enough) message += ", " + std::to_string(available >> 20) + " MiB free";
  throw Error(ErrorCode::Resource, message + "; close other programs, use a smaller context or a smaller weight format");
}

}  // namespace philo
