#include "crossloom/crossbar/weight_cells.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

namespace crossloom {
namespace {

constexpr std::int64_t kOutputs = 90;
constexpr std::int64_t kInputs = 700;  // 90 x 700 x 2 cells are several pieces

Hardware hfox(bool keeps_cells, WeightScheme scheme = WeightScheme::kSignSplit) {
  Hardware hardware;
  hardware.device = Device("hfox_neurram_wan2022");
  hardware.mapping.scheme = scheme;
  hardware.keeps_cells = keeps_cells;
  return hardware;
}

WeightCells make(const Hardware& hardware) {
  return WeightCells(hardware,
                     ProductGeometry::linear(kInputs, kOutputs),
                     at::full({kOutputs}, 4, at::kDouble),
                     Rng(1));
}

void write_all(WeightCells& cells, const Tensor& w) {
  Rng rng(2);
  cells.write(at::ones({1}, at::kBool).expand_as(w), w, 0, rng);
}

Tensor weights() {
  return Rng(3).normal({kOutputs, kInputs});
}

TEST(WeightCells, ThatAreNotKeptAreTheSameOnes) {
  for (const WeightScheme scheme :
       {WeightScheme::kSignSplit, WeightScheme::kOffset, WeightScheme::kSignMagnitude}) {
    WeightCells kept = make(hfox(true, scheme));
    WeightCells passing = make(hfox(false, scheme));
    write_all(kept, weights());
    write_all(passing, weights());
    for (const double clock : {0.0, 86400.0}) {
      const WeightCells::Values values = kept.conductances(clock);
      EXPECT_TRUE(values.cells.equal(passing.conductances(clock).cells));
      EXPECT_TRUE(kept.weights(values).equal(passing.weights(passing.conductances(clock))));
    }
    EXPECT_TRUE(kept.cells().write_count.equal(passing.cells().write_count));
  }
}

TEST(WeightCells, DoNotDependOnThreads) {
  const int threads = at::get_num_threads();
  const auto conductances = [&](int count) {
    at::set_num_threads(count);
    WeightCells cells = make(hfox(true));
    write_all(cells, weights());
    return cells.conductances(86400).cells;
  };
  const Tensor one = conductances(1);
  const Tensor two = conductances(2);
  at::set_num_threads(threads);
  EXPECT_TRUE(one.equal(two));
}

TEST(WeightCells, ErrIndependentlyInAllPieces) {
  WeightCells cells = make(hfox(true));
  const Tensor w = at::full({kOutputs, kInputs}, 2.0);
  write_all(cells, w);
  const Tensor error = (cells.weights(cells.conductances(0)) - w).to(at::kDouble);
  const Tensor z = (error - error.mean()) / error.std();
  // The outputs have nothing in common, wherever they lie.
  const Tensor correlation = at::mm(z, z.t()) / static_cast<double>(kInputs);
  const Tensor others = correlation - at::diag(correlation.diagonal());
  EXPECT_LT(others.abs().max().item<double>(), 5.5 / std::sqrt(static_cast<double>(kInputs)));
}

TEST(WeightCells, MasksReachTheirOwnWeights) {
  WeightCells cells = make(hfox(true));
  write_all(cells, weights());
  const Tensor before = cells.conductances(0).cells;
  const Tensor mask = Rng(4).uniform({kOutputs, kInputs}).lt(0.1);
  Rng rng(5);
  cells.write(mask, -weights(), 0, rng);
  const Tensor moved = cells.conductances(0).cells.ne(before).any(0).any(0);
  EXPECT_FALSE(moved.logical_and(mask.logical_not()).any().item<bool>());
  EXPECT_GT(moved.sum().item<double>(), 0.99 * mask.sum().item<double>());
}

TEST(WeightCells, ComeBackFromTheirState) {
  WeightCells cells = make(hfox(true));
  write_all(cells, weights());
  WeightCells other = make(hfox(true));
  other.load_state(cells.state());
  EXPECT_TRUE(other.conductances(86400).cells.equal(cells.conductances(86400).cells));
}

}  // namespace
}  // namespace crossloom
