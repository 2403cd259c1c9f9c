// dlopen, or LoadLibrary.
#include "base/shared_library.h"

#include "base/system_path.h"
#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace philo {

#ifdef _WIN32

std::unique_ptr<SharedLibrary> SharedLibrary::open(const std::string& path, std::string& reason) {
  // What the library needs is looked for beside it, and never in the current folder.
  const HMODULE handle = LoadLibraryExW(to_path(path).c_str(), nullptr, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
  if (handle == nullptr) {
    reason = reason_of_last_error();
    return nullptr;
  }
  return std::unique_ptr<SharedLibrary>(new SharedLibrary(handle));
}

void* SharedLibrary::find(const char* symbol) const { return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(handle_), symbol)); }

std::string own_folder_of_code() {
  HMODULE module = nullptr;
  if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, reinterpret_cast<LPCWSTR>(&own_folder_of_code), &module)) return "";
  std::wstring name(32768, L'\0');
  const DWORD length = GetModuleFileNameW(module, name.data(), static_cast<DWORD>(name.size()));
  if (length == 0 || length >= name.size()) return "";
  name.resize(length);
  return to_utf8(std::filesystem::path(name).parent_path());
}

#else

std::unique_ptr<SharedLibrary> SharedLibrary::open(const std::string& path, std::string& reason) {
  void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* const text = dlerror();
    reason = text == nullptr ? "unknown reason" : text;
    return nullptr;
  }
  return std::unique_ptr<SharedLibrary>(new SharedLibrary(handle));
}

void* SharedLibrary::find(const char* symbol) const { return dlsym(handle_, symbol); }

std::string own_folder_of_code() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&own_folder_of_code), &info) == 0 || info.dli_fname == nullptr) return "";
  std::error_code ignored;
  const std::filesystem::path path = std::filesystem::weakly_canonical(to_path(info.dli_fname), ignored);
  return ignored ? "" : to_utf8(path.parent_path());
}

#endif

}  // namespace philo
