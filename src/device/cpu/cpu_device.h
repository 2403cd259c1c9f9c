// The processor itself as a device: always there.
#pragma once

#include "device/device.h"

namespace philo {

const Device& cpu_device();

}  // namespace philo
