// What writers of other runtimes' folders have in common.
#include "convert/weights_writer.h"

#include "base/error.h"

namespace philo {

MatrixFormat written_format(const AssignedTensor& tensor) {
  const Segment& segment = *tensor.segment;
  const MatrixFormat& wanted = tensor.format;
  const bool codes = std::holds_alternative<CodeFormat>(wanted);
  if (codes && segment.coded != nullptr && segment.stored() != wanted) {
    throw Error(ErrorCode::Input, "tensor " + shown(segment.name()) + " is quantized already (" + format_description(segment.stored()) +
                                      "), not as " + format_description(wanted) +
                                      "; leave out the options of quantization to keep its codes, convert the original checkpoint, or use "
                                      "--weight-format fp16 or fp32");
  }
  if (wanted != MatrixFormat(DType::BF16)) return wanted;
  return tensor.role == TensorRole::Norm ? DType::F32 : DType::F16;
}

std::function<MatrixFormat(const Segment&)> written_formats(const std::vector<AssignedTensor>& tensors) {
  std::map<const std::byte*, MatrixFormat> formats;
  for (const AssignedTensor& tensor : tensors) formats[tensor.segment->place()] = written_format(tensor);
  return [formats = std::move(formats)](const Segment& segment) { return formats.at(segment.place()); };
}

ConversionError write_tensor(const TensorSource& source, const MatrixFormat& format, CodeLayout layout, OutputFile& file, const PartSink& sink, Writing& writing) {
  const Advance advance = [&](size_t bytes) {
    file.write_behind();
    writing.progress(bytes);
  };
  const ConversionError error = convert_tensor(source, format, layout, writing.pool, sink, advance);
  writing.sum.add(error);
  return error;
}

void write_segment(const Segment& segment, uint64_t bytes, CodeLayout layout, OutputFile& file, const PartSink& sink, Writing& writing) {
  const TensorSource source{segment.values, segment.coded};
  const ConversionError error = write_tensor(source, segment.format, layout, file, sink, writing);
  writing.report.tensors.push_back({segment.name(), format_description(segment.format), source.weights(), segment.stored_bytes(), bytes, error.relative(), error.signal_to_noise_db()});
}

}  // namespace philo
