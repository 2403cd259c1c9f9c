// What a kind of folder holds of a model's weights, and how they are written.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/json.h"
#include "base/output_folder.h"
#include "convert/assign_formats.h"
#include "convert/convert.h"
#include "convert/convert_tensor.h"

namespace philo {

// What the writers of one conversion share.
struct Writing {
  ThreadPool& pool;
  std::function<void(size_t source_bytes)> progress;  // may throw
  ConvertReport& report;                              // gets files and tensors
  ConversionError sum;                                // over all weights
};

class WeightsWriter {
 public:
  virtual ~WeightsWriter() = default;
  virtual uint64_t bytes() const = 0;  // of the weights' files
  virtual uint64_t source_bytes() const = 0;
  virtual void write(OutputFolder& folder, Writing& writing) = 0;
  virtual OrderedJson config(OrderedJson source) const = 0;  // of config.json
};

// All keep what they are given and point into the plan. They throw ErrorCode::Input for weights that are quantized otherwise already.
std::unique_ptr<WeightsWriter> philo_writer(const Plan& plan, std::vector<AssignedTensor> tensors, uint64_t most_shard_bytes);
std::unique_ptr<WeightsWriter> openvino_writer(const Plan& plan, const std::vector<AssignedTensor>& tensors, double ratio);
std::unique_ptr<WeightsWriter> onnx_writer(const Plan& plan, const std::vector<AssignedTensor>& tensors, OnnxTarget target, bool half);

// convert_tensor() into parts of `file`, with progress and its error added to the sum.
ConversionError write_tensor(const TensorSource& source, const MatrixFormat& format, CodeLayout layout, OutputFile& file, const PartSink& sink, Writing& writing);
// The same for a segment of another runtime's folder, with its line in the report: `bytes` are those that it takes there.
void write_segment(const Segment& segment, uint64_t bytes, CodeLayout layout, OutputFile& file, const PartSink& sink, Writing& writing);

// In which format folders of other runtimes hold a segment: as assigned, but not in bfloat16, which not every device takes.
std::function<MatrixFormat(const Segment&)> written_formats(const std::vector<AssignedTensor>& tensors);

}  // namespace philo
