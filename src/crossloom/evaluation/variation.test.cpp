#include "crossloom/evaluation/variation.h"

#include <cmath>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "crossloom/training/network_forms.h"
#include "crossloom/training/squares_testing.h"

namespace crossloom {
namespace {

Tensor some_logits(std::uint64_t seed, std::int64_t count) {
  return 3 * Rng(seed).normal({count, 4});
}

TEST(Confidence, ExpectedKlIsTheMeanDivergenceFromTheMean) {
  const Tensor labels = at::arange(50).remainder(4);
  Confidence sums;
  std::vector<Tensor> p;
  for (std::uint64_t chip = 0; chip < 6; ++chip) {
    const Tensor logits = some_logits(chip, 50);
    sums.add(logits, labels, 2);
    p.push_back(at::softmax(logits / 2, 1).to(at::kDouble));
  }
  const Tensor all = at::stack(p);
  const Tensor mean = all.mean(0, true);
  const double expected = (all * (all / mean).log()).sum(2).mean().item<double>();
  EXPECT_NEAR(sums.expected_kl(), expected, 1e-5);
  EXPECT_NEAR(sums.confidence(), std::get<0>(all.max(2)).mean().item<double>(), 1e-6);
}

TEST(Confidence, OneChipHasNoDivergence) {
  Confidence sums;
  sums.add(some_logits(1, 30), at::zeros({30}, at::kLong), 1);
  EXPECT_NEAR(sums.expected_kl(), 0, 1e-6);
}

TEST(Confidence, CalibrationErrorIsTheGapBetweenConfidenceAndHits) {
  // 100 images with a confidence of 0.9, of which 70 are right.
  const Tensor logits = at::tensor({std::log(0.9F), std::log(0.1F)}).view({1, 2}).expand({100, 2});
  const Tensor labels = (at::arange(100) >= 70).to(at::kLong);
  Confidence sums;
  sums.add(logits, labels, 1);
  EXPECT_NEAR(sums.calibration_error(), 0.2, 1e-6);
}

TEST(Confidence, StateGoesOnToTheBit) {
  const Tensor labels = at::arange(50).remainder(4);
  Confidence whole;
  Confidence first;
  whole.add(some_logits(1, 50), labels, 1);
  first.add(some_logits(1, 50), labels, 1);
  Confidence second;
  second.load_state(first.state());
  whole.add(some_logits(2, 50), labels, 1);
  second.add(some_logits(2, 50), labels, 1);
  EXPECT_EQ(to_json(whole), to_json(second));
}

TEST(Confidence, SumsOfChipsAddUpToTheBit) {
  const Tensor labels = at::arange(50).remainder(4);
  Confidence whole;
  Confidence added;
  for (std::uint64_t chip = 0; chip < 3; ++chip) {
    whole.add(some_logits(chip, 50), labels, 2);
    Confidence one;
    one.add(some_logits(chip, 50), labels, 2);
    added.add(one);
  }
  added.add(Confidence());
  EXPECT_EQ(to_json(whole), to_json(added));
}

TEST(Confidence, TemperatureOfTrueProbabilitiesIsTheirScale) {
  // Labels drawn from softmax(z); logits that are three times as large fit at a temperature of 3.
  const std::int64_t count = 40000;
  const Tensor z = Rng(5).normal({count, 4});
  const Tensor gumbel = -(-Rng(6).uniform({count, 4}).clamp_min(1e-7).log()).log();
  const Tensor labels = (z + gumbel).argmax(1);
  EXPECT_NEAR(fit_temperature(3 * z, labels), 3, 0.1);
}

class VariationTestTest : public testing::Test {
 protected:
  VariationTestTest() {
    noise_.sigma = 0.1;
    options_.chips = 6;
    options_.sigmas = {0, 0.1, 0.3};
  }

  VariationTest make(const Network& network) const {
    return VariationTest(network, noise_, test_, train_, options_, 1);
  }

  static std::vector<double> finish(VariationTest test, std::size_t point) {
    while (!test.is_finished()) test.advance(60);
    return test.points()[point].accuracies;
  }

