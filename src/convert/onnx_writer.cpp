// ONNX Runtime GenAI's folder: the graph in model.onnx, its numbers in model.onnx.data.
#include <algorithm>
#include <map>
#include <memory>

#include "convert/folder_config.h"
#include "convert/weights_writer.h"
#include "emit/onnx_rows.h"
#include "model/segment_rows.h"

namespace philo {
namespace {

// A part of a matrix (numbers, scales or zero points) on its way to its place in the file.
class PartTarget {
 public:
  PartTarget(const OnnxMatrix& matrix, OutputFile& file, uint64_t begin, size_t row_bytes, size_t element_bytes)
      : matrix_(matrix), file_(file), begin_(begin), row_bytes_(row_bytes), element_bytes_(element_bytes) {
    // Columns are put together here, because rows would touch every page of the file.
    if (matrix.layout == OnnxLayout::Columns) turned_.resize(row_bytes * static_cast<size_t>(matrix.rows));
  }
  size_t row_bytes() const { return row_bytes_; }
  // Whole rows from row `first` on; several threads at once for different rows.
  void put(int64_t first, std::span<const std::byte> rows) {
    if (turned_.empty()) file_.write_at(begin_ + static_cast<uint64_t>(first) * row_bytes_, rows);
    else lay_columns(matrix_, first, rows, row_bytes_, element_bytes_, turned_.data());
  }
  void finish() {
    if (!turned_.empty()) file_.write_at(begin_, turned_);
    turned_ = {};
  }

 private:
  const OnnxMatrix& matrix_;
  OutputFile& file_;
  uint64_t begin_;
  size_t row_bytes_, element_bytes_;
  std::vector<std::byte> turned_;
};

class MatrixTarget {
 public:
  MatrixTarget(const OnnxMatrix& matrix, OutputFile& file)
      : matrix_(matrix), codes_(std::get_if<CodeFormat>(&matrix.segment.format)), columns_(columns_of(matrix.segment)),
        numbers_(matrix, file, matrix.numbers, row_bytes(matrix), element_bytes(matrix)) {
    if (matrix.scale) scales_ = std::make_unique<PartTarget>(matrix, file, *matrix.scale, scales_per_row(matrix) * scale_bytes(matrix), scale_bytes(matrix));
    if (matrix.zero_point) zero_points_ = std::make_unique<PartTarget>(matrix, file, *matrix.zero_point, zero_point_row_bytes(matrix), 1);
    if (zero_points_ && codes_->symmetric) put_implied_zero_points();
  }

  // Bytes of a part of the segment, in the form of CodeLayout::Plain.
  void take(Part part, uint64_t offset, std::span<const std::byte> bytes) {
    if (part == Part::Numbers) {
      each_row(numbers_, offset, bytes, codes_ != nullptr ? code_row_bytes(codes_->bits, columns_) : row_bytes(matrix_), [&](std::span<const std::byte> row, std::span<std::byte> out) {
        if (codes_ != nullptr) lay_codes(matrix_, {reinterpret_cast<const uint8_t*>(row.data()), row.size()}, out);
        else std::copy(row.begin(), row.end(), out.begin());
      });
      return;
    }
    const auto groups = static_cast<size_t>(groups_per_row(*codes_, columns_));
    if (part == Part::ZeroPoint) {
      each_row(*zero_points_, offset, bytes, groups, [&](std::span<const std::byte> row, std::span<std::byte> out) {
        lay_zero_points(matrix_, {reinterpret_cast<const uint8_t*>(row.data()), row.size()}, out);
      });
      return;
    }
    const bool half = scales_are_f16(matrix_.segment);
    std::vector<float> scales(groups);
    each_row(*scales_, offset, bytes, groups * (half ? sizeof(uint16_t) : sizeof(float)), [&](std::span<const std::byte> row, std::span<std::byte> out) {
      read_elements({"", half ? DType::F16 : DType::F32, {static_cast<int64_t>(groups)}, row}, 0, scales);
      lay_scales(matrix_, scales, out);
    });
  }

  void finish() {
    numbers_.finish();
    if (scales_) scales_->finish();
    if (zero_points_) zero_points_->finish();
  }

