// The table of named tensors and coded matrices.
#include "tensor/weights.h"

#include "base/error.h"

namespace philo {

void Weights::add(Tensor tensor, const std::string& file) {
  std::string name = tensor.name;
  const auto [at, added] = tensors_.try_emplace(std::move(name), std::move(tensor));
  if (!added) throw input_error(file, "tensor " + shown(at->first) + " is there a second time");
}

void Weights::take(Weights&& other, const std::string& file) {
  tensors_.merge(other.tensors_);
  if (!other.tensors_.empty()) {
    throw input_error(file, "tensor " + shown(other.tensors_.begin()->first) + " is there a second time");
  }
  for (auto& [name, matrix] : other.coded_) add_coded(std::move(matrix), file);
  owners_.insert(owners_.end(), other.owners_.begin(), other.owners_.end());
}

void Weights::add_coded(CodedMatrix matrix, const std::string& file) {
  std::string name = matrix.name;
  if (tensors_.contains(name) || coded_.contains(name)) throw input_error(file, "tensor " + shown(name) + " is there a second time");
  coded_.emplace(std::move(name), std::move(matrix));
}

const CodedMatrix* Weights::find_coded(std::string_view name) const {
  const auto found = coded_.find(name);
  return found == coded_.end() ? nullptr : &found->second;
}

std::optional<Tensor> Weights::extract(std::string_view name) {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) return {};
  return std::move(tensors_.extract(found).mapped());
}

const Tensor* Weights::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

size_t Weights::bytes() const {
  size_t sum = 0;
  for (const auto& [name, tensor] : tensors_) sum += tensor.bytes.size();
  for (const auto& [name, matrix] : coded_) sum += matrix.bytes();
  return sum;
}

}  // namespace philo
