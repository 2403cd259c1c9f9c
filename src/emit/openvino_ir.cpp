// Walks the plan's steps and writes for each what OpenVINO's plugins know how to fuse.
#include "emit/openvino_ir.h"

#include <array>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "emit/ir_graph.h"
#include "emit/ir_weights.h"
#include "model/segment_rows.h"

namespace philo {
namespace {

IrShape activation(int64_t width) { return {-1, -1, width}; }

class Emitter {
 public:
  Emitter(const Plan& plan, const IrVariant& variant) : plan_(plan), config_(plan.config), variant_(variant), weights_(graph_, variant) {}

  OpenvinoIr emit() {
    add_inputs();
    values_.resize(plan_.widths.size());
    for (const Step& step : plan_.steps) values_[static_cast<size_t>(step.out)] = run(step);
    for (const auto& [variable, value] : assigned_) graph_.add({"Assign", "opset6", {}, {{"variable_id", variable}}, {value}, {graph_.output(value)}});
    graph_.result(values_[static_cast<size_t>(plan_.steps.back().out)].front());

    OpenvinoIr ir;
    ir.xml = graph_.xml("Model0", weights_.info(variant_.ratio));
    ir.matrices = weights_.take_matrices();
    ir.literals_offset = graph_.literals_offset();
    ir.literals = graph_.literals();
    ir.weights_bytes = ir.literals_offset + ir.literals.size();
    ir.tensors = plan_.tensors;
    return ir;
  }

 private:
  // A value of the plan: one of the graph's, or several side by side where the weight before it was several.
  using Parts = std::vector<IrValue>;

  IrValue op(std::string_view type, std::string_view opset, std::vector<std::pair<std::string, std::string>> attributes, std::vector<IrValue> inputs,
             IrType out, IrShape shape, std::string names = {}) {
    return graph_.add({type, opset, {}, std::move(attributes), std::move(inputs), {{out, std::move(shape), std::move(names)}}});
  }
  IrValue arithmetic(std::string_view type, IrValue a, IrValue b, IrShape shape, IrType out = IrType::F32, std::string_view opset = "opset1") {
    return op(type, opset, {{"auto_broadcast", "numpy"}}, {a, b}, out, std::move(shape));
  }
  IrValue convert(IrValue value, IrType type, const char* name) {
    return op("Convert", "opset1", {{"destination_type", name}}, {value}, type, graph_.output(value).shape);
  }
  IrValue gather(IrValue data, IrValue indices, int64_t axis, IrType type, IrShape shape, std::string names = {}) {
    return op("Gather", "opset8", {{"batch_dims", "0"}}, {data, indices, graph_.integer(axis)}, type, std::move(shape), std::move(names));
  }
  IrValue shape_of(IrValue value) {
    return op("ShapeOf", "opset3", {{"output_type", "i64"}}, {value}, IrType::I64, {static_cast<int64_t>(graph_.output(value).shape.size())});
  }
  IrValue concat(std::vector<IrValue> parts, int axis, IrType type, IrShape shape, std::string names = {}) {
    return op("Concat", "opset1", {{"axis", std::to_string(axis)}}, std::move(parts), type, std::move(shape), std::move(names));
  }
  IrValue unsqueeze(IrValue value, int64_t axis, IrShape shape) {
    return op("Unsqueeze", "opset1", {}, {value, graph_.integer(axis)}, graph_.output(value).type, std::move(shape));
  }
  IrValue reshape(IrValue value, std::initializer_list<int64_t> to, IrShape shape) {
    return op("Reshape", "opset1", {{"special_zero", "true"}}, {value, graph_.integers(to)}, graph_.output(value).type, std::move(shape));
  }
  IrValue transpose(IrValue value, std::initializer_list<int64_t> order, IrShape shape) {
    return op("Transpose", "opset1", {}, {value, graph_.integers(order)}, graph_.output(value).type, std::move(shape));
  }
  // Columns [from, to) of the last dimension.
  IrValue columns(IrValue value, int64_t from, int64_t to) {
    IrShape shape = graph_.output(value).shape;
    const auto axis = static_cast<int64_t>(shape.size()) - 1;
    shape.back() = to - from;
    return op("Slice", "opset8", {}, {value, graph_.integers({from}), graph_.integers({to}), graph_.integers({1}), graph_.integers({axis})},
              IrType::F32, std::move(shape));
  }

