// Properties of code points, as the pattern engine of tokenizer files (Oniguruma, Unicode 16) has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace philo {

struct CharacterRange {
  char32_t first, last;  // both inclusive
};
using CharacterSet = std::vector<CharacterRange>;  // ascending, neither overlapping nor touching

bool is_white_space(char32_t code_point);  // White_Space: what \s matches
bool is_word(char32_t code_point);         // what \w means for an added token's single_word: Rust's regex, not Oniguruma

// "L", "Lu", …: a general category or a group of them; nullopt for other names.
std::optional<CharacterSet> category_set(std::string_view name);
CharacterSet white_space_set();
CharacterSet word_set();           // what \w matches in a pattern
CharacterSet bracketed_word_set();  // and what [\w] does: without the superscripts and fractions of Latin-1

CharacterSet union_of(const CharacterSet& a, const CharacterSet& b);
CharacterSet complement_of(const CharacterSet& set);

}  // namespace philo
