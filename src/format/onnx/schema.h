// ONNX's protobuf messages: field numbers and enumerations that readers and writers use, as in onnx/onnx.proto of ONNX 1.23 (IR version 14).
#pragma once

#include <cstdint>
#include <protozero/types.hpp>

namespace philo::onnx {

// One enumeration for each message, for protozero's pbf_message and pbf_builder. Repeated numbers are packed or not, as their writer likes.
enum class Model : protozero::pbf_tag_type {
  IrVersion = 1,        // int64
  ProducerName = 2,     // string
  ProducerVersion = 3,  // string
  Domain = 4,           // string
  ModelVersion = 5,     // int64
  Graph = 7,            // Graph
  OpsetImport = 8,      // repeated OperatorSetId
  MetadataProps = 14,   // repeated StringStringEntry
  Functions = 25,       // repeated Function
};

enum class Graph : protozero::pbf_tag_type {
  Node = 1,                // repeated Node
  Name = 2,                // string
  Initializer = 5,         // repeated Tensor
  Input = 11,              // repeated ValueInfo
  Output = 12,             // repeated ValueInfo
  ValueInfo = 13,          // repeated ValueInfo
  SparseInitializer = 15,  // repeated SparseTensor
  MetadataProps = 16,      // repeated StringStringEntry
};

enum class Node : protozero::pbf_tag_type {
  Input = 1,      // repeated string; an empty one is an input that is left out
  Output = 2,     // repeated string
  Name = 3,       // string
  OpType = 4,     // string
  Attribute = 5,  // repeated Attribute
  Domain = 7,     // string; empty for ONNX's own
};

enum class Attribute : protozero::pbf_tag_type {
  Name = 1,      // string
  F = 2,         // float
  I = 3,         // int64
  S = 4,         // bytes
  T = 5,         // Tensor
  G = 6,         // Graph
  Floats = 7,    // repeated float
  Ints = 8,      // repeated int64
  Strings = 9,   // repeated bytes
  Tensors = 10,  // repeated Tensor
  Graphs = 11,   // repeated Graph
  Type = 20,     // AttributeType
};

enum class AttributeType : int32_t { Undefined = 0, Float = 1, Int = 2, String = 3, Tensor = 4, Graph = 5, Floats = 6, Ints = 7, Strings = 8, Tensors = 9, Graphs = 10 };

enum class Tensor : protozero::pbf_tag_type {
  Dims = 1,           // repeated int64
  DataType = 2,       // DataType
  FloatData = 4,      // repeated float
  Int32Data = 5,      // repeated int32; also for float16, bfloat16, bool and what is shorter, one element or two nibbles each
  StringData = 6,     // repeated bytes
  Int64Data = 7,      // repeated int64
  Name = 8,           // string
  RawData = 9,        // bytes, little-endian
  DoubleData = 10,    // repeated double
  Uint64Data = 11,    // repeated uint64
  ExternalData = 13,  // repeated StringStringEntry: location, offset, length, checksum
  DataLocation = 14,  // DataLocation
};

enum class DataType : int32_t {
  Undefined = 0,
  Float = 1,
  Uint8 = 2,
  Int8 = 3,
  Uint16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  String = 8,
  Bool = 9,
  Float16 = 10,
  Double = 11,
  Uint32 = 12,
  Uint64 = 13,
  Complex64 = 14,
  Complex128 = 15,
  Bfloat16 = 16,
  Float8E4M3Fn = 17,
  Float8E4M3Fnuz = 18,
  Float8E5M2 = 19,
  Float8E5M2Fnuz = 20,
  Uint4 = 21,
  Int4 = 22,
  Float4E2M1 = 23,
  Float8E8M0 = 24,
  Uint2 = 25,
  Int2 = 26,
};

enum class DataLocation : int32_t { Default = 0, External = 1 };

enum class ValueInfo : protozero::pbf_tag_type {
  Name = 1,  // string
  Type = 2,  // Type
};

enum class Type : protozero::pbf_tag_type {
  TensorType = 1,  // TensorType
};

enum class TensorType : protozero::pbf_tag_type {
  ElementType = 1,  // DataType
  Shape = 2,        // TensorShape
};

enum class TensorShape : protozero::pbf_tag_type {
  Dimension = 1,  // repeated Dimension
};

enum class Dimension : protozero::pbf_tag_type {
  Value = 1,      // int64
  Parameter = 2,  // string: "batch_size"
};

enum class StringStringEntry : protozero::pbf_tag_type {
  Key = 1,    // string
  Value = 2,  // string
};

enum class OperatorSetId : protozero::pbf_tag_type {
  Domain = 1,   // string
  Version = 2,  // int64
};

}  // namespace philo::onnx
