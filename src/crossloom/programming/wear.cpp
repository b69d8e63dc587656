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

WearMap level(const WearMap& wear, Levelling levelling) {
  if (levelling == Levelling::kNone) return wear;
  WearMap levelled = wear;
  const auto crossbars = wear.num_crossbars;
  const auto rows = wear.num_rows;
  const auto cols = wear.num_cols;
  for (std::int64_t row = 0; row < crossbars * rows; ++row) {
    double* cells = &levelled.writes[row * cols];
    const double mean = std::accumulate(cells, cells + cols, 0.0) / static_cast<double>(cols);
    std::fill_n(cells, cols, mean);
  }
  if (levelling == Levelling::kColumns) return levelled;
  for (std::int64_t cell = 0; cell < rows * cols; ++cell) {
    double mean = 0;
    for (std::int64_t crossbar = 0; crossbar < crossbars; ++crossbar) {
      mean += levelled.writes[crossbar * rows * cols + cell] / static_cast<double>(crossbars);
    }
    for (std::int64_t crossbar = 0; crossbar < crossbars; ++crossbar) {
      levelled.writes[crossbar * rows * cols + cell] = mean;
    }
  }
  if (levelling == Levelling::kColumnsAndCrossbars) return levelled;
  std::fill(levelled.writes.begin(), levelled.writes.end(), levelled.mean());
  return levelled;
}

std::int64_t rotation_period(const WearMap& wear, Levelling levelling) {
  std::int64_t period = 1;
  if (levelling >= Levelling::kColumns) period *= wear.num_cols;
  if (levelling >= Levelling::kColumnsAndCrossbars) period *= wear.num_crossbars;
  if (levelling >= Levelling::kColumnsCrossbarsAndRows) period *= wear.num_rows;
  return period;
}

Levelling completed_levelling(const WearMap& wear, Levelling wanted, double endurance) {
  for (int kind = static_cast<int>(wanted); kind > 0; --kind) {
    const auto levelling = static_cast<Levelling>(kind);
    const auto period = static_cast<double>(rotation_period(wear, levelling));
    if (lifetime(level(wear, levelling), endurance, 1) >= period) return levelling;
  }
  return Levelling::kNone;
}

double lifetime(const WearMap& levelled, double endurance, std::int64_t batch) {
  return endurance * static_cast<double>(batch) / levelled.max();
}

}  // namespace crossloom