  void add_inputs() {
    tokens_ = graph_.parameter("input_ids", IrType::I64, {-1, -1});
    mask_input_ = graph_.parameter("attention_mask", IrType::I64, {-1, -1});
    positions_ = graph_.parameter("position_ids", IrType::I64, {-1, -1});
    beams_ = graph_.parameter("beam_idx", IrType::I32, {-1});
    if (config_.long_rope && variant_.factors == IrFactors::Input) long_factors_ = graph_.parameter("long_factors", IrType::Boolean, {});
    if (variant_.chosen_rows) rows_ = graph_.parameter("logit_rows", IrType::I64, {-1});
    batch_ = gather(shape_of(tokens_), graph_.integers({0}), 0, IrType::I64, {1});
  }

  Parts run(const Step& step) {
    const auto input = [&](size_t index) -> const Parts& { return values_[static_cast<size_t>(step.in[index])]; };
    switch (step.op) {
      case Op::Embed: return {embed(*step.weight)};
      case Op::RmsNorm: return {norm(*step.weight, input(0).front(), step.layer)};
      case Op::Linear: return linear(*step.weight, input(0).front(), &step == &plan_.steps.back());
      case Op::Attend: return {attend(input(0), step.layer)};
      case Op::SwiGlu: return {swiglu(input(0))};
      case Op::Add: return {arithmetic("Add", input(0).front(), input(1).front(), activation(config_.hidden_size))};
    }
    throw Error(ErrorCode::Failed, "a step that no graph has");
  }

  IrValue embed(const Weight& weight) {
    const IrValue table = weights_.matrix(weight.segments.front());
    const IrValue indices = convert(tokens_, IrType::I32, "i32");
    return gather(table, indices, 0, IrType::F32, activation(config_.hidden_size), "inputs_embeds");
  }

  IrValue norm(const Weight& weight, IrValue x, int layer) {
    const int64_t width = config_.hidden_size;
    // The last norm stands before the head: rows that nobody asked for end here.
    if (layer < 0 && variant_.chosen_rows) x = gather(x, rows_, 1, IrType::F32, activation(width));
    const IrValue square = arithmetic("Power", x, graph_.real(2, {1, 1, 1}), activation(width));
    const IrValue mean = op("ReduceMean", "opset1", {{"keep_dims", "true"}}, {square, graph_.integers({-1})}, IrType::F32, activation(1));
    const IrValue sum = arithmetic("Add", mean, graph_.real(config_.rms_epsilon, {1, 1, 1}), activation(1));
    const IrValue root = op("Sqrt", "opset1", {}, {sum}, IrType::F32, activation(1));
    const IrValue inverse = op("Divide", "opset1", {{"auto_broadcast", "numpy"}, {"m_pythondiv", "true"}}, {graph_.real(1, {1, 1, 1}), root}, IrType::F32, activation(1));
    const IrValue even = arithmetic("Multiply", x, inverse, activation(width));
    return arithmetic("Multiply", weights_.norm(weight.segments.front()), even, activation(width));
  }

  Parts linear(const Weight& weight, IrValue x, bool is_head) {
    Parts parts;
    for (const Segment& segment : weight.segments) {
      parts.push_back(op("MatMul", "opset1", {{"transpose_a", "false"}, {"transpose_b", "true"}}, {x, weights_.matrix(segment)}, IrType::F32,
                         activation(segment.rows), is_head && weight.segments.size() == 1 ? "logits" : ""));
    }
    return parts;
  }

