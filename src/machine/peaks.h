// How fast this computer multiplies and adds, by instruction set: the limit that prefill is held against.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace philo {

// Operations of registers alone, all threads together; a multiplication and its addition count as two.
struct ComputePeak {
  std::string isa;            // "amx", "avx512", "avx_vnni", "avx2", "neon_i8mm", "neon", "scalar"
  double int8_gop_per_s = 0;  // 10^9 products of 8 bit numbers, summed in 32 bits
  double fp32_gflop_per_s = 0;
};

// The instruction sets that this processor runs, best first, "scalar" last.
std::vector<std::string> peak_isas();

// Their peaks on this many threads (1 to 1024), measured now: some 30 milliseconds for each number. Zeros where the system does not
// give the threads. *disturbed becomes true where other programs kept them from running, so that numbers are lower bounds.
std::vector<ComputePeak> measured_peaks(int threads, bool* disturbed = nullptr);

// The peak of a table of kernels; nullptr where there is none. Tables that stand in for another ("avx_vnni_evex") have its peak.
const ComputePeak* find_peak(const std::vector<ComputePeak>& peaks, std::string_view isa);

}  // namespace philo
