#include "crossloom/programming/wear.h"

#include <algorithm>
#include <numeric>

namespace crossloom {

double WearMap::total() const {
  return std::accumulate(writes.begin(), writes.end(), 0.0);
}

double WearMap::max() const {
  return writes.empty() ? 0 : *std::max_element(writes.begin(), writes.end());
}

double WearMap::mean() const {
  return writes.empty() ? 0 : total() / static_cast<double>(writes.size());
}

std::int64_t row_shift(std::int64_t num_rows) {
  auto shift = static_cast<std::int64_t>(0.618 * static_cast<double>(num_rows));
  while (shift > 1 && std::gcd(shift, num_rows) != 1) --shift;
  return std::max<std::int64_t>(shift, 1);
}

RoleShift role_shift(Levelling levelling, std::int64_t num_rows) {
  return {levelling >= Levelling::kColumnsAndCrossbars ? 1 : 0,
          levelling >= Levelling::kColumnsCrossbarsAndRows ? row_shift(num_rows) : 0,
          levelling >= Levelling::kColumns ? 1 : 0};
}

WearMap level(const WearMap& wear, Levelling levelling, double endurance) {
  constexpr double kMostPasses = 1000;
  WearMap levelled = wear;
  const auto period = static_cast<double>(rotation_period(wear, levelling));
  levelled.passes = static_cast<std::int64_t>(
      std::max(1.0, std::min({period, endurance / wear.max(), kMostPasses})));
  std::fill(levelled.writes.begin(), levelled.writes.end(), 0.0);
  const RoleShift shift = role_shift(levelling, wear.num_rows);
  const std::int64_t cols = wear.num_cols;
  for (std::int64_t pass = 0; pass < levelled.passes; ++pass) {
    const double* role = wear.writes.data();
    const std::int64_t first_col = pass * shift.cols % cols;
    for (std::int64_t l = 0; l < wear.num_crossbars; ++l) {
      const std::int64_t crossbar = (l + pass * shift.crossbars) % wear.num_crossbars;
      for (std::int64_t r = 0; r < wear.num_rows; ++r, role += cols) {
        const std::int64_t row = (r + pass * shift.rows) % wear.num_rows;
        double* cells = &levelled.writes[(crossbar * wear.num_rows + row) * cols];
        for (std::int64_t k = 0; k < cols - first_col; ++k) cells[first_col + k] += role[k];
        for (std::int64_t k = cols - first_col; k < cols; ++k) {
          cells[first_col + k - cols] += role[k];
        }
      }
    }
  }
  for (double& writes : levelled.writes) writes /= static_cast<double>(levelled.passes);
  return levelled;
}

std::int64_t rotation_period(const WearMap& wear, Levelling levelling) {
  std::int64_t period = 1;
  if (levelling >= Levelling::kColumns) period = std::lcm(period, wear.num_cols);
  if (levelling >= Levelling::kColumnsAndCrossbars) period = std::lcm(period, wear.num_crossbars);
  if (levelling >= Levelling::kColumnsCrossbarsAndRows) period = std::lcm(period, wear.num_rows);
  return period;
}

double lifetime(const WearMap& levelled, double endurance, std::int64_t batch) {
  return endurance * static_cast<double>(batch) / levelled.max();
}

}  // namespace crossloom
