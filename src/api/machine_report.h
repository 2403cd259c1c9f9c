// What bounds computing here: from the options of a call, and as JSON.
#pragma once

#include "api/handles.h"
#include "api/options.h"
#include "machine/limits.h"

namespace philo {

// Sinks of the result point to `callbacks`.
LimitsOptions limits_options(const Options& options, const Callbacks& callbacks);
int threads_of(const Options& options);

// {"threads", "read_gb_per_s", "int8_gop_per_s", "fp32_gflop_per_s", "disturbed"}, as philo_machine documents them.
OrderedJson limits_report(const MachineLimits& limits);

}  // namespace philo
