#pragma once

#include <cstdint>
#include <map>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// Mean and covariance of the readings of cells at K times, for each of B groups of cells.
struct ReadingMoments {
  Tensor count;       // [B]        cells
  Tensor num_read;    // [B, K]     of them, read at each time
  Tensor mean;        // [B, K]     in the unit of the readings
  Tensor covariance;  // [B, K, K]
};

/// Sums over cells that were read at some of K times, from which mean and covariance at all of
/// them follow: a cell that was not read at a time counts by what its other readings say of it, as
/// the largest likelihood of Gaussian readings has it. So the mean at a time does not depend
/// on which cells happened to be read then, as far as their other readings tell.
/// Source: R. J. A. Little and D. B. Rubin, "Statistical analysis with missing data", 3rd ed. 2019,
/// chapter 11 (expectation–maximisation for the multivariate normal distribution).
class ReadingSums {
 public:
  /// Sums of `readings` [N, K], float64, not a number where a cell was not read; K <= 62. `group`
  /// [N], int64, in [0, num_groups).
  static ReadingSums of(const Tensor& readings, const Tensor& group, std::int64_t num_groups);

  /// The sums of both.
  ReadingSums operator+(const ReadingSums& other) const;

  /// As if nothing had been read at the time `index`.
  ReadingSums without_time(std::int64_t index) const;

  /// Moments of all groups, float64. A time at which no cell of a group was read has mean and
  /// variance 0.
  ReadingMoments moments() const;

  /// The same, found sooner from the moments `start` of similar sums.
  ReadingMoments moments(const ReadingMoments& start) const;

  std::int64_t num_times() const { return num_times_; }

 private:
  struct Sums {
    Tensor count;    // [B]
    Tensor sum;      // [B, K]     0 where not read
    Tensor product;  // [B, K, K]  0 where not read
  };

  struct Expected;

  ReadingMoments without_covariance() const;
  Expected expected(std::uint64_t pattern, const ReadingMoments& moments) const;

  /// By which times were read, a bit each.
  std::map<std::uint64_t, Sums> by_pattern_;
  std::int64_t num_groups_ = 0;
  std::int64_t num_times_ = 0;
};

}  // namespace crossloom
