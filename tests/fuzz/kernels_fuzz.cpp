// Integer kernels: whatever the shape, codes and activations, every table here gives the scalar table's bits.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "../parity/coded.h"

namespace philo {
namespace {

// The input's bytes one after the other, then zeros.
class Bytes {
 public:
  explicit Bytes(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  size_t below(size_t limit) {
    const size_t value = next() | next() << 8;
    return value % limit;
  }
  float number() {
    const auto bits = static_cast<uint32_t>(next() | next() << 8 | next() << 16 | next() << 24);
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  std::span<const uint8_t> rest() const { return bytes_; }

 private:
  size_t next() {
    if (bytes_.empty()) return 0;
    const uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  std::span<const uint8_t> bytes_;
};

// Bit for bit, but one not-a-number is as good as another.
bool same(std::span<const float> a, std::span<const float> b) {
  for (size_t i = 0; i < a.size(); ++i)
    if (std::memcmp(&a[i], &b[i], sizeof a[i]) != 0 && !(std::isnan(a[i]) && std::isnan(b[i]))) return false;
  return true;
}

struct Problem {
  const CodedMatrix& matrix;
  const std::vector<float>& in;
  size_t depth, tokens;

  // Outputs of int8 activations, then of float32 ones.
  std::vector<float> outputs(const Kernels& kernels, const CodedInput& input) const {
    std::vector<float> out(2 * tokens * matrix.rows());
    const Buffer scratch(coded_scratch_bytes, "scratch");
    CodedLinearTask task{.weight = matrix.view(),
                         .first_panel = 0,
                         .rows = matrix.rows(),
                         .input = input.view(),
                         .in = in.data(),
                         .in_stride = depth,
                         .tokens = tokens,
                         .out = out.data(),
                         .out_stride = matrix.rows(),
                         .scratch = scratch.data()};
    kernels.coded_linear_i8[task.weight.bits == 8](task);
    task.out += tokens * matrix.rows();
    kernels.coded_linear_f32[task.weight.bits == 8](task);
    return out;
  }
};

void compare_tables(Bytes bytes) {
  const CodedFormat& format = coded_formats[bytes.below(std::size(coded_formats))];
  const size_t depth = format.group == 0 ? 1 + bytes.below(700) : format.group * (2 + bytes.below(640 / format.group));
  const size_t rows = 1 + bytes.below(90), tokens = 1 + bytes.below(40);
  CodedMatrix matrix(format, rows, depth, static_cast<unsigned>(bytes.below(65536)));
  std::vector<float> in(tokens * depth);
  size_t used = 0;  // numbers that the input gives; they repeat
  const bool raw = bytes.below(4) == 0;  // any bits, else numbers of moderate size
  for (size_t i = 0; i < in.size(); ++i) {
    if (!bytes.rest().empty()) used = i + 1;
    const float number = !bytes.rest().empty() ? bytes.number() : used == 0 ? 1.0f : in[i % used];
    in[i] = raw || std::isnan(number) ? number : std::remainder(number, 4.0f);
  }
  if (const auto rest = bytes.rest(); !rest.empty()) matrix.fill_codes(rest);

  const Problem problem{matrix, in, depth, tokens};
  const Kernels& scalar = *all_kernels().back().kernels;
  const CodedInput input(scalar, in, depth, matrix.group());
  const std::vector<float> expected = problem.outputs(scalar, input);
  for (const auto& [kernels, runs_here] : all_kernels()) {
    if (!runs_here || kernels == &scalar) continue;
    const CodedInput theirs(*kernels, in, depth, matrix.group());
    if (theirs.codes() != input.codes() || theirs.sums() != input.sums() || !same(theirs.scales(), input.scales())) std::abort();
    if (!same(problem.outputs(*kernels, input), expected)) std::abort();
  }
}

}  // namespace
}  // namespace philo

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  philo::compare_tables(philo::Bytes(std::span(data, size)));
  return 0;
}
