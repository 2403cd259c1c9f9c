// Compiled graphs on disk, so that what takes minutes to compile is compiled once for each model, device, driver, version and option.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "device/device.h"
#include "device/openvino/settings.h"

namespace philo::openvino {

class BlobCache {
 public:
  // `folder` is made where it is missing.
  BlobCache(std::string folder, std::string key, NoteSink note) : folder_(std::move(folder)), key_(std::move(key)), note_(std::move(note)) {}

  // What was kept, or nullptr. A blob that can't be taken is removed, with a note.
  std::unique_ptr<Compiled> read(Runtime& runtime, const std::string& device, const Properties& properties) const;
  void write(Compiled& compiled) const;  // what can't be written becomes a note

 private:
  std::string path() const;
  std::string folder_, key_;
  NoteSink note_;
};

// 16 hexadecimal digits over everything that a compiled graph depends on.
std::string blob_key(const Plan& plan, const Settings& settings, const std::string& graph, const DeviceDescription& device, const std::string& version);

}  // namespace philo::openvino
