// Where the library says what people should know: notes and progress. The library never prints; the caller's sink does.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace philo {

// `done` and `total` count bytes or tokens; total 0 where it is not known. Returning false asks to stop (ErrorCode::Stopped).
using Progress = std::function<bool(std::string_view what, uint64_t done, uint64_t total)>;

// One sentence that people should see: a fallback, an ignored setting, a dropped turn.
using NoteSink = std::function<void(std::string_view note)>;

}  // namespace philo
