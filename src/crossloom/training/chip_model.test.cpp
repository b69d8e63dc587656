#include "crossloom/training/chip_model.h"

#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/network/layer_rule.h"
#include "crossloom/training/squares_testing.h"

namespace crossloom {
namespace {

/// A chip of exact cells and converters with the current law sinh(4 v), driven to 0.3 V.
Hardware bent() {
  Hardware hardware;
  ParamList params;
  hardware.device.describe(params);
  params.assign({{"iv", "sinh"}, {"iv_curvature", 4}});
  hardware.dac.bits = 0;
  hardware.dac.v_read = 0.3;
  hardware.dac.range = {RangePolicy::kCalibrated, 1, 0.02};
  hardware.adc.bits = 0;
  return hardware;
}

Hardware hfox() {
  Hardware hardware = bent();
  hardware.device = Device("hfox_neurram_wan2022");
  hardware.mapping.slice_bits = {2, 2, 2, 2};
  hardware.mapping.scale = ScalePer::kColumn;
  return hardware;
}

ChipModel make_model(const Network& network, const Hardware& hardware, double elapsed = 86400) {
  return {network, place_by_rule(network, hardware), elapsed, 1, 1};
}

Tensor images(const Network& network, std::int64_t n) {
  return network.prepare(make_squares(n).images);
}

/// Logits of the chip of `number` that evaluation simulates cell by cell, with the ranges of
/// `model`, `elapsed` [s] after programming.
Tensor simulated_logits(const Network& network,
                        std::vector<Placement> placements,
                        const ChipModel& model,
                        const Tensor& x,
                        std::uint64_t number,
                        double elapsed) {
  for (std::size_t i = 0; i < placements.size(); ++i) {
    placements[i].hardware.dac.range.policy = RangePolicy::kFixed;
    placements[i].hardware.dac.x_max = model.input_range(i);
  }
  Chip chip(network, placements, 1, number);
  chip.program(network);
  chip.age_to(elapsed);
  return chip.forward(network, x, {});
}

TEST(ChipModel, IsTheExactNetworkWhereTheChipIsExact) {
  const Network network = random_network("lenet_wu2023", 1);
  ChipModel model = make_model(network, bent());
  const Tensor x = images(network, 20);
  model.observe_inputs(network, x);
  ChipModel::Draw draw;
  draw.is_linear = true;
  const Tensor y = network.forward(x, model.products(network.products(), draw));
  EXPECT_TRUE(y.allclose(network.forward(x), 1e-4, 1e-5));
}

// The chip that evaluation simulates, cell by cell, with the same current law.
TEST(ChipModel, BendsInputsAsTheSimulatedChipDoes) {
  const Network network = random_network("lenet_wu2023", 1);
  const Hardware hardware = bent();
  ChipModel model = make_model(network, hardware);
  const Tensor x = images(network, 20);
  model.observe_inputs(network, x);
  const Tensor y = network.forward(x, model.products(network.products(), {}));
  const Tensor simulated =
      simulated_logits(network, place_by_rule(network, hardware), model, x, 1, 0);
  EXPECT_TRUE(y.allclose(simulated, 1e-3, 1e-3 * y.abs().max().item<double>()));
  EXPECT_FALSE(y.allclose(network.forward(x), 1e-2, 1e-2));
}

TEST(ChipModel, ProductsHaveTheHardwareOfTheirPlacement) {
  const Network network = random_network("lenet_wu2023", 1);
  std::vector<Placement> placements = place_by_rule(network, bent());
  placements[1].hardware.dac.v_read *= 2;
  placements[1].kind = 1;
  ChipModel model(network, placements, 86400, 1, 1);
  const Tensor x = images(network, 20);
  model.observe_inputs(network, x);
  const Tensor y = network.forward(x, model.products(network.products(), {}));
  const double size = y.abs().max().item<double>();
  const Tensor simulated = simulated_logits(network, placements, model, x, 1, 0);
  EXPECT_TRUE(y.allclose(simulated, 1e-3, 1e-3 * size));
  const Tensor of_one = simulated_logits(network, place_by_rule(network, bent()), model, x, 1, 0);
  EXPECT_FALSE(y.allclose(of_one, 1e-2, 1e-2 * size));
}

// What is left is without a line: the outputs of a product fall on the exact ones at slope one.
TEST(ChipModel, CorrectedColumnsHaveTheGainAndOffsetOfTheExactProduct) {
  const Network network = random_network("lenet_wu2023", 1);
  ChipModel model = make_model(network, hfox());
  const Tensor x = images(network, 20);
  model.observe_inputs(network, x);
  ChipModel::Draw draw;
  const StoredProduct& first = network.products()[0];
  const Tensor exact = by_output(digital_product(x, first.weight, first.geometry), first.geometry);
  const auto off = [&](bool corrects) {
    draw.corrects_columns = corrects;
    const Tensor y = model.products(network.products(), draw)(0, x);
    const Tensor given = by_output(y, first.geometry);
    const Tensor centred = given - given.mean(1, true);
    const Tensor slope = (centred * exact).sum(1) / centred.square().sum(1);
    const Tensor shift = (given.mean(1) - exact.mean(1)) / exact.std(1);
    return (slope - 1).abs().max().item<double>() + shift.abs().max().item<double>();
  };
  EXPECT_GT(off(false), 1e-2);
  EXPECT_LT(off(true), 1e-4);
}

// A current whose form depends on the conductance: its even and cubic terms are further products.
TEST(ChipModel, StateDependentCurrentsAreThoseOfTheSimulatedChip) {
  const Network network = random_network("lenet_wu2023", 1);
  Hardware hardware = bent();
  hardware.device = Device("hfo2_milo2021");
  ParamList params;
  hardware.device.describe(params);
  params.assign({{"programming_noise_scale", 0}});
  hardware.dac.v_read = 0.5;
  ASSERT_GT(hardware.device.iv_law().size(), 1U);
  ChipModel model = make_model(network, hardware, 0);
  const Tensor x = images(network, 20);
  model.observe_inputs(network, x);
  const Tensor simulated =
      simulated_logits(network, place_by_rule(network, hardware), model, x, 1, 0);
  const Tensor y = network.forward(x, model.products(network.products(), {}));
  // The further terms are a fitted curve of the weight.
  const double size = simulated.abs().max().item<double>();
  EXPECT_LT((y - simulated).abs().max().item<double>(), 0.02 * size);
  ChipModel::Draw linear;
  linear.is_linear = true;
  const Tensor without = network.forward(x, model.products(network.products(), linear));
  EXPECT_GT((without - simulated).abs().max().item<double>(), 0.05 * size);
}

// Spread of the logits over model chips against that over simulated ones.
TEST(ChipModel, LogitsSpreadAsThoseOfSimulatedChips) {
  const Network network = random_network("lenet_wu2023", 1);
  const Hardware hardware = hfox();
  ChipModel model = make_model(network, hardware);
  const Tensor x = images(network, 10);
  model.observe_inputs(network, x);
  constexpr std::int64_t kChips = 60;
  std::vector<Tensor> of_model;
  std::vector<Tensor> of_chips;
  for (std::uint64_t number = 1; number <= kChips; ++number) {
    ChipModel::Draw draw;
    draw.rng = Rng(number);
    of_model.push_back(network.forward(x, model.products(network.products(), draw)));
    of_chips.push_back(
        simulated_logits(network, place_by_rule(network, hardware), model, x, number, 86400));
  }
  const Tensor by_model = at::stack(of_model).to(at::kDouble);
  const Tensor by_chips = at::stack(of_chips).to(at::kDouble);
  const double ratio =
      by_model.var(0).mean().item<double>() / by_chips.var(0).mean().item<double>();
  // The variances of the 100 logits share their errors, as if there were about ten of them: each
  // mean variance has a relative standard error of sqrt(2 / (60 * 10)).
  EXPECT_NEAR(ratio, 1, 5 * std::sqrt(2 * 2.0 / (kChips * 10)));
  const Tensor apart = by_model.mean(0) - by_chips.mean(0);
  const Tensor error = ((by_model.var(0) + by_chips.var(0)) / kChips).sqrt();
  EXPECT_LT((apart / error).abs().max().item<double>(), 5);
}

TEST(ChipModel, GradientsAreThoseOfFiniteDifferences) {
  Network network = random_network("lenet_wu2023", 1);
  for (StoredProduct& stored : network.products()) {
    stored.weight = stored.weight.to(at::kDouble);
    stored.bias = stored.bias.to(at::kDouble);
  }
  ChipModel model = make_model(network, bent());
  const Tensor x = images(network, 4).to(at::kDouble);
  model.observe_inputs(network, x);
  ChipModel::Draw draw;
  draw.error = 0;
  Tensor& weight = network.products()[1].weight;
  weight.requires_grad_();
  const auto loss = [&] {
    return network.forward(x, model.products(network.products(), draw)).square().sum();
  };
  loss().backward();
  const at::NoGradGuard no_grad;
  double* const w = weight.data_ptr<double>();
  for (const std::int64_t i : {0, 57, 300}) {
    const double before = w[i];
    constexpr double h = 1e-5;
    w[i] = before + h;
    const double above = loss().item<double>();
    w[i] = before - h;
    const double below = loss().item<double>();
    w[i] = before;
    const double expected = (above - below) / (2 * h);
    EXPECT_NEAR(
        weight.grad().flatten()[i].item<double>(), expected, 1e-4 * std::abs(expected) + 1e-6);
  }
}

// Independent oracle: the sums written out.
TEST(ChipModel, PenaltiesAreTheSumsOfTheirDefinition) {
  const Network network = random_network("lenet_wu2023", 1);
  ChipModel model = make_model(network, hfox());
  double nsr = 0;
  double state = 0;
  for (const StoredProduct& stored : network.products()) {
    const Tensor rows = stored.weight.flatten(1).to(at::kDouble);
    const Tensor edge = rows.abs().amax(1, true);
    const Tensor u = rows / edge;
    const double power = rows.square().sum().item<double>();
    nsr +=
        ((model.errors(0).sigma(u).to(at::kDouble) * edge).square().sum() / power).item<double>();
    state += ((model.errors(0).square(u) * edge.square()).sum() / power).item<double>();
  }
  EXPECT_NEAR(model.noise_to_signal(network.products()).item<double>(), nsr, 1e-3 * nsr);
  EXPECT_NEAR(model.state_penalty(network.products()).item<double>(), state, 1e-3 * state);
}

// R4 is the noise of outputs over their power: measured over draws of the errors of one product.
TEST(ChipModel, ActivityPenaltyIsTheMeasuredNoiseOfTheOutputs) {
  const Network network = random_network("lenet_wu2023", 1);
  Hardware hardware = hfox();
  LayerRule layers;
  layers.analog = {"@first"};
  ChipModel model(network, place_by_rule(network, hardware, layers), 86400, 1, 1);
  const Tensor x = images(network, 50);
  model.observe_inputs(network, x);
  ChipModel::Activity activity;
  ChipModel::Draw draw;
  draw.error = 0;
  draw.activity = &activity;
  network.forward(x, model.products(network.products(), draw));
  const double predicted = model.activity_penalty(network.products(), activity).item<double>();
  const StoredProduct& first = network.products()[0];
  draw.activity = nullptr;
  const Tensor exact = model.products(network.products(), draw)(0, x);
  double noise = 0;
  double squares = 0;
  constexpr int kDraws = 200;
  for (int n = 0; n < kDraws; ++n) {
    draw.error = 1;
    draw.rng = Rng(100 + static_cast<std::uint64_t>(n));
    const Tensor off = model.products(network.products(), draw)(0, x) - exact;
    const double power = off.square().mean().item<double>();
    noise += power / kDraws;
    squares += power * power / kDraws;
  }
  const double of_outputs = exact.square().mean().item<double>();
  const double error = std::sqrt((squares - noise * noise) / kDraws) / of_outputs;
  // Pixels at the border are met by fewer weights than the mean of the inputs supposes (there is
  // no padding in this product), and the mean of the errors is left out of R4.
  EXPECT_EQ(first.geometry.padding[0], 0);
  EXPECT_NEAR(noise / of_outputs, predicted, 5 * error + 0.1 * predicted);
}

TEST(ChipModel, LearnedSharesFindTheBottomBetweenBendingAndNoise) {
  const Network network = random_network("lenet_wu2023", 1);
  Hardware hardware = bent();
  hardware.adc.bits = 16;
  hardware.adc.noise_i = 2e-7;
  ChipModel model = make_model(network, hardware, 0);
  const Tensor x = images(network, 30);
  model.observe_inputs(network, x);
  const Tensor exact = network.forward(x);
  const std::vector<Tensor> shares = model.learn_shares();
  const auto error_at = [&](double share) {
    const at::NoGradGuard no_grad;
    for (const Tensor& s : shares) s.fill_(share);
    double sum = 0;
    for (std::uint64_t n = 0; n < 20; ++n) {
      ChipModel::Draw draw;
      draw.amplifiers = Rng(n);
      const Tensor y = network.forward(x, model.products(network.products(), draw));
      sum += (y - exact).square().mean().item<double>();
    }
    return sum;
  };
  EXPECT_LT(error_at(0.4), error_at(1.0));
  EXPECT_LT(error_at(0.4), error_at(0.05));
  // A step down the gradient at either end goes inwards.
  for (const auto& [start, sign] : {std::pair{1.0, 1.0}, std::pair{0.05, -1.0}}) {
    const at::AutoGradMode with_gradients(true);
    {
      const at::NoGradGuard no_grad;
      for (const Tensor& s : shares) {
        s.fill_(start);
        s.mutable_grad() = Tensor();
      }
    }
    Tensor sum = at::zeros({});
    for (std::uint64_t n = 0; n < 20; ++n) {
      ChipModel::Draw draw;
      draw.amplifiers = Rng(n);
      const Tensor y = network.forward(x, model.products(network.products(), draw));
      sum = sum + (y - exact).square().mean();
    }
    sum.backward();
    EXPECT_GT(sign * shares[0].grad().item<double>(), 0) << start;
  }
}

TEST(ChipModel, RefusesATimeThatTheDeviceHasNoLawFor) {
  const Network network = random_network("lenet_wu2023", 1);
  try {
    make_model(network, hfox(), 1e8);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("is known from 0 s to"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace crossloom
