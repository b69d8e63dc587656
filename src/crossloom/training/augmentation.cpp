#include "crossloom/training/augmentation.h"

namespace crossloom {

void Augmentation::describe(ParamList& params) {
  params.add("augment_shift",
             shift,
             {0, 64},
             "1",
             "training images are moved by up to this many pixels (padded and cropped)");
  params.add("augment_flip", has_flip, "half of the training images are mirrored left to right");
}

Tensor Augmentation::apply(const Tensor& images, Rng rng) const {
  if (!changes()) return images;
  const std::int64_t count = images.size(0);
  const std::int64_t height = images.size(2);
  const std::int64_t width = images.size(3);
  // Where the crop begins in the padded image, 0 ... 2 shift.
  const auto begins = [&] {
    return (rng.uniform({count, 1}) * static_cast<double>(2 * shift + 1)).to(at::kLong);
  };
  const Tensor rows = begins() + at::arange(height);
  Tensor cols = at::arange(width).expand({count, width});
  if (has_flip) cols = at::where(rng.uniform({count, 1}) < 0.5, width - 1 - cols, cols);
  cols = begins() + cols;
  const Tensor padded = at::constant_pad_nd(images, {shift, shift, shift, shift}, 0);
  return padded.index({at::arange(count).view({-1, 1, 1, 1}),
                       at::arange(images.size(1)).view({1, -1, 1, 1}),
                       rows.view({count, 1, height, 1}),
                       cols.reshape({count, 1, 1, width})});
}

}  // namespace crossloom
