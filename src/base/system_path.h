// Between UTF-8, which philo speaks, and what the operating system takes and says. For the files of this folder alone.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>

namespace philo {

std::filesystem::path to_path(const std::string& utf8);
std::string to_utf8(const std::filesystem::path& path);

// As calls of the system want it. Windows takes paths beyond 260 characters (folders: 248) only whole and with a prefix.
std::filesystem::path system_path(const std::string& utf8);

// The system's sentence for an error. On Windows the standard library's is in the code page of the country.
std::string reason_of(const std::error_code& error);
#ifdef _WIN32
std::string reason_of_last_error();  // GetLastError's
#endif

// fopen; nullptr and errno where it fails.
std::FILE* open_stream(const std::string& path, const char* mode);

}  // namespace philo
