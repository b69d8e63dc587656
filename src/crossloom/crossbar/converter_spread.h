#pragma once

#include <vector>

#include "crossloom/crossbar/hardware.h"

namespace crossloom {

/// Gains and offsets of the converters of a product, drawn once for a chip.
///
/// A converter serves `columns_per_adc` neighbouring columns of one crossbar, or pairs of columns
/// that are subtracted in front of it, where `Block` says that they lie.
class ConverterSpread {
 public:
  /// Of columns of weights: [kinds, C], or of references: [1, G T]. Undefined without spread.
  struct Errors {
    Tensor gain;    // 1
    Tensor offset;  // lsb
  };

  ConverterSpread() = default;
  ConverterSpread(const Hardware& hardware,
                  const ProductGeometry& geometry,
                  const Tiling& tiling,
                  Rng rng);

  const Errors& of_weights(std::int64_t row_tile) const { return at(weights_, row_tile); }
  const Errors& of_references(std::int64_t row_tile) const { return at(references_, row_tile); }

 private:
  static const Errors& at(const std::vector<Errors>& tiles, std::int64_t row_tile) {
    static const Errors none;
    return tiles.empty() ? none : tiles[static_cast<std::size_t>(row_tile)];
  }

  std::vector<Errors> weights_;
  std::vector<Errors> references_;
};

}  // namespace crossloom
