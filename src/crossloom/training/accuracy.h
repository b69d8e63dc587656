#pragma once

#include <functional>

#include "crossloom/data/dataset.h"
#include "crossloom/network/network.h"

namespace crossloom {

/// Logits of a prepared batch whose first image has the number `first_image`.
using Predict = std::function<Tensor(const Tensor& x, std::int64_t first_image)>;

/// Share of the first `num_images` (0: all) of `split` whose largest logit is that of their label.
/// Throws `Interrupted` when the user asks to stop.
double accuracy(const Network& network,
                const Split& split,
                std::int64_t num_images,
                const Predict& predict);

}  // namespace crossloom
