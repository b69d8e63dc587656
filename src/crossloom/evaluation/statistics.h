#pragma once

#include <cstdint>
#include <vector>

#include "crossloom/core/params.h"

namespace crossloom {

/// What a sample of values says of its population.
struct Statistics {
  std::int64_t count = 0;
  double mean = 0;
  double std = 0;             // of the sample, with count - 1
  double standard_error = 0;  // of the mean
  double ci95 = 0;  // half width of the 95 % confidence interval of the mean (Student's t)
  double min = 0;
  double median = 0;
  double max = 0;
};

/// Throws `c10::Error` on an empty sample. With one value the spread is zero and says nothing.
Statistics summarise(const std::vector<double>& values);

Json to_json(const Statistics& statistics);

}  // namespace crossloom
