#include <array>
#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/core/random.h"
#include "crossloom/mapping/digits.h"
#include "crossloom/mapping/geometry.h"
#include "crossloom/mapping/weight_mapping.h"

namespace crossloom {
namespace {

/// Linear and convolutions: plain, with groups, with stride and unequal padding and dilation.
std::vector<ProductGeometry> geometries() {
  ProductGeometry odd = ProductGeometry::conv(4, 6, 3, 2, 0, 2);
  odd.kernel = {3, 2};
  odd.padding = {0, 1, 1, 2};
  odd.dilation = {1, 2};
  return {ProductGeometry::linear(7, 5),
          ProductGeometry::conv(3, 4, 3, 1, 1),
          ProductGeometry::conv(6, 6, 3, 2, 1, 6),
          odd};
}

TEST(ProductGeometry, GradientsAreThoseOfTheProduct) {
  Rng rng(1);
  for (const ProductGeometry& g : geometries()) {
    const bool is_linear = g.kind == ProductGeometry::Kind::kLinear;
    const Tensor x = (is_linear ? rng.normal({2, 3, 7}) : rng.normal({2, g.in_channels, 9, 8}))
                         .requires_grad_(true);
    const Tensor w = rng.normal(g.weight_sizes()).requires_grad_(true);
    const Tensor y = digital_product(x, w, g);
    EXPECT_EQ(y.sizes().vec(), g.output_sizes(x.sizes()));
    const Tensor grad = rng.normal(y.sizes());
    (y * grad).sum().backward();
    EXPECT_TRUE(weight_gradient(grad, x.detach(), w.detach(), g).allclose(w.grad(), 1e-4, 1e-4));
    EXPECT_TRUE(transposed_product(grad, w.detach(), g, x.sizes()).allclose(x.grad(), 1e-4, 1e-4));
  }
}

TEST(Tiling, NeverCutsAKernelThatFits) {
  // 5 x 5 kernels in 64 rows: two input channels a tile; 3 x 3 in 256 rows: 28.
  EXPECT_EQ(tile_product(ProductGeometry::conv(4, 12, 5, 1, 0), {64, 64}).rows_per_tile, 50);
  EXPECT_EQ(tile_product(ProductGeometry::conv(4, 12, 5, 1, 0), {64, 64}).row_tiles, 2);
  EXPECT_EQ(tile_product(ProductGeometry::conv(64, 64, 3, 1, 1), {256, 64}).rows_per_tile, 252);
  EXPECT_EQ(tile_product(ProductGeometry::conv(64, 64, 3, 1, 1), {256, 64}).row_tiles, 3);
  EXPECT_EQ(tile_product(ProductGeometry::conv(64, 64, 3, 1, 1), {256, 64}).col_tiles, 2);
}

TEST(Tiling, CutsLinearLayersAndLargerKernelsAnywhere) {
  const Tiling linear = tile_product(ProductGeometry::linear(192, 10), {64, 64});
  EXPECT_EQ(linear.row_tiles, 3);
  EXPECT_EQ(linear.col_tiles, 1);
  const Tiling conv = tile_product(ProductGeometry::conv(3, 64, 11, 4, 2), {64, 64});
  EXPECT_EQ(conv.rows_per_tile, 64);
  EXPECT_EQ(conv.row_tiles, 6);  // 363 rows
  EXPECT_EQ(conv.num_crossbars, 12);
}

TEST(Tiling, CountsThePairsOfEverySlice) {
  const Tiling tiling = tile_product(ProductGeometry::linear(64, 64), {64, 64}, {8, 8, 0});
  EXPECT_EQ(tiling.num_crossbars, 8);
  EXPECT_EQ(tiling.used_cells, 2 * 4 * 64 * 64);
  EXPECT_DOUBLE_EQ(tiling.utilisation(), 1);
}

TEST(Tiling, GroupsThatFitStandOnTheDiagonalOfACrossbar) {
  // Depthwise: blocks of 9 rows and 2 columns; 256 / 9 = 28 of them fit side by side.
  const Tiling depthwise = tile_product(ProductGeometry::conv(64, 64, 3, 1, 1, 64), {256, 64});
  EXPECT_EQ(depthwise.num_crossbars, 3);
  EXPECT_EQ(depthwise.used_cells, 64 * 9 * 2);
  EXPECT_DOUBLE_EQ(depthwise.utilisation(), 64 * 9 * 2 / (3 * 256 * 64.0));
  // With four slices the columns are what is full: 8 blocks.
  EXPECT_EQ(
      tile_product(ProductGeometry::conv(64, 64, 3, 1, 1, 64), {256, 64}, {8, 8, 0}).num_crossbars,
      8);
  // Two groups of 288 rows and 64 columns: neither fits, each takes two row tiles of its own.
  EXPECT_EQ(tile_product(ProductGeometry::conv(64, 64, 3, 1, 1, 2), {256, 64}).num_crossbars, 4);
}

TEST(Tiling, ArraysWithoutRowsOrPairsAreRefused) {
  EXPECT_THROW(tile_product(ProductGeometry::linear(4, 4), {0, 64}), ConfigError);
  EXPECT_THROW(tile_product(ProductGeometry::linear(4, 4), {64, 1}), ConfigError);
}

TEST(Tiling, NeverPartsTheColumnsOfAWeight) {
  // Eight columns a weight in 20 columns: two weights, four columns are left over.
  const Tiling tiling = tile_product(ProductGeometry::linear(10, 5), {64, 20}, {8, 8, 0});
  EXPECT_EQ(tiling.outputs_per_tile, 2);
  EXPECT_EQ(tiling.col_tiles, 3);
  EXPECT_THROW(tile_product(ProductGeometry::linear(10, 5), {64, 7}, {8, 8, 0}), ConfigError);
}

TEST(Tiling, EachBlockHasAReferenceColumn) {
  const WeightFootprint offset{2, 2, 1};
  const Tiling tiling = tile_product(ProductGeometry::linear(100, 40), {64, 64}, offset);
  EXPECT_EQ(tiling.outputs_per_tile, 31);
  EXPECT_EQ(tiling.col_tiles, 2);
  EXPECT_EQ(tiling.used_cells, 2 * 4000 + 2 * 100);
  // Depthwise: blocks of 9 rows and 3 columns.
  EXPECT_EQ(tile_product(ProductGeometry::conv(64, 64, 3, 1, 1, 64), {256, 64}, offset)
                .blocks_per_crossbar,
            21);
}

/// Marks every cell that a block takes; cells of one crossbar must not overlap.
TEST(Blocks, CoverEveryWeightOnceAndStayApart) {
  const ArraySize array{40, 30};
  for (const WeightFootprint& footprint :
       {WeightFootprint{2, 2, 0}, WeightFootprint{3, 3, 1}, WeightFootprint{4, 8, 0}}) {
    for (const ProductGeometry& g : {ProductGeometry::linear(100, 17),
                                     ProductGeometry::conv(6, 6, 3, 1, 1, 6),
                                     ProductGeometry::conv(8, 12, 3, 1, 1, 2),
                                     ProductGeometry::conv(3, 5, 9, 1, 1)}) {
      const Tiling tiling = tile_product(g, array, footprint);
      Tensor cells = at::zeros({tiling.num_crossbars, array.num_rows, array.num_cols}, at::kLong);
      Tensor weights = at::zeros({g.out_channels, g.num_rows()}, at::kLong);
      for (const Block& b : blocks_of(g, tiling, footprint)) {
        const std::int64_t columns = b.num_outputs * footprint.num_lines + footprint.num_references;
        cells[b.crossbar]
            .narrow(0, b.rows_below, b.num_rows)
            .narrow(1, b.lines_before, columns)
            .add_(1);
        weights.narrow(0, b.first_output, b.num_outputs).narrow(1, b.first_row, b.num_rows).add_(1);
        EXPECT_EQ(b.first_output / (g.out_channels / g.groups), b.group);
      }
      EXPECT_TRUE(weights.eq(1).all().item<bool>());
      EXPECT_LE(cells.max().item<std::int64_t>(), 1);
      if (footprint.num_cells == footprint.num_lines) {
        EXPECT_EQ(cells.sum().item<std::int64_t>(), tiling.used_cells);
      }
    }
  }
}

constexpr ConductanceRange kRange = {1e-6, 33e-6};
const std::vector<std::vector<std::int64_t>> kSlices = {{}, {8}, {2, 2, 2, 2}, {1, 3, 4}};
constexpr WeightScheme kSchemes[] = {WeightScheme::kSignSplit,
                                     WeightScheme::kSymmetric,
                                     WeightScheme::kOffset,
                                     WeightScheme::kSignMagnitude};

WeightMapping make_mapping(const std::vector<std::int64_t>& slice_bits,
                           WeightScheme scheme,
                           const Tensor& w_max,
                           ConductanceRange range = kRange) {
  MappingOptions options;
  options.slice_bits = slice_bits;
  options.scheme = scheme;
  return WeightMapping(options, range, w_max);
}

/// What the columns of each slice hold.
Tensor signed_g(const WeightMapping& mapping, const Tensor& w) {
  const Tensor g = mapping.to_conductances(w);
  if (mapping.scheme() == WeightScheme::kOffset) return g.select(1, 0) - mapping.reference();
  if (mapping.scheme() == WeightScheme::kSignMagnitude) {
    return g.select(1, 0) * mapping.to_switches(w);
  }
  return g.select(1, 0) - g.select(1, 1);
}

TEST(WeightMapping, WholeWeightsComeBackFromTheirConductances) {
  for (const auto& slices : kSlices) {
    for (const WeightScheme scheme : kSchemes) {
      const bool is_offset = scheme == WeightScheme::kOffset;
      const std::int64_t top = is_offset ? 127 : 255;  // one of the bits is the sign
      const Tensor w = at::arange(-top, top + 1).to(at::kFloat).view({2 * top + 1, 1});
      ConductanceRange range = kRange;
      // Every digit above the smallest conductance.
      if (scheme == WeightScheme::kSignMagnitude) range.g_min = 0.1e-6;
      const WeightMapping mapping = make_mapping(
          slices, scheme, at::scalar_tensor(static_cast<double>(top), at::kDouble), range);
      const Tensor g = mapping.to_conductances(w);
      EXPECT_EQ(g.size(0), mapping.num_slices());
      EXPECT_GE(g.min().item<double>(), range.g_min * 0.999999);
      EXPECT_LE(g.max().item<double>(), range.g_max * 1.000001);
      const double error =
          (mapping.to_weights(signed_g(mapping, w)) - w).abs().max().item<double>();
      EXPECT_LT(error, 1e-3) << static_cast<int>(scheme) << " " << slices.size();
    }
  }
}

TEST(WeightMapping, SlicesRoundWeightsToTheirStepOfEachColumn) {
  Rng rng(1);
  const Tensor w = rng.normal({5, 3, 2, 2}).clamp(-2, 2);
  for (const Tensor& w_max : {at::scalar_tensor(2, at::kDouble), w.flatten(1).abs().amax(1)}) {
    for (const WeightScheme scheme : kSchemes) {
      const WeightMapping mapping = make_mapping({2, 3}, scheme, w_max);
      const Tensor step = mapping.weight_step().to(at::kFloat).view({-1, 1, 1, 1});
      const Tensor expected = (w / step).round() * step;
      EXPECT_TRUE(mapping.to_weights(signed_g(mapping, w)).allclose(expected, 1e-5, 1e-5));
    }
  }
}

TEST(WeightMapping, UnusedCellRestsAtTheSmallestConductance) {
  const WeightMapping mapping =
      make_mapping({}, WeightScheme::kSignSplit, at::scalar_tensor(1, at::kDouble));
  const Tensor g = mapping.to_conductances(at::tensor({1.0F, -1.0F, 0.0F, 7.0F}));
  const Tensor expected =
      at::tensor({33e-6F, 1e-6F, 1e-6F, 33e-6F, 1e-6F, 33e-6F, 1e-6F, 1e-6F}).view({1, 2, 4});
  EXPECT_TRUE(g.allclose(expected, 1e-6, 1e-12)) << g;
}

TEST(WeightMapping, SymmetricPairsStandAroundTheMiddle) {
  const WeightMapping mapping =
      make_mapping({2, 2}, WeightScheme::kSymmetric, at::scalar_tensor(1, at::kDouble));
  const Tensor g = mapping.to_conductances(at::linspace(-1, 1, 11));
  EXPECT_TRUE(g.sum(1).allclose(at::full({2, 11}, kRange.g_min + kRange.g_max)));
}

TEST(WeightMapping, ZeroIsTheReferenceOfAnOffsetColumn) {
  for (const auto& slices : kSlices) {
    const WeightMapping mapping =
        make_mapping(slices, WeightScheme::kOffset, at::scalar_tensor(1, at::kDouble));
    const Tensor w = mapping.to_weights(signed_g(mapping, at::zeros({1})));
    EXPECT_NEAR(w.item<double>(), 0, 1e-6);
    EXPECT_GT(mapping.reference(), 0.5 * (kRange.g_min + kRange.g_max) * 0.999999);
  }
}

TEST(WeightMapping, SwitchesCarryTheSignAndTurnZerosOff) {
  const WeightMapping mapping =
      make_mapping({2, 2}, WeightScheme::kSignMagnitude, at::scalar_tensor(15, at::kDouble));
  const Tensor switches = mapping.to_switches(at::tensor({-7.0F, 0.0F, 3.0F, 12.0F}));
  const Tensor expected =
      at::tensor({-1, 0, 0, 1, -1, 0, 1, 0}, at::kLong).to(at::kChar).view({2, 4});
  EXPECT_TRUE(switches.equal(expected)) << switches;
  // Without slices the smallest conductance is the smallest weight that is not zero.
  const WeightMapping whole =
      make_mapping({}, WeightScheme::kSignMagnitude, at::scalar_tensor(33, at::kDouble));
  const Tensor w = at::tensor({0.4F, 0.6F, -0.6F, 1.0F});
  EXPECT_TRUE(whole.to_weights(signed_g(whole, w)).allclose(at::tensor({0.0F, 1.0F, -1.0F, 1.0F})));
}

TEST(WeightMapping, DigitsStandFromTheMostSignificantToTheLeast) {
  const WeightMapping mapping =
      make_mapping({1, 3}, WeightScheme::kSignSplit, at::scalar_tensor(15, at::kDouble));
  const Tensor g = mapping.to_conductances(at::tensor({-13.0F}));  // 1 101
  const double window = kRange.g_max - kRange.g_min;
  EXPECT_NEAR(g[0][1].item<double>(), kRange.g_max, 1e-11);
  EXPECT_NEAR(g[1][1].item<double>(), kRange.g_min + window * 5 / 7, 1e-11);
  EXPECT_NEAR(g.select(1, 0).max().item<double>(), kRange.g_min, 1e-11);
}

// Independent errors of the slices: 5 standard errors.
TEST(WeightMapping, VarianceOfWeightsIsThatOfIndependentSlices) {
  const std::int64_t n = 20000;
  const WeightMapping mapping =
      make_mapping({2, 2}, WeightScheme::kSignSplit, at::tensor({1.0F, 3.0F}));
  Rng rng(4);
  const Tensor sigma = (1 + rng.uniform({2, 2, 1})) * 1e-6;
  const Tensor error = sigma * rng.normal({2, 2, n});
  const Tensor expected = mapping.to_weight_variance(sigma.square()).sqrt();
  const Tensor found = mapping.to_weights(error).std(1, /*unbiased=*/true);
  for (std::int64_t c = 0; c < 2; ++c) {
    const double sigma_w = expected[c][0].item<double>();
    EXPECT_NEAR(found[c].item<double>(), sigma_w, 5 * sigma_w / std::sqrt(2.0 * n));
  }
}

TEST(WeightMapping, EmptyAndTooManySlicesAreRefused) {
  MappingOptions options;
  options.slice_bits = {2, 0};
  EXPECT_THROW(options.validate(), ConfigError);
  options.slice_bits = {8, 8, 1};
  EXPECT_THROW(options.validate(), ConfigError);
  options.slice_bits = {1};
  options.scheme = WeightScheme::kOffset;
  EXPECT_THROW(options.validate(), ConfigError);
  ParamList params;
  options.describe(params);
  EXPECT_THROW(params.assign({{"slice_bits", {2, 9}}}), ConfigError);
  EXPECT_THROW(params.assign({{"slice_bits", {2, 1.5}}}), ConfigError);
  EXPECT_THROW(params.assign({{"slice_bits", 4}}), ConfigError);
  EXPECT_THROW(make_mapping({}, WeightScheme::kSignSplit, at::zeros({2})), c10::Error);
}

/// Slices of two bits that count so much, whose digits err as those of HfOx do.
std::vector<Slice> slices_of(const std::vector<std::int64_t>& weights) {
  std::vector<Slice> slices;
  for (const std::int64_t weight : weights) {
    slices.push_back({2, weight, {{0.01, 0.02}, {0, 0.10}, {0, 0.09}, {-0.01, 0.07}}});
  }
  return slices;
}

TEST(Digits, AreTheSameInTensorOperations) {
  const Tensor share = at::cat({2 * Rng(7).uniform({3000}) - 1, at::linspace(-1, 1, 511)});
  for (const std::vector<std::int64_t>& bits :
       {std::vector<std::int64_t>{2, 2, 2, 2}, {4}, {1, 3}, {8, 8}}) {
    std::int64_t all = 0;
    for (const std::int64_t width : bits) all += width;
    const Digits sized = {bits, (std::int64_t{1} << all) - 1, 0, {}};
    const Digits offset = {
        bits, (std::int64_t{1} << (all - 1)) - 1, std::int64_t{1} << (all - 1), {}};
    EXPECT_TRUE(sized.of(share).equal(sized.by_tensors(share)));
    EXPECT_TRUE(offset.of(share).equal(offset.by_tensors(share)));
  }
  for (const std::vector<std::int64_t>& weights :
       {std::vector<std::int64_t>{64, 16, 4, 1}, {1}, {4, 1}, {8, 4, 2, 1}, {3, 2, 1}}) {
    const std::vector<Slice> slices = slices_of(weights);
    const std::vector<std::int64_t> bits(weights.size(), 2);
    const std::int64_t largest = largest_number(slices);
    const std::int64_t zero = (largest + 1) / 2;
    const Digits sized = {bits, largest, 0, codes_of_numbers(slices)};
    const Digits offset = {bits, largest - zero, zero, codes_of_numbers(slices)};
    EXPECT_TRUE(sized.of(share).equal(sized.by_tensors(share)));
    EXPECT_TRUE(offset.of(share).equal(offset.by_tensors(share)));
  }
}

TEST(Digits, OfPlacesAreTheNumberItself) {
  const Tensor codes = codes_of_numbers(slices_of({64, 16, 4, 1}));
  EXPECT_TRUE(codes.equal(at::arange(256, at::kInt)));
}

TEST(Digits, OfAllThatMakeANumberErrLeast) {
  const std::vector<std::int64_t> weights = {4, 3, 2, 1};
  const std::vector<Slice> slices = slices_of(weights);
  const Tensor codes = codes_of_numbers(slices);
  ASSERT_EQ(codes.size(0), 31);
  const auto square = [&](const std::array<std::int64_t, 4>& digits) {
    double mean = 0;
    double variance = 0;
    for (std::size_t s = 0; s < 4; ++s) {
      const LevelError error = slices[s].errors[static_cast<std::size_t>(digits[s])];
      mean += static_cast<double>(3 * weights[s]) * error.mean;
      variance += std::pow(static_cast<double>(3 * weights[s]) * error.sigma, 2);
    }
    return mean * mean + variance;
  };
  std::array<double, 31> least;
  least.fill(1e9);
  for (std::int64_t a = 0; a < 256; ++a) {
    const std::array<std::int64_t, 4> digits = {a / 64, a / 16 % 4, a / 4 % 4, a % 4};
    double& of_number = least.at(
        static_cast<std::size_t>(4 * digits[0] + 3 * digits[1] + 2 * digits[2] + digits[3]));
    of_number = std::min(of_number, square(digits));
  }
  for (std::int64_t number = 0; number < 31; ++number) {
    std::array<std::int64_t, 4> digits;
    std::int64_t sum = 0;
    for (std::size_t s = 0; s < 4; ++s) {
      digits[s] = codes[number].item<std::int64_t>() >> (6 - 2 * s) & 3;
      sum += weights[s] * digits[s];
    }
    EXPECT_EQ(sum, number);
    EXPECT_NEAR(square(digits), least[static_cast<std::size_t>(number)], 1e-6) << number;
  }
}

TEST(Digits, WithoutErrorsAreTheLargestInTheFirstSlices) {
  const Tensor codes = codes_of_numbers({{2, 2, {}}, {2, 1, {}}});
  const Tensor expected =
      at::tensor({0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 0, 1, 0, 1, 0, 1, 0, 1, 2, 3}).view({2, 10});
  EXPECT_TRUE(at::stack({codes.bitwise_right_shift(2), codes.bitwise_and(3)})
                  .to(at::kLong)
                  .equal(expected.to(at::kLong)));
}

TEST(WeightMapping, SlicesThatCountLessHoldTheNearestOfFewerLevels) {
  MappingOptions options;
  options.slice_bits = {2, 2, 2, 2};
  options.slice_weights = {8, 4, 2, 1};
  options.level_errors.assign(4, slices_of({1})[0].errors);
  const Tensor w = 2 * Rng(3).uniform({1000}) - 1;
  for (const WeightScheme scheme : {WeightScheme::kSignSplit,
                                    WeightScheme::kSymmetric,
                                    WeightScheme::kOffset,
                                    WeightScheme::kSignMagnitude}) {
    options.scheme = scheme;
    const WeightMapping mapping(options, kRange, at::ones({}, at::kDouble));
    // 45 steps in all; with an offset 22 on one side of the reference.
    const double steps = scheme == WeightScheme::kOffset ? 22 : 45;
    EXPECT_NEAR(mapping.weight_step().item<double>(), 1 / steps, 1e-9);
    EXPECT_NEAR(mapping.significance()[0], 8.0 / 15, 1e-12);
    const Tensor expected = (w * steps).round() / steps;
    EXPECT_TRUE(mapping.to_weights(signed_g(mapping, w)).allclose(expected, 1e-5, 1e-5));
  }
}

TEST(WeightMapping, SlicesThatLeaveLevelsOutAreRefused) {
  MappingOptions options;
  options.slice_bits = {2, 2};
  for (const std::vector<std::int64_t>& weights :
       {std::vector<std::int64_t>{5, 1}, {2, 2}, {4}, {4, 1, 1}}) {
    options.slice_weights = weights;
    EXPECT_THROW(options.validate(), ConfigError);
  }
  options.slice_weights = {4, 1};
  EXPECT_NO_THROW(options.validate());
  options.slice_bits = {};
  EXPECT_THROW(options.validate(), ConfigError);
}

}  // namespace
}  // namespace crossloom
