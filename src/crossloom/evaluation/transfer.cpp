#include "crossloom/evaluation/transfer.h"

#include "crossloom/training/accuracy.h"

namespace crossloom {
namespace {

constexpr std::uint64_t kCalibrationPass = 1;
constexpr std::uint64_t kTestPass = 2;

}  // namespace

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
  params.add("elapsed", elapsed, {0, 1e10}, "s", "time from programming to the test");
}

double test_on_fresh_chip(const Transfer& transfer, const Dataset& dataset, std::int64_t number) {
  const at::NoGradGuard no_grad;
  Chip chip(transfer.network,
            transfer.hardware,
            transfer.windows,
            transfer.seed,
            static_cast<std::uint64_t>(number));
  chip.program(transfer.network);
  ChipRead read;
  read.pass = kCalibrationPass;
  const std::int64_t count =
      std::min(transfer.options.calibration_images, dataset.train.images.size(0));
  const Tensor images = transfer.network.prepare(dataset.train.images.slice(0, 0, count));
  for (const RangeUse use : {RangeUse::kTrack, RangeUse::kCalibrate}) {
    read.ranges = use;
    chip.forward(transfer.network, images, read);
  }
  chip.age_to(transfer.options.elapsed);
  read.ranges = RangeUse::kFrozen;
  read.pass = kTestPass;
  return accuracy(transfer.network,
                  dataset.test,
                  transfer.options.test_images,
                  [&](const Tensor& x, std::int64_t first_image) {
                    read.first_image = first_image;
                    return chip.forward(transfer.network, x, read);
                  });
}

}  // namespace crossloom
