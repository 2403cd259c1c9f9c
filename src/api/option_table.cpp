// The table of options.
#include <array>

#include "api/options.h"

namespace philo {

namespace {

constexpr uint8_t load = static_cast<uint8_t>(OptionGroup::Load);
constexpr uint8_t conversation = static_cast<uint8_t>(OptionGroup::Conversation);
constexpr uint8_t generate = static_cast<uint8_t>(OptionGroup::Generate);
constexpr uint8_t score = static_cast<uint8_t>(OptionGroup::Score);
constexpr uint8_t inspect = static_cast<uint8_t>(OptionGroup::Inspect);

constexpr double most_tokens = 2147483647;        // token counts fit 32 bits
constexpr double most_seed = 9223372036854774784;  // largest double below 2^63

constexpr std::array table = {
    OptionSpec{.name = "device", .groups = load, .type = OptionType::Text, .value = "D",
               .help = "device that computes, as `philo devices` lists them; \"auto\" picks the fastest that works here",
               .fallback = "cpu"},
    OptionSpec{.name = "ov", .groups = load, .type = OptionType::Text, .value = "KEY=VALUE",
               .help = "property for OpenVINO, for openvino devices only", .repeats = true},
    OptionSpec{.name = "ort", .groups = load, .type = OptionType::Text, .value = "KEY=VALUE",
               .help = "option for ONNX Runtime, for onnxruntime devices only", .repeats = true},
    OptionSpec{.name = "weight-format", .groups = load | inspect, .type = OptionType::Choice, .value = "F",
               .help = "numbers that weights are computed with; fp32 also sets activations and the KV cache to fp32",
               .fallback = "as stored", .choices = "fp32|fp16", .refused = "int8|int4",
               .refusal = "this version does not quantize; use fp32 or fp16, or leave it out to take the weights as stored"},
    OptionSpec{.name = "group-size", .groups = load, .type = OptionType::Choice, .value = "N",
               .help = "weights that share a scale, for quantized weights; -1: one scale per output channel", .fallback = "128",
               .choices = "32|64|128|-1"},
    OptionSpec{.name = "ratio", .groups = load, .type = OptionType::Number, .value = "R",
               .help = "share of the block weights in int4, for quantized weights", .fallback = "1.0", .low = 0, .high = 1},
    OptionSpec{.name = "sym", .groups = load, .type = OptionType::Flag, .value = "",
               .help = "scales without zero points, for quantized weights", .fallback = "on"},
    OptionSpec{.name = "asym", .groups = load, .type = OptionType::Flag, .value = "",
               .help = "scales with zero points, for quantized weights"},
    OptionSpec{.name = "activation-format", .groups = load, .type = OptionType::Choice, .value = "F",
               .help = "numbers that quantized weights are multiplied with", .fallback = "int8 for quantized weights",
               .choices = "int8|fp32"},
    OptionSpec{.name = "kv-format", .groups = load | inspect, .type = OptionType::Choice, .value = "F",
               .help = "numbers of the KV cache", .fallback = "fp16", .choices = "fp16|fp32", .refused = "int8",
               .refusal = "this version keeps keys and values in fp16 or fp32"},
    OptionSpec{.name = "threads", .groups = load, .type = OptionType::Integer, .value = "N", .help = "threads that compute",
               .fallback = "what is fastest here", .low = 1, .high = 1024},
    OptionSpec{.name = "isa", .groups = load, .type = OptionType::Choice, .value = "NAME",
               .help = "instruction set of the cpu device's kernels", .fallback = "the best one here",
               .choices = "scalar|avx2|avx_vnni|avx512|neon"},
    OptionSpec{.name = "context", .groups = conversation | score | inspect, .type = OptionType::Integer, .value = "N",
               .help = "most tokens of a conversation; memory grows with use", .fallback = "the model's own limit", .low = 1,
               .high = most_tokens},
    OptionSpec{.name = "overflow", .groups = conversation, .type = OptionType::Choice, .value = "WHAT",
               .help = "what happens when a chat outgrows the context: drop its oldest turns, or stop", .fallback = "drop",
               .choices = "drop|stop"},
    OptionSpec{.name = "parse-special", .groups = conversation, .type = OptionType::Flag, .value = "",
               .help = "let message texts write control tokens such as <|end|>, as Hugging Face does; without it they are plain text"},
    OptionSpec{.name = "max-new-tokens", .groups = generate, .type = OptionType::Integer, .value = "N",
               .help = "most tokens of an answer", .fallback = "1024", .low = 1, .high = most_tokens},
    OptionSpec{.name = "do-sample", .groups = generate, .type = OptionType::Flag, .value = "",
               .help = "choose tokens at random by their probability; without it the most likely one is taken"},
    OptionSpec{.name = "temperature", .groups = generate, .type = OptionType::Number, .value = "T",
               .help = "divides the logits before sampling: below 1 safer, above 1 wilder", .fallback = "1.0", .low = 0, .high = 1e6,
               .above_low = true},
    OptionSpec{.name = "top-k", .groups = generate, .type = OptionType::Integer, .value = "K",
               .help = "sample among the K most likely tokens; 0: all", .fallback = "50", .low = 0, .high = most_tokens},
    OptionSpec{.name = "top-p", .groups = generate, .type = OptionType::Number, .value = "P",
               .help = "sample among the most likely tokens that together have probability P", .fallback = "1.0", .low = 0, .high = 1},
    OptionSpec{.name = "min-p", .groups = generate, .type = OptionType::Number, .value = "P",
               .help = "sample among tokens at least P times as likely as the most likely one", .fallback = "0.0", .low = 0, .high = 1},
    OptionSpec{.name = "repetition-penalty", .groups = generate, .type = OptionType::Number, .value = "R",
               .help = "above 1 makes tokens that occurred less likely", .fallback = "1.0", .low = 0, .high = 1e6, .above_low = true},
    OptionSpec{.name = "seed", .groups = generate, .type = OptionType::Integer, .value = "N",
               .help = "start of the random numbers: the same seed gives the same answer", .fallback = "drawn and reported", .low = 0,
               .high = most_seed},
    OptionSpec{.name = "stop", .groups = generate, .type = OptionType::Text, .value = "TEXT",
               .help = "end the answer before this text", .repeats = true},
    OptionSpec{.name = "ignore-eos", .groups = generate, .type = OptionType::Flag, .value = "",
               .help = "do not end at the model's stop tokens"},
    OptionSpec{.name = "logprobs", .groups = generate, .type = OptionType::Integer, .value = "N",
               .help = "report the N most likely tokens at each position with their log-probabilities", .low = 1, .high = 1000},
    OptionSpec{.name = "no-speculation", .groups = generate, .type = OptionType::Flag, .value = "",
               .help = "decode one token at a time"},
    OptionSpec{.name = "measure-bandwidth", .groups = generate, .type = OptionType::Flag, .value = "",
               .help = "measure the machine's read bandwidth once and report the share that decoding uses"},
    OptionSpec{.name = "stride", .groups = score, .type = OptionType::Integer, .value = "N",
               .help = "tokens by which the next window of a long text starts later", .fallback = "half the context", .low = 1,
               .high = most_tokens},
    OptionSpec{.name = "logits", .groups = score, .type = OptionType::Text, .value = "OUT.safetensors",
               .help = "write the logits of every position, F32 (tokens, vocabulary), for texts within the context"},
    OptionSpec{.name = "plan", .groups = inspect, .type = OptionType::Flag, .value = "",
               .help = "print the steps that are computed"},
};

}  // namespace

std::span<const OptionSpec> option_table() { return table; }

}  // namespace philo
