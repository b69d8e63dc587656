#include "crossloom/data/batch_loader.h"

#include <algorithm>
#include <cstring>

#include "crossloom/core/interrupt.h"

namespace crossloom {

BatchLoader::BatchLoader(const Examples& examples, std::int64_t batch_size)
    : examples_(examples), batch_size_(batch_size) {
  TORCH_CHECK(batch_size > 0, "a batch has at least one image");
  start();
}

BatchLoader::~BatchLoader() {
  given_up_ = true;
  if (pending_.valid()) pending_.wait();
}

bool BatchLoader::next(ImageBatch& batch) {
  if (!pending_.valid()) return false;
  batch = pending_.get();
  start();
  return true;
}

void BatchLoader::start() {
  if (next_first_ >= examples_.size()) return;
  const std::int64_t first = next_first_;
  pending_ = std::async(std::launch::async, [this, first] { return prepare(first); });
  next_first_ += batch_size_;
}

ImageBatch BatchLoader::prepare(std::int64_t first) const {
  const std::int64_t count = std::min(batch_size_, examples_.size() - first);
  ImageBatch batch;
  batch.first = first;
  batch.labels = at::empty({count}, at::kLong);
  for (std::int64_t i = 0; i < count && !given_up_; ++i) {
    throw_if_interrupted();
    const Tensor image = examples_.image(first + i);
    if (i == 0) {
      batch.images = at::empty({count, image.size(0), image.size(1), image.size(2)}, at::kByte);
    }
    TORCH_CHECK(image.is_contiguous() && image.sizes() == batch.images.sizes().slice(1),
                "examples are contiguous images of one shape");
    std::memcpy(batch.images.data_ptr<std::uint8_t>() + i * image.numel(),
                image.data_ptr<std::uint8_t>(),
                static_cast<std::size_t>(image.numel()));
    batch.labels.data_ptr<std::int64_t>()[i] = examples_.label(first + i);
  }
  return batch;
}

}  // namespace crossloom
