#include "crossloom/training/accuracy.h"

#include "crossloom/core/interrupt.h"

namespace crossloom {

double accuracy(const Network& network,
                const Split& split,
                std::int64_t num_images,
                const Predict& predict) {
  const at::NoGradGuard no_grad;
  const std::int64_t batch_size = split.images.dim() == 4 ? 250 : 25;  // attention takes memory
  const std::int64_t all = split.images.size(0);
  const std::int64_t count = num_images > 0 ? std::min(num_images, all) : all;
  std::int64_t correct = 0;
  for (std::int64_t first = 0; first < count; first += batch_size) {
    throw_if_interrupted();
    const std::int64_t last = std::min(first + batch_size, count);
    const Tensor x = network.prepare(split.images.slice(0, first, last));
    const Tensor guess = predict(x, first).argmax(1);
    const Tensor is_right = guess.eq(split.labels.slice(0, first, last)).view({last - first, -1});
    correct += is_right.all(1).sum().item<std::int64_t>();
  }
  return static_cast<double>(correct) / static_cast<double>(count);
}

}  // namespace crossloom
