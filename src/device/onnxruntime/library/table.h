// ONNX Runtime's table of functions: statuses become Failures, objects are owned.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "device/onnxruntime/library/later_slots.h"
#include "device/onnxruntime/runtime.h"

namespace philo::onnxruntime {

// Released by a function of the table.
template <class T>
using Owned = std::unique_ptr<T, void(ORT_API_CALL*)(T*)>;

struct Table {
  const OrtApi* api;
  unsigned minor;  // of the library's version 1.minor

  void check(OrtStatus* status) const {
    if (status == nullptr) return;
    const std::string text = api->GetErrorMessage(status);
    api->ReleaseStatus(status);
    throw Failure(text.empty() ? "unknown" : text, tells_of_memory(text));
  }

  // A function that is later than the header; nullptr where the library is older.
  template <class Slot>
  typename Slot::Function later() const {
    return minor < Slot::since ? nullptr : reinterpret_cast<typename Slot::Function>(reinterpret_cast<void* const*>(api)[Slot::place]);
  }

  // What `make(T**)` yields.
  template <class T, class Make>
  Owned<T> made(void(ORT_API_CALL* release)(T*), Make&& make) const {
    T* object = nullptr;
    check(make(&object));
    return Owned<T>(object, release);
  }

  // Memory that ran out is told in the words of the C++ library, of its arenas and of the providers.
  static bool tells_of_memory(std::string_view text) {
    for (const std::string_view words : {"bad_alloc", "bad allocation", "ailed to allocate", "out of memory", "Out of memory", "E_OUTOFMEMORY"})
      if (text.find(words) != text.npos) return true;
    return false;
  }
};

// A path as the library takes it: wide on Windows.
inline std::basic_string<ORTCHAR_T> native_path(const std::string& path) { return std::filesystem::path(std::u8string(path.begin(), path.end())).native(); }

}  // namespace philo::onnxruntime
