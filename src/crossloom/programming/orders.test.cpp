#include "crossloom/programming/orders.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "crossloom/core/random.h"

namespace crossloom {
namespace {

LayerCodes random_codes(std::int64_t outputs, std::int64_t inputs) {
  Rng rng(1);
  return quantise("layer", rng.normal({outputs, inputs}), 10);
}

TEST(Orders, EveryWeightIsInOneSlot) {
  const LayerCodes codes = random_codes(5, 37);
  for (const Order order : {Order::kNatural,
                            Order::kR1,
                            Order::kRowWalk,
                            Order::kR2,
                            Order::kR3,
                            Order::kQr,
                            Order::kQrSorted}) {
    std::vector<std::int32_t> weights =
        order_sections(codes, 16, order, SortKey::kMagnitude).weights;
    weights.erase(std::remove(weights.begin(), weights.end(), -1), weights.end());
    std::sort(weights.begin(), weights.end());
    std::vector<std::int32_t> all(5 * 37);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(weights, all) << static_cast<int>(order);
  }
}

TEST(Orders, SectionsFeedOneOutputUnlessIndexRouted) {
  const LayerCodes codes = random_codes(6, 40);
  for (const Order order :
       {Order::kNatural, Order::kR1, Order::kRowWalk, Order::kR2, Order::kR3, Order::kQr}) {
    const SectionList list = order_sections(codes, 16, order, SortKey::kMagnitude);
    bool is_mixed = false;
    for (std::int64_t section = 0; section < list.num_sections; ++section) {
      for (std::int64_t row = 0; row < 16; ++row) {
        const std::int32_t weight = list.weights[section * 16 + row];
        is_mixed = is_mixed || (weight >= 0 && weight / 40 != list.base[section] / 40);
      }
    }
    if (!is_index_routed(order)) {
      EXPECT_FALSE(is_mixed) << static_cast<int>(order);
    }
  }
}

TEST(Orders, RowsOfQrHoldTheirQuantileOfEachOutput) {
  const LayerCodes codes = random_codes(3, 64);
  const SectionList list = order_sections(codes, 16, Order::kQr, SortKey::kValue);
  for (std::int64_t output = 0; output < 3; ++output) {
    int above = -2000;
    for (std::int64_t row = 0; row < 16; ++row) {
      int least = 2000;
      int largest = -2000;
      for (std::int64_t section = 4 * output; section < 4 * output + 4; ++section) {
        const int q = codes.values[list.weights[section * 16 + row]];
        least = std::min(least, q);
        largest = std::max(largest, q);
      }
      EXPECT_GE(least, above);
      above = largest;
    }
  }
}

TEST(Orders, SectionsOfR3RiseInTheirMean) {
  const LayerCodes codes = random_codes(4, 64);
  const SectionList list = order_sections(codes, 16, Order::kR3, SortKey::kMagnitude);
  double before = 0;
  for (std::int64_t section = 0; section < list.num_sections; ++section) {
    double mean = 0;
    for (std::int64_t row = 0; row < 16; ++row) {
      mean += std::abs(codes.values[list.weights[section * 16 + row]]) / 16.0;
    }
    EXPECT_GE(mean, before);
    before = mean;
  }
}

}  // namespace
}  // namespace crossloom
