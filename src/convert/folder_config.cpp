// Writes down formats as compressed-tensors names them.
#include "convert/folder_config.h"

#include <algorithm>
#include <map>
#include <utility>

namespace philo {
namespace {

const char* packing(const CodeFormat& codes) { return codes.bits == 4 ? "pack-quantized" : "int-quantized"; }

OrderedJson weights_scheme(const CodeFormat& codes) {
  const bool grouped = codes.group_size > 0;
  return {{"num_bits", codes.bits},
          {"type", "int"},
          {"symmetric", codes.symmetric},
          {"strategy", grouped ? "group" : "channel"},
          {"group_size", grouped ? OrderedJson(codes.group_size) : OrderedJson(nullptr)},
          {"dynamic", false}};
}

OrderedJson quantization_config(const std::vector<Conversion>& conversions) {
  std::vector<std::pair<CodeFormat, OrderedJson>> groups;  // with the names of their modules
  OrderedJson ignore = OrderedJson::array();               // modules that could be quantized and are not
  for (const Conversion& conversion : conversions) {
    const CodeFormat* codes = std::get_if<CodeFormat>(&conversion.format);
    if (codes == nullptr) {
      if (conversion.role == TensorRole::Block || conversion.role == TensorRole::Head) ignore.push_back(conversion.stems.front());
      continue;
    }
    auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& known) { return known.first == *codes; });
    if (group == groups.end()) group = groups.insert(group, {*codes, OrderedJson::array()});
    for (const std::string& stem : conversion.stems) group->second.push_back(stem);
  }
  OrderedJson described = OrderedJson::object();
  bool mixed = false;
  for (auto& [codes, targets] : groups) {
    mixed = mixed || packing(codes) != std::string_view(packing(groups.front().first));
    described["group_" + std::to_string(described.size())] = {{"targets", std::move(targets)},
                                                              {"weights", weights_scheme(codes)},
                                                              {"input_activations", nullptr},
                                                              {"output_activations", nullptr},
                                                              {"format", packing(codes)}};
  }
  const char* whole = mixed ? "mixed-precision" : packing(groups.front().first);
  return {{"quant_method", "compressed-tensors"},
          {"format", whole},
          {"quantization_status", "compressed"},
          {"config_groups", std::move(described)},
          {"ignore", std::move(ignore)},
          {"kv_cache_scheme", nullptr}};
}

}  // namespace

// Entries without "--" name Python files.
void drop_source_keys(OrderedJson& config) {
  for (const char* old : {"quantization_config", "compression_config"}) config.erase(old);
  const auto found = config.find("auto_map");
  if (found == config.end() || !found->is_object()) return;
  OrderedJson kept = OrderedJson::object();
  for (const auto& [key, value] : found->items()) {
    if (value.is_string() && value.get_ref<const std::string&>().find("--") != std::string::npos) kept[key] = value;
  }
  if (kept.empty()) {
    config.erase("auto_map");
  } else {
    config["auto_map"] = std::move(kept);
  }
}

OrderedJson plain_config(OrderedJson source) {
  drop_source_keys(source);
  // transformers 5, which optimum reads the file with, stops over LongRoPE's first name.
  const auto rope = source.find("rope_scaling");
  if (rope != source.end() && rope->is_object() && rope->value("type", Json()) == "su") (*rope)["type"] = "longrope";
  return source;
}

OrderedJson folder_config(OrderedJson config, const Plan& plan, const std::vector<Conversion>& conversions) {
  const auto quantized = [](const Conversion& one) { return std::holds_alternative<CodeFormat>(one.format); };
  const bool any = std::any_of(conversions.begin(), conversions.end(), quantized);
  // What readers compute with unless told otherwise: float16, which holds the scales exactly.
  const auto wide = [](const Conversion& one) { return one.role != TensorRole::Norm && one.format == MatrixFormat(DType::F32); };
  const bool all_wide = !any && std::any_of(conversions.begin(), conversions.end(), wide);
  const char* key = config.contains("dtype") ? "dtype" : "torch_dtype";
  config[key] = all_wide ? "float32" : "float16";
  drop_source_keys(config);
  if (head_is_embedding(plan)) config["tie_word_embeddings"] = !quantized(conversions.front());
  if (any) config["quantization_config"] = quantization_config(conversions);
  return config;
}

}  // namespace philo
