// The plan runner: one switch over the operators, activations in a few reused buffers.
#include "device/cpu/network.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "base/error.h"
#include "machine/cpu.h"

namespace philo {
namespace {

// Tokens of one pass: enough that prefill is bound by arithmetic, few enough that the activations stay small.
constexpr size_t most_turn_tokens = 512;

// A row starts 64 bytes past a multiple of its width: rows a power of two apart would fall onto the same cache sets.
size_t stride_of(size_t width) { return (width + 15) / 16 * 16 + 16; }

// Fewer weights are soon computed, and what bounds them is not what is measured.
constexpr int64_t many_weights = int64_t{1} << 28;

CrewSizes crew_sizes_for(const Plan& plan, const DeviceOptions& options, const Kernels& kernels) {
  const auto threads = static_cast<size_t>(threads_or_cores(options.threads));
  int64_t weights = 0;
  for (const auto& weight : plan.weights) weights += weight->rows * weight->columns;
  if (options.threads != 0 || weights < many_weights) return {threads, threads};
  return crew_sizes(kernels, {.cache_folder = options.cache_folder, .note = options.note});
}

constexpr size_t linear_scratch_bytes = std::max(linear_scratch_floats * sizeof(float), coded_scratch_bytes);  // of a thread

size_t index_of(Value value) { return static_cast<size_t>(value); }

KvShape kv_shape(const ModelConfig& config, KvFormat format) {
  KvShape shape{static_cast<size_t>(config.layers), static_cast<size_t>(config.kv_heads), static_cast<size_t>(config.head_size), format,
                std::nullopt};
  if (config.window) shape.window = static_cast<size_t>(*config.window);
  return shape;
}

}  // namespace

struct CpuNetwork::Pass {
  std::span<const Turn> turns;
  std::vector<AttendTurn> attend;
  std::vector<Token> ids;          // of all turns
  std::vector<size_t> wanted;      // rows whose logits are asked for
  size_t tokens = 0;               // rows that the activations have now
  bool narrowed = false;
  std::vector<const Step*> waiting;  // steps that work on each row alone
};

CpuNetwork::CpuNetwork(std::shared_ptr<const Plan> plan, const DeviceOptions& options)
    : plan_(std::move(plan)),
      kv_format_(options.kv_format),
      activation_format_(options.activation_format),
      kernels_(choose_kernels(options.isa)),
      threads_(threads_or_cores(options.threads)),
      crew_sizes_(crew_sizes_for(*plan_, options, kernels_)),
      pool_(static_cast<int>(crew_sizes_.most())),
      decode_crew_(crew_sizes_.decode),
      prefill_crew_(crew_sizes_.prefill),
      weights_(*plan_, options, kernels_, pool_),
      attention_(plan_->config, kernels_, pool_),
      short_frequencies_(rope_frequencies(plan_->config, false)),
      linear_scratch_(linear_scratch_bytes * pool_.threads(), "matrix products") {
  if (plan_->config.long_rope) long_frequencies_ = rope_frequencies(plan_->config, true);
  assign_slots();
}

void CpuNetwork::assign_slots() {
  const std::vector<Step>& steps = plan_->steps;
  slot_of_.assign(plan_->widths.size(), 0);
  last_use_.assign(plan_->widths.size(), 0);
  for (size_t i = 0; i < steps.size(); ++i)
    for (const Value value : steps[i].in)
      if (value >= 0) last_use_[index_of(value)] = i;
  narrow_at_ = steps.size() - 1;
  std::vector<bool> taken;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].op == Op::Attend) narrow_at_ = i + 1;
    const size_t wanted = stride_of(static_cast<size_t>(plan_->widths[index_of(steps[i].out)]));
    // The narrowest free slot that is wide enough, else the widest, which grows.
    size_t best = slot_stride_.size();
    for (size_t slot = 0; slot < slot_stride_.size(); ++slot) {
      if (taken[slot]) continue;
      if (best == slot_stride_.size()) best = slot;
      const bool fits = slot_stride_[slot] >= wanted, best_fits = slot_stride_[best] >= wanted;
      if (fits ? !best_fits || slot_stride_[slot] < slot_stride_[best] : !best_fits && slot_stride_[slot] > slot_stride_[best])
        best = slot;
    }
    if (best == slot_stride_.size()) {
      slot_stride_.push_back(wanted);
      taken.push_back(false);
    }
    slot_stride_[best] = std::max(slot_stride_[best], wanted);
    slot_of_[index_of(steps[i].out)] = best;
    taken[best] = last_use_[index_of(steps[i].out)] > i;
    for (const Value value : steps[i].in)
      if (value >= 0 && last_use_[index_of(value)] == i) taken[slot_of_[index_of(value)]] = false;
  }
  slots_.resize(slot_stride_.size());
}

