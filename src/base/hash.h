// FNV-1a, 64 bits: the same in every build; not made to withstand whoever wants two texts to have one hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace philo {

class Hash {
 public:
  void add(std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) value_ = (value_ ^ static_cast<uint64_t>(byte)) * 1099511628211u;
  }
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }

  // 16 hexadecimal digits.
  std::string text() const {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (int shift = 60; shift >= 0; shift -= 4) out += digits[value_ >> shift & 15];
    return out;
  }

 private:
  uint64_t value_ = 14695981039346656037u;
};

}  // namespace philo
