#include "crossloom/evaluation/transfer.h"

#include "crossloom/evaluation/evaluate.h"

namespace crossloom {

void TransferOptions::describe(ParamList& params) {
  params.add(
      "chips", chips, {0, 1e6}, "1", "fresh chips that the trained network is programmed on");
  params.add(
      "test_images", test_images, {0, 1e9}, "1", "first images of the test set used; 0 = all");
  params.add("calibration_images",
             calibration_images,
             {1, 1e6},
             "1",
             "first training images, which set the ranges of converters that are not fixed");
  params.add("elapsed", elapsed, {0, 1e10}, "s", "times from programming to the tests");
}

ChipPlan plan_of(const Transfer& transfer) {
  ChipPlan plan{transfer.network, transfer.placements, {}, transfer.seed, {}};
  // What was trained is mapped as it is.
  plan.calibration.batch_norm = CalibrationOptions::BatchNorm::kKept;
  return plan;
}

InputBatches calibration_of(const Transfer& transfer, const Dataset& dataset) {
  const std::int64_t count =
      std::min(transfer.options.calibration_images, dataset.train.images.size(0));
  return {{transfer.network.prepare(dataset.train.images.slice(0, 0, count))}};
}

std::vector<double> test_on_fresh_chip(const Transfer& transfer,
                                       const Dataset& dataset,
                                       std::int64_t number) {
  const ImageTask task(examples_of(dataset.test, dataset.provenance));
  TestOptions options;
  options.times = transfer.options.elapsed;
  options.count = transfer.options.test_images;
  options.batch_size = 250;
  std::vector<double> accuracies;
  test_chip(plan_of(transfer),
            task,
            calibration_of(transfer, dataset),
            options,
            number,
            {},
            [&](const ChipResult& result) { accuracies.push_back(result.figures.at(0).second); });
  return accuracies;
}

}  // namespace crossloom
