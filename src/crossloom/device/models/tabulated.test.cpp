#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/device/ageing_table.h"
#include "crossloom/device/device_testing.h"

namespace crossloom {
namespace {

/// Two conductances, three times.
Json ageing_values() {
  return {{"g_min", "1 uS"},
          {"g_max", "30 uS"},
          {"age_conductances", {10e-6, 20e-6}},
          {"age_times", {1, 100, 10000}},
          {"age_mean", {-1e-6, -2e-6, -2e-6, -4e-6, -2e-6, -5e-6}},
          {"age_sigma", {1e-6, 2e-6, 2e-6, 3e-6, 2.5e-6, 3e-6}}};
}

std::string refusal(const Json& change) {
  Json values = ageing_values();
  values.update(change);
  try {
    make_device("tabulated", values);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

/// Moves [n] of cells from `g` [S] after `time` [s].
Tensor moves(const Json& values, double g, double time, std::int64_t n, std::uint64_t seed) {
  const Device device = make_device("tabulated", values);
  return device.conductance(written_cells(device, n, g, seed), time).to(at::kDouble) - g;
}

TEST(Tabulated, MovesHaveTheMomentsOfTheTable) {
  const std::int64_t n = 100000;
  const double root = std::sqrt(static_cast<double>(n));
  struct Case {
    double g, time, mean, sigma;  // [uS]
  };
  for (const Case& c : {Case{10, 1, -1, 1},
                        Case{20, 10000, -5, 3},
                        Case{15, 1, -1.5, 1.5},
                        Case{10, 10, -1.5, 1.5},  // half of the way in log time
                        Case{15, 1000, -3.25, 2.625},
                        Case{28, 100, -4, 3},  // as the last conductance
                        Case{10, 0.01, -std::pow(0.01, 0.2), std::pow(0.01, 0.2)}}) {
    const Tensor moved = moves(ageing_values(), 1e-6 * c.g, c.time, n, 11);
    EXPECT_NEAR(mean_of(moved), 1e-6 * c.mean, 5e-6 * c.sigma / root) << c.g << " " << c.time;
    EXPECT_NEAR(std_of(moved), 1e-6 * c.sigma, 5e-6 * c.sigma / (root * std::sqrt(2.0)));
  }
}

TEST(Tabulated, PathHasTheGivenCorrelations) {
  const std::int64_t n = 100000;
  Json values = ageing_values();
  values["age_mean"] = {0, 0, 0, 0, 0, 0};
  values["age_path_times"] = {1, 100, 10000};
  values["age_path_correlations"] = {0.5, 0.8};
  const Device device = make_device("tabulated", values);
  const Cells cells = written_cells(device, n, 20e-6, 3);
  const auto normal = [&](double time, double sigma) {
    return (device.conductance(cells, time).to(at::kDouble) - 20e-6) / sigma;
  };
  const Tensor first = normal(1, 2e-6);
  const Tensor second = normal(100, 3e-6);
  const Tensor third = normal(10000, 3e-6);
  const double bound = 5 / std::sqrt(static_cast<double>(n));
  EXPECT_NEAR(mean_of(first * second), 0.5, 2 * bound);
  EXPECT_NEAR(mean_of(second * third), 0.8, 2 * bound);
  EXPECT_NEAR(mean_of(first * third), 0.4, 2 * bound);
  const Tensor between = normal(10, 2.5e-6);
  EXPECT_NEAR(std_of(between), 1, bound);
  EXPECT_NEAR(mean_of(between * first), std::sqrt(0.75), 2 * bound);
}

TEST(Tabulated, ShapeGivesTailsAtTheSameMoments) {
  const std::int64_t n = 200000;
  // q = c xi^3: variance 15 c^2, nodes half a deviate apart.
  Json values = ageing_values();
  Json shape = Json::array();
  for (int conductance = 0; conductance < 2; ++conductance) {
    for (int i = 0; i < AgeingTable::kShapeNodes; ++i) {
      shape.push_back(std::pow(-4 + 0.5 * i, 3) / std::sqrt(15.0));
    }
  }
  values["age_shape"] = shape;
  values["age_mean"] = {0, 0, 0, 0, 0, 0};
  const Tensor z = moves(values, 10e-6, 1, n, 5) / 1e-6;
  EXPECT_NEAR(mean_of(z), 0, 5 / std::sqrt(static_cast<double>(n)));
  // The median of |xi|^3 / sqrt(15) is that of |xi|, cubed: 0.6745^3 / sqrt(15) = 0.0792, on the
  // line between the nodes at 0.5 and 1: 0.0323 + 0.349 (0.2582 - 0.0323) = 0.1111.
  EXPECT_NEAR(z.abs().median().item<double>(), 0.1111, 0.005);
  EXPECT_GT(z.pow(4).mean().item<double>(), 10);
}

TEST(Tabulated, TemperaturesAreInterpolatedInTheirInverse) {
  Json values = ageing_values();
  values["age_temperatures"] = {300, 400};
  values["age_times"] = {100, 200};
  values["age_mean"] = {-1e-6, -1e-6, -3e-6, -3e-6};
  values["age_sigma"] = {0, 0, 0, 0};
  for (const auto& [temperature, mean] :
       {std::pair(300.0, -1.0), std::pair(400.0, -3.0), std::pair(2400.0 / 7, -2.0)}) {
    values["temperature"] = temperature;
    EXPECT_NEAR(mean_of(moves(values, 10e-6, temperature == 400 ? 200 : 100, 1, 1)),
                1e-6 * mean * (mean == -2.0 ? (1 + 3 * std::pow(0.5, 0.2)) / 4 : 1),
                1e-11)
        << temperature;
  }
  EXPECT_NE(refusal({{"age_temperatures", {350, 400}}, {"age_times", {1, 2, 3, 1, 2, 3}}}), "");
  values["temperature"] = 450;
  EXPECT_THROW(make_device("tabulated", values), ConfigError);
}

TEST(Tabulated, WritesAndReadsHaveTheErrorsOfTheirTables) {
  const std::int64_t n = 100000;
  const Device device = make_device("tabulated",
                                    {{"program_targets", {10e-6, 20e-6}},
                                     {"program_bias", {0, 1e-6}},
                                     {"program_sigma", {1e-6, 2e-6}},
                                     {"read_conductances", {0, 40e-6}},
                                     {"read_noise", {0, 4e-7}}});
  const Tensor error =
      device.conductance(written_cells(device, n, 15e-6, 8), 0).to(at::kDouble) - 15e-6;
  EXPECT_NEAR(mean_of(error), 0.5e-6, 5 * 1.5e-6 / std::sqrt(static_cast<double>(n)));
  EXPECT_NEAR(std_of(error), 1.5e-6, 5 * 1.5e-6 / std::sqrt(2.0 * static_cast<double>(n)));
  const Device silent =
      make_device("tabulated", {{"read_conductances", {0, 40e-6}}, {"read_noise", {0, 4e-7}}});
  EXPECT_NEAR(silent.read_sigma(written_cells(silent, 1, 10e-6, 1), 0).item<double>(), 1e-7, 1e-12);
}

TEST(Tabulated, RefusesTablesThatDoNotFitTogether) {
  EXPECT_EQ(refusal(Json::object()), "");
  const auto names = [](const std::string& text, const char* name) {
    return text.find(name) != std::string::npos && text.find("); ") != std::string::npos;
  };
  EXPECT_TRUE(names(refusal({{"age_mean", {0}}}), "age_mean has 1 values"));
  EXPECT_TRUE(names(refusal({{"age_sigma", {0}}}), "age_sigma has 1 values"));
  EXPECT_TRUE(names(refusal({{"age_conductances", {20e-6, 10e-6}}}), "ascending"));
  EXPECT_TRUE(names(refusal({{"age_times", {1, 100, 100}}}), "ascending"));
  EXPECT_TRUE(names(refusal({{"age_times", Json::array()}}), "age_times"));
  EXPECT_TRUE(names(refusal({{"age_path_correlations", {0.5}}}), "age_path_correlations"));
  EXPECT_TRUE(names(refusal({{"age_shape", {0.5}}}), "age_shape"));
  EXPECT_TRUE(names(refusal({{"program_targets", {1e-6}}}), "program_bias"));
  EXPECT_TRUE(names(refusal({{"read_noise", {1e-6}}}), "read_conductances"));
  const Device device = make_device("tabulated", ageing_values());
  EXPECT_THROW(device.conductance(written_cells(device, 1, 10e-6, 1), 2e4), ConfigError);
}

}  // namespace
}  // namespace crossloom
