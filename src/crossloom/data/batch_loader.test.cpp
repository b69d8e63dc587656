#include "crossloom/data/batch_loader.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "crossloom/core/errors.h"
#include "crossloom/core/interrupt.h"

namespace crossloom {
namespace {

/// Images [1, 2, 2] full of their index; optionally one of them is damaged, or each takes time.
class Numbers final : public Examples {
 public:
  explicit Numbers(std::int64_t size) : size_(size) {}

  std::int64_t size() const override { return size_; }
  Tensor image(std::int64_t i) const override {
    ++num_read_;
    std::this_thread::sleep_for(delay_);
    if (i == damaged_) throw ConfigError("damaged");
    return at::full({1, 2, 2}, i, at::kByte);
  }
  std::int64_t label(std::int64_t i) const override { return 2 * i; }
  std::string provenance() const override { return "numbers"; }

  std::int64_t size_;
  std::int64_t damaged_ = -1;
  std::chrono::milliseconds delay_{0};
  mutable std::atomic<std::int64_t> num_read_{0};
};

TEST(BatchLoader, GivesAllExamplesInOrder) {
  const Numbers numbers(10);
  BatchLoader loader(numbers, 4);
  ImageBatch batch;
  std::vector<std::int64_t> sizes;
  while (loader.next(batch)) {
    const std::int64_t count = batch.labels.size(0);
    sizes.push_back(count);
    EXPECT_EQ(batch.images.sizes(), (std::vector<std::int64_t>{count, 1, 2, 2}));
    const Tensor expected = at::arange(batch.first, batch.first + count, at::kLong);
    EXPECT_TRUE(batch.labels.equal(2 * expected));
    EXPECT_TRUE(batch.images.select(3, 1).select(2, 0).squeeze(1).to(at::kLong).equal(expected));
  }
  EXPECT_EQ(sizes, (std::vector<std::int64_t>{4, 4, 2}));
  EXPECT_FALSE(loader.next(batch));
}

TEST(BatchLoader, GivesNothingOfNothing) {
  const Numbers numbers(0);
  ImageBatch batch;
  EXPECT_FALSE(BatchLoader(numbers, 4).next(batch));
}

TEST(BatchLoader, PreparesOneBatchAhead) {
  const Numbers numbers(100);
  BatchLoader loader(numbers, 4);
  ImageBatch batch;
  loader.next(batch);
  for (int wait = 0; wait < 1000 && numbers.num_read_ < 8; ++wait) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(numbers.num_read_, 8);
}

TEST(BatchLoader, ThrowsWhatItsThreadThrew) {
  Numbers numbers(10);
  numbers.damaged_ = 5;
  BatchLoader loader(numbers, 4);
  ImageBatch batch;
  EXPECT_TRUE(loader.next(batch));
  EXPECT_THROW(loader.next(batch), ConfigError);
  EXPECT_FALSE(loader.next(batch));
}

TEST(BatchLoader, StopsWithinABatchWhenDestroyed) {
  Numbers numbers(1000);
  numbers.delay_ = std::chrono::milliseconds(10);
  const auto start = std::chrono::steady_clock::now();
  { const BatchLoader loader(numbers, 1000); }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  EXPECT_LT(numbers.num_read_, 500);
}

TEST(BatchLoader, ThrowsInterruptedWhenAStopWasAskedFor) {
  const Numbers numbers(10);
  request_interrupt();
  BatchLoader loader(numbers, 4);
  ImageBatch batch;
  EXPECT_THROW(loader.next(batch), Interrupted);
  clear_interrupt();
}

}  // namespace
}  // namespace crossloom
