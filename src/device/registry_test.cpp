// Names of devices: found, or refused with what is there.
#include <gtest/gtest.h>

#include "base/error.h"
#include "device/device.h"

namespace philo {
namespace {

std::string refusal(std::string_view name) {
  try {
    find_device(name);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Device);
    return error.message();
  }
  ADD_FAILURE() << name << " was found";
  return {};
}

TEST(Registry, FindsTheProcessor) {
  EXPECT_EQ(find_device("cpu").name(), "cpu");
  EXPECT_EQ(find_device("auto").name(), "cpu");
}

TEST(Registry, SaysWhichDevicesAreHere) {
  for (const char* name : {"openvino:GPU.0", "onnxruntime:dml", "vulkan", "cuda"})
    EXPECT_NE(refusal(name).find("this build has no module for"), std::string::npos);
  EXPECT_NE(refusal("gpu").find("devices here: cpu"), std::string::npos);
  EXPECT_NE(refusal("").find("devices here: cpu"), std::string::npos);
}

TEST(Registry, ListsTheProcessorWithItsKernels) {
  const auto reports = list_devices();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_TRUE(reports[0].usable);
  EXPECT_NE(reports[0].description.find("scalar"), std::string::npos);
  EXPECT_TRUE(reports[0].reason.empty());
}

}  // namespace
}  // namespace philo
