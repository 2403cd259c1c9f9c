// Code point properties from the generated table.
#include "tokenizer/character.h"

#include <algorithm>
#include <array>

namespace philo {
namespace {

constexpr char32_t last_code_point = 0x10FFFF;

enum Category : uint8_t {
  Lu, Ll, Lt, Lm, Lo, Mn, Mc, Me, Nd, Nl, No, Pc, Pd, Ps, Pe, Pi, Pf, Po, Sm, Sc, Sk, So, Zs, Zl, Zp, Cc, Cf, Cs, Co, Cn
};
constexpr std::array<std::string_view, 30> category_names = {
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe",
    "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn"};

struct Run {
  uint32_t first;
  Category category;
  bool word;
};
constexpr Run table[] = {
#include "tokenizer/unicode_table.inc"
};

template <class Wanted>
CharacterSet runs_where(Wanted wanted) {
  CharacterSet out;
  for (size_t i = 0; i < std::size(table); ++i) {
    if (!wanted(table[i])) continue;
    const char32_t first = table[i].first;
    const char32_t last = i + 1 < std::size(table) ? static_cast<char32_t>(table[i + 1].first - 1) : last_code_point;
    if (!out.empty() && out.back().last + 1 == first) {
      out.back().last = last;
    } else {
      out.push_back({first, last});
    }
  }
  return out;
}

}  // namespace

bool is_white_space(char32_t c) {
  return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

// The two definitions differ in these eight code points only (tests/peers/tokenizer_peer.py).
bool is_word(char32_t code_point) {
  switch (code_point) {
    case 0x200C: case 0x200D: return true;
    case 0xB2: case 0xB3: case 0xB9: case 0xBC: case 0xBD: case 0xBE: return false;
    default: break;
  }
  const auto after = std::upper_bound(std::begin(table), std::end(table), code_point,
                                      [](char32_t value, const Run& run) { return value < run.first; });
  return std::prev(after)->word;
}

std::optional<CharacterSet> category_set(std::string_view name) {
  if (name.empty() || name.size() > 2) return {};
  uint32_t wanted = 0;
  for (size_t i = 0; i < category_names.size(); ++i) {
    if (category_names[i].starts_with(name)) wanted |= uint32_t{1} << i;
  }
  if (wanted == 0) return {};
  return runs_where([&](const Run& run) { return (wanted >> run.category & 1) != 0; });
}

CharacterSet white_space_set() {
  return {{9, 13},           {0x20, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},     {0x1680, 0x1680},
          {0x2000, 0x200A},  {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}};
}

CharacterSet word_set() {
  return runs_where([](const Run& run) { return run.word; });
}

CharacterSet bracketed_word_set() {
  const CharacterSet others = union_of(complement_of(word_set()), {{0xB2, 0xB3}, {0xB9, 0xB9}, {0xBC, 0xBE}});
  return complement_of(others);
}

CharacterSet union_of(const CharacterSet& a, const CharacterSet& b) {
  CharacterSet all = a;
  all.insert(all.end(), b.begin(), b.end());
  std::sort(all.begin(), all.end(), [](const CharacterRange& x, const CharacterRange& y) { return x.first < y.first; });
  CharacterSet out;
  for (const CharacterRange& range : all) {
    if (!out.empty() && range.first <= out.back().last + 1) {
      out.back().last = std::max(out.back().last, range.last);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

CharacterSet complement_of(const CharacterSet& set) {
  CharacterSet out;
  char32_t next = 0;
  for (const CharacterRange& range : set) {
    if (range.first > next) out.push_back({next, static_cast<char32_t>(range.first - 1)});
    next = range.last + 1;
  }
  if (next <= last_code_point) out.push_back({next, last_code_point});
  return out;
}

}  // namespace philo
