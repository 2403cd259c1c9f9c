// UTF-8 at the level of bytes and code points.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace philo {

// Bytes of the first code point (1 to 4), or 0 where the text is empty, cut off or not valid UTF-8 there.
// Overlong forms, surrogates and values above U+10FFFF are not valid (Unicode 15, table 3-7).
size_t utf8_length(std::string_view text);

// Bytes of the longest prefix that could still become a valid code point with more bytes; 0 where it can't.
// For an incomplete tail: utf8_length(tail) == 0 and utf8_open_length(tail) == tail.size().
size_t utf8_open_length(std::string_view text);

// The first code point; call only where utf8_length(text) != 0.
char32_t utf8_decode(std::string_view text);

void utf8_append(std::string& out, char32_t code_point);

// Offset of the first byte that is not valid UTF-8, or std::string_view::npos.
size_t utf8_first_invalid(std::string_view text);

// Each byte that is not part of valid UTF-8 becomes U+FFFD.
std::string utf8_repaired(std::string_view text);

}  // namespace philo
