// Feeds tokens, mask and caches, and takes the logits.
#include "device/onnxruntime/onnxruntime_network.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/error.h"

namespace philo::onnxruntime {
namespace {

NamedTensor tensor(const char* name, ElementType type, std::vector<int64_t> shape, void* data, size_t bytes) { return {name, type, std::move(shape), data, bytes}; }

}  // namespace

class OnnxruntimeNetwork::State final : public Session {
 public:
  // `carry` gives empty caches in a device's memory; empty itself where the caches are philo's.
  State(const KvSizes& sizes, std::function<std::unique_ptr<Carried>()> carry) : buffers(sizes), carry_(std::move(carry)) {
    if (carry_) carried = carry_();
  }

  size_t position() const override { return position_; }

  // philo's caches are longer than what they hold: what a pass counts is the mask. A device's are as long as what they hold.
  size_t rewind(size_t position) override {
    if (position >= position_) return position_;
    if (carried != nullptr) carried = carry_();
    return position_ = carried != nullptr ? 0 : position;
  }

  size_t memory_bytes() const override { return buffers.memory_bytes(position_); }

  std::vector<CachePart> parts() const override { return carried != nullptr ? Session::parts() : buffers.parts(position_); }
  void read_part(size_t part, std::span<std::byte> to) const override { carried != nullptr ? Session::read_part(part, to) : buffers.read_part(part, position_, to); }
  void restore(size_t position, bool long_factors, const Weights& saved, const std::string& file) override {
    if (carried != nullptr) return Session::restore(position, long_factors, saved, file);
    buffers.restore(position, saved, file);
    position_ = position;
  }

  void advance(size_t count) { position_ += count; }

  KvBuffers buffers;
  std::unique_ptr<Carried> carried;

