#pragma once

#include <functional>
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
///
/// The cells lie in pieces of whole outputs, each with a stream of its own: small enough for the
/// laws of the device, which go over them many times, to work in the cache, and on all threads.
class WeightCells {
 public:
  /// Pristine cells; `place` is their stream. `w_max` as for `WeightMapping`. Without
  /// `Hardware::keeps_cells` they are written once and made anew, piece by piece, whenever
  /// something is asked of them.
  WeightCells(const Hardware& hardware,
              const ProductGeometry& geometry,
              const Tensor& w_max,
              const Rng& place);

  /// All cells as one block.
  Cells cells() const;
  /// The cells of reference columns; nothing without these.
  Cells references() const;

  /// Cells, without those of reference columns, and how often each was written: [S, P, weight
  /// shape].
  std::int64_t num_cells() const;
  Tensor write_counts() const;

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

  /// What is asked of a block of cells: tensors of its shape, as many for each block.
  using CellLaw = std::function<std::vector<Tensor>(const Cells&)>;

  /// What `law`, called from several threads at once, says of all cells.
  std::vector<Values> values(const CellLaw& law) const;

  Values conductances(double clock) const;
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
  struct Writing {
    Tensor w;
    double clock;
    Rng rng;
  };

  /// Outputs first … first + count - 1.
  struct Piece {
    std::size_t index;
    std::int64_t first;
    std::int64_t count;
    Tensor part(const Tensor& of_all, std::int64_t dim = 0) const {
      return of_all.narrow(dim, first, count);
    }
  };

  std::vector<std::int64_t> cell_sizes(std::int64_t outputs) const;
  std::int64_t num_pieces() const;
  Piece piece(std::int64_t index) const;
  template <class Function>
  void for_each_piece(const Function& function) const;
  Cells make(const Piece& piece) const;
  Cells cells_of(const Piece& piece) const;
  Cells make_references() const;
  void write(const Piece& piece, const Tensor& mask, const Writing& writing, Cells& cells) const;
  void write_references(const Writing& writing, Cells& cells) const;

  Device device_;
  WeightMapping mapping_;
  Rng place_;
  bool is_kept_;
  std::vector<std::int64_t> weight_sizes_;
  std::vector<std::int64_t> reference_sizes_;  // only with an offset column
  std::int64_t cells_per_weight_;
  std::vector<Cells> pieces_;       // only of cells that are kept
  Cells references_;                // the same, and only with an offset column
  std::optional<Writing> writing_;  // only of cells that are not kept
  Tensor reference_of_output_;      // only with an offset column
  Tensor switches_;                 // [S, weight shape]  int8; only for sign-magnitude
};

}  // namespace crossloom
