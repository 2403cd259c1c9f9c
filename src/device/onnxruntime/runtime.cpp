// Finds the library.
#include "device/onnxruntime/runtime.h"

#include <algorithm>
#include <mutex>

#include "base/error.h"
#include "base/file.h"
#include "base/shared_library.h"

namespace philo::onnxruntime {
namespace {

#ifdef _WIN32
constexpr const char* names[] = {"onnxruntime.dll"};
constexpr const char *begins = "onnxruntime.dll", *variable = "set PHILO_ONNXRUNTIME=";
#else
constexpr const char* names[] = {"libonnxruntime.so.1", "libonnxruntime.so"};
constexpr const char *begins = "libonnxruntime.so", *variable = "export PHILO_ONNXRUNTIME=";
#endif

std::string how_to_get() {
  return std::string("pip install onnxruntime==1.32.0 and name the folder that it was put in: ") + variable + "…/site-packages/onnxruntime (or the library's own file)";
}

struct Place {
  std::mutex mutex;
  std::string path;
  bool looked = false;
  Runtime* runtime = nullptr;
  std::string reason;
};

Place& place() {
  static Place one;
  return one;
}

// The library in a folder, or in the wheel's folder below it. The last of several: versions are part of the names.
std::string library_below(const std::string& folder) {
  for (const char* below : {"", "capi", "onnxruntime/capi", "lib"}) {
    const std::string where = *below == '\0' ? folder : join_path(folder, below);
    if (!is_folder(where)) continue;
    std::string found;
    for (const std::string& name : folder_entries(where))
      if (name.starts_with(begins)) found = std::max(found, name);
    if (!found.empty()) return join_path(where, found);
  }
  return "";
}

Runtime* look(const std::string& given, std::string& reason) {
  if (!given.empty()) {
    const std::string path = is_folder(given) ? library_below(given) : given;
    if (path.empty()) {
      reason = shown(given) + " (PHILO_ONNXRUNTIME or --ort library) holds no file " + begins + "…" + "; " + how_to_get();
      return nullptr;
    }
    Runtime* const found = open_library(path, reason);
    if (found == nullptr && !is_file(path)) reason = shown(given) + " (PHILO_ONNXRUNTIME or --ort library) is not there; " + how_to_get();
    return found;
  }
  const std::string folder = own_folder_of_code();
  for (const char* below : {"", "philo", "../lib", "../lib/philo"}) {
    const std::string path = folder.empty() ? "" : library_below(*below == '\0' ? folder : join_path(folder, below));
    if (!path.empty()) return open_library(path, reason);
  }
  std::string why;
  for (const char* name : names) {
    Runtime* const found = open_library(name, why);
    if (found != nullptr) return found;
    if (reason.empty() || why.find(name) != why.npos) reason = why;
  }
  reason = "ONNX Runtime's library can't be loaded from beside philo or from where the system keeps libraries (" + reason + "); " + how_to_get();
  return nullptr;
}

}  // namespace

void set_library_place(const std::string& path) {
  Place& here = place();
  const std::lock_guard lock(here.mutex);
  if (here.looked && here.path != path)
    throw Error(ErrorCode::Usage, "ONNX Runtime was looked for " + (here.path.empty() ? "without a place" : "in " + shown(here.path)) + " already; one process can't take another one from " + shown(path));
  here.path = path;
}

Runtime* runtime(std::string& reason) {
  Place& here = place();
  const std::lock_guard lock(here.mutex);
  if (!here.looked) here.runtime = look(here.path, here.reason);
  here.looked = true;
  reason = here.reason;
  return here.runtime;
}

}  // namespace philo::onnxruntime