  Split test_ = make_squares(230);
  Split train_ = make_squares(60);
  WeightNoise noise_;
  VariationOptions options_;
};

/// Accuracies of chips 1 … `chips` by plain forward passes.
std::vector<double> by_plain_passes(const Network& network,
                                    const WeightNoise& noise,
                                    double sigma,
                                    const Split& test,
                                    std::uint64_t chips) {
  const at::NoGradGuard no_grad;
  std::vector<double> accuracies;
  for (std::uint64_t chip = 1; chip <= chips; ++chip) {
    const Network noisy = with_weights(network, [&](std::size_t i, const Tensor& weight) {
      Rng rng = stream(1, {chip, i, 0}, Purpose::kVariation);
      return noise.on_chip(weight, sigma, rng);
    });
    const Tensor guess = noisy.forward(network.prepare(test.images)).argmax(1);
    accuracies.push_back(guess.eq(test.labels).to(at::kDouble).mean().item<double>());
  }
  return accuracies;
}

TEST_F(VariationTestTest, EqualsPlainPassesThroughNoisyNetworks) {
  for (const char* name : {"lenet_wu2023", "vgg8_qin2023_quarter_mnist"}) {
    Network network = random_network(name, 3);
    if (has_batch_norm(network)) {  // statistics that are not those of the start
      const at::NoGradGuard no_grad;
      with_batch_statistics(network, 0.1).forward(network.prepare(train_.images));
    }
    for (const auto model : {WeightNoise::Model::kPaper, WeightNoise::Model::kPhysical}) {
      noise_.model = model;
      options_.chips = 3;
      for (const std::size_t point : {1, 2}) {
        const std::vector<double> plain =
            by_plain_passes(network, noise_, options_.sigmas[point], test_, 3);
        const std::vector<double> fast = finish(make(network), point);
        ASSERT_EQ(fast.size(), plain.size());
        for (std::size_t i = 0; i < plain.size(); ++i) {
          EXPECT_NEAR(fast[i], plain[i], 1.5 / 230) << name;  // one image may flip by rounding
        }
      }
    }
  }
}

TEST_F(VariationTestTest, InBfloat16TheSameChipsAreMeasured) {
  const Network network = random_network("lenet_wu2023", 3);
  for (const std::vector<double>& sigmas : {std::vector<double>{0.3}, {0.1, 0.3}}) {
    options_.sigmas = sigmas;
    options_.precision = Precision::kFloat32;
    VariationTest exact = make(network);
    options_.precision = Precision::kBfloat16;
    VariationTest reduced = make(network);
    while (!exact.is_finished()) exact.advance(60);
    while (!reduced.is_finished()) reduced.advance(60);
    const Confidence& given = reduced.points().back().raw;
    const Confidence& wanted = exact.points().back().raw;
    EXPECT_NE(given.expected_kl(), wanted.expected_kl());
    EXPECT_NEAR(given.expected_kl() / wanted.expected_kl(), 1, 0.1);
    EXPECT_NEAR(given.confidence() / wanted.confidence(), 1, 0.02);
  }
}

TEST_F(VariationTestTest, ProductsBesideTheChipDoNotErr) {
  Network network = random_network("lenet_wu2023", 3);
  for (StoredProduct& stored : network.products()) stored.is_digital = true;
  noise_.model = WeightNoise::Model::kPhysical;  // which would also round their weights
  const double exact = by_plain_passes(network, WeightNoise(), 0, test_, 1)[0];
  for (const double accuracy : finish(make(network), 2)) EXPECT_EQ(accuracy, exact);
}

TEST_F(VariationTestTest, WithoutErrorsOneChipIsMeasured) {
  const Network network = random_network("lenet_wu2023", 3);
  EXPECT_EQ(finish(make(network), 0).size(), 1U);
  EXPECT_EQ(finish(make(network), 1).size(), 6U);
}

TEST_F(VariationTestTest, ThreadsDoNotMatter) {
  options_.chips = 3;
  const Network network = random_network("lenet_wu2023", 3);
  const auto with_threads = [&](int threads) {
    const int before = at::get_num_threads();
    at::set_num_threads(threads);
    VariationTest test = make(network);
    while (!test.is_finished()) test.advance(60);
    at::set_num_threads(before);
    Json points = Json::array();
    for (const VariationPoint& point : test.points()) points.push_back(to_json(point));
    return points;
  };
  EXPECT_EQ(with_threads(1), with_threads(2));  // a last chip alone on two threads
}

TEST_F(VariationTestTest, StoppedAnywhereItGoesOnToTheSameResult) {
  const Network network = random_network("lenet_wu2023", 3);
  VariationTest whole = make(network);
  while (!whole.is_finished()) whole.advance(60);
  VariationTest first = make(network);
  first.advance(0);  // one chip on each thread
  VariationTest second = make(network);
  second.restore(first.checkpoint());
  EXPECT_EQ(second.done(), first.done());
  while (!second.is_finished()) second.advance(60);
  for (std::size_t s = 0; s < 3; ++s) {
    EXPECT_EQ(to_json(whole.points()[s]), to_json(second.points()[s]));
  }
  TensorFile damaged = first.checkpoint();
  damaged.tensors.erase("1.accuracies");
  EXPECT_THROW(make(network).restore(damaged), ConfigError);
}

TEST_F(VariationTestTest, WithoutErrorsGivenThoseOfTheNoiseAreTaken) {
  options_.sigmas.clear();
  options_.chips = 2;
  VariationTest test = make(random_network("lenet_wu2023", 3));
  ASSERT_EQ(test.points().size(), 1U);
  EXPECT_EQ(test.points()[0].sigma, 0.1);
}

}  // namespace
}  // namespace crossloom
