// Where the build found no header of ONNX Runtime.
#include "device/onnxruntime/runtime.h"

namespace philo::onnxruntime {

Runtime* open_library(const std::string&, std::string& reason) {
  reason = "this philo was built without ONNX Runtime's C header; let tools/setup.sh fetch it (Debian 13's libonnxruntime-dev), or give its folder with -DPHILO_ONNXRUNTIME_HEADERS=FOLDER, and build again";
  return nullptr;
}

}  // namespace philo::onnxruntime
