#pragma once

#include "crossloom/device/device.h"

namespace crossloom {

inline Device make_device(const std::string& name, const Json& values) {
  Device device(name);
  ParamList params;
  device.describe(params);
  params.assign(values);
  device.validate();
  return device;
}

inline Tensor all(std::int64_t n) {
  return at::ones({n}, at::kBool);
}

inline double mean_of(const Tensor& x) {
  return x.to(at::kDouble).mean().item<double>();
}

inline double std_of(const Tensor& x) {
  return x.to(at::kDouble).std().item<double>();
}

/// n cells of `device`, written to `g_target` [S] at 0.
inline Cells written_cells(const Device& device,
                           std::int64_t n,
                           double g_target,
                           std::uint64_t seed) {
  Rng rng(seed);
  Cells cells = device.make_cells({n}, rng);
  device.write(cells, all(n), at::full({n}, g_target), 0, rng);
  return cells;
}

}  // namespace crossloom
