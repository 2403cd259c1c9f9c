// A plan's segments as constants of a graph, with what turns codes into numbers again.
#pragma once

#include <map>
#include <vector>

#include "emit/ir_graph.h"
#include "emit/openvino_ir.h"

namespace philo {

class IrWeights {
 public:
  IrWeights(IrGraph& graph, const IrVariant& variant) : graph_(graph), variant_(variant) {}

  IrValue matrix(const Segment& segment);  // F32 (rows, columns); the same value again for the same place in the checkpoint
  IrValue norm(const Segment& segment);    // F32 (1, 1, columns)

  std::vector<IrMatrix> take_matrices() { return std::move(matrices_); }
  // What readers of the graph are told: runtime options, and how weights are compressed in NNCF's words.
  std::vector<IrInfo> info(double ratio) const;

 private:
  IrValue coded(IrMatrix& matrix, const CodeFormat& codes, int64_t columns);
  IrValue decompressed(IrValue value, IrType from);

  IrGraph& graph_;
  const IrVariant& variant_;
  std::vector<IrMatrix> matrices_;
  std::map<const std::byte*, IrValue> known_;
};

}  // namespace philo
