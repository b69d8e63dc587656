// Promises of `DeviceModel`, checked for every registered model through `Device`.

#include <gtest/gtest.h>

#include "crossloom/device/device.h"

namespace crossloom {
namespace {

class DeviceContract : public testing::TestWithParam<std::string> {
 protected:
  DeviceContract() : device_(GetParam()) {}

  /// Conductances over the whole range, on a grid of 64 x 16 cells.
  Tensor targets() const {
    const auto [g_min, g_max] = device_.range();
    return at::linspace(g_min, g_max, 64 * 16).view({64, 16});
  }

  /// Cells written once at time 0.
  Cells written(std::uint64_t seed) const {
    Rng rng(seed);
    Cells cells = device_.make_cells({64, 16}, rng);
    device_.write(cells, at::ones({64, 16}, at::kBool), targets(), 0, rng);
    return cells;
  }

  double latest() const {
    const std::unique_ptr<DeviceModel> model = Registry<DeviceModel>::instance().create(GetParam());
    return std::min(model->max_elapsed(), 3.2e8);
  }

  Device device_;
};

TEST_P(DeviceContract, RangeIsOrderedAndNonNegative) {
  device_.validate();
  EXPECT_GE(device_.range().g_min, 0);
  EXPECT_LT(device_.range().g_min, device_.range().g_max);
}

TEST_P(DeviceContract, ParametersCarryUnitBoundsAndDoc) {
  ParamList params;
  device_.describe(params);
  for (const Param& param : params.all()) {
    const Json value = param.get();
    EXPECT_EQ(param.unit.empty(), !value.is_number() && !value.is_array()) << param.name;
    EXPECT_FALSE(param.accepted.empty()) << param.name;
    EXPECT_FALSE(param.doc.empty()) << param.name;
    EXPECT_NO_THROW(param.set(param.get())) << param.name << ": the default is out of bounds";
  }
}

TEST_P(DeviceContract, ConductancesAreFiniteAndNonNegativeAtAllTimes) {
  const Cells cells = written(1);
  for (const double clock : {0.0, 1.0, 3600.0, latest()}) {
    const Tensor g = device_.conductance(cells, clock);
    EXPECT_EQ(g.sizes(), targets().sizes());
    EXPECT_TRUE(g.isfinite().all().item<bool>()) << clock;
    EXPECT_GE(g.min().item<float>(), 0) << clock;
    const Tensor sigma = device_.read_sigma(cells, clock);
    EXPECT_TRUE(sigma.isfinite().all().item<bool>()) << clock;
    EXPECT_GE(sigma.min().item<float>(), 0) << clock;
  }
}

TEST_P(DeviceContract, EqualSeedsGiveEqualCells) {
  const auto first = to_tensors(written(7));
  const auto second = to_tensors(written(7));
  ASSERT_EQ(first.size(), second.size());
  for (const auto& [name, tensor] : first) EXPECT_TRUE(tensor.equal(second.at(name))) << name;
}

TEST_P(DeviceContract, NoTimeLeavesConductancesAsWritten) {
  const Cells cells = written(1);
  EXPECT_TRUE(device_.conductance(cells, 0).equal(cells.g_written));
}

TEST_P(DeviceContract, LookingDoesNotChangeTheCells) {
  const Cells cells = written(2);
  const double clock = std::min(latest(), 1e5);
  std::map<std::string, Tensor> before;
  for (const auto& [name, tensor] : to_tensors(cells)) before[name] = tensor.clone();
  const Tensor late = device_.conductance(cells, clock);
  device_.conductance(cells, clock / 2);
  device_.read_sigma(cells, clock);
  EXPECT_TRUE(device_.conductance(cells, clock).equal(late));
  for (const auto& [name, tensor] : to_tensors(cells)) {
    EXPECT_TRUE(tensor.equal(before.at(name))) << name;
  }
}

TEST_P(DeviceContract, WriteChangesOnlyTheCellsAskedFor) {
  for (const std::int64_t rows :
       {1, 40, 64}) {  // few are picked out, with many the others go along
    Cells cells = written(3);
    const Cells before = cells;
    Tensor mask = at::zeros({64, 16}, at::kBool);
    mask.narrow(0, 0, rows).fill_(true);
    Rng rng(9);
    device_.write(cells, mask, targets().flip({0}), 10, rng);
    const auto old = to_tensors(before);
    for (const auto& [name, tensor] : to_tensors(cells)) {
      EXPECT_TRUE(tensor.masked_select(~mask).equal(old.at(name).masked_select(~mask)))
          << name << " with " << rows << " rows";
    }
    EXPECT_TRUE(cells.g_target.masked_select(mask).equal(
        targets().flip({0}).to(at::kFloat).masked_select(mask)));
    EXPECT_TRUE(cells.written_at.masked_select(mask).eq(10).all().item<bool>());
    EXPECT_TRUE((cells.write_count - before.write_count).equal(mask.to(at::kInt)));
  }
}

TEST_P(DeviceContract, CellsKeepNothingOfTheCallers) {
  Rng rng(6);
  Cells cells = device_.make_cells({64, 16}, rng);
  Tensor target = targets().to(at::kFloat).clone();
  device_.write(cells, at::ones({64, 16}, at::kBool), target, 0, rng);
  target.zero_();
  EXPECT_TRUE(cells.g_target.equal(targets().to(at::kFloat)));
}

TEST_P(DeviceContract, OneTimeForAllCellsIsThatTimeForEach) {
  const Cells shared = written(5);
  Cells dense = shared;
  dense.written_at = shared.written_at.contiguous();
  dense.fault = shared.fault.contiguous();
  ASSERT_EQ(shared.written_at.stride(0), 0);
  for (const double clock : {1.0, 3600.0, latest()}) {
    const Tensor g = device_.conductance(dense, clock);
    EXPECT_EQ(device_.conductance(shared, clock).sizes(), g.sizes());
    EXPECT_TRUE(device_.conductance(shared, clock).allclose(g, 1e-6, 0)) << clock;
    const Tensor sigma = device_.read_sigma(dense, clock);
    EXPECT_EQ(device_.read_sigma(shared, clock).sizes(), sigma.sizes());
    EXPECT_TRUE(device_.read_sigma(shared, clock).allclose(sigma, 1e-6, 0)) << clock;
  }
}

TEST_P(DeviceContract, StateRoundTripKeepsEveryCell) {
  const Cells cells = written(4);
  const Cells copy = cells_from_tensors(to_tensors(cells));
  const double clock = std::min(latest(), 1e4);
  EXPECT_TRUE(device_.conductance(copy, clock).equal(device_.conductance(cells, clock)));
}

INSTANTIATE_TEST_SUITE_P(AllModels,
                         DeviceContract,
                         testing::ValuesIn(Registry<DeviceModel>::instance().names()),
                         [](const auto& param_info) { return param_info.param; });

TEST(DeviceRegistry, UnknownNameListsTheKnownOnes) {
  try {
    Device device("pcm");
    FAIL() << "expected ConfigError";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("pcm_nandakumar2019"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace crossloom
