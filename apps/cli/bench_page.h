// philo bench's report as a web page of one file, which needs nothing else.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

std::string bench_page(const nlohmann::ordered_json& report);
