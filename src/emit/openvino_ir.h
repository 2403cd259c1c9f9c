// A plan as an OpenVINO model: the stateful decoder that optimum's exporter makes, with the plan's weights. For folders and for devices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/plan.h"

namespace philo {

// What a LongRoPE model takes its factors by; no matter for others.
enum class IrFactors : uint8_t {
  Positions,  // long ones where the greatest of position_ids reaches the limit: a prompt in one piece, or what follows it
  Input,      // the input "long_factors", boolean, no dimension
  Short,
  Long,
};

// How a graph differs from the file's, which is the default.
struct IrVariant {
  IrFactors factors = IrFactors::Positions;
  bool chosen_rows = false;  // the input "logit_rows", I64 (n): which of the new tokens go through the head; logits are (batch, n, vocabulary)
  bool shared = false;       // codes and scales have the types that the file has, so that their constants can be its bytes: see IrMatrix
  double ratio = 1;          // for the notes on compression that the graph carries
  // In which format the weights hold a segment; as the plan says where empty. Norms are F16 where this says so and F32 otherwise.
  std::function<MatrixFormat(const Segment&)> format_of = {};
};

// A matrix or a norm among the weights. Rows follow each other without padding.
struct IrMatrix {
  Segment segment;               // of the plan, with the format that the weights hold
  uint64_t numbers;              // offset of floats, or of codes: I4 or U4 (the even column in the low nibble), I8 or U8
  std::optional<uint64_t> scale;       // offset: F16 (rows, groups), F32 where the file's scales are no float16 numbers
  std::optional<uint64_t> zero_point;  // offset: U4 or U8 (rows, groups); asymmetric codes only
  // In the variant that shares: which of these constants lie in the source, byte by byte as the graph has them. Nothing
  // needs to fill them in.
  bool shares_numbers = false, shares_scale = false, shares_zero_point = false;
};

// A constant that lies in the source.
struct IrShared {
  uint64_t offset;
  std::span<const std::byte> bytes;  // as long as OpenvinoIr::tensors
};

// The inputs, in this order, as optimum has them: input_ids I64 (batch, new), attention_mask I64 (batch, past + new), position_ids I64
// (batch, new), beam_idx I32 (batch); then the variant's own. The output: logits F32 (batch, new, vocabulary). The state holds rotated
// keys and values, (batch, kv_heads, past, head_size), under optimum's names.
struct OpenvinoIr {
  std::string xml;
  uint64_t weights_bytes;             // of all constants together
  std::vector<IrMatrix> matrices;     // each place in the checkpoint once; in the order of their offsets
  uint64_t literals_offset;           // the graph's own small constants, behind the matrices
  std::vector<std::byte> literals;
  std::shared_ptr<const Weights> tensors;  // what the matrices read
};

// Throws ErrorCode::Input, naming the tensor, for codes in groups that don't divide the columns.
OpenvinoIr emit_openvino_ir(const Plan& plan, const IrVariant& variant = {});

uint64_t matrix_bytes(const IrMatrix& matrix);  // of its constants
std::vector<IrShared> shared_constants(const IrMatrix& matrix);

// Rows [first, last) of a matrix, read, rounded or quantized as RowReader does, to their places in `weights`
// (weights_bytes). Several threads may fill different rows at once where `first` is even and `last` even or the last.
// What is shared is left out. Throws as RowReader does.
void fill_rows(const IrMatrix& matrix, int64_t first, int64_t last, std::span<std::byte> weights);
void fill_literals(const OpenvinoIr& ir, std::span<std::byte> weights);

// One row of unsigned codes (as RowReader and quantize_row give them) as OpenVINO's constants hold it: symmetric ones signed.
void to_openvino_codes(const CodeFormat& format, std::span<std::byte> codes);

}  // namespace philo