Traits CpuNetwork::traits() const {
  return {.all_rows = true,
          .equal_columns = true,
          .turn_tokens = most_turn_tokens,
          .context = static_cast<size_t>(plan_->config.context),
          .isa = kernels_.isa,
          .threads = threads_,
          .weight_bytes = weights_.read_bytes(),
          .memory_bytes = weights_.memory_bytes(),
          .int8_products = activation_format_ == ActivationFormat::Int8 && weights_.has_codes(),
          .prefill_threads = static_cast<int>(crew_sizes_.prefill),
          .decode_threads = static_cast<int>(crew_sizes_.decode)};
}

std::unique_ptr<Session> CpuNetwork::open(size_t context) const {
  if (context == 0 || context > static_cast<size_t>(plan_->config.context))
    throw usage_error("the context is " + std::to_string(context) + " tokens; this model takes 1 to " +
                      std::to_string(plan_->config.context));
  return std::make_unique<KvCache>(kv_shape(plan_->config, kv_format_), context, this);
}

void CpuNetwork::check(std::span<const Turn> turns) const {
  std::set<const Session*> sessions;
  size_t tokens = 0;
  for (const Turn& turn : turns) {
    const auto* const cache = dynamic_cast<const KvCache*>(turn.session);
    if (cache == nullptr || cache->network() != this) throw Error(ErrorCode::Failed, "a turn's session belongs to another network");
    if (!sessions.insert(turn.session).second) throw Error(ErrorCode::Failed, "two turns of one pass share a session");
    if (turn.tokens.empty()) throw Error(ErrorCode::Failed, "a turn has no tokens");
    const size_t end = cache->position() + turn.tokens.size();
    if (end > cache->context())
      throw usage_error("the session holds at most " + std::to_string(cache->context()) + " tokens; " + std::to_string(end) +
                        " were to be in it");
    if (cache->position() > 0 && cache->long_factors != plan_->config.long_factors(turn.sequence))
      throw Error(ErrorCode::Failed, "a sequence crossed the LongRoPE limit without being fed again from its start");
    for (const Token token : turn.tokens)
      if (static_cast<int64_t>(token) < 0 || static_cast<int64_t>(token) >= plan_->config.vocabulary)
        throw Error(ErrorCode::Input, "token " + std::to_string(token) + " is outside the vocabulary of " +
                                          std::to_string(plan_->config.vocabulary));
    tokens += turn.tokens.size();
  }
  if (tokens > most_turn_tokens)
    throw Error(ErrorCode::Failed, std::to_string(tokens) + " tokens in one pass; at most " + std::to_string(most_turn_tokens) + " fit");
}

