// One file for each key.
#include "device/openvino/blob_cache.h"

#include <cstdio>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "model/fingerprint.h"

namespace philo::openvino {
namespace {

void mix(uint64_t& hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  hash = (hash ^ 0xFF) * 0x100000001b3u;  // where a text ends
}

}  // namespace

std::string blob_key(const Plan& plan, const Settings& settings, const std::string& graph, const DeviceDescription& device, const std::string& version) {
  uint64_t hash = 0xcbf29ce484222325u;
  mix(hash, fingerprint(plan));
  mix(hash, graph);
  for (const std::string& text : {device.name, device.text, device.driver, version}) mix(hash, text);
  for (const auto& [name, value] : settings.properties) {
    mix(hash, name);
    mix(hash, value);
  }
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

std::string BlobCache::path() const { return join_path(folder_, "openvino-" + key_ + ".blob"); }

std::unique_ptr<Compiled> BlobCache::read(Runtime& runtime, const std::string& device, const Properties& properties) const {
  const std::string file = path();
  if (!is_file(file)) return nullptr;
  std::string error;
  std::unique_ptr<Compiled> compiled = runtime.read(file, device, properties, error);
  if (compiled != nullptr) return compiled;
  if (note_) note_("the compiled model in " + file + " can't be used and is made again: " + error);
  std::error_code ignored;
  std::filesystem::remove(std::filesystem::path(std::u8string(file.begin(), file.end())), ignored);
  return nullptr;
}

void BlobCache::write(Compiled& compiled) const {
  try {
    std::filesystem::create_directories(std::filesystem::path(std::u8string(folder_.begin(), folder_.end())));
    OutputFile file(path());
    std::string error;
    const bool written = compiled.write(
        [&](const char* bytes, size_t count) {
          try {
            file.write(std::string_view(bytes, count));
            return true;
          } catch (const Error& problem) {
            error = problem.message();
            return false;
          }
        },
        error);
    if (!written) throw Error(ErrorCode::Failed, error);
    file.commit();
  } catch (const std::exception& problem) {
    if (note_) note_(std::string("the compiled model is not kept: ") + problem.what());
  }
}

}  // namespace philo::openvino
