// OpenVINO's folder: the model as IR, openvino_model.xml with its numbers in openvino_model.bin.
#include "convert/folder_config.h"
#include "convert/weights_writer.h"
#include "emit/openvino_ir.h"
#include "model/segment_rows.h"

namespace philo {
namespace {

class OpenvinoWriter : public WeightsWriter {
 public:
  OpenvinoWriter(const Plan& plan, const std::vector<AssignedTensor>& tensors, double ratio) {
    IrVariant variant;
    variant.ratio = ratio;
    variant.format_of = written_formats(tensors);
    ir_ = emit_openvino_ir(plan, variant);
    ratio_ = ratio;
  }

  uint64_t bytes() const override { return ir_.weights_bytes + ir_.xml.size(); }

  uint64_t source_bytes() const override {
    uint64_t sum = 0;
    for (const IrMatrix& matrix : ir_.matrices) sum += matrix.segment.stored_bytes();
    return sum;
  }

  void write(OutputFolder& folder, Writing& writing) override {
    writing.report.files = {"openvino_model.xml", "openvino_model.bin"};
    folder.create("openvino_model.xml").write(ir_.xml);
    OutputFile& file = folder.create("openvino_model.bin");
    for (const IrMatrix& matrix : ir_.matrices) write_matrix(matrix, file, writing);
    file.write_at(ir_.literals_offset, ir_.literals);
    if (const OrderedJson described = openvino_config(); !described.is_null()) {
      writing.report.files.emplace_back("openvino_config.json");
      folder.create("openvino_config.json").write(described.dump(2) + "\n");
    }
  }

  OrderedJson config(OrderedJson source) const override { return plain_config(std::move(source)); }

 private:
  static void write_matrix(const IrMatrix& matrix, OutputFile& file, Writing& writing) {
    const PartSink sink = [&](Part part, uint64_t offset, std::span<const std::byte> bytes) {
      const uint64_t begin = part == Part::Numbers ? matrix.numbers : part == Part::Scale ? *matrix.scale : *matrix.zero_point;
      file.write_at(begin + offset, bytes);
    };
    write_segment(matrix.segment, matrix_bytes(matrix), CodeLayout::Openvino, file, sink, writing);
  }

  // What optimum notes down beside a quantized model: the format of most weights, and of the rest.
  OrderedJson openvino_config() const {
    const CodeFormat *main = nullptr, *backup = nullptr;
    for (const IrMatrix& matrix : ir_.matrices) {
      const auto* codes = std::get_if<CodeFormat>(&matrix.segment.format);
      if (codes != nullptr) (codes->bits == 4 ? main : backup) = codes;
    }
    if (main == nullptr) std::swap(main, backup);
    if (main == nullptr) return nullptr;
    OrderedJson settings = {{"quant_method", "default"}, {"bits", main->bits}, {"sym", main->symmetric}, {"group_size", main->group_size}};
    if (main->bits == 4) {
      settings["ratio"] = ratio_;
      settings["backup_precision"] = backup == nullptr ? "none" : backup->symmetric ? "int8_sym" : "int8_asym";
    }
    return {{"dtype", main->bits == 4 ? "int4" : "int8"}, {"quantization_config", std::move(settings)}};
  }

  OpenvinoIr ir_;
  double ratio_;
};

}  // namespace

std::unique_ptr<WeightsWriter> openvino_writer(const Plan& plan, const std::vector<AssignedTensor>& tensors, double ratio) {
  return std::make_unique<OpenvinoWriter>(plan, tensors, ratio);
}

}  // namespace philo