CpuNetwork::Pass CpuNetwork::prepare(std::span<const Turn> turns) const {
  const ModelConfig& config = plan_->config;
  Pass pass;
  pass.turns = turns;
  for (const Turn& turn : turns) {
    auto* const cache = static_cast<KvCache*>(turn.session);
    cache->prepare(turn.tokens.size());
    if (cache->position() == 0) cache->long_factors = config.long_factors(turn.sequence);
    pass.attend.push_back({cache, pass.tokens, turn.tokens.size(), cache->position(), nullptr, nullptr});
    pass.ids.insert(pass.ids.end(), turn.tokens.begin(), turn.tokens.end());
    const size_t end = pass.tokens + turn.tokens.size();
    if (turn.rows == Rows::All)
      for (size_t row = pass.tokens; row < end; ++row) pass.wanted.push_back(row);
    if (turn.rows == Rows::Last) pass.wanted.push_back(end - 1);
    pass.tokens = end;
  }
  for (size_t slot = 0; slot < slots_.size(); ++slot)
    slots_[slot].reserve(pass.tokens * slot_stride_[slot] * sizeof(float), "activations");
  attention_.reserve(pass.tokens);

  // torch multiplies position and frequency in float32 and takes the cosine of that.
  const size_t half = static_cast<size_t>(config.rotary_size) / 2;
  const float factor = config.long_rope ? config.long_rope->attention_factor : 1.0f;
  angles_.reserve(2 * pass.tokens * half * sizeof(float), "rotary angles");
  for (AttendTurn& turn : pass.attend) {
    const std::vector<float>& frequencies = turn.cache->long_factors ? long_frequencies_ : short_frequencies_;
    float* const cosine = angles_.floats() + 2 * turn.first_token * half;
    float* const sine = cosine + turn.tokens * half;
    for (size_t token = 0; token < turn.tokens; ++token)
      for (size_t k = 0; k < half; ++k) {
        const double angle = static_cast<float>(turn.position + token) * frequencies[k];
        cosine[token * half + k] = static_cast<float>(std::cos(angle)) * factor;
        sine[token * half + k] = static_cast<float>(std::sin(angle)) * factor;
      }
    turn.cosine = cosine;
    turn.sine = sine;
  }
  return pass;
}

CpuNetwork::Activation CpuNetwork::rows(Value value) const {
  const size_t slot = slot_of_[index_of(value)];
  return {slots_[slot].floats(), slot_stride_[slot], static_cast<size_t>(plan_->widths[index_of(value)])};
}

void CpuNetwork::forward(std::span<const Turn> turns, Logits& out) const {
  check(turns);
  Pass pass = prepare(turns);
  out.resize(pass.wanted.size(), static_cast<size_t>(plan_->config.vocabulary));
  // An observer sees every step of every token but the head.
  const size_t narrow_at = observer_ ? plan_->steps.size() - 1 : narrow_at_;
  for (size_t index = 0; index < plan_->steps.size(); ++index) {
    if (index >= narrow_at && !pass.narrowed) {
      run_waiting_rows(pass);
      keep_wanted_rows(index, pass);
    }
    if (pass.tokens == 0) break;
    run_step(index, pass, out);
  }
  for (const Turn& turn : turns) static_cast<KvCache*>(turn.session)->advance(turn.tokens.size());
}

// Moves the wanted rows of every value that is still read to the front; the steps that follow work on each row alone.
void CpuNetwork::keep_wanted_rows(size_t index, Pass& pass) const {
  pass.narrowed = true;
  if (pass.wanted.size() == pass.tokens) return;
  std::vector<bool> written(plan_->widths.size(), false);
  for (size_t i = 0; i < index; ++i) written[index_of(plan_->steps[i].out)] = true;
  for (size_t value = 0; value < written.size(); ++value) {
    if (!written[value] || last_use_[value] < index) continue;
    const Activation all = rows(static_cast<Value>(value));
    for (size_t i = 0; i < pass.wanted.size(); ++i)
      if (pass.wanted[i] != i) std::memcpy(all.data + i * all.stride, all.data + pass.wanted[i] * all.stride, all.width * sizeof(float));
  }
  pass.tokens = pass.wanted.size();
}

