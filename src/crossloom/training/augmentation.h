#pragma once

#include <ATen/ATen.h>

#include "crossloom/core/params.h"
#include "crossloom/core/random.h"

namespace crossloom {

using at::Tensor;

/// Random changes of training images that keep their class.
struct Augmentation {
  std::int64_t shift = 0;  // pixels
  bool has_flip = false;

  bool changes() const { return shift > 0 || has_flip; }

  void describe(ParamList& params);

  /// `images` [B, C, H, W] uint8, each moved by up to `shift` pixels in both directions (as padding
  /// with black and cropping does), and half of them mirrored.
  Tensor apply(const Tensor& images, Rng rng) const;
};

}  // namespace crossloom
