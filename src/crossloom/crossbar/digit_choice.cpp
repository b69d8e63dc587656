#include "crossloom/crossbar/digit_choice.h"

#include <algorithm>
#include <map>

#include "crossloom/crossbar/weight_error.h"

namespace crossloom {
namespace {

constexpr double kAge = 86400;  // [s]

std::vector<LevelError> errors_of_levels(const Hardware& hardware, std::int64_t bits) {
  Hardware of_slice = hardware;
  of_slice.mapping = {};
  of_slice.mapping.slice_bits = {bits};
  // A reference column adds the same error to all digits, as the other cell of a pair does.
  const bool is_offset = hardware.mapping.scheme == WeightScheme::kOffset;
  of_slice.mapping.scheme = is_offset ? WeightScheme::kSignSplit : hardware.mapping.scheme;
  const double age = std::min(kAge, hardware.device.max_elapsed());
  const WeightErrorLaw law(of_slice, age, Rng(0).fork(Purpose::kVariation));
  const Tensor digits = at::linspace(0, 1, std::int64_t{1} << bits);
  const Tensor mean = law.mean(digits);
  const Tensor sigma = law.sigma(digits);
  std::vector<LevelError> errors;
  for (std::int64_t digit = 0; digit < digits.size(0); ++digit) {
    errors.push_back({mean[digit].item<double>(), sigma[digit].item<double>()});
  }
  return errors;
}

}  // namespace

void choose_digits(Hardware& hardware) {
  hardware.mapping.level_errors.clear();
  if (hardware.mapping.slice_weights.empty()) return;
  std::map<std::int64_t, std::vector<LevelError>> errors;  // by the bits of a slice
  for (const std::int64_t bits : hardware.mapping.slice_bits) {
    if (errors.count(bits) == 0) errors[bits] = errors_of_levels(hardware, bits);
    hardware.mapping.level_errors.push_back(errors[bits]);
  }
}

}  // namespace crossloom