void CpuNetwork::run_step(size_t index, Pass& pass, Logits& logits) const {
  const Step& step = plan_->steps[index];
  const bool head = index + 1 == plan_->steps.size();
  const size_t vocabulary = logits.vocabulary();
  const Activation out = head ? Activation{logits.row(0).data(), vocabulary, vocabulary} : rows(step.out);
  const Activation in = step.in[0] < 0 ? Activation{} : rows(step.in[0]);
  switch (step.op) {
    case Op::Embed: {
      const Matrix& matrix = weights_.matrix(step.weight);
      for (size_t token = 0; token < pass.tokens; ++token) {
        auto row = static_cast<size_t>(pass.ids[token]);
        auto part = matrix.parts.begin();
        for (; row >= part->rows; ++part) row -= part->rows;
        float* const to = out.data + token * out.stride;
        if (part->reader) part->reader->read_values(static_cast<int64_t>(row), {to, out.width});
        else kernels_.embed[static_cast<size_t>(part->format)](part->data + row * matrix.columns * element_bytes(part->format), matrix.columns, to);
      }
      break;
    }
    case Op::RmsNorm:
    case Op::SwiGlu:
    case Op::Add: pass.waiting.push_back(&step); break;
    case Op::Linear: linear(weights_.matrix(step.weight), in, pass, out); break;
    case Op::Attend:
      run_waiting_rows(pass);
      attention_.run(static_cast<size_t>(step.layer), pass.attend, in.data, in.stride, out.data, out.stride, crew_for(pass.tokens));
      break;
  }
  if (!observer_) return;
  run_waiting_rows(pass);
  show(step, out, pass.tokens);
}

void CpuNetwork::run_row(const Step& step, size_t row) const {
  const Activation in = rows(step.in[0]), out = rows(step.out);
  const float* const from = in.data + row * in.stride;
  float* const to = out.data + row * out.stride;
  if (step.op == Op::RmsNorm) {
    kernels_.rms_norm(from, weights_.norm(step.weight), in.width, plan_->config.rms_epsilon, to);
  } else if (step.op == Op::SwiGlu) {
    kernels_.swiglu(from, from + out.width, out.width, to);
  } else {
    const Activation other = rows(step.in[1]);
    kernels_.add(from, other.data + row * other.stride, out.width, to);
  }
}

void CpuNetwork::run_waiting_rows(Pass& pass) const {
  if (pass.waiting.empty()) return;
  pool_.run(pass.tokens, crew_for(pass.tokens), [&](size_t row, size_t) {
    for (const Step* step : pass.waiting) run_row(*step, row);
  });
  pass.waiting.clear();
}

void CpuNetwork::linear(const Matrix& matrix, const Activation& in, Pass& pass, const Activation& out) const {
  size_t first_row = 0, columns = 0;
  QuantizedInput input;  // by groups of `columns`; parts share it
  for (const MatrixPart& part : matrix.parts) {
    const Activation rows{out.data + first_row, out.stride, part.rows};
    first_row += part.rows;
    if (part.panels == nullptr) {
      run_waiting_rows(pass);
      float_part(part, in, pass.tokens, rows);
      continue;
    }
    const PanelMatrix& panels = part.panels->matrix();
    if (const size_t wanted = input_group(panels.depth, panels.group); activation_format_ == ActivationFormat::Int8 && wanted != columns) {
      columns = wanted;
      input = quantized(in, pass, columns);
    }
    run_waiting_rows(pass);
    coded_part(panels, input, in, pass.tokens, rows);
  }
}

namespace {

constexpr size_t task_bytes = 256 << 10;  // of weights: long enough to stream, short enough to share out evenly
constexpr size_t small_work = 32768;      // multiplications that are not worth waking anybody

}  // namespace

Crew& CpuNetwork::crew_for(size_t tokens) const { return tokens < fewest_many_tokens ? decode_crew_ : prefill_crew_; }

