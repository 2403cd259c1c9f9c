#include "input.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "output.h"
#include "terminal.h"

namespace {

constexpr size_t most_bytes = size_t{1} << 30;

std::filesystem::path path_of(const std::string& text) {
  return std::filesystem::path(std::u8string(text.begin(), text.end()));
}

std::FILE* open_file(const std::string& path, const char* mode) {
#ifdef _WIN32
  std::wstring known(mode, mode + std::strlen(mode));
  std::erase(known, L'x');  // the C library of Windows knows no exclusive mode
  return _wfopen(path_of(path).c_str(), known.c_str());
#else
  return std::fopen(path.c_str(), mode);
#endif
}

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

std::string read_file(const std::string& path) {
  const bool standard = path == "-";
  const std::string name = standard ? "standard input" : path;
  const std::unique_ptr<std::FILE, Close> file(standard ? nullptr : open_file(path, "rb"));
  if (!standard && file == nullptr) throw input_error(name + ": " + std::strerror(errno));
  const auto read_part = [&](char* part, size_t count) -> int {
    if (standard) return read_input(part, count);
    const size_t taken = std::fread(part, 1, count, file.get());
    return taken == 0 && std::ferror(file.get()) != 0 ? -1 : static_cast<int>(taken);
  };
  std::string text;
  char part[65536];
  while (true) {
    const int count = read_part(part, sizeof part);
    if (interrupted()) throw CommandError(PHILO_STOPPED, "");
    if (count < 0) throw input_error(name + ": " + std::strerror(errno));
    if (count == 0) return text;
    if (text.size() + static_cast<size_t>(count) > most_bytes) throw input_error(name + ": longer than 1 GiB");
    text.append(part, static_cast<size_t>(count));
  }
}

std::vector<philo_token> parse_ids(std::string_view text, const std::string& source) {
  std::vector<philo_token> ids;
  const auto separator = [](char c) { return c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  for (size_t at = 0; at < text.size();) {
    if (separator(text[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && !separator(text[end])) ++end;
    philo_token id = 0;
    const auto [stop, problem] = std::from_chars(text.data() + at, text.data() + end, id);
    if (problem != std::errc() || stop != text.data() + end || id < 0)
      throw input_error(source + ": at byte " + std::to_string(at) + ": found \"" +
                        without_controls(text.substr(at, std::min<size_t>(end - at, 40))) +
                        "\", expected token ids, whole numbers from 0, separated by commas or white space");
    ids.push_back(id);
    at = end;
  }
  if (ids.empty()) throw input_error(source + ": no token ids in it");
  return ids;
}

std::string demo_model_path() {
  const std::string folder = executable_folder();
  std::error_code problem;
  const auto path = path_of(folder) / ".." / "share" / "philo" / "demo";
  if (!folder.empty() && std::filesystem::exists(path / "config.json", problem)) {
    const auto plain = std::filesystem::weakly_canonical(path, problem).u8string();
    return {plain.begin(), plain.end()};
  }
  const auto shown = path.lexically_normal().u8string();
  throw input_error("no MODEL is given and the demo model is not at " + std::string(shown.begin(), shown.end()) +
                    "; give the path of a model");
}

void write_file(const std::string& path, std::string_view text) {
  const std::string partial = path + ".partial";
  std::error_code ignored;
  std::filesystem::remove(path_of(partial), ignored);
  const auto failed = [&](const std::string& name) {
    const int problem = errno;
    std::filesystem::remove(path_of(partial), ignored);
    throw CommandError(disk_is_full(problem) ? PHILO_RESOURCE : PHILO_FAILED, name + ": " + std::strerror(problem));
  };
  std::error_code kind;
  if (std::filesystem::exists(path_of(path), kind) && !std::filesystem::is_regular_file(path_of(path), kind)) {
    // A device or a pipe is written to, not replaced.
    std::FILE* file = open_file(path, "wb");
    if (file == nullptr) return failed(path);
    const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    if ((std::fclose(file) != 0) || !written) failed(path);
    return;
  }
  std::FILE* file = open_file(partial, "wbx");
  if (file == nullptr) return failed(path);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if ((std::fclose(file) != 0) || !written) return failed(path);
  std::error_code problem;
  std::filesystem::rename(path_of(partial), path_of(path), problem);
  if (!problem) return;
  std::filesystem::remove(path_of(partial), ignored);
  throw CommandError(PHILO_FAILED, path + ": " + problem.message());
}
