// A matrix of integer codes as the kernels read it: 16 rows interleaved, in memory of its own.
#pragma once

#include <functional>

#include "device/cpu/buffer.h"
#include "device/cpu/kernels/kernels.h"
#include "machine/thread_pool.h"
#include "model/segment_rows.h"

namespace philo {

class Panels {
 public:
  // From a segment whose format is integer codes: read as stored or quantized on the way, on all threads. Pages of the source are given
  // back as they are used up. `progress` is told how many of the stored bytes are done. Throws ErrorCode::Input for scales that are no
  // finite numbers, ErrorCode::Resource where memory is missing, and what `progress` throws.
  Panels(const Segment& segment, ThreadPool& pool, const std::function<void(size_t stored_bytes)>& progress);

  const PanelMatrix& matrix() const { return matrix_; }
  size_t bytes() const { return codes_.bytes() + scales_.bytes() + zero_points_.bytes(); }

 private:
  class Packer;
  Buffer codes_, scales_, zero_points_;
  PanelMatrix matrix_;
};

// Columns of a group as the kernels take them, which may be a part of the stored one; 0 where they can't: the group is no multiple of 16.
size_t kernel_group(const CodeFormat& format, int64_t columns);

size_t panel_bytes(const Segment& segment);  // that Panels would allocate

}  // namespace philo