  IrValue swiglu(const Parts& gate_up) {
    const int64_t inner = config_.intermediate_size;
    IrValue gate = gate_up.front(), up = gate_up.back();
    if (gate_up.size() == 1) {
      gate = graph_.add({"VariadicSplit", "opset1", {}, {}, {gate_up.front(), graph_.integer(-1), graph_.integers({inner, inner})},
                         {{IrType::F32, activation(inner)}, {IrType::F32, activation(inner)}}});
      up = {gate.layer, 1};
    }
    const IrValue swish = op("Swish", "opset4", {}, {gate}, IrType::F32, activation(inner));
    return arithmetic("Multiply", up, swish, activation(inner));
  }

  // (batch, heads, new, head_size)
  IrValue heads(IrValue value, int64_t count) {
    const int64_t size = config_.head_size;
    const IrValue split = reshape(value, {0, 0, count, size}, {-1, -1, count, size});
    return transpose(split, {0, 2, 1, 3}, {-1, count, -1, size});
  }

  IrValue attend(const Parts& parts, int layer) {
    const int64_t q_size = config_.q_size(), kv_size = config_.kv_size(), size = config_.head_size;
    Parts qkv = parts;
    if (parts.size() == 1) {
      qkv = {columns(parts[0], 0, q_size), columns(parts[0], q_size, q_size + kv_size), columns(parts[0], q_size + kv_size, q_size + 2 * kv_size)};
    }
    const std::string past = "past_key_values." + std::to_string(layer), present = "present." + std::to_string(layer);
    const IrValue past_keys = state(past + ".key", present + ".key");
    if (mask_.layer < 0) add_mask(past_keys);
    const IrValue query = rotated(heads(qkv[0], config_.heads), config_.heads);
    const IrValue new_keys = rotated(heads(qkv[1], config_.kv_heads), config_.kv_heads);
    const IrValue keys = extended(past_keys, new_keys, past + ".key", present + ".key");
    const IrValue past_values = state(past + ".value", present + ".value");
    const IrValue values = extended(past_values, heads(qkv[2], config_.kv_heads), past + ".value", present + ".value");
    const IrValue attended = op("ScaledDotProductAttention", "opset13", {{"causal", "false"}},
                                {query, repeated(keys), repeated(values), mask_, graph_.real(1 / std::sqrt(static_cast<float>(size)))}, IrType::F32,
                                {-1, config_.heads, -1, size});
    return reshape(transpose(attended, {0, 2, 1, 3}, {-1, -1, config_.heads, size}), {0, 0, q_size}, activation(q_size));
  }

  // Past keys or values, in the order of the beams.
  IrValue state(const std::string& past, const std::string& present) {
    const int64_t count = config_.kv_heads, size = config_.head_size;
    const IrShape shape = {-1, count, -1, size};
    const IrValue empty_shape = concat({batch_, graph_.integers({count}), graph_.integers({0}), graph_.integers({size})}, 0, IrType::I64, {4});
    const IrValue empty = op("Broadcast", "opset3", {{"mode", "numpy"}}, {graph_.real(0), empty_shape}, IrType::F32, {-1, count, 0, size});
    const std::string dimensions = "?," + std::to_string(count) + ",?," + std::to_string(size);
    const IrValue read = op("ReadValue", "opset6", {{"variable_id", past + present}, {"variable_type", "f32"}, {"variable_shape", dimensions}},
                            {empty}, IrType::F32, shape, past);
    return gather(read, beams_, 0, IrType::F32, shape);
  }

  IrValue extended(IrValue past, IrValue added, const std::string& past_name, const std::string& present_name) {
    const IrValue all = concat({past, added}, -2, IrType::F32, {-1, config_.kv_heads, -1, config_.head_size}, present_name);
    assigned_.emplace_back(past_name + present_name, all);
    return all;
  }

