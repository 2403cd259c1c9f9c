// Feeds tokens, mask and positions, and takes the logits.
#include "device/openvino/openvino_network.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/error.h"

namespace philo::openvino {

// The state lies in the request; what is kept here are its length and the buffers of the inputs.
class OpenvinoNetwork::State final : public Session {
 public:
  State(std::unique_ptr<Request> request, bool can_keep, size_t token_bytes) : request_(std::move(request)), can_keep_(can_keep), token_bytes_(token_bytes) {}

  size_t position() const override { return position_; }

  size_t rewind(size_t position) override {
    if (position >= position_) return position_;
    std::string ignored;
    if (position > 0 && can_keep_ && request_->keep(position, ignored)) return position_ = position;
    if (!request_->reset(ignored)) throw Error(ErrorCode::Device, "OpenVINO can't reset its state: " + ignored);
    return position_ = 0;
  }

  size_t memory_bytes() const override { return position_ * token_bytes_; }

  Request& request() const { return *request_; }
  void advance(size_t count) { position_ += count; }

  std::vector<int64_t> tokens, mask, positions, rows;

 private:
  std::unique_ptr<Request> request_;
  bool can_keep_;
  size_t token_bytes_, position_ = 0;
};

OpenvinoNetwork::OpenvinoNetwork(std::string name, std::shared_ptr<const Plan> plan, Settings settings, std::shared_ptr<Compiled> compiled, size_t weight_bytes)
    : name_(std::move(name)), plan_(std::move(plan)), settings_(std::move(settings)), compiled_(std::move(compiled)), traits_{} {
  traits_.all_rows = !settings_.fixed_shapes;
  traits_.equal_columns = false;  // the plugins choose other kernels for one column than for several
  traits_.steps = false;
  traits_.turn_tokens = settings_.turn_tokens;
  traits_.context = settings_.context;
  traits_.weight_bytes = traits_.memory_bytes = weight_bytes;
  const std::string kept = compiled_->property("KV_CACHE_PRECISION");
  if (kept == "f32") traits_.kv_format = KvFormat::Fp32;
  else if (kept == "f16" || settings_.fixed_shapes) traits_.kv_format = KvFormat::Fp16;
  else if (kept == "u8" || kept == "i8") traits_.kv_format = KvFormat::Int8;
  const std::string threads = compiled_->property("INFERENCE_NUM_THREADS");
  traits_.threads = threads.empty() || threads.size() > 4 || threads.find_first_not_of("0123456789") != threads.npos ? 0 : std::stoi(threads);
}

Error OpenvinoNetwork::failed(const std::string& what, const std::string& why) const { return Error(ErrorCode::Device, name_ + " " + what + ": " + why); }

std::unique_ptr<Session> OpenvinoNetwork::open(size_t) const {
  std::string error;
  std::unique_ptr<Request> request = compiled_->open(error);
  if (request == nullptr) throw failed("opens no session", error);
  const size_t bytes = traits_.kv_format == KvFormat::Fp32 ? 4 : traits_.kv_format == KvFormat::Int8 ? 1 : 2;
  return std::make_unique<State>(std::move(request), !settings_.fixed_shapes, static_cast<size_t>(2 * plan_->config.layers * plan_->config.kv_size()) * bytes);
}

void OpenvinoNetwork::infer(State& state, std::span<const Token> tokens, bool long_factors, bool all_rows) const {
  const size_t count = tokens.size(), total = state.position() + count;
  state.tokens.assign(tokens.begin(), tokens.end());
  state.mask.assign(total, 1);
  state.positions.resize(count);
  std::iota(state.positions.begin(), state.positions.end(), static_cast<int64_t>(state.position()));
  const int32_t beam = 0;
  std::vector<Input> inputs = {{"input_ids", InputType::I64, {1, count}, state.tokens.data()},
                               {"attention_mask", InputType::I64, {1, total}, state.mask.data()},
                               {"position_ids", InputType::I64, {1, count}, state.positions.data()},
                               {"beam_idx", InputType::I32, {1}, &beam}};
  const char is_long = long_factors ? 1 : 0;
  if (settings_.long_input) inputs.push_back({"long_factors", InputType::Boolean, {}, &is_long});
  if (settings_.variant.chosen_rows) {
    state.rows.resize(all_rows ? count : 1);
    std::iota(state.rows.begin(), state.rows.end(), all_rows ? 0 : static_cast<int64_t>(count) - 1);
    inputs.push_back({"logit_rows", InputType::I64, {state.rows.size()}, state.rows.data()});
  }
  std::string error;
  if (!state.request().infer(inputs, error)) throw failed("fails after " + std::to_string(state.position()) + " tokens", error);
  state.advance(count);
}

void OpenvinoNetwork::advance(State& state, const Turn& turn, Logits& out, size_t& row) const {
  const bool long_factors = plan_->config.long_factors(turn.sequence), all = turn.rows == Rows::All;
  if (all && !traits_.all_rows) throw Error(ErrorCode::Failed, name_ + " gives the last row's logits only");
  // With fixed shapes a prompt goes in at once into an empty state, and then one token after the other.
  const size_t step = settings_.fixed_shapes && state.position() > 0 ? 1 : turn.tokens.size();
  for (size_t done = 0; done < turn.tokens.size(); done += step) infer(state, turn.tokens.subspan(done, step), long_factors, all);
  if (turn.rows == Rows::None) return;
  size_t rows = 0;
  std::string error;
  const std::span<const float> logits = state.request().logits(rows, error);
  const size_t wanted = all ? turn.tokens.size() : 1, width = out.vocabulary();
  if (!error.empty()) throw failed("gives no logits", error);
  if (rows < wanted || logits.size() != rows * width)
    throw failed("gives unexpected logits", std::to_string(rows) + " rows of " + std::to_string(rows == 0 ? 0 : logits.size() / rows) + ", expected " + std::to_string(wanted) + " of " + std::to_string(width));
  for (size_t i = 0; i < wanted; ++i, ++row) {
    const std::span<const float> from = logits.subspan((rows - wanted + i) * width, width);
    std::copy(from.begin(), from.end(), out.row(row).begin());
  }
}

void OpenvinoNetwork::forward(std::span<const Turn> turns, Logits& out) const {
  size_t rows = 0, row = 0;
  for (const Turn& turn : turns) rows += turn.rows == Rows::All ? turn.tokens.size() : turn.rows == Rows::Last ? 1 : 0;
  out.resize(rows, static_cast<size_t>(plan_->config.vocabulary));
  for (const Turn& turn : turns) advance(static_cast<State&>(*turn.session), turn, out, row);
}

void OpenvinoNetwork::warm_up(Session& session) const {
  auto& state = static_cast<State&>(session);
  const std::vector<Token> tokens(8, 0);
  infer(state, tokens, false, false);
  infer(state, std::span(tokens).first(1), false, false);
}

void OpenvinoNetwork::cancel(const Session& session) const { static_cast<const State&>(session).request().cancel(); }

void OpenvinoNetwork::observe(StepObserver observer) {
  if (observer) throw Error(ErrorCode::Device, name_ + " computes whole graphs; single steps can be seen on --device cpu");
}

}  // namespace philo::openvino
