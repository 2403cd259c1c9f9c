// Turns philo's options into OpenVINO's properties and checks those that users give by OpenVINO's own names.
#include "device/openvino/settings.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "model/segment_rows.h"

namespace philo::openvino {
namespace {

constexpr size_t dynamic_turn_tokens = 1024;
// OpenVINO's own defaults for language models on an NPU, and the multiple that both lengths are rounded up to.
constexpr size_t npu_prompt_tokens = 1024, npu_response_tokens = 128, npu_multiple = 64;
constexpr const char *prompt_property = "NPUW_LLM_MAX_PROMPT_LEN", *response_property = "NPUW_LLM_MIN_RESPONSE_LEN";

size_t rounded_up(size_t tokens) { return (tokens + npu_multiple - 1) / npu_multiple * npu_multiple; }

void check_properties(const Properties& properties, const std::string& device, const Runtime& runtime) {
  if (properties.empty()) return;
  refuse_repeats("--ov", properties);
  const bool npu = family_of(device) == "NPU";
  const std::vector<std::string> known = runtime.known_properties(device);
  for (const auto& [name, value] : properties) {
    for (const char* own : {"NPU_USE_NPUW", "NPUW_LLM", "CACHE_DIR", "MODEL_PTR", "WEIGHTS_PATH"})
      if (name == own) throw usage_error("--ov " + name + ": philo decides this itself");
    // The NPU plugin's part for language models does not list its properties; it refuses what it does not know.
    if (npu && name.starts_with("NPUW_")) continue;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string list;
    for (const std::string& one : known) list += (list.empty() ? "" : ", ") + one;
    throw usage_error("--ov " + shown(name) + ": OpenVINO's " + device + " knows no such property that can be set; it knows " + (list.empty() ? "none here" : list) +
                      (npu ? ", and those that begin with NPUW_" : ""));
  }
}

void set(Properties& properties, const char* name, std::string value) {
  if (given(properties, name) == nullptr) properties.emplace_back(name, std::move(value));
}

size_t tokens_of(const Properties& properties, const char* name, size_t otherwise) {
  const std::string* const text = given(properties, name);
  if (text == nullptr) return otherwise;
  size_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || value == 0 || value > (size_t{1} << 24))
    throw usage_error("--ov " + std::string(name) + "=" + *text + ": expected a number of tokens");
  return value;
}

void settle_npu(const Plan& plan, const DeviceOptions& options, Settings& out) {
  const ModelConfig& config = plan.config;
  // One graph has one set of LongRoPE factors; the short ones serve every sequence up to the limit.
  const auto model_limit = static_cast<size_t>(config.long_rope ? std::min(config.context, config.long_rope->original_context) : config.context);
  if (options.context > model_limit)
    throw usage_error("--context " + std::to_string(options.context) + ": an NPU computes at most " + std::to_string(model_limit) + " tokens of this model" +
                      (config.long_rope ? ", for which its short LongRoPE factors hold" : ""));
  const size_t wanted = options.context != 0 ? options.context : std::min(npu_prompt_tokens + npu_response_tokens, model_limit);
  const size_t response = rounded_up(tokens_of(out.properties, response_property, std::min(npu_response_tokens, std::max<size_t>(1, wanted / 2))));
  const size_t prompt = rounded_up(tokens_of(out.properties, prompt_property, wanted > response ? wanted - response : npu_multiple));
  std::erase_if(out.properties, [](const auto& one) { return one.first == prompt_property || one.first == response_property; });
  out.properties.emplace_back(prompt_property, std::to_string(prompt));
  out.properties.emplace_back(response_property, std::to_string(response));
  out.properties.emplace_back("NPU_USE_NPUW", "YES");
  out.properties.emplace_back("NPUW_LLM", "YES");
  // OpenVINO 2026.4's partitioner fails on the processor ("Model references undeclared parameters"); one piece works.
  if (const std::string* devices = given(out.properties, "NPUW_DEVICES"); devices != nullptr && *devices == "CPU") {
    set(out.properties, "NPUW_ONLINE_PIPELINE", "NONE");
    out.notes.emplace_back("the NPU's plugin computes on the processor, which tries its graphs and says nothing about an NPU's speed or what its compiler takes");
  }
  out.variant.factors = IrFactors::Short;
  out.fixed_shapes = true;
  out.context = std::min(prompt + response, model_limit);
  out.turn_tokens = std::min(prompt, out.context);
  out.notes.push_back("compiled for prompts of up to " + std::to_string(out.turn_tokens) + " tokens and " + std::to_string(out.context) + " in all; longer prompts go in token by token (--context sets the sizes)");
}

}  // namespace

std::string family_of(const std::string& device) { return device.substr(0, device.find_first_of(".:")); }

bool is_block_weight(const Step& step) { return step.op == Op::Linear && step.layer >= 0; }

bool fits_npu(const MatrixFormat& format) {
  const auto* const codes = std::get_if<CodeFormat>(&format);
  return codes != nullptr && codes->bits == 4 && codes->symmetric && (codes->group_size < 0 || codes->group_size == 128);
}

std::optional<std::string> refuses_for_npu(const Plan& plan) {
  constexpr const char* remedy =
      "; make a fitting model with: philo convert MODEL OUT --weight-format int4 --sym --group-size 128 (or -1), or let philo quantize again while loading with --allow-requantize";
  for (const Step& step : plan.steps) {
    if (!is_block_weight(step)) continue;
    for (const Segment& segment : step.weight->segments) {
      if (fits_npu(segment.format)) continue;
      return "an NPU takes block weights in int4, symmetric, one scale for 128 columns or for a row, and " + shown(segment.name()) + " is " + format_description(segment.format) + remedy;
    }
  }
  return std::nullopt;
}

Settings settle(const Plan& plan, const DeviceOptions& options, const std::string& device, const Runtime& runtime) {
  check_properties(options.properties, device, runtime);
  Settings out{{}, options.properties, false, false, static_cast<size_t>(plan.config.context), dynamic_turn_tokens, {}};
  const std::string family = family_of(device);
  if (family == "NPU") {
    settle_npu(plan, options, out);
    return out;
  }
  out.variant.chosen_rows = true;
  out.variant.factors = plan.config.long_rope ? IrFactors::Input : IrFactors::Positions;
  out.long_input = plan.config.long_rope.has_value();
  if (family != "CPU") return out;
  out.variant.shared = true;  // other devices copy the weights to memory of their own
  set(out.properties, "KV_CACHE_PRECISION", options.kv_format == KvFormat::Fp32 ? "f32" : options.kv_format == KvFormat::Fp16 ? "f16" : "u8");
  if (options.activation_format == ActivationFormat::Fp32) {
    set(out.properties, "INFERENCE_PRECISION_HINT", "f32");
    set(out.properties, "DYNAMIC_QUANTIZATION_GROUP_SIZE", "0");
  }
  if (options.threads > 0) set(out.properties, "INFERENCE_NUM_THREADS", std::to_string(options.threads));
  return out;
}

}  // namespace philo::openvino
