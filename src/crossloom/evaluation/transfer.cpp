#include "crossloom/evaluation/transfer.h"

namespace crossloom {

void TransferOptions::describe(ParamList& params) {
  params.add(
      "chips", chips, {0, 1e6}, "1", "fresh chips that the trained network is programmed on");
  params.add(
      "test_images", test_images, {0, 1e9}, "1", "first images of the test set used; 0 = all");
  params.add("elapsed", elapsed, {0, 1e10}, "s", "times from programming to the tests");
}

std::vector<double> test_on_fresh_chip(const ChipPlan& plan,
                                       const Task& task,
                                       const InputBatches& calibration,
                                       const TransferOptions& options,
                                       std::int64_t number) {
  std::vector<double> accuracies;
  constexpr std::int64_t kBatch = 250;
  test_chip(plan,
            task,
            calibration,
            {options.elapsed, options.test_images, kBatch},
            number,
            {},
            [&](const ChipResult& result) { accuracies.push_back(result.figures.at(0).second); });
  return accuracies;
}

}  // namespace crossloom
