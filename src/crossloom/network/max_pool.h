#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

#include "crossloom/network/operators.h"

namespace crossloom {

using at::Tensor;

/// Windows that slide over images, along the height and along the width; none reaches beyond the
/// image.
struct PoolWindow {
  std::array<std::int64_t, 2> kernel = {1, 1};
  std::array<std::int64_t, 2> stride = {1, 1};
  std::array<std::int64_t, 2> dilation = {1, 1};
};

/// The window of `op`, if it is a MaxPool whose windows do not reach beyond the image.
std::optional<PoolWindow> pool_window(const Operator& op);

/// The largest value of each window, NaN where there is one; without gradient. LibTorch also notes
/// where the maxima are and takes ten to twenty times as long for small windows.
///
///   x        [B, C, H, W]    float; by LibTorch where it is not on the CPU
///   returns  [B, C, H', W']
Tensor max_pool(const Tensor& x, const PoolWindow& window);

/// What the windows hold, place by place of a window.
///
///   x        [B, C, H, W]               float
///   returns  [B, places, H', W', C]
Tensor window_places(const Tensor& x, const PoolWindow& window);

/// max_pool(relu(a + f b)) for each f of `factors`, given `places_of_a` = window_places(a): many b
/// may share one a. The sums stay in the cache. The channels of a pixel lie side by side in the
/// results, as convolutions of few channels want them.
///
///   places_of_a  [B, places, H', W', C]  float, contiguous
///   b            [B, C, H, W]            float
///   returns      [B, C, H', W']          for each factor
std::vector<Tensor> max_pool_of_sums(const Tensor& places_of_a,
                                     const Tensor& b,
                                     const std::vector<double>& factors,
                                     const PoolWindow& window);

}  // namespace crossloom
