// Names of devices: found, or refused with what is there.
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/refusal.h"
#include "device/device.h"

namespace philo {
namespace {

std::string refusal_of(std::string_view name) {
  SCOPED_TRACE(name);
  return refusal([&] { find_device(name); }, ErrorCode::Device);
}

TEST(Registry, FindsTheProcessor) {
  EXPECT_EQ(find_device("cpu").name(), "cpu");
  EXPECT_EQ(find_device("auto").name(), "cpu");
}

TEST(Registry, SaysWhichDevicesAreHere) {
  for (const char* name : {"vulkan", "cuda"}) EXPECT_TRUE(says(refusal_of(name), "this build has no module for"));
  EXPECT_TRUE(says(refusal_of("gpu"), "devices here: cpu"));
  EXPECT_TRUE(says(refusal_of(""), "devices here: cpu"));
  EXPECT_TRUE(says(refusal_of("openvino:TPU"), "openvino:NPU"));
  EXPECT_TRUE(says(refusal_of("openvino"), "openvino:AUTO"));
  EXPECT_TRUE(says(refusal_of("onnxruntime"), "onnxruntime:webgpu"));
  EXPECT_TRUE(says(refusal_of("onnxruntime:"), "onnxruntime:webgpu"));
}

// With OpenVINO's module or without, no device is listed that could not say why.
TEST(Registry, ListsTheProcessorFirst) {
  const auto reports = list_devices();
  ASSERT_GE(reports.size(), 2u);
  EXPECT_EQ(reports[0].name, "cpu");
  EXPECT_TRUE(reports[0].usable);
  EXPECT_TRUE(says(reports[0].description, "scalar"));
  EXPECT_TRUE(reports[0].reason.empty());
  for (const DeviceReport& report : reports) {
    EXPECT_FALSE(report.description.empty()) << report.name;
    EXPECT_EQ(report.usable, report.reason.empty()) << report.name;
  }
  EXPECT_TRUE(reports[1].name.starts_with("openvino"));
}

}  // namespace
}  // namespace philo
