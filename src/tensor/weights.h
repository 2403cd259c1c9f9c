// The named tensors and coded matrices of a model.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/coded_matrix.h"
#include "tensor/tensor.h"

namespace philo {

// The tensors of a model by name, and what keeps their bytes alive (mapped files, buffers). Matrices of integer codes stand beside
// the tensors, under the name that their plain form would have.
class Weights {
 public:
  void add(Tensor tensor, const std::string& file);  // throws ErrorCode::Input for a name that is there already
  void take(Weights&& other, const std::string& file);  // moves everything over; throws as add() does
  void keep(std::shared_ptr<const void> owner) { owners_.push_back(std::move(owner)); }
  const Tensor* find(std::string_view name) const;   // nullptr where missing; addresses stay valid while this object lives
  const std::map<std::string, Tensor, std::less<>>& tensors() const { return tensors_; }
  std::optional<Tensor> extract(std::string_view name);  // removes it from the tensors

  void add_coded(CodedMatrix matrix, const std::string& file);  // throws as add() does
  const CodedMatrix* find_coded(std::string_view name) const;
  const std::map<std::string, CodedMatrix, std::less<>>& coded() const { return coded_; }
  size_t bytes() const;

 private:
  std::map<std::string, Tensor, std::less<>> tensors_;
  std::map<std::string, CodedMatrix, std::less<>> coded_;
  std::vector<std::shared_ptr<const void>> owners_;
};

}  // namespace philo
