#pragma once

#include <vector>

#include "crossloom/circuit/row_driver.h"
#include "crossloom/crossbar/column_sums.h"
#include "crossloom/crossbar/line_values.h"

namespace crossloom {

/// What drives the rows while a block of images is read.
struct RowInputs {
  Drive drive;   // what the products of matrices take
  Tensor volts;  // [pulses B, ...]  V  one by one; only where Newton's method needs them
};

/// Currents of columns in P reads of B images, and their read noise.
struct Currents {
  std::vector<Tensor> means;      // A    of each kind of column: [P B, N]
  std::vector<Tensor> variances;  // A^2  of each kind, or one [P B, Nv] that repeats along N for
                                  //      all of them, or none
};

/// All columns of a product at one time.
///
/// The kinds of columns are the slices and, where both are converted, the lines of a slice: slice
/// by slice, positive before negative. The mean of their currents costs a product of matrices for
/// each kind and term of the current law, their variances the same for each pair of terms, unless
/// all cells have the same read noise: then it is that of one column. No tensor of batch x rows x
/// columns is made.
class ColumnCurrents {
 public:
  ColumnCurrents(const Hardware& hardware, const ProductGeometry& geometry, const Tiling& tiling);

  /// The cells as they are at `clock`.
  void set(const WeightCells& cells, double clock);

  const RowDriver& driver() const { return driver_; }
  bool has_noise() const { return !weights_.variances.empty(); }

  /// Inputs `x` [B, ...] for a full scale of the DAC of `full_scale`.
  RowInputs inputs(const Tensor& x, double full_scale) const;

  /// What each of the P reads counts, which are converted one by one.
  std::vector<double> read_weights() const;

  struct OfTile {
    Currents weights;     // N = outputs x positions
    Currents references;  // N = groups x column tiles x positions, of one kind; or none
  };
  OfTile read(const RowInputs& inputs, std::int64_t row_tile) const;

 private:
  struct Sums {
    std::vector<ColumnSums> means;      // of each term
    std::vector<ColumnSums> variances;  // of each pair of terms
  };

  Tensor kinds(const Tensor& lines, WeightCells::Combine combine) const;
  ColumnSums sums_of(const Tensor& variance, const ProductGeometry& geometry) const;
  Currents read(const Sums& sums, const Drive& drive, std::int64_t row_tile) const;
  Tensor rows_of_block(const Tensor& volts, const Block& block) const;
  Tensor solve_block(const Tensor& volts, const Block& block) const;
  void solve(const Tensor& volts, std::int64_t row_tile, OfTile& currents) const;

  Hardware hardware_;
  ProductGeometry geometry_;
  ProductGeometry reference_geometry_;
  Tiling tiling_;
  IvLaw law_;
  RowDriver driver_;
  RowDriver volts_;  // of linear cells: its terms are voltages
  Sums weights_;
  Sums references_;
  bool needs_newton_ = false;
  LineValues g_;  // only for Newton's method
};

}  // namespace crossloom
