#include "crossloom/device/faults.h"

#include "crossloom/core/tensor_files.h"
#include "crossloom/core/units.h"

namespace crossloom {
namespace {

/// The measured map as one row of -1, 0 and +1.
Tensor read_map(const std::string& path) {
  const Tensor map = read_npy(path).reshape(-1);
  const bool is_map = map.numel() > 0 && !map.is_floating_point() &&
                      map.to(at::kLong).abs().le(1).all().item<bool>();
  if (!is_map) {
    throw ConfigError(path +
                      " is no map of faults (a cell is 0 sound, 1 stuck on, -1 stuck off); "
                      "give an .npy of whole numbers -1, 0 and 1");
  }
  return map.to(at::kChar);
}

/// `map`, begun anew at its end, from the element `start` on.
Tensor laid_over(const Tensor& map, at::IntArrayRef sizes, std::int64_t start) {
  const std::int64_t n = c10::multiply_integers(sizes);
  const Tensor place = (at::arange(n, at::kLong) + start).remainder(map.numel());
  return map.index_select(0, place).view(sizes);
}

}  // namespace

void Faults::describe(ParamList& params) {
  params.add("p_stuck_on", p_stuck_on_, {0, 1}, "1", "probability that a cell is fixed at g_max");
  params.add("p_stuck_off", p_stuck_off_, {0, 1}, "1", "probability that a cell is fixed at g_min");
  params.add("fault_map",
             map_,
             "measured yield: .npy of -1 stuck off, 0 sound, 1 stuck on, row by row; laid over the "
             "cells of a product from a random place on, so that clusters stay together");
  params.add("endurance",
             endurance_,
             {0, 1e15},
             "1",
             "median number of writes after which a cell is stuck; 0 = any");
  params.add("endurance_spread",
             endurance_spread_,
             {0, 5},
             "1",
             "spread of the logarithm of the endurance from cell to cell (assumption: 0.5)");
  params.add_choice<WornState>("worn_state",
                               worn_state_,
                               {{"on", WornState::kOn}, {"off", WornState::kOff}},
                               "where a worn-out cell is stuck (assumption: at g_max)");
}

void Faults::validate() const {
  if (p_stuck_on_ + p_stuck_off_ > 1) {
    throw ConfigError(
        "p_stuck_on + p_stuck_off = " + format_quantity(p_stuck_on_ + p_stuck_off_, "1") +
        " (a cell cannot be stuck with a probability above 1); lower one of them");
  }
  if (!map_.empty()) read_map(map_);
}

void Faults::make(Cells& cells, at::IntArrayRef sizes, Rng& rng) const {
  cells.fault = at::zeros({1}, at::kChar).expand(sizes);  // what all cells share takes no memory
  if (p_stuck_on_ + p_stuck_off_ > 0) {
    const Tensor u = rng.uniform(sizes);
    cells.fault = u.lt(p_stuck_on_).to(at::kChar) - u.ge(1 - p_stuck_off_).to(at::kChar);
  }
  if (!map_.empty()) {
    const Tensor map = read_map(map_);
    const double u = rng.uniform({1}).item<double>();
    const auto start = static_cast<std::int64_t>(u * static_cast<double>(map.numel()));
    const Tensor measured = laid_over(map, sizes, start);
    cells.fault = at::where(measured.ne(0), measured, cells.fault);
  }
  if (wears_out()) {
    cells.latent["endurance"] = endurance_ * (endurance_spread_ * rng.normal(sizes)).exp();
  }
}

void Faults::wear_out(Cells& cells) const {
  const Tensor is_worn = cells.write_count.gt(cells.latent.at("endurance"));
  if (!is_worn.any().item<bool>()) return;
  const std::int8_t stuck = worn_state_ == WornState::kOn ? 1 : -1;
  const Tensor sound = cells.fault.eq(0);
  cells.fault = at::where(is_worn.logical_and(sound), at::full({1}, stuck, at::kChar), cells.fault);
}

}  // namespace crossloom
