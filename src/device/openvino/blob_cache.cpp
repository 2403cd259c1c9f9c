// One file for each key.
#include "device/openvino/blob_cache.h"

#include <filesystem>

#include "base/file.h"
#include "base/hash.h"
#include "base/random_seed.h"
#include "model/fingerprint.h"

namespace philo::openvino {

std::string blob_key(const Plan& plan, const Settings& settings, const std::string& graph, const DeviceDescription& device, const std::string& version) {
  Hash hash;
  const auto add = [&](std::string_view text) {
    hash.add(text);
    hash.add("\xFF");  // where a text ends
  };
  add(fingerprint(plan));
  add(graph);
  for (const std::string& text : {device.name, device.text, device.driver, version}) add(text);
  for (const auto& [name, value] : settings.properties) {
    add(name);
    add(value);
  }
  return hash.text();
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
  namespace fs = std::filesystem;
  const auto place = [](const std::string& text) { return fs::path(std::u8string(text.begin(), text.end())); };
  // Under a name of its own first: another process may look for it, and this one may be killed.
  const std::string file = path(), unfinished = file + "." + std::to_string(random_seed()) + ".part";
  std::string error;
  std::error_code problem;
  fs::create_directories(place(folder_), problem);
  if (!problem && compiled.write(unfinished, error)) fs::rename(place(unfinished), place(file), problem);
  if (error.empty() && !problem) return;
  std::error_code ignored;
  fs::remove(place(unfinished), ignored);
  if (note_) note_("the compiled model is not kept in " + folder_ + ": " + (error.empty() ? problem.message() : error));
}

}  // namespace philo::openvino
