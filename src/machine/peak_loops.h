// Loops that do nothing but multiply and add in registers, one for each instruction set: what the peaks are measured with.
#pragma once

#include <cstdint>
#include <vector>

namespace philo {

constexpr uint64_t peak_chains = 12;  // independent sums: enough to hide five cycles of latency on two pipes

// Bytes and float32 numbers, aligned to 64 bytes, that a loop multiplies: the first half of what its registers hold by the second.
struct PeakFactors {
  alignas(64) uint8_t bytes[64];
  alignas(64) float floats[16];
};

struct PeakLoop {
  // Adds one product to every lane of each chain in each round and returns the sum of all lanes of all chains, float32 or 32 bit
  // integers that wrap around. Must run on a processor that has the instruction set.
  double (*run)(uint64_t rounds, const PeakFactors& factors);
  uint64_t operations;  // multiplications and additions of one round, all chains together
};

struct PeakLoops {
  const char* isa;
  PeakLoop int8, fp32;
};

// Those that this processor runs, best first, "scalar" last.
std::vector<PeakLoops> peak_loops();

}  // namespace philo
