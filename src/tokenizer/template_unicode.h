// The character properties that Python's str methods use, as tables.
#pragma once

#include <cstdint>
#include <string_view>

namespace philo::jinja {

bool is_space(char32_t c);       // str.isspace(), and what str.strip() removes
bool is_printable(char32_t c);   // repr() shows it as it is
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_cased(char32_t c);
bool is_case_ignorable(char32_t c);
bool is_lower(char32_t c);
bool is_upper(char32_t c);
bool is_titled(char32_t c);

// The full mappings, UTF-8; empty where the character maps to itself.
enum class CaseMap : uint8_t { Upper, Lower, Title };
// Writes at most three code points to `out` and returns how many.
size_t map_case(char32_t c, CaseMap map, char32_t (&out)[3]);

}  // namespace philo::jinja
