// What this computer's processor is and which part of it this process may use.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace philo {

// Instruction sets that both the processor and the operating system support (registers saved on a task switch).
struct CpuFeatures {
  bool avx2 = false;         // with FMA and F16C
  bool avx_vnni = false;     // the VEX form
  bool avx512 = false;       // F, BW, DQ and VL
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  bool avx512_fp16 = false;
  bool amx_int8 = false;     // tile state saved by the system; a Linux process must still ask for it
  bool neon = false;
  bool neon_dotprod = false;
  bool neon_i8mm = false;
  bool sve = false;
};

struct CpuDescription {
  std::string name;             // as the maker gives it, or the architecture where it gives none
  std::vector<int> processors;  // logical processors that this process may run on; one of each core first, fast cores before slow ones
  size_t cores = 1;             // physical cores among them, at most what a container's quota pays for
  size_t fast_cores = 1;        // of the fastest kind among them
  bool limited = false;         // that quota is less than the cores
  // Numbers of threads worth trying, ascending, each on the first processors of the list: half of the fast cores where they are many, the
  // fast ones, with the slower kinds, with second threads.
  std::vector<size_t> thread_counts;
  CpuFeatures features;
  size_t l2_bytes = 0;          // of one core; 0 where unknown
  size_t l3_bytes = 0;          // the largest last level; 0 where unknown
};

// Found once per process.
const CpuDescription& cpu();

// As many threads as wanted; all cores for 0.
int threads_or_cores(int wanted);

// Names of the instruction sets above that are there, in order: "avx2", "avx512", …
std::vector<std::string> feature_names(const CpuFeatures& features);

// Asks the system, once, for AMX's tiles. False where the processor has none or the system grants none.
bool may_use_tiles();

// Keeps the calling thread on one logical processor. False where the system does not allow it.
bool pin_this_thread(int processor);

}  // namespace philo
