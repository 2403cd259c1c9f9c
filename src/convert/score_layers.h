// How much 8 bits would cost each layer: what NNCF's ratio rule chooses by.
#pragma once

#include <functional>
#include <vector>

#include "convert/choose_int4.h"
#include "machine/thread_pool.h"
#include "tensor/tensor.h"

namespace philo {

// Reads every tensor once, on all threads; gives the source pages back. `advance` gets the bytes that were read since its last call and
// may throw. Scores are in the order of the tensors, under their names.
std::vector<ScoredLayer> score_layers(const std::vector<const Tensor*>& tensors, ThreadPool& pool,
                                      const std::function<void(size_t bytes)>& advance);

}  // namespace philo
