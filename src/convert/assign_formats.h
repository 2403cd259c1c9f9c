// Which format each tensor of a plan gets by a recipe. Knows no files.
#pragma once

#include <string>
#include <vector>

#include "base/log.h"
#include "convert/recipe.h"
#include "machine/thread_pool.h"
#include "model/plan.h"

namespace philo {

enum class TensorRole : uint8_t { Embedding, Norm, Block, Head };

struct AssignedTensor {
  const Segment* segment;  // of the plan
  TensorRole role;         // Embedding also for one that is the head as well
  std::string name;        // the plan's name of the weight: "layers.0.down"
  int64_t columns;
  MatrixFormat format;
};

// Each tensor or coded matrix of the plan once, in the order of its steps. Norms stay as stored, except that an fp32 or fp16 recipe converts them, too.
// A ratio below 1 reads all block weights once. Throws ErrorCode::Usage for group sizes that don't divide a tensor's columns and for
// keep rules that fit nothing, ErrorCode::Stopped where `progress` wants that.
std::vector<AssignedTensor> assign_formats(const Plan& plan, const Recipe& recipe, ThreadPool& pool, const Progress& progress = {});

// Likewise, each in the format that it is stored in.
std::vector<AssignedTensor> stored_formats(const Plan& plan);

}  // namespace philo
