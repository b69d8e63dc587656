#pragma once

#include <ATen/ATen.h>

#include "crossloom/data/dataset.h"
#include "crossloom/network/architectures.h"
#include "crossloom/training/method.h"

namespace crossloom {

/// `n` images whose class is where their bright square is: learned in a second. For tests.
inline Split make_squares(std::int64_t n) {
  Split split{at::zeros({n, 1, 28, 28}, at::kByte), at::arange(n).remainder(10)};
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t row = 5 * (i % 10 / 5) + 4;
    const std::int64_t col = 5 * (i % 5) + 1;
    split.images[i][0].slice(0, row, row + 5).slice(1, col, col + 5) = 255;
  }
  return split;
}

/// The architecture `name` with the random weights that a run of `seed` begins with.
inline Network random_network(const std::string& name, std::uint64_t seed) {
  Network network = make_network(name);
  network.initialise(Rng(seed).fork(Purpose::kInitialisation));
  return network;
}

/// The method `name` with `values` for its parameters, not started.
inline std::unique_ptr<TrainingMethod> make_method(const std::string& name, const Json& values) {
  auto method = Registry<TrainingMethod>::instance().create(name);
  ParamList params;
  method->describe(params);
  params.assign(values);
  return method;
}

}  // namespace crossloom
