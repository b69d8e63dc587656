// The laws that go with every device.

#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/core/tensor_files.h"
#include "crossloom/device/device_testing.h"

namespace crossloom {
namespace {

constexpr double kDay = 86400;

TEST(WriteVerify, CellsEndWithinTheTolerance) {
  const std::int64_t n = 2000;
  const Device device = make_device("ideal",
                                    {{"programming", "write_verify"},
                                     {"pulse_step", "1 uS"},
                                     {"sigma_c2c", 0.5},
                                     {"verify_tolerance", "1.5 uS"},
                                     {"max_trials", 500}});
  const Cells cells = written_cells(device, n, 40e-6, 1);
  const Tensor miss = (device.conductance(cells, 0) - 40e-6).abs();
  EXPECT_LE(miss.max().item<double>(), 1.5e-6 * (1 + 1e-5));
  // 39 steps of 1 uS from g_min, of which it may stop 1.5 short.
  EXPECT_NEAR(mean_of(cells.write_count), 38, 1);
  EXPECT_TRUE(cells.g_target.eq(40e-6F).all().item<bool>());
}

TEST(WriteVerify, NeverExceedsItsTrialsAndCountsThem) {
  const Device device = make_device(
      "ideal", {{"programming", "write_verify"}, {"pulse_step", "1 uS"}, {"max_trials", 5}});
  const Cells cells = written_cells(device, 10, 40e-6, 2);
  EXPECT_TRUE(cells.write_count.eq(5).all().item<bool>());
  EXPECT_TRUE(device.conductance(cells, 0).allclose(at::full({10}, 6e-6), 1e-5, 0));
}

TEST(WriteVerify, StuckCellsWearOutTheTrialsAndDoNotMove) {
  const std::int64_t n = 1000;
  const Device device = make_device("ideal",
                                    {{"programming", "write_verify"},
                                     {"pulse_step", "10 uS"},
                                     {"max_trials", 30},
                                     {"p_stuck_off", 0.3}});
  const Cells cells = written_cells(device, n, 80e-6, 3);
  const Tensor stuck = cells.fault.eq(-1);
  EXPECT_TRUE(cells.write_count.masked_select(stuck).eq(30).all().item<bool>());
  EXPECT_TRUE(device.conductance(cells, 0).masked_select(stuck).eq(1e-6F).all().item<bool>());
  EXPECT_LE(cells.write_count.masked_select(stuck.logical_not()).max().item<int>(), 9);
}

TEST(WriteVerify, GoesByThePulseLawOfTheModel) {
  const Device device = make_device(
      "pulsed",
      {{"preset", "taox_tio2"}, {"c2c", 0}, {"programming", "write_verify"}, {"max_trials", 200}});
  const auto [g_min, g_max] = device.range();
  const double target = g_min + 0.8 * (g_max - g_min);
  const Cells cells = written_cells(device, 1, target, 4);
  EXPECT_NEAR(device.conductance(cells, 0).item<double>(), target, device.level_step() * 1.01);
  // The curve is steep at first: 0.8 of the range takes less than 0.8 of the 102 pulses.
  EXPECT_LT(cells.write_count.item<int>(), 70);
  EXPECT_GT(cells.write_count.item<int>(), 40);
}

TEST(WriteVerify, WithoutAnyStepIsRefused) {
  const Device device = make_device("ideal", {{"programming", "write_verify"}});
  EXPECT_THROW(written_cells(device, 1, 40e-6, 5), ConfigError);
}

TEST(TelegraphNoise, IsAMarkovChainOfItsRates) {
  const std::int64_t n = 200000;
  const double up = 3;
  const double down = 1;  // [1/s]
  const Device device = make_device(
      "ideal", {{"rtn_amplitude", "2 uS"}, {"rtn_rate_up", up}, {"rtn_rate_down", down}});
  const Cells cells = written_cells(device, n, 50e-6, 6);
  const double p = up / (up + down);
  const Tensor first = device.conductance(cells, 10).gt(50e-6F).to(at::kDouble);
  EXPECT_NEAR(mean_of(first), p, 5 * std::sqrt(p * (1 - p) / n));
  EXPECT_NEAR(mean_of(device.conductance(cells, 10)) * 1e6, 50, 5 * 0.87 / std::sqrt(n));
  for (const double lag : {0.01, 0.1, 0.5, 2.0}) {
    const Tensor later = device.conductance(cells, 10 + lag).gt(50e-6F).to(at::kDouble);
    const double covariance = mean_of(first * later) - mean_of(first) * mean_of(later);
    // Covariance p (1 - p) exp(-(up + down) lag); its spread is at most that of a product of bits.
    EXPECT_NEAR(covariance, p * (1 - p) * std::exp(-(up + down) * lag), 5 * 0.25 / std::sqrt(n));
  }
}

TEST(TelegraphNoise, HasOneTrajectoryHoweverOftenItIsLookedAt) {
  const Device device = make_device("ideal", {{"rtn_amplitude", "2 uS"}});
  const Cells cells = written_cells(device, 1000, 50e-6, 7);
  const Tensor late = device.conductance(cells, 1e6 + 0.25);
  for (const double clock : {0.0, 3.0, 1e6}) device.conductance(cells, clock);
  EXPECT_TRUE(device.conductance(cells, 1e6 + 0.25).equal(late));
  EXPECT_TRUE(device.conductance(cells_from_tensors(to_tensors(cells)), 1e6 + 0.25).equal(late));
  // Nothing happens within a microsecond at two jumps a second.
  EXPECT_LT(mean_of(device.conductance(cells, 1e6 + 0.250001).ne(late)), 0.005);
  EXPECT_GT(mean_of(device.conductance(cells, 1e6 + 5).ne(late)), 0.4);
}

TEST(TelegraphNoise, IsNotWrittenIntoTheCell) {
  const Device device = make_device("ideal", {{"rtn_amplitude", "2 uS"}, {"pulse_step", "1 uS"}});
  Rng rng(8);
  Cells cells = written_cells(device, 1000, 50e-6, 8);
  device.pulse(cells, at::ones({1000}), 5, rng);
  EXPECT_TRUE(cells.g_written.allclose(at::full({1000}, 51e-6), 1e-5, 0));
}

TEST(TelegraphNoise, OnlyTheShareOfTheCellsHasATrap) {
  const std::int64_t n = 100000;
  const Device device = make_device("ideal", {{"rtn_amplitude", "2 uS"}, {"rtn_share", 0.2}});
  const Cells cells = written_cells(device, n, 50e-6, 9);
  EXPECT_NEAR(mean_of(device.conductance(cells, 1).ne(50e-6F)), 0.2, 5 * 0.4 / std::sqrt(n));
}

// Part 2.2 (c), M4: t* of Ti/HfOx/TiN.
TEST(Retention, ThermalOnsetIsThatOfTheTable) {
  const std::pair<double, double> table[] = {{85, 1.3e10}, {125, 6.5e7}, {200, 3.5e4}, {250, 766}};
  for (const auto& [celsius, onset] : table) {
    EXPECT_NEAR(Retention().onset(celsius + 273.15), onset, 0.03 * onset) << celsius;
  }
  // The slope of ln t* over 1 / (k T) is the activation energy, 1.63 eV.
  const double energy = std::log(Retention().onset(400) / Retention().onset(410)) * 8.617333262e-5 /
                        (1 / 400.0 - 1 / 410.0);
  EXPECT_NEAR(energy, 1.63, 0.005);
}

TEST(Retention, ThermalDecayIsAPowerOfTimeAfterTheOnset) {
  const Device device =
      make_device("ideal", {{"retention", "thermal"}, {"temperature", "250 degC"}});
  const Cells cells = written_cells(device, 1, 80e-6, 10);
  EXPECT_FLOAT_EQ(device.conductance(cells, 700).item<float>(), 80e-6F);
  const double onset = Retention().onset(523.15);
  const double power = 0.04 * 63.43 * 298 / 523.15;
  EXPECT_NEAR(
      device.conductance(cells, 100 * onset).item<double>(), 80e-6 * std::pow(100, -power), 1e-10);
}

TEST(Retention, BrokenFilamentsOfCopperDropAtTheOnset) {
  const Device device = make_device("ideal",
                                    {{"retention", "thermal"},
                                     {"retention_material", "cu_moox_gdox"},
                                     {"g_min", 0},
                                     {"temperature", 500}});
  const double onset = 1.029e-9 * std::exp(46.01 * 298 / 500);
  const Cells cells = written_cells(device, 1, 80e-6, 11);
  EXPECT_FLOAT_EQ(device.conductance(cells, 0.99 * onset).item<float>(), 80e-6F);
  EXPECT_FLOAT_EQ(device.conductance(cells, 1.01 * onset).item<float>(), 1 / 26e6F);
}

TEST(Retention, PowerLawKeepsADirectionPerCell) {
  const std::int64_t n = 90000;
  const Device device =
      make_device("ideal", {{"retention", "power"}, {"retention_exponent", 0.02}});
  const Cells cells = written_cells(device, n, 50e-6, 12);
  const Tensor ratio = device.conductance(cells, 1e4) / 50e-6;
  const double up = std::pow(1e4, 0.02);
  for (const double expected : {1 / up, 1.0, up}) {
    const Tensor is_there = (ratio - expected).abs().lt(1e-4);
    EXPECT_NEAR(mean_of(is_there), 1.0 / 3, 5 * std::sqrt(2.0 / 9 / n));
  }
  // The later deviation is the same power of the same direction.
  EXPECT_TRUE((device.conductance(cells, 1e8) / 50e-6).allclose(ratio.square(), 1e-4, 0));
  EXPECT_NEAR(mean_of(device.conductance(cells, 0.5)), 50e-6, 1e-11);
}

TEST(Retention, HeatMakesTimePassFasterByArrhenius) {
  const Json hot = {{"temperature", 350}, {"activation_energy", 1.2}};
  const double factor = std::exp(1.2 / 8.617333262e-5 * (1 / 300.0 - 1 / 350.0));
  const Device room("hfox_neurram_wan2022");
  const Device warm = make_device("hfox_neurram_wan2022", hot);
  const Cells cells = written_cells(room, 1000, 20e-6, 13);
  EXPECT_GT(factor, 100);
  EXPECT_TRUE(warm.conductance(cells, 60).allclose(room.conductance(cells, 60 * factor), 1e-5, 0));
  EXPECT_THROW(warm.conductance(cells, kDay), ConfigError);  // beyond the two days measured
}

TEST(Retention, ReadsDisturbTowardsGMax) {
  const Device device = make_device("ideal", {{"read_disturb", 1e-7}, {"read_rate", "1 kHz"}});
  const Cells cells = written_cells(device, 1, 40e-6, 14);
  const double left = std::pow(1 - 1e-7, 1000 * 3600.0);
  EXPECT_NEAR(device.conductance(cells, 3600).item<double>(), 100e-6 - 60e-6 * left, 1e-10);
  EXPECT_FLOAT_EQ(device.conductance(cells, 0).item<float>(), 40e-6F);
}

TEST(Faults, MapIsLaidOverTheCellsInOnePiece) {
  const std::string path = testing::TempDir() + "fault_map.npy";
  Tensor map = at::zeros({8, 16}, at::kChar);
  map.select(0, 3).fill_(-1);
  map.select(0, 5).fill_(1);
  write_npy(path, map);
  const Device device = make_device("ideal", {{"fault_map", path}});
  const Cells cells = written_cells(device, 8 * 16 * 50, 50e-6, 15);
  EXPECT_NEAR(mean_of(cells.fault.eq(-1)), 1.0 / 8, 1e-9);
  EXPECT_NEAR(mean_of(cells.fault.eq(1)), 1.0 / 8, 1e-9);
  // Runs of 16: a cell beside a stuck one is stuck, but for 2 edges in 16.
  const Tensor off = cells.fault.eq(-1);
  const Tensor pairs = off.slice(0, 1).logical_and(off.slice(0, 0, -1));
  EXPECT_NEAR(mean_of(pairs), 15.0 / 16 / 8, 0.001);
  write_npy(path, map.to(at::kFloat));
  EXPECT_THROW(make_device("ideal", {{"fault_map", path}}), ConfigError);
}

TEST(Faults, CellsStickOnceTheirOwnEnduranceIsPassed) {
  const std::int64_t n = 20000;
  const Device device =
      make_device("ideal", {{"endurance", 10}, {"endurance_spread", 0.3}, {"worn_state", "off"}});
  Rng rng(16);
  Cells cells = device.make_cells({n}, rng);
  const Tensor endurance = cells.latent.at("endurance");
  for (int k = 0; k < 10; ++k) {
    device.write(cells, all(n), at::full({n}, 50e-6), k, rng);
    EXPECT_TRUE(cells.fault.ne(0).equal(endurance.lt(k + 1)));
  }
  // The median cell has just survived 10 writes.
  EXPECT_NEAR(mean_of(cells.fault.eq(-1)), 0.5, 5 * 0.5 / std::sqrt(n));
  EXPECT_TRUE(
      device.conductance(cells, 9).masked_select(cells.fault.eq(-1)).eq(1e-6F).all().item<bool>());
}

TEST(Device, EnergyIsThatOfItsSetAndResetPulses) {
  const Device device = make_device(
      "ideal", {{"pulse_step", "1 uS"}, {"energy_set", "2 pJ"}, {"energy_reset", "5 pJ"}});
  Rng rng(17);
  Cells cells = written_cells(device, 3, 50e-6, 17);  // from 1 uS: three SETs
  device.pulse(cells, at::tensor({4.0F, -3.0F, 0.0F}), 1, rng);
  EXPECT_NEAR(device.write_energy(cells), (3 + 4) * 2e-12 + 3 * 5e-12, 1e-18);
  EXPECT_EQ(Device().write_energy(written_cells(Device(), 3, 50e-6, 17)), 0);
}

TEST(Device, PulseEnergyOfTheModelIsTheDefault) {
  const Device device = make_device("pulsed", {{"preset", "alox_hfo2"}});
  Rng rng(18);
  Cells cells = device.make_cells({2}, rng);
  device.pulse(cells, at::tensor({2.0F, -1.0F}), 0, rng);
  EXPECT_NEAR(device.write_energy(cells), 2 * 2.9e-9 + 3.6e-9, 1e-14);
}

TEST(Device, CellsOfOneDieShareItsFactor) {
  const Device device = make_device("ideal", {{"sigma_die", 0.1}, {"sigma_d2d", 0.05}});
  const std::int64_t chips = 4000;
  double sum = 0;
  double sum_of_squares = 0;
  for (std::int64_t chip = 0; chip < chips; ++chip) {
    const Device die = device.on_die(Rng(1).fork(chip));
    const double factor = mean_of(die.make_cells({2000}, Rng(2).fork(chip)).window);
    sum += factor;
    sum_of_squares += factor * factor;
    if (chip > 2) continue;
    // Another layer of the chip: the same factor, but for the spread of the mean.
    EXPECT_NEAR(mean_of(die.make_cells({2000}, Rng(3).fork(chip)).window), factor, 0.01);
  }
  const double mean = sum / chips;
  const double sigma = std::sqrt(sum_of_squares / chips - mean * mean);
  EXPECT_NEAR(mean, 1, 5 * 0.1 / std::sqrt(chips));
  EXPECT_NEAR(sigma, 0.1, 5 * 0.1 / std::sqrt(2.0 * chips));
}

TEST(Device, EveryLawAtOnceGivesConductances) {
  const Device device = make_device("hfox_neurram_wan2022",
                                    {{"p_stuck_on", 0.01},
                                     {"sigma_d2d", 0.1},
                                     {"sigma_die", 0.1},
                                     {"rtn_amplitude", "1 uS"},
                                     {"retention", "power"},
                                     {"activation_energy", 1.2},
                                     {"temperature", 310},
                                     {"read_disturb", 1e-9},
                                     {"read_rate", 1000},
                                     {"endurance", 3},
                                     {"energy_set", "1 pJ"},
                                     {"programming", "write_verify"},
                                     {"pulse_step", "1 uS"},
                                     {"sigma_c2c", 0.3}});
  const Cells cells = written_cells(device.on_die(Rng(1)), 5000, 20e-6, 19);
  const Tensor g = device.conductance(cells, 3600);
  EXPECT_TRUE(g.isfinite().all().item<bool>());
  EXPECT_GE(g.min().item<double>(), 0);
  EXPECT_TRUE(device.conductance(cells, 3600).equal(g));
  EXPECT_GT(device.write_energy(cells), 0);
}

}  // namespace
}  // namespace crossloom
