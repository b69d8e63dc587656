#include "crossloom/crossbar/column_sums.h"

#include "crossloom/core/processor.h"

namespace crossloom {
namespace {

/// The same product with one output for each group.
ProductGeometry one_output_per_group(ProductGeometry geometry) {
  geometry.out_channels = geometry.groups;
  return geometry;
}

bool reduced_products_are_faster(const ProductGeometry& geometry) {
  return geometry.kind == ProductGeometry::Kind::kLinear && at::hasMKLDNN() &&
         multiplies_bfloat16();
}

/// Products of fewer multiplications LibTorch computes by loops of its own, which also add up in
/// bfloat16.
constexpr std::int64_t kLeastReduced = 1 << 14;

/// [B, rows] * [rows, columns], the latter in float or bfloat16.
Tensor matrix_product(const Tensor& x, const Tensor& kernels) {
  if (kernels.scalar_type() == at::kFloat || x.size(0) * kernels.numel() < kLeastReduced) {
    return at::mm(x, kernels.to(at::kFloat));
  }
  return at::mm(x.to(at::kBFloat16), kernels).to(at::kFloat);
}

Tensor equal_values(double value, const ProductGeometry& geometry) {
  std::vector<std::int64_t> sizes = one_output_per_group(geometry).weight_sizes();
  sizes.insert(sizes.begin(), 1);
  return at::full(sizes, value, at::kFloat);
}

}  // namespace

ColumnSums::ColumnSums(const Tensor& values,
                       const ProductGeometry& geometry,
                       const Tiling& tiling,
                       Precision precision)
    : geometry_(geometry), num_kinds_(values.size(0)) {
  for (std::int64_t t = 0; t < tiling.row_tiles; ++t) tiles_.push_back(cut(values, tiling, t));
  if (precision == Precision::kSingle || !reduced_products_are_faster(geometry)) return;
  for (Tile& tile : tiles_) tile.kernels = tile.kernels.to(at::kBFloat16);
}

ColumnSums::ColumnSums(double value, const ProductGeometry& geometry, const Tiling& tiling)
    : ColumnSums(equal_values(value, geometry), one_output_per_group(geometry), tiling) {
  repeats_ = geometry.out_channels / geometry.groups;
  const bool has_whole_kernels = tiling.rows_per_tile % geometry.kernel_area() == 0;
  adds_channels_first_ = geometry.kind == ProductGeometry::Kind::kConv && has_whole_kernels;
  if (!adds_channels_first_) return;
  for (Tile& tile : tiles_) tile.kernels = tile.kernels.narrow(2, 0, 1).contiguous();
}

/// Row tile `index`: its rows of each group, filled up with zeros to whole channels.
ColumnSums::Tile ColumnSums::cut(const Tensor& values,
                                 const Tiling& tiling,
                                 std::int64_t index) const {
  const std::int64_t area = geometry_.kernel_area();
  const std::int64_t first_row = index * tiling.rows_per_tile;
  const std::int64_t end_row = std::min(first_row + tiling.rows_per_tile, geometry_.num_rows());
  Tile tile;
  tile.first_channel = first_row / area;
  tile.num_channels = (end_row + area - 1) / area - tile.first_channel;
  const std::int64_t before = first_row - tile.first_channel * area;
  const std::int64_t after = tile.num_channels * area - (end_row - first_row) - before;
  const Tensor rows = values.flatten(2).narrow(2, first_row, end_row - first_row);  // [K, C, rows]
  if (geometry_.kind == ProductGeometry::Kind::kLinear) {
    tile.kernels = rows.flatten(0, 1).t().contiguous();
  } else {
    tile.kernels = at::constant_pad_nd(rows, {before, after})
                       .contiguous()
                       .view({num_kinds_,
                              geometry_.out_channels,
                              tile.num_channels,
                              geometry_.kernel[0],
                              geometry_.kernel[1]});
  }
  return tile;
}

/// The channels of `tile` out of each group, or their sum.
Tensor ColumnSums::channels_of(const Tensor& x, const Tile& tile) const {
  if (geometry_.kind == ProductGeometry::Kind::kLinear) {
    return x.narrow(1, tile.first_channel, tile.num_channels);
  }
  const Tensor grouped = x.view({x.size(0), geometry_.groups, -1, x.size(2), x.size(3)})
                             .narrow(2, tile.first_channel, tile.num_channels);
  return adds_channels_first_ ? grouped.sum(2) : grouped.flatten(1, 2);
}

/// K outputs [B, N]. Of a product with groups each kind is computed by itself: a convolution with
/// one output per group is much faster than one with several.
std::vector<Tensor> ColumnSums::convolve(const Tensor& x, const Tensor& kernels) const {
  if (geometry_.groups == 1) {
    const Tensor all = digital_product(x, kernels.flatten(0, 1), geometry_);
    return all.contiguous().view({x.size(0), num_kinds_, -1}).unbind(1);
  }
  std::vector<Tensor> outputs;
  for (std::int64_t k = 0; k < num_kinds_; ++k) {
    outputs.push_back(digital_product(x, kernels[k], geometry_).contiguous().flatten(1));
  }
  return outputs;
}

/// One channel by one kernel: [B, 1, H, W] -> [B, L]. As channels of one image that do not mix,
/// which is what convolutions are fast at.
Tensor ColumnSums::convolve_images(const Tensor& x, const Tensor& kernel) const {
  ProductGeometry images = geometry_;
  images.groups = x.size(0);
  const Tensor kernels = kernel.expand({x.size(0), 1, geometry_.kernel[0], geometry_.kernel[1]});
  return digital_product(x.transpose(0, 1), kernels, images).view({x.size(0), -1});
}

std::vector<Tensor> ColumnSums::operator()(const Tensor& x, std::int64_t index) const {
  const Tile& tile = tiles_[static_cast<std::size_t>(index)];
  const Tensor inputs = channels_of(x, tile);
  const Tensor kernels = tile.kernels.to(x.device());
  std::vector<Tensor> sums;
  if (geometry_.kind == ProductGeometry::Kind::kLinear) {
    sums = matrix_product(inputs, kernels).view({x.size(0), num_kinds_, -1}).unbind(1);
  } else if (adds_channels_first_ && geometry_.groups == 1) {
    sums = {convolve_images(inputs, kernels[0])};
  } else {
    sums = convolve(inputs, kernels);
  }
  // Equal cells: the outputs of a group are the same. Those of a single group repeat along N.
  if (repeats_ > 1 && geometry_.groups > 1) {
    sums[0] = sums[0]
                  .view({x.size(0), geometry_.groups, 1, -1})
                  .expand({-1, -1, repeats_, -1})
                  .reshape({x.size(0), -1});
  }
  return sums;
}

}  // namespace crossloom
