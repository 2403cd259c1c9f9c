// One answer of a conversation: its options from the call and the checkpoint, its report as JSON.
#pragma once

#include "api/handles.h"
#include "api/options.h"

namespace philo {

struct AnswerRequest {
  GenerationOptions generation;
  bool speculates = true;
  std::vector<std::string> notes;
};

// Options of the call, then the checkpoint's defaults, then transformers'. Draws a seed where sampling has none.
AnswerRequest read_request(const Options& options, const Checkpoint& checkpoint);

// The shares of what the machine can do are null where its limits are not known yet.
OrderedJson timings_report(const LoadedModel& model, const Timings& timings);

OrderedJson answer_report(const LoadedModel& model, const AnswerRequest& request, const Answer& answer,
                          std::span<const Token> prompt);

}  // namespace philo
