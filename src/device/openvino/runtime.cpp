// Finds the module and holds it to what this build expects.
#include "device/openvino/runtime.h"

#include "base/file.h"
#include "base/shared_library.h"

namespace philo::openvino {
namespace {

constexpr const char* how_to_build =
    "install OpenVINO (pip install openvino==2026.4.1) and build philo again with -DOpenVINO_DIR=$(python -c \"import openvino.utils; print(openvino.utils.get_cmake_path())\")";

#ifdef _WIN32
constexpr const char* module_name = "philo_openvino.dll";
#else
constexpr const char* module_name = "libphilo_openvino.so";
#endif

struct Found {
  Runtime* runtime = nullptr;
  std::string reason;
};

std::string module_path() {
  const std::string folder = own_folder_of_code();
  for (const char* below : {"", "philo", "../lib", "../lib/philo"}) {
    const std::string path = join_path(*below == '\0' ? folder : join_path(folder, below), module_name);
    if (is_file(path)) return path;
  }
  return "";
}

Found look() {
  const std::string path = module_path();
  if (path.empty()) return {nullptr, std::string("this build has no module for OpenVINO; ") + how_to_build};
  std::string why;
  const std::unique_ptr<SharedLibrary> library = SharedLibrary::open(path, why);
  if (library == nullptr)
    return {nullptr, "the module can't be loaded, because OpenVINO's library is missing or another version than philo was built with (" + why + "); install openvino==2026.4.1 where it was, or " + how_to_build};
  const auto entry = reinterpret_cast<Entry>(library->find(entry_name));
  if (entry == nullptr) return {nullptr, path + " belongs to another version of philo; install both from one build"};
  Runtime* const runtime = entry(why);
  if (runtime == nullptr) return {nullptr, "OpenVINO does not start: " + why};
  if (!runtime->version().starts_with(runtime->built_version()))
    return {nullptr, "OpenVINO " + runtime->version() + " is installed, but philo was built with " + runtime->built_version() + "; " + how_to_build};
  return {runtime, ""};
}

}  // namespace

Runtime* runtime(std::string& reason) {
  static const Found found = look();
  reason = found.reason;
  return found.runtime;
}

}  // namespace philo::openvino
