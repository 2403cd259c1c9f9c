// Reads an exported folder and holds its graph to its config.json.
#include "checkpoint/openvino_folder.h"

#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "checkpoint/hugging_face.h"
#include "model/plan.h"

namespace philo {
namespace {

std::string text(double value) { return Json(value).dump(); }

class Check {
 public:
  Check(const OpenvinoNetwork& network, const ModelConfig& config, const std::string& file) : network_(network), config_(config), file_(file) {}

  void run() const {
    same("layers", network_.layers, config_.layers);
    same("key and value heads", network_.kv_heads, config_.kv_heads);
    same("numbers in a head", network_.head_size, config_.head_size);
    for (const float epsilon : network_.epsilons) close("the norms' epsilon", epsilon, config_.rms_epsilon);
    if (network_.attention_scale) close("the attention's scale", *network_.attention_scale, 1 / std::sqrt(static_cast<float>(config_.head_size)));
    check_window();
    check_rotation();
  }

 private:
  Error wrong(const std::string& what, const std::string& graph, const std::string& config) const {
    return input_error(file_, what + " is " + graph + " in the graph, but " + config + " by config.json beside it: the two don't belong together; export the model again");
  }
  void same(const char* what, int64_t graph, int64_t config) const {
    if (graph != config) throw wrong(std::string("the number of ") + what, std::to_string(graph), std::to_string(config));
  }
  // Exports round such numbers to float16 where they round weights.
  bool is_close(double graph, double config) const {
    return std::fabs(graph - config) <= (network_.rounded ? 2e-3 * std::fabs(config) + 6e-8 : 1e-5 * std::fabs(config));
  }
  void close(const std::string& what, double graph, double config) const {
    if (!is_close(graph, config)) throw wrong(what, text(graph), text(config));
  }

  void check_window() const {
    std::optional<int64_t> window = config_.window;
    if (window && *window >= config_.context && !network_.window) return;  // never reached
    if (network_.window == window) return;
    const auto said = [](const std::optional<int64_t>& one) { return one ? std::to_string(*one) : std::string("none"); };
    throw wrong("the sliding window", said(network_.window), said(window));
  }

  void frequencies(const char* what, const std::vector<float>& graph, const std::vector<float>& config) const {
    if (graph.size() != config.size()) throw wrong(std::string("the number of ") + what, std::to_string(graph.size()), std::to_string(config.size()));
    for (size_t i = 0; i < graph.size(); ++i)
      if (!is_close(graph[i], config[i])) throw wrong(std::string("number ") + std::to_string(i) + " of the " + what, text(graph[i]), text(config[i]));
  }

  void check_rotation() const {
    frequencies("rotation's frequencies", network_.short_frequencies, rope_frequencies(config_, false));
    close("the factor on cos and sin", network_.rotation_factor, config_.long_rope ? config_.long_rope->attention_factor : 1);
    if (!network_.long_limit) return;
    if (!config_.long_rope) throw wrong("the rotation", "LongRoPE", "plain RoPE");
    same("tokens that LongRoPE's short factors are for", *network_.long_limit, config_.long_rope->original_context);
    frequencies("rotation's long frequencies", network_.long_frequencies, rope_frequencies(config_, true));
  }

  const OpenvinoNetwork& network_;
  const ModelConfig& config_;
  const std::string& file_;
};

}  // namespace

void check_openvino_network(const OpenvinoNetwork& network, const ModelConfig& config, const std::string& file) { Check(network, config, file).run(); }

Checkpoint open_openvino(const std::string& folder) {
  Checkpoint out;
  out.path = folder;
  out.kind = "OpenVINO folder";
  out.weights_file = join_path(folder, "openvino_model.xml");
  for (const char* name : {"config.json", "tokenizer.json"})
    if (!is_file(join_path(folder, name)))
      throw input_error(join_path(folder, name), "is missing; optimum-cli export openvino writes it beside openvino_model.xml: copy it from the export or from the Hugging Face folder");
  const FolderConfig config = read_folder_config(folder);
  out.config = config.config;
  out.architecture = config.architecture;

  auto weights = std::make_shared<Weights>();
  const OpenvinoNetwork network = read_openvino_folder(folder, *weights);
  check_openvino_network(network, out.config, out.weights_file);
  out.config.tied = network.tied;
  if (network.folded_scales != 0)
    out.notes.push_back(std::to_string(network.folded_scales) + " scales of AWQ are multiplied into the scales of the weights before them");
  if (out.config.long_rope && !network.long_limit)
    out.notes.emplace_back("the graph has LongRoPE's short factors alone; philo takes the long ones from config.json");
  out.weights = std::move(weights);
  for (std::string& note : plan_phi3(out.config, out.weights, out.weights_file).notes) out.notes.push_back(std::move(note));
  read_text_parts(config, out);
  return out;
}

}  // namespace philo
