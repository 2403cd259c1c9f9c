// Interleaves the codes of 16 rows and lays their scales side by side.
#include "device/cpu/panels.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "base/error.h"

namespace philo {
namespace {

constexpr size_t panels_per_task = 4, tasks_per_report = 64;

struct Layout {
  size_t panels, lines, groups;  // lines of a panel; groups of the kernels
  FloatFormat scale_format;
  size_t code_bytes() const { return panels * lines * panel_line_bytes; }
  size_t scale_bytes() const { return panels * groups * panel_rows * (scale_format == FloatFormat::F32 ? 4 : 2); }
};

const CodeFormat& code_format(const Segment& segment) { return std::get<CodeFormat>(segment.format); }

Layout layout_of(const Segment& segment) {
  const CodeFormat& format = code_format(segment);
  const auto columns = static_cast<size_t>(columns_of(segment));
  return {(static_cast<size_t>(segment.rows) + panel_rows - 1) / panel_rows, panel_lines(format.bits, columns),
          columns / kernel_group(format, columns_of(segment)), scales_are_f16(segment) ? FloatFormat::F16 : FloatFormat::F32};
}

// The four low nibbles of a word, one in each byte.
uint32_t spread(uint32_t nibbles) {
  nibbles = (nibbles | nibbles << 8) & 0x00FF00FFu;
  return (nibbles | nibbles << 4) & 0x0F0F0F0Fu;
}

void pack_codes(int bits, size_t lines, const std::array<const uint8_t*, panel_rows>& rows, size_t row_bytes, std::byte* out) {
  for (size_t line = 0; line < lines; ++line, out += panel_line_bytes) {
    uint32_t words[panel_rows] = {};
    const size_t count = std::min<size_t>(4, row_bytes - 4 * line);  // of 8-bit codes the last word may be cut off
    if (count == 4)
      for (size_t row = 0; row < panel_rows; ++row) std::memcpy(&words[row], rows[row] + 4 * line, 4);
    else
      for (size_t row = 0; row < panel_rows; ++row) std::memcpy(&words[row], rows[row] + 4 * line, count);
    if (bits == 4)
      for (uint32_t& word : words) word = spread(word & 0xFFFF) | spread(word >> 16) << 4;
    std::memcpy(out, words, panel_line_bytes);
  }
}

}  // namespace

size_t kernel_group(const CodeFormat& format, int64_t columns) {
  const auto depth = static_cast<size_t>(columns);
  if (format.group_size < 0 || format.group_size >= columns) return depth;
  const auto group = static_cast<size_t>(format.group_size);
  if (depth % group != 0) return 0;
  for (const size_t wanted : {128, 64, 32, 16})
    if (group % wanted == 0) return wanted;
  return 0;
}

size_t panel_bytes(const Segment& segment) {
  const Layout layout = layout_of(segment);
  const bool symmetric = code_format(segment).symmetric;
  return layout.code_bytes() + layout.scale_bytes() + (symmetric ? 0 : layout.panels * layout.groups * panel_rows);
}

// What one thread packs with.
class Panels::Packer {
 public:
  Packer(const Segment& segment, const Layout& layout) : segment_(segment), layout_(layout), columns_(columns_of(segment)) {
    readers_.reserve(panel_rows);
    for (size_t row = 0; row < panel_rows; ++row) readers_.emplace_back(segment);
  }

  void pack(size_t panel, const Panels& panels) {
    const CodeFormat& format = code_format(segment_);
    const size_t row_bytes = code_row_bytes(format.bits, columns_);
    const auto stored_groups = static_cast<size_t>(groups_per_row(format, columns_)), repeats = layout_.groups / stored_groups;
    std::array<const uint8_t*, panel_rows> rows;
    for (size_t row = 0; row < panel_rows; ++row) {
      // Rows beyond the matrix hold its last one again.
      const auto source = std::min(static_cast<int64_t>(panel * panel_rows + row), segment_.rows - 1);
      const CodedRow& coded = readers_[row].read_codes(source);
      rows[row] = coded.codes.data();
      for (size_t group = 0; group < layout_.groups; ++group) {
        const size_t at = (panel * layout_.groups + group) * panel_rows + row;
        const float scale = coded.scales[group / repeats];
        if (layout_.scale_format == FloatFormat::F32) {
          std::memcpy(panels.scales_.data() + 4 * at, &scale, 4);
        } else {
          const uint16_t half = f32_to_f16(scale);
          std::memcpy(panels.scales_.data() + 2 * at, &half, 2);
        }
        if (!format.symmetric) panels.zero_points_.data()[at] = std::byte{coded.zero_points[group / repeats]};
      }
    }
    pack_codes(format.bits, layout_.lines, rows, row_bytes, panels.codes_.data() + panel * layout_.lines * panel_line_bytes);
  }

 private:
  const Segment& segment_;
  const Layout& layout_;
  int64_t columns_;
  std::vector<RowReader> readers_;
};

Panels::Panels(const Segment& segment, ThreadPool& pool, const std::function<void(size_t stored_bytes)>& progress) {
  const CodeFormat& format = code_format(segment);
  const Layout layout = layout_of(segment);
  codes_ = Buffer(layout.code_bytes(), "the weights' codes");
  scales_ = Buffer(layout.scale_bytes(), "the weights' scales");
  if (!format.symmetric) zero_points_ = Buffer(layout.panels * layout.groups * panel_rows, "the weights' zero points");
  const auto depth = static_cast<size_t>(columns_of(segment));
  matrix_ = {format.bits, depth, depth / layout.groups, codes_.data(), scales_.data(), layout.scale_format,
             format.symmetric ? nullptr : reinterpret_cast<const uint8_t*>(zero_points_.data())};

  const size_t tasks = (layout.panels + panels_per_task - 1) / panels_per_task;
  std::vector<Packer> packers(pool.threads(), Packer(segment, layout));
  for (size_t begin = 0; begin < tasks; begin += tasks_per_report) {
    const size_t count = std::min(tasks_per_report, tasks - begin);
    pool.run(count, [&](size_t index, size_t thread) {
      const size_t first = (begin + index) * panels_per_task, last = std::min(first + panels_per_task, layout.panels);
      for (size_t panel = first; panel < last; ++panel) packers[thread].pack(panel, *this);
    });
    const auto part_of = [&](size_t bytes) { return std::pair{bytes * begin / tasks, bytes * (begin + count) / tasks}; };
    const Tensor& source = segment.coded != nullptr ? segment.coded->codes : *segment.values;
    if (const auto [first, last] = part_of(source.bytes.size()); source.file != nullptr)
      source.file->release(source.bytes.subspan(first, last - first));
    const auto [before, after] = part_of(segment.stored_bytes());
    progress(after - before);
  }
}

}  // namespace philo
