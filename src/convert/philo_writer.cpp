// philo's own folder: safetensors whose codes are as compressed-tensors has them.
#include "convert/folder_config.h"
#include "convert/weights_layout.h"
#include "convert/weights_writer.h"

namespace philo {
namespace {

ConvertedTensor reported(const Conversion& conversion, const ConversionError& error) {
  uint64_t bytes = 0;
  for (const std::string& stem : conversion.stems) {
    for (const StoredPart& stored : stored_parts(conversion.source, conversion.format, stem)) bytes += entry_bytes(stored.entry);
  }
  return {conversion.source.name(),
          format_description(conversion.format),
          conversion.source.weights(),
          conversion.source.bytes(),
          bytes,
          error.relative(),
          error.signal_to_noise_db()};
}

class PhiloWriter : public WeightsWriter {
 public:
  PhiloWriter(const Plan& plan, std::vector<AssignedTensor> tensors, uint64_t most_shard_bytes)
      : plan_(plan), conversions_(conversions(plan, std::move(tensors))), layout_(lay_out(conversions_, most_shard_bytes)) {}

  uint64_t bytes() const override { return layout_.bytes; }

  uint64_t source_bytes() const override {
    uint64_t sum = 0;
    for (const Conversion& conversion : conversions_) sum += conversion.source.bytes();
    return sum;
  }

  void write(OutputFolder& folder, Writing& writing) override {
    for (const Shard& shard : layout_.shards) {
      write_shard(shard, folder.create(shard.file_name), writing);
      writing.report.files.push_back(shard.file_name);
    }
    if (layout_.shards.size() == 1) return;
    writing.report.files.emplace_back("model.safetensors.index.json");
    folder.create(writing.report.files.back()).write(weights_index(layout_).dump(2) + "\n");
  }

  OrderedJson config(OrderedJson source) const override { return folder_config(std::move(source), plan_, conversions_); }

 private:
  static void write_shard(const Shard& shard, OutputFile& file, Writing& writing) {
    SafetensorsWriter writer(file, shard.entries, {{"format", "pt"}});
    for (const PlacedConversion& placed : shard.conversions) {
      const Conversion& conversion = *placed.conversion;
      const PartSink sink = [&](Part part, uint64_t offset, std::span<const std::byte> bytes) {
        for (const auto& entries : placed.entries) writer.write(entries[static_cast<size_t>(part)], offset, bytes);
      };
      const ConversionError error = write_tensor(conversion.source, conversion.format, CodeLayout::CompressedTensors, file, sink, writing);
      writing.report.tensors.push_back(reported(conversion, error));
    }
    writer.finish();
  }

  const Plan& plan_;
  std::vector<Conversion> conversions_;
  WeightsLayout layout_;
};

}  // namespace

std::unique_ptr<WeightsWriter> philo_writer(const Plan& plan, std::vector<AssignedTensor> tensors, uint64_t most_shard_bytes) {
  return std::make_unique<PhiloWriter>(plan, std::move(tensors), most_shard_bytes);
}

}  // namespace philo
