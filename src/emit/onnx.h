// A plan as an ONNX model: the decoder that ONNX Runtime GenAI's builder makes, with the plan's weights. For folders and for devices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "format/onnx/schema.h"
#include "model/plan.h"

namespace philo {

// Whose operators the graph is made of. Dml: no packed q, k and v, no rotation inside attention, no MatMulNBits of 8 bits.
enum class OnnxTarget : uint8_t { Cpu, Dml, Cuda, Webgpu };

// What a LongRoPE model takes its factors by; no matter for others.
enum class OnnxFactors : uint8_t {
  Length,  // long ones where the sequence, past and new, is longer than the limit: a prompt in one piece, or what follows it
  Input,   // the input "long_factors", boolean, no dimension
  Short,
  Long,
};

// How a graph differs from a CPU folder's, which is the default.
struct OnnxVariant {
  OnnxTarget target = OnnxTarget::Cpu;
  bool half = false;         // float16 outside, between operators and in norms; float32 otherwise
  int accuracy = 4;          // MatMulNBits' accuracy_level: 4 int8 activations, 1 float32; 0 leaves it to the provider
  OnnxFactors factors = OnnxFactors::Length;
  bool chosen_rows = false;  // the input "logit_rows", I64 (n): which of the new tokens go through the head; logits are (batch, n, vocabulary)
  int64_t context = 0;       // positions that the rotary tables cover; 0: all of the model's
  // In which format the data hold a segment; as the plan says where empty. Norms are F16 where this says so or the graph is, F32 otherwise.
  std::function<MatrixFormat(const Segment&)> format_of = {};
};

// How the data hold the numbers of a matrix.
enum class OnnxLayout : uint8_t {
  Blocks,   // (rows, blocks, block * bits / 8) codes for MatMulNBits; scales (rows, blocks); zero points (rows, blocks) of the codes' bits, each row padded to bytes
  Rows,     // (rows, columns) floats, or codes of one byte; scales and zero points (rows, groups)
  Columns,  // (columns, rows) likewise; scales and zero points (groups, rows)
};

// Some rows of a segment among the data.
struct OnnxMatrix {
  Segment segment;        // of the plan, with the format that the data hold
  int64_t first_row, rows;  // which of its rows
  OnnxLayout layout;
  int64_t block = 0;      // Blocks: columns of a block. It divides the group; a group's scale stands once for each of its blocks
  bool wide_scales = false;  // scales are F32, not F16
  uint64_t numbers = 0;   // offsets
  std::optional<uint64_t> scale = {}, zero_point = {};
};

// A tensor whose bytes lie in the data; the graph names each as external data of the file "model.onnx.data".
struct OnnxInitializer {
  std::string name;
  onnx::DataType type;
  std::vector<int64_t> shape;
  uint64_t offset, bytes;
};

// Inputs, as the builder names them: input_ids I64 (batch, new), attention_mask I64 (batch, past + new), for Dml position_ids I64 (batch, new),
// past_key_values.N.key and .value (batch, kv_heads, past, head_size) of the graph's float; then the variant's own. Outputs: logits (batch,
// new, vocabulary) of the graph's float, present.N.key and .value. A past and its present may be one buffer, longer than what it holds:
// GroupQueryAttention counts by attention_mask. It takes more than one token behind a past for one sequence only.
struct OnnxModel {
  std::string graph;                          // the file "model.onnx"
  uint64_t data_bytes;
  std::vector<OnnxInitializer> initializers;  // several may lie at the same place
  std::vector<OnnxMatrix> matrices;           // what fill_rows fills
  uint64_t tables_offset;                     // rotary tables, behind the matrices
  std::vector<std::byte> tables;
  std::shared_ptr<const Weights> tensors;     // what the matrices read
};

inline constexpr const char* onnx_data_file = "model.onnx.data";

// Every format has operators that take it exactly.
OnnxModel emit_onnx(const Plan& plan, const OnnxVariant& variant = {});

uint64_t matrix_bytes(const OnnxMatrix& matrix);  // of its numbers, scales and zero points

// The matrix's numbers in the checkpoint, where they are the same bytes there: a device may take them from there and leave them unfilled. Else empty.
std::span<const std::byte> stored_numbers(const OnnxMatrix& matrix);

// Rows [first, last) of a matrix, read, rounded or quantized as RowReader does, to their places in `data` (data_bytes, zeros before). Several
// threads may fill different rows at once. Throws as RowReader does. Without numbers: scales and zero points alone.
void fill_rows(const OnnxMatrix& matrix, int64_t first, int64_t last, std::span<std::byte> data, bool with_numbers = true);

}  // namespace philo