  // Each key or value head once for every query head that reads it.
  IrValue repeated(IrValue value) {
    const int64_t groups = config_.kv_heads, times = config_.heads / config_.kv_heads, size = config_.head_size;
    if (times == 1) return value;
    const IrValue apart = unsqueeze(value, 2, {-1, groups, 1, -1, size});
    if (repeated_shape_.layer < 0) {
      const IrValue shape = shape_of(value);
      const IrValue leading = gather(shape, graph_.integers({0, 1}), 0, IrType::I64, {2});
      const IrValue length = gather(shape, graph_.integers({2}), 0, IrType::I64, {1});
      repeated_shape_ = concat({leading, graph_.integers({times}), length, graph_.integers({size})}, 0, IrType::I64, {5});
    }
    const IrValue wide = op("Broadcast", "opset3", {{"mode", "bidirectional"}}, {apart, repeated_shape_}, IrType::F32, {-1, groups, times, -1, size});
    return reshape(wide, {0, config_.heads, -1, size}, {-1, config_.heads, -1, size});
  }

  IrValue rotated(IrValue x, int64_t count) {
    if (cosine_.layer < 0) add_rotation();
    const int64_t width = config_.rotary_size, size = config_.head_size, half = width / 2;
    const IrShape shape = {-1, count, -1, width};
    const IrValue turning = width == size ? x : columns(x, 0, width);
    const IrValue straight = arithmetic("Multiply", turning, cosine_, shape);
    const IrValue negated = arithmetic("Multiply", columns(turning, half, width), graph_.real(-1, {1, 1, 1, 1}), {-1, count, -1, half});
    const IrValue swapped = concat({negated, columns(turning, 0, half)}, -1, IrType::F32, shape);
    const IrValue turned = arithmetic("Add", straight, arithmetic("Multiply", swapped, sine_, shape), shape);
    return width == size ? turned : concat({turned, columns(x, width, size)}, -1, IrType::F32, {-1, count, -1, size});
  }

  IrValue frequencies(bool long_factors) {
    const std::vector<float> values = rope_frequencies(config_, long_factors);
    return graph_.floats({1, static_cast<int64_t>(values.size()), 1}, values);
  }

  IrValue chosen_frequencies() {
    if (!config_.long_rope || variant_.factors == IrFactors::Short) return frequencies(false);
    if (variant_.factors == IrFactors::Long) return frequencies(true);
    IrValue is_long = long_factors_;
    if (variant_.factors == IrFactors::Positions) {
      const IrValue greatest = op("ReduceMax", "opset1", {{"keep_dims", "false"}}, {positions_, graph_.integers({0, 1})}, IrType::I64, {});
      const IrValue tokens = arithmetic("Add", greatest, graph_.integer(1), {}, IrType::I64);
      is_long = arithmetic("Greater", tokens, graph_.integer(config_.long_rope->original_context), {}, IrType::Boolean);
    }
    return op("Select", "opset1", {{"auto_broadcast", "numpy"}}, {is_long, frequencies(true), frequencies(false)}, IrType::F32, {1, config_.rotary_size / 2, 1});
  }

  // cos and sin of the angles, (batch, 1, new, rotary_size), shared by all layers.
  void add_rotation() {
    const int64_t width = config_.rotary_size, half = width / 2;
    const IrValue positions = convert(unsqueeze(positions_, 1, {-1, 1, -1}), IrType::F32, "f32");
    const IrValue angles = op("MatMul", "opset1", {{"transpose_a", "false"}, {"transpose_b", "false"}}, {chosen_frequencies(), positions}, IrType::F32, {-1, half, -1});
    const IrValue by_token = transpose(angles, {0, 2, 1}, activation(half));
    const IrValue both_halves = concat({by_token, by_token}, -1, IrType::F32, activation(width));
    const auto table = [&](const char* function) {
      IrValue value = op(function, "opset1", {}, {both_halves}, IrType::F32, activation(width));
      if (config_.long_rope) value = arithmetic("Multiply", value, graph_.real(config_.long_rope->attention_factor, {1, 1, 1}), activation(width));
      return unsqueeze(value, 1, {-1, 1, -1, width});
    };
    cosine_ = table("Cos");
    sine_ = table("Sin");
  }

