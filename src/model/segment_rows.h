// The rows of a segment, as floats or as codes, in the format that the segment is to be computed with: read as stored where that is the
// same, else decoded, rounded or quantized on the way. Devices, the converter and the self-test all read rows here.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/plan.h"

namespace philo {

// (columns) values as the file has them, widened or decoded to float32. Throws as CodedMatrix::read_scales() does.
void read_stored_row(const Segment& segment, int64_t row, std::span<float> out);

// One row of codes with its scales and zero points (unsigned; the implied ones where symmetric).
struct CodedRow {
  std::vector<uint8_t> codes;        // (code_row_bytes)
  std::vector<float> scales;         // (groups)
  std::vector<uint8_t> zero_points;  // (groups)

  CodedRow(const CodeFormat& format, int64_t columns);
};

// Reads one row after the other; one per thread. The segment must outlive it.
class RowReader {
 public:
  explicit RowReader(const Segment& segment);

  // For a segment whose format is integer codes.
  const CodedRow& read_codes(int64_t row);
  // (columns) values in the segment's format: rounded to it, or quantized and decoded again.
  void read_values(int64_t row, std::span<float> out);
  // For a segment whose format is floats: (columns) numbers of it, rounded where they are stored otherwise.
  void read_numbers(int64_t row, std::span<std::byte> out);

 private:
  const Segment& segment_;
  int64_t columns_;
  CodedRow coded_;
  std::vector<float> values_;
  std::vector<uint16_t> scales_;  // float16, of a row that is quantized here
};

int64_t columns_of(const Segment& segment);
// Whether stored scales are all float16 numbers, so that a device may keep them in 16 bits without loss.
bool scales_are_f16(const Segment& segment);

}  // namespace philo
