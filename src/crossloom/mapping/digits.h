#pragma once

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// Slices of whole numbers.
struct Digits {
  std::vector<std::int64_t> bits;  // of each slice, most significant first
  std::int64_t largest;            // the whole number of the share 1
  std::int64_t zero;               // the whole number of the share 0; 0: the size alone is cut

  /// Rounds each share to a whole number, halves to even, and cuts it: the digits as shares of
  /// their largest, with the sign of the share when `zero` is 0.
  ///
  ///   share    [...]     -1 ... 1, float32
  ///   returns  [S, ...]
  Tensor of(const Tensor& share) const;

  /// The same in tensor operations: on other devices than the CPU.
  Tensor by_tensors(const Tensor& share) const;
};

}  // namespace crossloom
