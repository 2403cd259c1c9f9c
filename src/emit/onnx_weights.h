// A plan's segments as initializers of an ONNX graph, with the nodes that multiply with them.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "emit/onnx_graph.h"

namespace philo {

class OnnxWeights {
 public:
  OnnxWeights(OnnxGraphWriter& graph, const OnnxVariant& variant);

  // x (…, columns) times rows [first_row, first_row + rows) of the segment: (…, rows) of the graph's float. `node` names the node,
  // "/model/layers.0/attn/qkv_proj/MatMul"; `output` its output where that has a name of its own.
  std::string product(const std::string& node, const Segment& segment, int64_t first_row, int64_t rows, std::string x, const std::string& output = {});
  std::string rows_of(const std::string& node, const Segment& segment, const std::string& indices);  // (…, columns) of the graph's float
  std::string norm(const std::string& name, const Segment& segment);                                 // (columns) of the graph's float

  onnx::DataType graph_float() const { return float_; }
  std::vector<OnnxMatrix> take_matrices() { return std::move(matrices_); }

 private:
  Segment written(const Segment& segment) const;
  // The matrix that holds those rows in that layout, laid out where it is not there yet.
  const OnnxMatrix& matrix(const Segment& written, int64_t first_row, int64_t rows, OnnxLayout layout);
  std::string cast(const std::string& name, const std::string& value, onnx::DataType from, onnx::DataType to);
  std::string block_product(const std::string& node, const std::string& name, const OnnxMatrix& matrix, const std::string& x, const std::string& output);
  std::string decoded_columns(const std::string& node, const std::string& name, const OnnxMatrix& matrix);
  std::string decoded_rows(const std::string& node, const std::string& name, const OnnxMatrix& matrix, const std::string& indices);
  std::string gathered_blocks(const std::string& node, const std::string& name, const OnnxMatrix& matrix, const std::string& indices);
  std::string float_columns(const std::string& node, const std::string& name, const Segment& segment, int64_t first_row, int64_t rows);

  OnnxGraphWriter& graph_;
  const OnnxVariant& variant_;
  onnx::DataType float_;
  std::vector<OnnxMatrix> matrices_;
  std::map<std::tuple<const std::byte*, int64_t, OnnxLayout>, size_t> known_;
  std::map<const std::byte*, std::string> tables_;  // of floats that rows are gathered from, by place
};

}  // namespace philo
