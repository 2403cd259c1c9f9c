// Stems, shards and the order of entries.
#include "convert/weights_layout.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

#include "base/error.h"

namespace philo {
namespace {

constexpr size_t no_entry = std::numeric_limits<size_t>::max();

std::string stem_of(const std::string& tensor_name) {
  constexpr std::string_view suffix = ".weight";
  return tensor_name.ends_with(suffix) ? tensor_name.substr(0, tensor_name.size() - suffix.size()) : tensor_name;
}

void add(Shard& shard, const Conversion& conversion) {
  PlacedConversion placed{&conversion, {}};
  for (const std::string& stem : conversion.stems) {
    std::array<size_t, 4>& indices = placed.entries.emplace_back();
    indices.fill(no_entry);
    for (StoredPart& stored : stored_parts(conversion.source, conversion.format, stem)) {
      indices[static_cast<size_t>(stored.part)] = shard.entries.size();
      shard.entries.push_back(std::move(stored.entry));
    }
  }
  shard.conversions.push_back(std::move(placed));
}

void sort_entries(Shard& shard) {
  std::vector<size_t> order(shard.entries.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const size_t bytes_a = dtype_bytes(shard.entries[a].dtype), bytes_b = dtype_bytes(shard.entries[b].dtype);
    return bytes_a != bytes_b ? bytes_a > bytes_b : a < b;
  });
  std::vector<size_t> place(order.size());
  std::vector<TensorEntry> sorted;
  for (size_t i = 0; i < order.size(); ++i) {
    place[order[i]] = i;
    sorted.push_back(std::move(shard.entries[order[i]]));
  }
  shard.entries = std::move(sorted);
  for (PlacedConversion& placed : shard.conversions) {
    for (auto& indices : placed.entries) {
      for (size_t& index : indices) index = index == no_entry ? no_entry : place[index];
    }
  }
}

std::string five_digits(size_t number) {
  const std::string digits = std::to_string(number);
  return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
}

}  // namespace

bool head_is_embedding(const Plan& plan) {
  return plan.steps.back().weight->segments.front().place() == plan.steps.front().weight->segments.front().place();
}

std::vector<Conversion> conversions(const Plan& plan, std::vector<AssignedTensor> tensors) {
  std::vector<Conversion> out;
  for (AssignedTensor& tensor : tensors) {
    const Segment& segment = *tensor.segment;
    Conversion conversion{{segment.values, segment.coded}, tensor.role, tensor.format, {stem_of(segment.name())}};
    const bool codes = std::holds_alternative<CodeFormat>(tensor.format);
    if (codes && segment.coded != nullptr && segment.stored() != tensor.format) {
      throw Error(ErrorCode::Input, "tensor " + shown(segment.name()) + " is quantized already (" + format_description(segment.stored()) +
                                        "); convert the original checkpoint, or use --weight-format fp16 or fp32");
    }
    if (const auto* format = std::get_if<CodeFormat>(&tensor.format); format != nullptr && format->group_size > 0 && tensor.columns % format->group_size != 0) {
      throw Error(ErrorCode::Input, "tensor " + shown(segment.name()) + " has groups of " + std::to_string(format->group_size) + " in rows of " + std::to_string(tensor.columns) +
                                        " columns, whose last one is shorter; compressed-tensors has no such groups: use --weight-format fp16 or fp32");
    }
    if (tensor.role == TensorRole::Embedding && codes && head_is_embedding(plan)) conversion.stems.emplace_back("lm_head");
    out.push_back(std::move(conversion));
  }
  return out;
}

WeightsLayout lay_out(const std::vector<Conversion>& conversions, uint64_t most_shard_bytes) {
  WeightsLayout layout;
  uint64_t shard_bytes = 0;
  for (const Conversion& conversion : conversions) {
    uint64_t bytes = 0;
    for (const std::string& stem : conversion.stems) {
      for (const StoredPart& stored : stored_parts(conversion.source, conversion.format, stem)) bytes += entry_bytes(stored.entry);
    }
    if (layout.shards.empty() || (shard_bytes > 0 && shard_bytes + bytes > most_shard_bytes)) {
      layout.shards.emplace_back();
      shard_bytes = 0;
    }
    add(layout.shards.back(), conversion);
    shard_bytes += bytes;
    layout.bytes += bytes;
  }
  const size_t count = layout.shards.size();
  for (size_t i = 0; i < count; ++i) {
    Shard& shard = layout.shards[i];
    shard.file_name = count == 1 ? "model.safetensors" : "model-" + five_digits(i + 1) + "-of-" + five_digits(count) + ".safetensors";
    sort_entries(shard);
  }
  return layout;
}

OrderedJson weights_index(const WeightsLayout& layout) {
  std::map<std::string, std::string> files;
  for (const Shard& shard : layout.shards) {
    for (const TensorEntry& entry : shard.entries) files[entry.name] = shard.file_name;
  }
  OrderedJson map = OrderedJson::object();
  for (const auto& [tensor, file] : files) map[tensor] = file;
  return {{"metadata", {{"total_size", layout.bytes}}}, {"weight_map", std::move(map)}};
}

}  // namespace philo