 private:
  std::function<std::unique_ptr<Carried>()> carry_;
  size_t position_ = 0;
};

OnnxruntimeNetwork::OnnxruntimeNetwork(std::string name, std::shared_ptr<const Plan> plan, Settings settings, std::unique_ptr<Graph> graph,
                                       std::shared_ptr<const void> weights, size_t weight_bytes, size_t memory_bytes)
    : name_(std::move(name)), plan_(std::move(plan)), settings_(std::move(settings)), weights_(std::move(weights)), graph_(std::move(graph)),
      traits_{} {
  for (int layer = 0; layer < plan_->config.layers; ++layer)
    for (const char* part : {".key", ".value"}) caches_.emplace_back("past_key_values." + std::to_string(layer) + part, "present." + std::to_string(layer) + part);
  traits_.all_rows = true;
  traits_.equal_columns = false;  // other kernels for one column than for several
  traits_.steps = false;
  traits_.turn_tokens = settings_.turn_tokens;
  traits_.context = settings_.context;
  traits_.threads = settings_.threads;
  traits_.weight_bytes = weight_bytes;
  traits_.memory_bytes = memory_bytes;
  traits_.kv_format = settings_.variant.half ? KvFormat::Fp16 : KvFormat::Fp32;
  traits_.int8_products = settings_.variant.accuracy == 4;
}

std::unique_ptr<Session> OnnxruntimeNetwork::open(size_t context) const {
  const ModelConfig& config = plan_->config;
  const KvSizes sizes{static_cast<size_t>(config.layers), static_cast<size_t>(config.kv_heads), static_cast<size_t>(config.head_size), settings_.variant.half ? DType::F16 : DType::F32,
                      std::min(context, settings_.context)};
  if (!graph_->elsewhere(caches_.front().first.c_str())) return std::make_unique<State>(sizes, nullptr);
  const ElementType real = settings_.variant.half ? ElementType::F16 : ElementType::F32;
  return std::make_unique<State>(sizes, [this, real, &config] { return graph_->carry(tensor("", real, {1, config.kv_heads, 0, config.head_size}, nullptr, 0), caches_); });
}

Error OnnxruntimeNetwork::failed(const State& state, const Failure& failure) const {
  if (failure.out_of_memory())
    return Error(ErrorCode::Resource, name_ + " got no memory after " + std::to_string(state.position()) + " tokens; close other programs, shorten the conversation or give a smaller --context: " +
                                          failure.what());
  return Error(ErrorCode::Device, name_ + " fails after " + std::to_string(state.position()) + " tokens: " + failure.what() + "; --device cpu computes without ONNX Runtime");
}

void OnnxruntimeNetwork::run(State& state, const Turn& turn, std::span<float> logits) const {
  const ModelConfig& config = plan_->config;
  const size_t count = turn.tokens.size(), total = state.position() + count, rows = logits.size() / static_cast<size_t>(config.vocabulary);
  const auto length = [](size_t size) { return static_cast<int64_t>(size); };
  Buffers& b = buffers_;
  b.tokens.assign(turn.tokens.begin(), turn.tokens.end());
  b.mask.assign(total, 1);
  b.positions.resize(count);
  std::iota(b.positions.begin(), b.positions.end(), length(state.position()));
  b.rows.resize(rows);
  std::iota(b.rows.begin(), b.rows.end(), length(count - rows));
  bool long_factors = config.long_factors(turn.sequence);
  std::vector<NamedTensor> inputs = {tensor("input_ids", ElementType::I64, {1, length(count)}, b.tokens.data(), count * 8),
                                     tensor("attention_mask", ElementType::I64, {1, length(total)}, b.mask.data(), total * 8)};
  if (settings_.variant.target == OnnxTarget::Dml) inputs.push_back(tensor("position_ids", ElementType::I64, {1, length(count)}, b.positions.data(), count * 8));
  if (settings_.variant.factors == OnnxFactors::Input) inputs.push_back(tensor("long_factors", ElementType::Bool, {}, &long_factors, 1));
  inputs.push_back(tensor("logit_rows", ElementType::I64, {length(rows)}, b.rows.data(), rows * 8));
  const ElementType real = settings_.variant.half ? ElementType::F16 : ElementType::F32;
  if (settings_.variant.half) b.half_logits.resize(logits.size());
  std::vector<NamedTensor> outputs = {settings_.variant.half
                                          ? tensor("logits", real, {1, length(rows), config.vocabulary}, b.half_logits.data(), logits.size() * 2)
                                          : tensor("logits", real, {1, length(rows), config.vocabulary}, logits.data(), logits.size() * 4)};
  if (state.carried == nullptr) {
    state.buffers.prepare(total, state.position());
    for (size_t i = 0; i < caches_.size(); ++i) {
      const std::vector<int64_t> shape = {1, config.kv_heads, length(state.buffers.capacity(i)), config.head_size};
      inputs.push_back(tensor(caches_[i].first.c_str(), real, shape, state.buffers.data(i), state.buffers.bytes(i)));
      outputs.push_back(tensor(caches_[i].second.c_str(), real, shape, state.buffers.data(i), state.buffers.bytes(i)));
    }
  }
  graph_->run(inputs, outputs, state.carried.get());
  if (settings_.variant.half) std::transform(b.half_logits.begin(), b.half_logits.end(), logits.begin(), f16_to_f32);
}

void OnnxruntimeNetwork::forward(std::span<const Turn> turns, Logits& out) const {
  const auto rows_of = [](const Turn& turn) { return turn.rows == Rows::All ? turn.tokens.size() : turn.rows == Rows::Last ? size_t{1} : size_t{0}; };
  size_t rows = 0, row = 0;
  const auto width = static_cast<size_t>(plan_->config.vocabulary);
  for (const Turn& turn : turns) rows += rows_of(turn);
  out.resize(rows, width);
  for (const Turn& turn : turns) {
    auto& state = static_cast<State&>(*turn.session);
    try {
      run(state, turn, rows_of(turn) == 0 ? std::span<float>() : std::span<float>(out.row(row).data(), rows_of(turn) * width));
    } catch (const Failure& failure) {
      throw failed(state, failure);
    }
    row += rows_of(turn);
  }
  // Nobody moves on where one failed; what it wrote lies behind its position.
  for (const Turn& turn : turns) static_cast<State&>(*turn.session).advance(turn.tokens.size());
}

void OnnxruntimeNetwork::observe(StepObserver observer) {
  if (observer) throw Error(ErrorCode::Device, name_ + " computes whole graphs; single steps can be seen on --device cpu");
}

}  // namespace philo::onnxruntime