 private:
  template <typename Lay>
  void each_row(PartTarget& target, uint64_t offset, std::span<const std::byte> bytes, size_t bytes_of_row, const Lay& lay) const {
    const auto begin = static_cast<int64_t>(offset / bytes_of_row), end = begin + static_cast<int64_t>(bytes.size() / bytes_of_row);
    const int64_t first = std::max(begin, matrix_.first_row), last = std::min(end, matrix_.first_row + matrix_.rows);
    if (first >= last) return;
    std::vector<std::byte> laid(static_cast<size_t>(last - first) * target.row_bytes());
    for (int64_t row = first; row < last; ++row) {
      lay(bytes.subspan(static_cast<size_t>(row - begin) * bytes_of_row, bytes_of_row),
          std::span(laid).subspan(static_cast<size_t>(row - first) * target.row_bytes(), target.row_bytes()));
    }
    target.put(first - matrix_.first_row, laid);
  }

  void put_implied_zero_points() {
    const std::vector<std::byte> all(static_cast<size_t>(matrix_.rows) * zero_points_->row_bytes(), static_cast<std::byte>(implied_zero_point(codes_->bits)));
    zero_points_->put(0, all);
  }

  const OnnxMatrix& matrix_;
  const CodeFormat* codes_;
  int64_t columns_;
  PartTarget numbers_;
  std::unique_ptr<PartTarget> scales_, zero_points_;
};

class OnnxWriter : public WeightsWriter {
 public:
  OnnxWriter(const Plan& plan, const std::vector<AssignedTensor>& tensors, OnnxTarget target, bool half) {
    OnnxVariant variant;
    variant.target = target;
    variant.half = half;
    // As the builder has it: 8-bit activations where that is fastest, the provider's choice elsewhere.
    variant.accuracy = target == OnnxTarget::Cpu || target == OnnxTarget::Webgpu ? 4 : 0;
    variant.format_of = written_formats(tensors);
    model_ = emit_onnx(plan, variant);
    for (const OnnxMatrix& matrix : model_.matrices) {
      const auto [known, is_new] = group_of_.try_emplace(matrix.segment.place(), groups_.size());
      if (is_new) groups_.emplace_back();
      groups_[known->second].push_back(&matrix);
    }
  }

  uint64_t bytes() const override { return model_.data_bytes + model_.graph.size(); }

  uint64_t source_bytes() const override {
    uint64_t sum = 0;
    for (const auto& group : groups_) sum += group.front()->segment.stored_bytes();
    return sum;
  }

  void write(OutputFolder& folder, Writing& writing) override {
    writing.report.files = {"model.onnx", onnx_data_file};
    folder.create("model.onnx").write(model_.graph);
    OutputFile& file = folder.create(onnx_data_file);
    for (const auto& group : groups_) write_group(group, file, writing);
    file.write_at(model_.tables_offset, model_.tables);
  }

  OrderedJson config(OrderedJson source) const override { return plain_config(std::move(source)); }

 private:
  // All matrices that hold rows of one segment, in one pass over it.
  static void write_group(const std::vector<const OnnxMatrix*>& group, OutputFile& file, Writing& writing) {
    std::vector<std::unique_ptr<MatrixTarget>> targets;
    uint64_t bytes = 0;
    for (const OnnxMatrix* matrix : group) {
      targets.push_back(std::make_unique<MatrixTarget>(*matrix, file));
      bytes += matrix_bytes(*matrix);
    }
    const PartSink sink = [&](Part part, uint64_t offset, std::span<const std::byte> taken) {
      for (const auto& target : targets) target->take(part, offset, taken);
    };
    write_segment(group.front()->segment, bytes, CodeLayout::Plain, file, sink, writing);
    for (const auto& target : targets) target->finish();
  }

  OnnxModel model_;
  std::vector<std::vector<const OnnxMatrix*>> groups_;  // by segment
  std::map<const std::byte*, size_t> group_of_;
};

}  // namespace

std::unique_ptr<WeightsWriter> onnx_writer(const Plan& plan, const std::vector<AssignedTensor>& tensors, OnnxTarget target, bool half) {
  return std::make_unique<OnnxWriter>(plan, tensors, target, half);
}

}  // namespace philo
