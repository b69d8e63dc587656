#pragma once

#include <atomic>
#include <cstdint>
#include <future>

#include "crossloom/data/examples.h"

namespace crossloom {

/// Examples that follow one another.
struct ImageBatch {
  Tensor images;           // [B, C, H, W]  uint8
  Tensor labels;           // [B]           int64
  std::int64_t first = 0;  // index of the first among all examples
};

/// Goes once through examples in their order, batch by batch, preparing the next batch in a
/// background thread while the caller works on the present one. The last batch may be smaller.
class BatchLoader {
 public:
  /// `examples` must outlive the loader.
  BatchLoader(const Examples& examples, std::int64_t batch_size);
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  /// Gives up the batch in preparation and waits for its thread.
  ~BatchLoader();

  /// Puts the next batch into `batch`; false when there is none left. Throws what reading the
  /// images threw, and `Interrupted` when a stop was asked for; no more batches follow then.
  bool next(ImageBatch& batch);

 private:
  void start();
  ImageBatch prepare(std::int64_t first) const;

  const Examples& examples_;
  std::int64_t batch_size_;
  std::int64_t next_first_ = 0;
  std::atomic<bool> given_up_{false};
  std::future<ImageBatch> pending_;
};

}  // namespace crossloom
