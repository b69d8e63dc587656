#include "crossloom/crossbar/converter_spread.h"

namespace crossloom {
namespace {

/// Numbers of the converters, counted through all crossbars, of the columns of `block`: [S, lines,
/// outputs].
Tensor converters_of(const Block& block, const Hardware& hardware, std::int64_t per_crossbar) {
  const std::int64_t slices = hardware.mapping.num_slices();
  const std::int64_t lines = hardware.converted_lines();
  const std::int64_t per_line = hardware.mapping.footprint().num_lines / (slices * lines);
  const Tensor output = at::arange(block.num_outputs, at::kLong).view({1, 1, -1});
  const Tensor slice = at::arange(slices, at::kLong).view({-1, 1, 1});
  const Tensor line = at::arange(lines, at::kLong).view({1, -1, 1});
  const Tensor column = block.lines_before / per_line + (output * slices + slice) * lines + line;
  return block.crossbar * per_crossbar + at::div(column, hardware.adc.columns_per_adc, "floor");
}

}  // namespace

ConverterSpread::ConverterSpread(const Hardware& hardware,
                                 const ProductGeometry& geometry,
                                 const Tiling& tiling,
                                 Rng rng) {
  const Adc& adc = hardware.adc;
  if (!adc.has_spread()) return;
  const WeightFootprint footprint = hardware.mapping.footprint();
  const std::int64_t per_crossbar =
      (hardware.array.num_cols + adc.columns_per_adc - 1) / adc.columns_per_adc;
  const std::int64_t count = tiling.num_crossbars * per_crossbar;
  const Tensor gain = 1 + adc.sigma_gain * rng.normal({count});
  const Tensor offset = adc.sigma_offset_lsb * rng.normal({count});
  const std::int64_t kinds = hardware.mapping.num_slices() * hardware.converted_lines();
  const auto empty = [](std::int64_t rows, std::int64_t columns) {
    return Errors{at::empty({rows, columns}), at::empty({rows, columns})};
  };
  for (std::int64_t t = 0; t < tiling.row_tiles; ++t) {
    weights_.push_back(empty(kinds, geometry.out_channels));
    references_.push_back(empty(1, geometry.groups * tiling.col_tiles));
  }
  for (const Block& block : blocks_of(geometry, tiling, footprint)) {
    const Tensor numbers =
        converters_of(block, hardware, per_crossbar).flatten(0, 1);  // [kinds, outputs]
    const auto place = [&](Errors& errors, const Tensor& index, std::int64_t first) {
      for (const auto& [to, from] : {std::pair{errors.gain, gain}, {errors.offset, offset}}) {
        to.narrow(1, first, index.size(1))
            .copy_(from.index_select(0, index.flatten()).view(index.sizes()));
      }
    };
    const auto tile = static_cast<std::size_t>(block.row_tile);
    place(weights_[tile], numbers, block.first_output);
    if (footprint.num_references == 0) continue;
    const std::int64_t column = block.lines_before + block.num_outputs * footprint.num_lines;
    const std::int64_t number = block.crossbar * per_crossbar + column / adc.columns_per_adc;
    place(references_[tile],
          at::full({1, 1}, number, at::kLong),
          block.group * tiling.col_tiles + block.col_tile);
  }
}

}  // namespace crossloom
