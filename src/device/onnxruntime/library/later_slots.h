// Functions of ONNX Runtime's table that are later than the header of version 1.21: their places in it, which never change, and their types.
// Facts of include/onnxruntime/core/session/onnxruntime_c_api.h, where entries are only ever appended; the header's table ends at 284.
#pragma once

#ifdef _WIN32
#include <sal.h>  // annotations that the header takes for granted
#endif
#include <onnxruntime_c_api.h>

#include <cstddef>

struct OrtKeyValuePairs;
struct OrtHardwareDevice;
struct OrtEpDevice;
struct OrtEpAssignedSubgraph;

namespace philo::onnxruntime {

enum class HardwareKind : int { Cpu, Gpu, Npu };

template <class Type, size_t Place, unsigned Since>
struct LaterSlot {
  using Function = Type;
  static constexpr size_t place = Place;
  static constexpr unsigned since = Since;  // version 1.x
};

using SessionOptionsSetLoadCancellationFlag = LaterSlot<OrtStatus*(ORT_API_CALL*)(OrtSessionOptions* options, bool cancel), 293, 22>;
using RegisterExecutionProviderLibrary = LaterSlot<OrtStatus*(ORT_API_CALL*)(OrtEnv* env, const char* name, const ORTCHAR_T* path), 301, 22>;
using GetEpDevices = LaterSlot<OrtStatus*(ORT_API_CALL*)(const OrtEnv* env, const OrtEpDevice* const** devices, size_t* count), 303, 22>;
using SessionOptionsAppendExecutionProvider_V2 =
    LaterSlot<OrtStatus*(ORT_API_CALL*)(OrtSessionOptions* options, OrtEnv* env, const OrtEpDevice* const* devices, size_t device_count,
                                        const char* const* keys, const char* const* values, size_t option_count),
              304, 22>;
using HardwareDevice_Type = LaterSlot<HardwareKind(ORT_API_CALL*)(const OrtHardwareDevice* device), 307, 22>;
using HardwareDevice_Vendor = LaterSlot<const char*(ORT_API_CALL*)(const OrtHardwareDevice* device), 309, 22>;
using EpDevice_EpName = LaterSlot<const char*(ORT_API_CALL*)(const OrtEpDevice* device), 312, 22>;
using EpDevice_Device = LaterSlot<const OrtHardwareDevice*(ORT_API_CALL*)(const OrtEpDevice* device), 316, 22>;
using SessionGetMemoryInfoForInputs = LaterSlot<OrtStatus*(ORT_API_CALL*)(const OrtSession* session, const OrtMemoryInfo** infos, size_t count), 380, 23>;
using Session_GetEpGraphAssignmentInfo =
    LaterSlot<OrtStatus*(ORT_API_CALL*)(const OrtSession* session, const OrtEpAssignedSubgraph* const** parts, size_t* count), 407, 24>;
using EpAssignedSubgraph_GetEpName = LaterSlot<OrtStatus*(ORT_API_CALL*)(const OrtEpAssignedSubgraph* part, const char** name), 408, 24>;
using EpAssignedSubgraph_GetNodes = LaterSlot<OrtStatus*(ORT_API_CALL*)(const OrtEpAssignedSubgraph* part, const void* const** nodes, size_t* count), 409, 24>;

}  // namespace philo::onnxruntime