void CpuNetwork::float_part(const MatrixPart& part, const Activation& in, size_t tokens, const Activation& out) const {
  constexpr size_t tile_rows = 12;  // a multiple of every table's row tiles
  const size_t row_bytes = in.width * element_bytes(part.format);
  Crew& crew = crew_for(tokens);
  size_t task_rows = tokens < linear_block_rows ? std::max<size_t>(1, task_bytes / row_bytes) : linear_block_rows;
  task_rows = std::min(task_rows, part.rows / (4 * crew.threads()) + 1);
  if (task_rows < linear_block_rows) task_rows = (task_rows + tile_rows - 1) / tile_rows * tile_rows;
  if (part.rows * in.width * tokens <= small_work) task_rows = part.rows;
  pool_.run((part.rows + task_rows - 1) / task_rows, crew, [&](size_t index, size_t thread) {
    const size_t first = index * task_rows;
    kernels_.linear[static_cast<size_t>(part.format)]({.weight = part.data + first * row_bytes,
                                                       .rows = std::min(task_rows, part.rows - first),
                                                       .depth = in.width,
                                                       .in = in.data,
                                                       .in_stride = in.stride,
                                                       .tokens = tokens,
                                                       .out = out.data + first,
                                                       .out_stride = out.stride,
                                                       .scratch = reinterpret_cast<float*>(linear_scratch_.data() + thread * linear_scratch_bytes)});
  });
}

void CpuNetwork::coded_part(const PanelMatrix& matrix, const QuantizedInput& input, const Activation& in, size_t tokens,
                            const Activation& out) const {
  constexpr size_t block_panels = 4;
  const size_t rows = out.width;
  Crew& crew = crew_for(tokens);
  const bool narrow = activation_format_ == ActivationFormat::Int8;
  const auto kernel = (narrow ? kernels_.coded_linear_i8 : kernels_.coded_linear_f32)[matrix.bits == 4 ? 0 : 1];
  const size_t panels = (rows + panel_rows - 1) / panel_rows;
  size_t task_panels = std::max<size_t>(1, task_bytes / (panel_lines(matrix.bits, matrix.depth) * panel_line_bytes));
  if (tokens >= fewest_many_tokens) task_panels = block_panels;
  task_panels = std::min(task_panels, panels / (4 * crew.threads()) + 1);
  if (rows * matrix.depth * tokens <= small_work) task_panels = panels;
  pool_.run((panels + task_panels - 1) / task_panels, crew, [&](size_t index, size_t thread) {
    const size_t first = index * task_panels;
    kernel({.weight = matrix,
            .first_panel = first,
            .rows = std::min(task_panels * panel_rows, rows - first * panel_rows),
            .input = input,
            .in = in.data,
            .in_stride = in.stride,
            .tokens = tokens,
            .out = out.data + first * panel_rows,
            .out_stride = out.stride,
            .scratch = linear_scratch_.data() + thread * linear_scratch_bytes});
  });
}

// The input of a matrix as int8 codes by groups of columns; valid until the next call.
QuantizedInput CpuNetwork::quantized(const Activation& in, Pass& pass, size_t group) const {
  // As stride_of() has it: rows a power of two apart would meet in the same cache sets.
  const size_t stride = (in.width + 63) / 64 * 64 + 64, groups = (in.width + group - 1) / group;
  input_codes_.reserve(pass.tokens * stride, "quantized activations");
  input_scales_.reserve(pass.tokens * groups * sizeof(float), "quantized activations");
  input_sums_.reserve(pass.tokens * groups * sizeof(int32_t), "quantized activations");
  auto* const codes = reinterpret_cast<int8_t*>(input_codes_.data());
  auto* const sums = reinterpret_cast<int32_t*>(input_sums_.data());
  pool_.run(pass.tokens, crew_for(pass.tokens), [&](size_t row, size_t) {
    for (const Step* step : pass.waiting) run_row(*step, row);
    kernels_.quantize_input(in.data + row * in.stride, in.width, group, codes + row * stride, input_scales_.floats() + row * groups,
                            sums + row * groups);
  });
  pass.waiting.clear();
  return {codes, stride, input_scales_.floats(), sums};
}

void CpuNetwork::show(const Step& step, const Activation& out, size_t tokens) const {
  std::vector<float> values(tokens * out.width);
  for (size_t token = 0; token < tokens; ++token)
    std::memcpy(values.data() + token * out.width, out.data + token * out.stride, out.width * sizeof(float));
  observer_(step, values, tokens);
}

}  // namespace philo
