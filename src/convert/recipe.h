// What a conversion makes of a model's weights, as people ask for it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/coded_matrix.h"

namespace philo {

enum class NumberFormat : uint8_t { Fp32, Fp16, Int8Asymmetric, Int8Symmetric, Int4 };

// Tensors whose names fit the pattern get this format, whatever the rest of the recipe says.
struct KeepRule {
  std::string pattern;  // "*" stands for any characters, "?" for one; against "model.layers.0.mlp.down_proj.weight", the same without
                        // ".weight", and the plan's name "layers.0.down"
  NumberFormat format;
};

struct Recipe {
  NumberFormat weights = NumberFormat::Int4;
  int64_t group_size = 128;  // of int4: 32, 64, 128, or -1 for the whole row; int8 has one scale for each row
  bool symmetric = true;     // of int4
  double ratio = 1.0;        // share of the block weights in int4; the rest takes the backup format
  NumberFormat backup = NumberFormat::Int8Asymmetric;  // with int4: of embedding and head, too
  std::vector<KeepRule> keep;                          // the first that fits holds
};

MatrixFormat matrix_format(NumberFormat format, const Recipe& recipe);

// "PATTERN=fp32|fp16|int8|int8-sym|int4"; throws ErrorCode::Usage for anything else.
KeepRule parse_keep_rule(std::string_view text);

bool fits_pattern(std::string_view name, std::string_view pattern);

}  // namespace philo
