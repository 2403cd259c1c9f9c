// Hands a graph to OpenVINO and waits: with progress, with the weights' files out of memory again, and stopped where
// the caller wants.
#pragma once

#include <memory>
#include <string>

#include "device/openvino/openvino_network.h"

namespace philo::openvino {

// Throws ErrorCode::Device, with `name` and OpenVINO's reason, for what can't be compiled, and ErrorCode::Stopped.
std::shared_ptr<Compiled> compile_graph(Runtime& runtime, const std::string& device, const std::string& name,
                                        const OpenvinoIr& ir, const Properties& properties,
                                        const DeviceOptions& options);

// The processor's plugin brings weights into its kernels' form when it first multiplies with them. That belongs to
// loading, and the files' pages are let go of on the way. Throws as above.
void warm_up(const OpenvinoNetwork& network, const OpenvinoIr& ir, const std::string& name,
             const DeviceOptions& options);

}  // namespace philo::openvino
