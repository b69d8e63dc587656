// What acts on a product, alone and all at once, against plain loops over cells in double.

#include <cmath>

#include <gtest/gtest.h>

#include "crossloom/circuit/nonlinear_cells.h"
#include "crossloom/crossbar/analog_product.h"

namespace crossloom {
namespace {

constexpr WeightScheme kSchemes[] = {WeightScheme::kSignSplit,
                                     WeightScheme::kSymmetric,
                                     WeightScheme::kOffset,
                                     WeightScheme::kSignMagnitude};

Device make_device(const std::string& model, const Json& values) {
  Device device(model);
  ParamList params;
  device.describe(params);
  params.assign(values);
  return device;
}

Hardware make_hardware(const std::string& model, const Json& values = Json::object()) {
  Hardware hardware;
  hardware.device = make_device(model, values);
  hardware.dac.bits = 0;
  hardware.dac.v_read = 0.3;
  hardware.adc.bits = 0;
  hardware.array = {40, 37};
  return hardware;
}

struct Problem {
  ProductGeometry geometry;
  Tensor x;
  Tensor w;
};

/// Linear, convolutions, groups, depthwise; several tiles in both directions.
std::vector<Problem> problems() {
  Rng rng(3);
  std::vector<Problem> list;
  for (const ProductGeometry& g : {ProductGeometry::linear(90, 25),
                                   ProductGeometry::conv(6, 5, 3, 1, 1),
                                   ProductGeometry::conv(8, 6, 3, 2, 1, 2),
                                   ProductGeometry::conv(5, 5, 3, 1, 1, 5),
                                   ProductGeometry::conv(2, 3, 7, 2, 3)}) {
    const bool is_linear = g.kind == ProductGeometry::Kind::kLinear;
    list.push_back({g,
                    is_linear ? rng.uniform({6, g.in_channels}) - 0.2
                              : rng.uniform({2, g.in_channels, 7, 6}) - 0.2,
                    rng.normal(g.weight_sizes()).clamp(-2, 2)});
  }
  return list;
}

AnalogProduct programmed(const Hardware& hardware, const Problem& p) {
  hardware.validate();
  AnalogProduct product(
      hardware, p.geometry, InputSign::kSigned, at::scalar_tensor(2, at::kDouble), Rng(1));
  Rng rng(2);
  product.write(at::ones_like(p.w, at::kBool), p.w, 0, rng);
  return product;
}

Tensor digital(const Problem& p, const Tensor& w) {
  return digital_product(p.x, w, p.geometry);
}

double error_of(const Tensor& y, const Tensor& expected) {
  return ((y - expected).abs().max() / expected.abs().max()).item<double>();
}

TEST(WeightSchemes, AreTheDigitalProductOfTheirWeightsAtEveryFidelity) {
  for (const WeightScheme scheme : kSchemes) {
    for (const std::vector<std::int64_t>& slices :
         {std::vector<std::int64_t>{}, {2, 2, 2}, {1, 4}}) {
      Hardware hardware = make_hardware("ideal", {{"g_min", "1 uS"}, {"g_max", "40 uS"}});
      hardware.mapping.scheme = scheme;
      hardware.mapping.slice_bits = slices;
      for (const Problem& p : problems()) {
        for (const Fidelity fidelity :
             {Fidelity::kStatistical, Fidelity::kBehavioural, Fidelity::kCircuit}) {
          hardware.fidelity = fidelity;
          AnalogProduct product = programmed(hardware, p);
          const Tensor weights = product.weights(0);
          const double step = slices.empty() ? 0.06 : 0.3;
          EXPECT_LT((weights - p.w).abs().max().item<double>(), step);
          EXPECT_LT(error_of(product.forward(p.x, {}), digital(p, weights)), 1e-5)
              << static_cast<int>(scheme) << " " << static_cast<int>(fidelity);
          const Tensor grad = at::ones_like(digital(p, p.w));
          const Tensor back = product.transposed(grad, p.x.sizes(), {});
          EXPECT_LT(error_of(back, transposed_product(grad, weights, p.geometry, p.x.sizes())),
                    1e-4);
        }
      }
    }
  }
}

TEST(WeightSchemes, StateRoundTripGivesTheSameOutputs) {
  for (const WeightScheme scheme : kSchemes) {
    Hardware hardware = make_hardware("bulk_switching_wu2023");
    hardware.mapping.scheme = scheme;
    const Problem p = problems()[0];
    AnalogProduct first = programmed(hardware, p);
    AnalogProduct second(
        hardware, p.geometry, InputSign::kSigned, at::scalar_tensor(2, at::kDouble), Rng(9));
    second.load_state(first.state());
    const Tensor y = first.forward(p.x, {});
    second.load_state(first.state());
    EXPECT_TRUE(second.forward(p.x, {}).equal(y));
  }
}

// A1 of the acceptance experiments: the sum over cells is the product with transformed inputs.
TEST(CurrentLaw, SumOverCellsIsTheProductOfTransformedInputs) {
  for (const WeightScheme scheme : kSchemes) {
    for (const double share : {1.0, 0.4}) {
      Hardware hardware = make_hardware(
          "ideal", {{"g_min", "1 uS"}, {"g_max", "40 uS"}, {"iv", "sinh"}, {"iv_curvature", 6}});
      hardware.mapping.scheme = scheme;
      hardware.dac.range_use = share;
      hardware.dac.range.policy = RangePolicy::kFixed;
      hardware.dac.x_max = 0.7;  // some inputs are clipped
      const Problem p = problems()[0];
      const double a = 6 * 0.3 * share;
      const Tensor v = (p.x.to(at::kDouble) / 0.7).clamp(-1, 1);
      for (const Fidelity fidelity : {Fidelity::kStatistical, Fidelity::kBehavioural}) {
        hardware.fidelity = fidelity;
        AnalogProduct product = programmed(hardware, p);
        const Tensor weights = product.weights(0).to(at::kDouble);
        Tensor expected = at::zeros({6, 25}, at::kDouble);  // a plain sum over cells
        for (std::int64_t r = 0; r < 90; ++r) {
          const Tensor drive = 0.7 * (a * v.select(1, r)).sinh() / a;
          expected += drive.unsqueeze(1) * weights.select(1, r).unsqueeze(0);
        }
        // Sums of 90 products in float.
        EXPECT_LT(error_of(product.forward(p.x, {}).to(at::kDouble), expected),
                  90 * std::exp2(-24));
      }
    }
  }
}

TEST(CurrentLaw, FidelitiesAgreeForEveryGeometry) {
  Hardware hardware = make_hardware("bulk_switching_wu2023",
                                    {{"read_noise_scale", 0}, {"iv", "sinh"}, {"iv_curvature", 5}});
  for (const Problem& p : problems()) {
    hardware.fidelity = Fidelity::kStatistical;
    const Tensor y = programmed(hardware, p).forward(p.x, {});
    hardware.fidelity = Fidelity::kBehavioural;
    EXPECT_LT(error_of(programmed(hardware, p).forward(p.x, {}), y), 1e-5);
    EXPECT_GT(error_of(y, digital(p, programmed(hardware, p).weights(0))), 0.05);
  }
}

TEST(CurrentLaw, PulsesOfOneHeightAreLinear) {
  for (const InputEncoding encoding :
       {InputEncoding::kPulseWidth, InputEncoding::kBitSerial, InputEncoding::kBitSerialDigital}) {
    Hardware hardware = make_hardware("ideal", {{"iv", "sinh"}, {"iv_curvature", 8}});
    hardware.dac.encoding = encoding;
    hardware.dac.bits = 12;
    for (const Problem& p : problems()) {
      AnalogProduct product = programmed(hardware, p);
      EXPECT_LT(error_of(product.forward(p.x, {}), digital(p, product.weights(0))), 2e-3);
    }
  }
}

TEST(CurrentLaw, PredistortionMakesSinhCellsLinear) {
  Hardware hardware = make_hardware("ideal", {{"iv", "sinh"}, {"iv_curvature", 8}});
  hardware.dac.predistortion = 8;
  const Problem p = problems()[1];
  AnalogProduct product = programmed(hardware, p);
  EXPECT_LT(error_of(product.forward(p.x, {}), digital(p, product.weights(0))), 1e-5);
}

// The noise of a read is that of conductances that are drawn anew; 5 standard errors.
TEST(CurrentLaw, ReadNoiseIsThatOfNoisyCells) {
  const std::int64_t n = 20000;
  const Problem p{ProductGeometry::linear(5, 2),
                  at::linspace(-1, 1, 5).expand({n, 5}).contiguous(),
                  at::linspace(-1, 1, 10).view({2, 5})};
  for (const InputEncoding encoding :
       {InputEncoding::kAmplitude, InputEncoding::kBitSerial, InputEncoding::kBitSerialDigital}) {
    for (const WeightScheme scheme : kSchemes) {
      Hardware hardware =
          make_hardware("pcm_nandakumar2019", {{"iv", "sinh"}, {"iv_curvature", 6}});
      hardware.dac.encoding = encoding;
      hardware.dac.bits = 3;
      hardware.mapping.scheme = scheme;
      AnalogProduct product = programmed(hardware, p);
      ReadContext context;
      context.rng = Rng(11);
      context.clock = 100;
      const Tensor fast = product.forward(p.x, context).to(at::kDouble);
      const bool is_serial = encoding != InputEncoding::kAmplitude;
      Rng rng(12);
      Tensor slow = at::zeros({n, 2}, at::kDouble);
      const Tensor code = (p.x[0].to(at::kDouble) * 7).round();
      for (int b = 0; b < (is_serial ? 3 : 1); ++b) {
        const Tensor bit = code.abs().to(at::kLong).bitwise_right_shift(b).bitwise_and(1);
        const Tensor drive =
            is_serial ? bit * (1 << b) / 7.0 * code.sign() : (1.8 * code / 7).sinh() / 1.8;
        const Tensor g = product.conductances(100);
        const Tensor sigma = hardware.device.read_sigma(product.cells(), 100);
        for (std::int64_t begin = 0; begin < n; begin += 1000) {
          // [1000, ...] reads of every cell
          std::vector<std::int64_t> sizes = g.sizes().vec();
          sizes.insert(sizes.begin(), 1000);
          const Tensor read = g + sigma * rng.normal(sizes);
          Tensor signed_g;
          if (scheme == WeightScheme::kOffset) {
            const Cells& refs = product.weight_cells().references();
            const Tensor ref = hardware.device.conductance(refs, 100) +
                               hardware.device.read_sigma(refs, 100) * rng.normal({1000, 1, 5});
            signed_g = read.select(1, 0).select(1, 0) - ref;
          } else if (scheme == WeightScheme::kSignMagnitude) {
            signed_g = read.select(1, 0).select(1, 0) * product.mapping().to_switches(p.w)[0];
          } else {
            signed_g = read.select(1, 0).select(1, 0) - read.select(1, 0).select(1, 1);
          }
          slow.narrow(0, begin, 1000) +=
              (signed_g.to(at::kDouble) * drive * product.mapping().common_scale()).sum(2);
        }
      }
      for (std::int64_t c = 0; c < 2; ++c) {
        const double spread = slow.select(1, c).std().item<double>();
        EXPECT_NEAR(fast.select(1, c).mean().item<double>(),
                    slow.select(1, c).mean().item<double>(),
                    5 * spread * std::sqrt(2.0 / static_cast<double>(n)));
        EXPECT_NEAR(fast.select(1, c).std().item<double>(),
                    spread,
                    5 * spread * std::sqrt(1.0 / static_cast<double>(n)))
            << static_cast<int>(scheme) << " " << static_cast<int>(encoding);
      }
      // The columns of one crossbar share the noise of their reference, otherwise nothing.
      const auto correlation = [](const Tensor& y) {
        const Tensor z = (y - y.mean(0)) / y.std(0);
        return (z.select(1, 0) * z.select(1, 1)).mean().item<double>();
      };
      EXPECT_NEAR(
          correlation(fast), correlation(slow), 5 * std::sqrt(2.0 / static_cast<double>(n)));
    }
  }
}

TEST(Lines, OfZeroResistanceChangeNothingBitForBit) {
  for (const Problem& p : problems()) {
    Hardware hardware = make_hardware("bulk_switching_wu2023");
    hardware.adc.bits = 8;
    hardware.adc.range.policy = RangePolicy::kTracked;
    const Tensor y = programmed(hardware, p).forward(p.x, {});
    hardware.fidelity = Fidelity::kCircuit;
    EXPECT_TRUE(programmed(hardware, p).forward(p.x, {}).equal(y));
  }
}

/// Outputs of a linear product by nodal analysis of each crossbar as it lies there: cells written
/// one by one into whole arrays.
Tensor solved_by_crossbars(const Hardware& hardware, const Problem& p, AnalogProduct& product) {
  const ProductGeometry& geometry = p.geometry;
  const WeightFootprint footprint = hardware.mapping.footprint();
  const std::int64_t slices = hardware.mapping.num_slices();
  const std::int64_t lines = footprint.num_lines / slices;
  const WeightCells& cells = product.weight_cells();
  const Tensor g = cells.in_lines(product.conductances(0)).to(at::kDouble);
  const Tensor references = cells.has_references()
                                ? hardware.device.conductance(cells.references(), 0).to(at::kDouble)
                                : Tensor();
  const Tensor v =
      hardware.dac.v_full() * (p.x.to(at::kDouble) / product.input_range()).clamp(-1, 1);
  Tensor y = at::zeros({p.x.size(0), geometry.out_channels}, at::kDouble);
  for (const Block& b : blocks_of(geometry, product.tiling(), footprint)) {
    Tensor array = at::zeros({hardware.array.num_rows, hardware.array.num_cols}, at::kDouble);
    Tensor inputs = at::zeros({p.x.size(0), hardware.array.num_rows}, at::kDouble);
    // The first row of a block is at the top of it, the block at the bottom of the crossbar.
    const std::int64_t top = hardware.array.num_rows - b.rows_below - b.num_rows;
    for (std::int64_t r = 0; r < b.num_rows; ++r) {
      inputs.select(1, top + r).copy_(v.select(1, b.first_row + r));
      for (std::int64_t o = 0; o < b.num_outputs; ++o) {
        for (std::int64_t s = 0; s < slices; ++s) {
          for (std::int64_t l = 0; l < lines; ++l) {
            array[top + r][b.lines_before + (o * slices + s) * lines + l] =
                g[s][l][b.first_output + o][b.first_row + r];
          }
        }
      }
      if (!references.defined()) continue;
      array[top + r][b.lines_before + b.num_outputs * slices * lines] =
          references[b.col_tile][b.first_row + r];
    }
    const Tensor i =
        solve_nonlinear(array, hardware.device.iv_law(), inputs, hardware.lines.wires).i;
    for (std::int64_t o = 0; o < b.num_outputs; ++o) {
      for (std::int64_t s = 0; s < slices; ++s) {
        const std::int64_t c = b.lines_before + (o * slices + s) * lines;
        Tensor current = i.select(1, c).clone();
        if (lines == 2) current -= i.select(1, c + 1);
        if (references.defined()) {
          current -= i.select(1, b.lines_before + b.num_outputs * slices * lines);
        }
        y.select(1, b.first_output + o) +=
            current * product.mapping().significance()[static_cast<std::size_t>(s)];
      }
    }
  }
  return y * product.mapping().common_scale() * product.input_range() / hardware.dac.v_full();
}

constexpr LineResistance kWires{5, 3, 60, 40};

TEST(Lines, AreThoseOfTheWholeCrossbars) {
  for (const WeightScheme scheme : kSchemes) {
    for (const char* iv : {"linear", "sinh"}) {
      Hardware hardware = make_hardware(
          "ideal", {{"g_min", "1 uS"}, {"g_max", "40 uS"}, {"iv", iv}, {"iv_curvature", 5}});
      hardware.fidelity = Fidelity::kCircuit;
      hardware.lines.wires = kWires;
      hardware.mapping.scheme = scheme;
      hardware.mapping.slice_bits = {2, 3};
      const Problem p = problems()[0];
      AnalogProduct product = programmed(hardware, p);
      const Tensor y = product.forward(p.x, {}).to(at::kDouble);
      const Tensor expected = solved_by_crossbars(hardware, p, product);
      EXPECT_LT(error_of(y, expected), 3e-6) << static_cast<int>(scheme) << " " << iv;
      EXPECT_GT(error_of(y, digital(p, product.weights(0))), 0.01);
    }
  }
}

// A convolution is the linear product of its patches: here the same crossbars, so the same lines.
TEST(Lines, OfConvolutionsAreThoseOfTheirPatches) {
  for (const char* iv : {"linear", "sinh"}) {
    Hardware hardware = make_hardware("ideal", {{"iv", iv}, {"iv_curvature", 5}});
    hardware.fidelity = Fidelity::kCircuit;
    hardware.lines.wires = kWires;
    Rng rng(5);
    const Problem conv{ProductGeometry::conv(4, 5, 3, 1, 0),
                       rng.uniform({2, 4, 5, 6}),
                       rng.normal({5, 4, 3, 3}).clamp(-2, 2)};
    hardware.dac.range.policy = RangePolicy::kFixed;
    hardware.array = {36, 37};
    const Problem linear{
        ProductGeometry::linear(36, 5),
        at::im2col(conv.x, {3, 3}, {1, 1}, {0, 0}, {1, 1}).transpose(1, 2).reshape({-1, 36}),
        conv.w.flatten(1)};
    const Tensor y = programmed(hardware, conv).forward(conv.x, {});
    const Tensor expected = programmed(hardware, linear).forward(linear.x, {});
    EXPECT_LT(error_of(y.flatten(2).transpose(1, 2).reshape({-1, 5}), expected), 1e-5) << iv;
  }
}

TEST(Lines, ApproximationStaysWithinItsTolerance) {
  const Problem p = problems()[0];
  for (const char* iv : {"linear", "sinh"}) {
    Hardware hardware = make_hardware("ideal", {{"iv", iv}, {"iv_curvature", 3}});
    hardware.fidelity = Fidelity::kCircuit;
    hardware.lines.wires = {0.1, 0.1, 0, 0};
    Problem positive = p;
    positive.x = p.x.abs();
    AnalogProduct exact = programmed(hardware, positive);
    const Tensor y = exact.forward(positive.x, {});
    hardware.lines.tolerance = 0.1;
    AnalogProduct approximate = programmed(hardware, positive);
    const Tensor difference = (approximate.forward(positive.x, {}) - y).abs();
    EXPECT_GT(difference.max().item<double>(), 0);
    // What the cells of a pair drive at full input, in the units of the output.
    const Tensor g = exact.conductances(0).sum({0, 1, 3});
    const Tensor bound = 0.1 * g * exact.mapping().common_scale() * exact.input_range();
    EXPECT_TRUE((difference <= bound).all().item<bool>()) << iv;
  }
}

/// Variance of the current of each column, to first order exactly: cell by cell, by a small change
/// of its conductance.
Tensor exact_variance(const Tensor& g,
                      const Tensor& sigma,
                      const Tensor& v,
                      const LineResistance& w) {
  Tensor variance = at::zeros({v.size(0), g.size(1)}, at::kDouble);
  const Tensor before = effective_conductance(g, w);
  const double step = 1e-4 * g.max().item<double>();  // an error of about that share
  for (std::int64_t r = 0; r < g.size(0); ++r) {
    for (std::int64_t c = 0; c < g.size(1); ++c) {
      Tensor changed = g.clone();
      changed[r][c] += step;
      const Tensor slope = at::matmul(v, effective_conductance(changed, w) - before) / step;
      variance += (slope * sigma[r][c]).square();
    }
  }
  return variance;
}

// The documented approximation of the variance with line resistance: its error over a range of
// resistances, as relative error of the spread of a column.
TEST(Lines, SpreadOfReadNoiseIsNearTheExactOne) {
  Rng rng(6);
  const std::int64_t n = 24;
  const Problem p{
      ProductGeometry::linear(n, n / 2), rng.uniform({40, n}), rng.normal({n / 2, n}).clamp(-2, 2)};
  for (const auto& [r, allowed] : {std::pair{1.0, 0.01}, {5.0, 0.03}, {25.0, 0.10}}) {
    Hardware hardware = make_hardware("bulk_switching_wu2023");
    hardware.fidelity = Fidelity::kCircuit;
    hardware.lines.wires = {r, r, 10 * r, 5 * r};
    AnalogProduct product = programmed(hardware, p);
    const Tiling tiling = tile_product(p.geometry, hardware.array, hardware.mapping.footprint());
    const ProductValues values =
        values_of_product(hardware, p.geometry, tiling, product.weight_cells(), 0);
    hardware.fidelity = Fidelity::kBehavioural;
    const ProductValues ideal =
        values_of_product(hardware, p.geometry, tiling, product.weight_cells(), 0);
    const Block block = blocks_of(p.geometry, tiling, hardware.mapping.footprint())[0];
    const auto matrix = [&](const LineValues& x) {
      return cells_of_block(x, p.geometry, block).to(at::kDouble);
    };
    const Tensor v = p.x.to(at::kDouble);
    const Tensor exact = exact_variance(
        matrix(ideal.means[0]), matrix(ideal.variances[0]).sqrt(), v, hardware.lines.wires);
    const Tensor found = at::matmul(v.square(), matrix(values.variances[0]));
    const Tensor error = ((found / exact).sqrt() - 1).abs();
    const Tensor lost = 1 - (matrix(values.means[0]).sum() / matrix(ideal.means[0]).sum());
    EXPECT_LT(error.max().item<double>(), allowed) << "lines take " << lost.item<double>();
    RecordProperty("error_at_" + std::to_string(static_cast<int>(r)),
                   std::to_string(error.max().item<double>()) + " lost " +
                       std::to_string(lost.item<double>()));
    std::printf(
        "lines of %g Ohm take %.3f; spread of the noise is off by %.4f at most, %.4f in the "
        "mean (ideal wires: %.4f)\n",
        r,
        lost.item<double>(),
        error.max().item<double>(),
        error.mean().item<double>(),
        ((at::matmul(v.square(), matrix(ideal.variances[0])) / exact).sqrt() - 1)
            .abs()
            .max()
            .item<double>());
  }
}

TEST(Converters, OfABitEachAddUpDigitally) {
  for (const WeightScheme scheme : kSchemes) {
    Hardware hardware = make_hardware("ideal", {{"g_min", "1 uS"}, {"g_max", "40 uS"}});
    hardware.mapping.scheme = scheme;
    hardware.mapping.slice_bits = {2, 3};
    hardware.dac.bits = 5;
    hardware.dac.encoding = InputEncoding::kBitSerialDigital;
    hardware.adc.bits = 14;
    hardware.adc.range.policy = RangePolicy::kTracked;
    for (const Problem& p : problems()) {
      const Tensor fine = programmed(hardware, p).forward(p.x, {});
      Hardware exact = hardware;
      exact.adc.bits = 0;
      AnalogProduct product = programmed(exact, p);
      const Tensor y = product.forward(p.x, {});
      EXPECT_LT(error_of(fine, y), 2e-3);
      exact.dac.encoding = InputEncoding::kBitSerial;
      EXPECT_LT(error_of(programmed(exact, p).forward(p.x, {}), y), 1e-5);
    }
  }
}

TEST(Converters, ShareGainAndOffsetWhereTheyAreOne) {
  Hardware hardware = make_hardware("ideal");
  hardware.adc.bits = 16;
  hardware.adc.range.policy = RangePolicy::kTracked;
  hardware.adc.sigma_gain = 0.1;
  hardware.adc.subtraction = PairSubtraction::kAnalog;
  const Problem p = problems()[0];  // 18 outputs in a crossbar of 37 columns
  for (const std::int64_t share : {1, 6, 18}) {
    hardware.adc.columns_per_adc = share;
    AnalogProduct product = programmed(hardware, p);
    Problem first = p;
    first.x = p.x.narrow(1, 0, 40).contiguous();
    first.w = p.w.narrow(1, 0, 40).contiguous();
    first.geometry = ProductGeometry::linear(40, 25);
    AnalogProduct one_tile = programmed(hardware, first);
    const Tensor ratio = one_tile.forward(first.x, {}) / digital(first, one_tile.weights(0));
    const Tensor gain = std::get<0>(ratio.median(0));
    for (std::int64_t o = 0; o + 1 < 18; ++o) {
      const double difference = (gain[o] - gain[o + 1]).abs().item<double>();
      EXPECT_EQ(difference < 2e-3, o / share == (o + 1) / share) << o << " " << share;
    }
  }
}

TEST(Converters, OffsetsHaveTheirSpread) {
  Hardware hardware = make_hardware("ideal");
  hardware.adc.bits = 8;
  hardware.adc.i_max = 1e-3;
  hardware.adc.sigma_offset_lsb = 20;
  hardware.adc.subtraction = PairSubtraction::kAnalog;
  const std::int64_t n = 20000;
  const Problem p{ProductGeometry::linear(2, n), at::zeros({1, 2}), at::zeros({n, 2})};
  const Tensor y = programmed(hardware, p).forward(p.x, {}).to(at::kDouble);
  const double lsb = 1e-3 / 127;
  AnalogProduct product = programmed(hardware, p);
  const double in_output = lsb * product.mapping().common_scale() / hardware.dac.v_full();
  const double spread = std::sqrt(20.0 * 20 + 1.0 / 12) * in_output;
  EXPECT_NEAR(y.mean().item<double>(), 0, 5 * spread / std::sqrt(static_cast<double>(n)));
  EXPECT_NEAR(y.std().item<double>(), spread, 5 * spread / std::sqrt(2.0 * static_cast<double>(n)));
}

TEST(Hardware, PartsThatDoNotGoTogetherAreNamed) {
  const auto refusal = [](const Hardware& hardware) {
    try {
      hardware.validate();
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  Hardware hardware = make_hardware("ideal");
  EXPECT_EQ(refusal(hardware), "");
  hardware.mapping.scheme = WeightScheme::kOffset;
  hardware.adc.subtraction = PairSubtraction::kAnalog;
  EXPECT_EQ(refusal(hardware).find("mapping.scheme = offset with adc.subtraction = analog"), 0U);
  hardware = make_hardware("bulk_switching_wu2023");
  hardware.mapping.scheme = WeightScheme::kSignMagnitude;
  hardware.mapping.slice_bits = {4};
  EXPECT_EQ(refusal(hardware).find("mapping.scheme = sign_magnitude"), 0U);
  hardware = make_hardware(
      "ideal", {{"iv", "tabulated"}, {"iv_voltages", {0.1, 0.2}}, {"iv_currents", {1e-6, 3e-6}}});
  EXPECT_EQ(refusal(hardware).find("dac.v_read drives up to"), 0U);
  hardware = make_hardware("ideal", {{"iv", "sinh"}});
  hardware.fidelity = Fidelity::kCircuit;
  hardware.lines.wires.r_row = 1;
  hardware.dac.encoding = InputEncoding::kPulseWidth;
  EXPECT_EQ(refusal(hardware).find("dac.encoding = pulse_width with line resistance"), 0U);
  hardware.lines.wires.r_row = -1;
  EXPECT_EQ(refusal(hardware).find("r_row = -1"), 0U);
}

}  // namespace
}  // namespace crossloom