  // 0 where query q sees key k, -65504 elsewhere: (batch, 1, new, past + new). The form is the one that transformers' traced mask has, which
  // plugins look for: they rebuild it for static shapes and paged caches.
  void add_mask(IrValue past_keys) {
    const IrValue past = gather(shape_of(past_keys), graph_.integer(2), 0, IrType::I64, {});
    const IrValue added = gather(shape_of(tokens_), graph_.integer(1), 0, IrType::I64, {});
    const IrValue length = arithmetic("Add", past, added, {}, IrType::I64);
    const auto range = [&](IrValue from) {
      return op("Range", "opset4", {{"output_type", "i64"}}, {from, length, graph_.integer(1)}, IrType::I64, {-1});
    };
    const auto lifted = [&](IrValue value, int64_t last_axis, IrShape shape) {
      const IrValue two = unsqueeze(unsqueeze(value, 0, {1, -1}), 1, {1, 1, -1});
      return unsqueeze(two, last_axis, std::move(shape));
    };
    const IrValue keys = lifted(range(graph_.integer(0)), 2, {1, 1, 1, -1});
    const IrValue queries = lifted(range(past), 3, {1, 1, -1, 1});
    const auto both = [&](IrValue a, IrValue b, IrShape shape) { return arithmetic("BitwiseAnd", a, b, std::move(shape), IrType::Boolean, "opset13"); };
    const std::array<std::byte, 1> one = {std::byte{1}};
    const IrShape square = {1, 1, -1, -1}, whole = {-1, 1, -1, -1};
    IrValue seen = graph_.literal(IrType::Boolean, {}, one);
    if (config_.window && *config_.window < config_.context) {
      const int64_t negative_window = -*config_.window;
      const IrValue oldest = arithmetic("Add", queries, graph_.literal(IrType::I64, {1, 1, 1, 1}, std::as_bytes(std::span(&negative_window, 1))), {1, 1, -1, 1}, IrType::I64);
      seen = both(seen, arithmetic("Greater", keys, oldest, square, IrType::Boolean), square);
    }
    seen = both(seen, arithmetic("LessEqual", keys, queries, square, IrType::Boolean), square);
    seen = both(graph_.literal(IrType::Boolean, {}, one), seen, square);
    const IrValue real = convert(mask_input_, IrType::Boolean, "boolean");
    const IrValue padding = unsqueeze(unsqueeze(real, 1, {-1, 1, -1}), 2, {-1, 1, 1, -1});
    seen = both(seen, padding, whole);
    const auto single = [&](IrValue value) { return reshape(value, {1}, {1}); };
    const IrValue shape = concat({batch_, graph_.integers({1}), single(added), single(length)}, 0, IrType::I64, {4});
    seen = op("Broadcast", "opset3", {{"mode", "bidirectional"}}, {seen, shape}, IrType::Boolean, whole);
    mask_ = op("Select", "opset1", {{"auto_broadcast", "numpy"}}, {seen, graph_.real(0), graph_.real(-65504)}, IrType::F32, whole);
  }

  const Plan& plan_;
  const ModelConfig& config_;
  const IrVariant& variant_;
  IrGraph graph_;
  IrWeights weights_;
  std::vector<Parts> values_;  // by the plan's
  IrValue tokens_, mask_input_, positions_, beams_, long_factors_, rows_, batch_, mask_, cosine_, sine_, repeated_shape_;
  std::vector<std::pair<std::string, IrValue>> assigned_;  // variables and what they hold afterwards
};

}  // namespace

OpenvinoIr emit_openvino_ir(const Plan& plan, const IrVariant& variant) { return Emitter(plan, variant).emit(); }

}  // namespace philo
