#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crossloom/crossbar/hardware.h"

namespace crossloom {

/// The cells that hold one stored weight: S slices of P cells, and what stands beside them, the
/// cells of reference columns or the switches of signs (`WeightScheme`).
///
/// Values of cells have the shape [S, P, weight shape]; values of lines, the columns that add them
/// up, [S, L, weight shape], zero where a switch leads a cell's current elsewhere. Reference
/// columns are one for each group and column tile: values [G T, C_in / G, k, k].
class WeightCells {
 public:
  /// Pristine cells; `place` is their stream. `w_max` as for `WeightMapping`. Without
  /// `Hardware::keeps_cells` only `write`, once, and `made` are for what needs the cells.
  WeightCells(const Hardware& hardware,
              const ProductGeometry& geometry,
              const Tensor& w_max,
              const Rng& place);

  /// These with their cells, which are made and written now where they are not kept.
  WeightCells made() const;

  const Cells& cells() const { return cells_; }
  const Cells& references() const { return references_; }
  const WeightMapping& mapping() const { return mapping_; }
  bool has_references() const { return mapping_.scheme() == WeightScheme::kOffset; }

  /// The smallest change of a weight that its cells are made for: one step of the slices or,
  /// without slices, one level of the device. Throws `ConfigError` when there is neither.
  double level_weight() const;

  /// Programs the weights where `mask` is true: cells whose target changes are written. Reference
  /// columns are programmed by the first call.
  void write(const Tensor& mask, const Tensor& w, double clock, Rng& rng);

  /// Moves the weights by `num_pulses` blind pulses. Throws `ConfigError` where a pulse does not
  /// move a weight by itself.
  void pulse(const Tensor& num_pulses, const Tensor& w, double clock, Rng& rng);

  /// What the cells have, and the cells of reference columns: conductances, or variances.
  struct Values {
    Tensor cells;       // [S, P, weight shape]
    Tensor references;  // [G T, C_in / G, k, k], undefined without
  };
  Values conductances(double clock) const;
  Values read_variances(double clock) const;
  /// Conductances as one read of every cell sees them.
  Values read_conductances(double clock, Rng& rng) const;

  /// [S, P, ...] -> [S, L, ...]
  Tensor in_lines(const Tensor& values) const;

  /// What columns hold with signs included: [S, weight shape], from values of lines and of
  /// reference columns. `kVariance`: of independent errors; those of a reference count once, in
  /// the first slice, for what they are worth in the sum of all.
  enum class Combine { kDifference, kVariance };
  Tensor signed_values(const Tensor& lines, const Tensor& references, Combine combine) const;

  /// Weights that `values`, conductances of cells, stand for.
  Tensor weights(const Values& values) const;

  /// The reference column of each output: [C].
  const Tensor& reference_of_output() const { return reference_of_output_; }

  std::map<std::string, Tensor> state() const;
  void load_state(const std::map<std::string, Tensor>& state);

 private:
  /// The only write to cells that are not kept.
  struct Writing {
    Tensor w;
    double clock = 0;
    Rng rng;
  };

  void make();

  Device device_;
  WeightMapping mapping_;
  Rng place_;
  bool is_kept_;
  std::optional<Writing> writing_;
  std::vector<std::int64_t> cell_sizes_;
  std::vector<std::int64_t> reference_sizes_;  // only with an offset column
  Cells cells_;
  Cells references_;            // only with an offset column
  Tensor reference_of_output_;  // only with an offset column
  Tensor switches_;             // [S, weight shape]  int8; only for sign-magnitude
};

}  // namespace crossloom
