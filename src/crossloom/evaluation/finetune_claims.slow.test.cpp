// Experiments A2 and A3 of the method on the trained MLP and the digits of MNIST.

#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/circuit/row_driver.h"
#include "crossloom/data/data_testing.h"
#include "crossloom/evaluation/statistics.h"
#include "crossloom/evaluation/transfer.h"
#include "crossloom/network/model.h"
#include "crossloom/training/accuracy.h"
#include "crossloom/training/training_run.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

class FinetuneClaims : public testing::Test {
 protected:
  void SetUp() override {
    const fs::path data = data_place();
    if (!fs::exists(data / "mnist") || !fs::exists(data / "weights/mlp_mnist.safetensors")) {
      GTEST_SKIP() << data << " has no MNIST or no weights of mlp_mnist";
    }
    network_ = std::make_unique<Network>(open_model("mlp_mnist", {}, data));
    dataset_ = load_dataset("mnist", {data, /*may_download=*/false, /*may_generate=*/false});
  }

  /// Accuracy with inputs bent by sinh at `alpha`, driven to the share `s`, and with noise of
  /// `noise` / s of the 99.9 % largest output of each product.
  double accuracy_at(double alpha, double s, double noise) const {
    Dac dac;
    dac.v_read = 0.2;
    dac.range_use = s;
    const RowDriver driver(dac, sinh_law(alpha / dac.v_read));
    RangeOptions range;
    range.policy = RangePolicy::kCalibrated;
    range.percentile = 0.999;
    std::vector<double> inputs(3);
    std::vector<double> outputs(3);
    const Tensor first = network_->prepare(dataset_.train.images.slice(0, 0, 1000));
    network_->forward(first, [&](std::size_t i, const Tensor& x) {
      const StoredProduct& stored = network_->products()[i];
      const Tensor y = digital_product(x, stored.weight, stored.geometry);
      inputs[i] = observe(range, x);
      outputs[i] = observe(range, y);
      return y;
    });
    Rng rng(1);
    return accuracy(*network_, dataset_.test, 0, [&](const Tensor& images, std::int64_t) {
      return network_->forward(images, [&](std::size_t i, const Tensor& x) {
        const StoredProduct& stored = network_->products()[i];
        const Tensor bent = driver.transform(x, at::full({}, inputs[i]), at::ones({}), 0);
        const Tensor y = digital_product(bent, stored.weight, stored.geometry);
        return y + (noise / s * outputs[i]) * rng.normal(y.sizes());
      });
    });
  }

  std::unique_ptr<Network> network_;
  Dataset dataset_;
};

TEST_F(FinetuneClaims, AShrunkRangeUndoesTheBendAndNoiseSetsItsBottom) {
  const at::NoGradGuard no_grad;
  const double exact = accuracy_at(1e-6, 1, 0);
  for (const double alpha : {1.2, 2.0, 3.0}) {
    for (const double s : {0.25, 0.1}) {
      EXPECT_NEAR(accuracy_at(alpha, s, 0), exact, 0.001) << alpha << " " << s;
    }
  }
  EXPECT_LT(accuracy_at(3, 1, 0), exact - 0.005);
  const double at_one = accuracy_at(3, 1, 0.02);
  const double at_half = accuracy_at(3, 0.5, 0.02);
  const double at_quarter = accuracy_at(3, 0.25, 0.02);
  EXPECT_GT(at_half, at_one);
  EXPECT_GT(at_half, at_quarter);
  EXPECT_LT(accuracy_at(3, 0.1, 0.02), at_half - 0.1);
}

// At twice the measured spread of the cells, clipping and injection on half of the range bring back
// nine tenths of what a chip driven to its full voltage loses, and make chips alike.
TEST_F(FinetuneClaims, ClipAndInjectionRepairAChipOfTwiceTheErrors) {
  Hardware hardware;
  hardware.device = Device("hfox_neurram_wan2022");
  ParamList params;
  hardware.device.describe(params);
  params.assign({{"iv", "sinh"}, {"iv_curvature", 10}, {"programming_noise_scale", 2}});
  hardware.fidelity = Fidelity::kStatistical;
  hardware.dac.v_read = 0.2;
  hardware.dac.range = {RangePolicy::kCalibrated, 0.9995, 0.02};
  const auto on_chips = [&](const Network& network, const Hardware& chip) {
    TransferOptions options;
    options.elapsed = {86400};
    options.test_images = 5000;
    const ChipPlan plan{network, place_by_rule(network, chip), {}, 1, {}};
    const ImageTask task(examples_of(dataset_.test, dataset_.provenance));
    const InputBatches calibration = {{network.prepare(dataset_.train.images.slice(0, 0, 256))}};
    std::vector<double> accuracies;
    for (std::int64_t number = 1; number <= 10; ++number) {
      accuracies.push_back(test_on_fresh_chip(plan, task, calibration, options, number)[0]);
    }
    return summarise(accuracies);
  };
  Hardware shrunk = hardware;
  shrunk.dac.range_use = 0.5;
  auto method = Registry<TrainingMethod>::instance().create("finetune");
  ParamList of_method;
  method->describe(of_method);
  of_method.assign({{"clip_std", 2.0}});
  TrainingOptions options;
  options.epochs = 2;
  options.batch_size = 128;
  options.schedule = TrainingOptions::Schedule::kCosine;
  options.optimiser.learning_rate = 1e-3;
  options.optimiser.weight_decay = 0;
  options.test_images = 1000;
  TrainingRun run(*method,
                  TrainingSetup{*network_, place_by_rule(*network_, shrunk), {}, {}, 1},
                  dataset_,
                  options);
  while (!run.is_finished()) run.advance();
  const Statistics before = on_chips(*network_, hardware);
  const Statistics after = on_chips(run.result(), shrunk);
  const double exact = accuracy(*network_, dataset_.test, 5000, [&](const Tensor& x, std::int64_t) {
    return network_->forward(x);
  });
  const double lost = exact - before.mean;
  std::printf("exact %.4f, before %.4f +- %.4f, after %.4f +- %.4f\n",
              exact,
              before.mean,
              before.std,
              after.mean,
              after.std);
  EXPECT_GT(lost, 0.01);
  EXPECT_GT((after.mean - before.mean) / lost, 0.9);
  EXPECT_GT(before.std / after.std, 5);
}

}  // namespace
}  // namespace crossloom
