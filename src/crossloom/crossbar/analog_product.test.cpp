#include "crossloom/crossbar/analog_product.h"

#include <cmath>

#include <gtest/gtest.h>

namespace crossloom {
namespace {

using Kind = ProductGeometry::Kind;

/// A chip without any imperfection, with the parameters `device_values` of its device.
Hardware make_hardware(const std::string& device, const Json& device_values = Json::object()) {
  Hardware hardware;
  hardware.device = Device(device);
  ParamList params;
  hardware.device.describe(params);
  params.assign(device_values);
  hardware.dac.bits = 0;
  hardware.adc.bits = 0;
  hardware.array = {64, 64};
  return hardware;
}

struct Problem {
  ProductGeometry geometry;
  Tensor x;
  Tensor w;
};

Problem make_problem(const ProductGeometry& g, Rng& rng) {
  const bool is_linear = g.kind == Kind::kLinear;
  return {g,
          is_linear ? rng.uniform({7, g.in_channels}) : rng.uniform({3, g.in_channels, 12, 11}),
          rng.normal(g.weight_sizes()).clamp(-2, 2)};
}

std::vector<Problem> problems() {
  Rng rng(3);
  std::vector<Problem> list;
  for (const ProductGeometry& g : {ProductGeometry::linear(192, 10),
                                   ProductGeometry::linear(70, 3),
                                   ProductGeometry::conv(1, 4, 5, 1, 0),
                                   ProductGeometry::conv(4, 12, 5, 1, 2),
                                   ProductGeometry::conv(17, 6, 3, 2, 1)}) {
    list.push_back(make_problem(g, rng));
  }
  return list;
}

/// What networks beside those are made of: groups, depthwise, dilation with unequal padding and
/// strides, kernels larger than a crossbar, vectors of several positions; then random shapes.
std::vector<Problem> more_problems() {
  Rng rng(4);
  std::vector<ProductGeometry> list = {ProductGeometry::conv(8, 12, 3, 1, 1, 2),
                                       ProductGeometry::conv(32, 8, 3, 2, 1, 2),
                                       ProductGeometry::conv(9, 9, 3, 1, 1, 9),
                                       ProductGeometry::conv(6, 12, 3, 1, 1, 6),
                                       ProductGeometry::conv(3, 5, 9, 2, 4),
                                       ProductGeometry::conv(4, 4, 9, 1, 4, 4)};
  ProductGeometry odd = ProductGeometry::conv(10, 4, 3, 1, 0, 2);
  odd.kernel = {3, 2};
  odd.stride = {1, 2};
  odd.padding = {0, 1, 3, 2};
  odd.dilation = {2, 1};
  list.push_back(odd);
  for (int i = 0; i < 8; ++i) {
    const Tensor sizes = (rng.uniform({5}) * 4).to(at::kLong) + 1;
    const auto pick = [&](std::int64_t k) { return sizes[k].item<std::int64_t>(); };
    list.push_back(ProductGeometry::conv(
        7 * pick(0) * pick(1), 3 * pick(0) * pick(2), pick(3), pick(4), pick(3) / 2, pick(0)));
  }
  std::vector<Problem> result;
  for (const ProductGeometry& g : list) result.push_back(make_problem(g, rng));
  Problem tokens = make_problem(ProductGeometry::linear(100, 6), rng);
  tokens.x = rng.uniform({3, 5, 100});
  result.push_back(tokens);
  return result;
}

Tensor digital(const Problem& p, const Tensor& w) {
  return digital_product(p.x, w, p.geometry);
}

AnalogProduct programmed(const Hardware& hardware,
                         const Problem& p,
                         InputSign sign = InputSign::kNonNegative) {
  const Tensor edge = at::scalar_tensor(2, at::kDouble);
  const Tensor edges = p.w.flatten(1).abs().amax(1);
  const bool is_per_column = hardware.mapping.scale == ScalePer::kColumn;
  AnalogProduct product(hardware, p.geometry, sign, is_per_column ? edges : edge, Rng(1));
  Rng rng(2);
  product.write(at::ones_like(p.w, at::kBool), p.w, 0, rng);
  return product;
}

TEST(AnalogProduct, WithoutImperfectionsIsTheDigitalProduct) {
  for (const Problem& p : problems()) {
    for (const Fidelity fidelity : {Fidelity::kStatistical, Fidelity::kBehavioural}) {
      Hardware hardware = make_hardware("ideal");
      hardware.fidelity = fidelity;
      const Tensor y = programmed(hardware, p).forward(p.x, {});
      EXPECT_TRUE(y.allclose(digital(p, p.w), 1e-4, 2e-4)) << (y - digital(p, p.w)).abs().max();
    }
  }
}

/// `hardware` with every way to put weights into cells, and both places to subtract a pair.
std::vector<Hardware> all_mappings(Hardware hardware) {
  std::vector<Hardware> list;
  for (const PairSubtraction subtraction : {PairSubtraction::kDigital, PairSubtraction::kAnalog}) {
    for (const ScalePer scale : {ScalePer::kTensor, ScalePer::kColumn}) {
      for (const std::vector<std::int64_t>& slices :
           {std::vector<std::int64_t>{}, {8}, {2, 2, 2, 2}, {1, 3, 4}}) {
        hardware.adc.subtraction = subtraction;
        hardware.mapping.scale = scale;
        hardware.mapping.slice_bits = slices;
        hardware.mapping.scheme =
            list.size() % 2 == 0 ? WeightScheme::kSignSplit : WeightScheme::kSymmetric;
        list.push_back(hardware);
      }
    }
  }
  return list;
}

TEST(AnalogProduct, EveryMappingIsTheDigitalProductOfItsRoundedWeights) {
  std::vector<Problem> list = problems();
  for (const Problem& p : more_problems()) list.push_back(p);
  for (const Hardware& hardware : all_mappings(make_hardware("ideal"))) {
    for (const Problem& p : list) {
      AnalogProduct product = programmed(hardware, p);
      const Tensor expected = digital(p, product.weights(0));
      const double bits = hardware.mapping.slice_bits.empty() ? 20 : 8;
      EXPECT_LE((product.weights(0) - p.w).abs().max().item<double>(), 1.1 / std::pow(2, bits));
      const Tensor y = product.forward(p.x, {});
      ASSERT_EQ(y.sizes(), expected.sizes());
      EXPECT_TRUE(y.allclose(expected, 1e-4, 1e-3)) << (y - expected).abs().max();
    }
  }
}

TEST(AnalogProduct, EveryMappingWithFineConvertersIsNearTheDigitalProduct) {
  Hardware fine = make_hardware("ideal");
  fine.dac.bits = 12;
  fine.adc.bits = 16;
  fine.adc.range.policy = RangePolicy::kTracked;
  for (const Hardware& hardware : all_mappings(fine)) {
    for (const Problem& p : {problems()[0], problems()[3], more_problems()[0]}) {
      AnalogProduct product = programmed(hardware, p);
      const Tensor expected = digital(p, product.weights(0));
      EXPECT_TRUE(product.forward(p.x, {}).allclose(expected, 1e-3, 3e-2));
    }
  }
}

TEST(AnalogProduct, FidelitiesAgreeOnProgrammedCellsWithoutNoiseOfReads) {
  const Hardware noiseless = make_hardware("bulk_switching_wu2023", {{"read_noise_scale", 0}});
  for (Hardware hardware : all_mappings(noiseless)) {
    for (const Problem& p : problems()) {
      AnalogProduct behavioural = programmed(hardware, p);
      hardware.fidelity = Fidelity::kStatistical;
      AnalogProduct statistical = programmed(hardware, p);
      hardware.fidelity = Fidelity::kBehavioural;
      const Tensor y = statistical.forward(p.x, {});
      EXPECT_TRUE(behavioural.forward(p.x, {}).allclose(y, 1e-4, 1e-3));
      EXPECT_FALSE(y.allclose(digital(p, p.w), 1e-2, 1e-2));  // the programming error is there
      EXPECT_TRUE(y.allclose(digital(p, behavioural.weights(0)), 1e-4, 1e-3));
    }
  }
}

TEST(AnalogProduct, SignedInputsUseTheBipolarConverter) {
  Problem p = problems()[0];
  p.x = p.x - 0.5;
  Hardware hardware = make_hardware("ideal");
  hardware.adc.bits = 14;
  hardware.adc.range.policy = RangePolicy::kTracked;
  const Tensor expected = digital(p, p.w);
  EXPECT_TRUE(
      programmed(hardware, p, InputSign::kSigned).forward(p.x, {}).allclose(expected, 1e-3, 2e-2));
  EXPECT_FALSE(programmed(hardware, p).forward(p.x, {}).allclose(expected, 1e-3, 2e-2));
}

/// Outputs [n, C] of a linear product whose every cell is read anew for every pulse of every input
/// vector, by a loop over pulses; what `AnalogProduct` does with 3-bit inputs and exact converters.
Tensor read_every_cell(const AnalogProduct& product,
                       const Tensor& x,
                       const Tensor& sigma,
                       InputEncoding encoding) {
  Rng rng(12);
  const bool is_serial = encoding == InputEncoding::kBitSerial;
  const Tensor code = (x * 7).round();
  const WeightMapping& mapping = product.mapping();
  Tensor y = at::zeros({x.size(0), product.geometry().out_channels}, at::kDouble);
  for (int b = 0; b < (is_serial ? 3 : 1); ++b) {
    const Tensor pulse =
        is_serial ? code.to(at::kLong).bitwise_right_shift(b).bitwise_and(1) * (1 << b) : code;
    Tensor error = at::zeros({1});
    for (std::int64_t s = 0; s < mapping.num_slices(); ++s) {
      for (std::int64_t p = 0; p < 2; ++p) {
        const Tensor noise = rng.normal({x.size(0), y.size(1), x.size(1)}) * sigma[s][p];
        error = error + (p == 0 ? 1 : -1) * mapping.significance()[static_cast<std::size_t>(s)] *
                            mapping.weight_scale().unsqueeze(-1) * noise;
      }
    }
    y += ((product.weights(0) + error) * (pulse / 7.0).unsqueeze(1)).sum(2).to(at::kDouble);
  }
  return y;
}

// Where all cells have the same noise and where each has its own; 5 standard errors.
TEST(AnalogProduct, ReadNoiseHasTheLawOfNoisyCells) {
  const std::int64_t n = 20000;
  const double count = static_cast<double>(n);
  const Problem p{ProductGeometry::linear(5, 2),
                  at::linspace(0, 1, 5).expand({n, 5}).contiguous(),
                  at::linspace(-1, 1, 10).view({2, 5})};
  for (const double p_stuck : {0.0, 0.3}) {
    Hardware one = make_hardware("bulk_switching_wu2023",
                                 {{"programming_noise", 0}, {"p_stuck_off", p_stuck}});
    one.dac.bits = 3;
    one.dac.range.policy = RangePolicy::kFixed;
    for (Hardware& hardware : all_mappings(one)) {
      for (const InputEncoding encoding : {InputEncoding::kAmplitude, InputEncoding::kBitSerial}) {
        hardware.dac.encoding = encoding;
        AnalogProduct product = programmed(hardware, p);
        ReadContext context;
        context.rng = Rng(11);
        const Tensor fast = product.forward(p.x, context).to(at::kDouble);
        const Tensor sigma = hardware.device.read_sigma(product.cells(), 0);
        const Tensor slow = read_every_cell(product, p.x, sigma, encoding);
        for (std::int64_t c = 0; c < 2; ++c) {
          const double spread = slow.select(1, c).std().item<double>();
          EXPECT_NEAR(fast.select(1, c).mean().item<double>(),
                      slow.select(1, c).mean().item<double>(),
                      5 * spread * std::sqrt(2 / count));
          EXPECT_NEAR(
              fast.select(1, c).std().item<double>(), spread, 5 * spread * std::sqrt(1 / count));
        }
      }
    }
  }
}

// Equal cells take one column for all; a cell that is stuck makes the columns differ. Both ways
// must give the same spread: 5 standard errors over the outputs of one product.
TEST(AnalogProduct, NoiseOfConvolutionsHasTheSpreadOfTheirWeights) {
  for (const double p_stuck : {0.0, 0.01}) {
    Hardware hardware = make_hardware("bulk_switching_wu2023", {{"p_stuck_off", p_stuck}});
    hardware.mapping.slice_bits = {2, 2};
    for (const PairSubtraction subtraction :
         {PairSubtraction::kDigital, PairSubtraction::kAnalog}) {
      hardware.adc.subtraction = subtraction;
      for (const Problem& p : more_problems()) {
        AnalogProduct product = programmed(hardware, p);
        ReadContext context;
        context.rng = Rng(6);
        const Tensor error = product.forward(p.x, context) - digital(p, product.weights(0));
        const Tensor variance =
            digital({p.geometry, p.x.square(), p.w},
                    product.mapping().to_weight_variance(
                        hardware.device.read_sigma(product.cells(), 0).square().sum(1)));
        const Tensor seen = variance > 1e-9;  // padding alone has no noise
        const Tensor z = (error / variance.sqrt()).masked_select(seen).to(at::kDouble);
        const double n = static_cast<double>(z.numel());
        EXPECT_NEAR(z.mean().item<double>(), 0, 5 / std::sqrt(n));
        EXPECT_NEAR(z.square().mean().item<double>(), 1, 5 * std::sqrt(2 / n));
      }
    }
  }
}

TEST(AnalogProduct, OutputsDoNotDependOnTheBatch) {
  Hardware hardware = make_hardware("bulk_switching_wu2023");
  hardware.dac.bits = 8;
  hardware.dac.range.policy = RangePolicy::kFixed;
  hardware.adc.bits = 0;
  hardware.mapping.slice_bits = {2, 2};
  std::vector<Problem> list = more_problems();
  list.push_back(problems()[0]);
  for (const Problem& p : list) {
    AnalogProduct product = programmed(hardware, p);
    ReadContext context;
    context.rng = Rng(8);
    const Tensor whole = product.forward(p.x, context);
    context.first_image = 1;
    const Tensor part = product.forward(p.x.slice(0, 1), context);
    EXPECT_TRUE(part.allclose(whole.slice(0, 1), 1e-3, 1e-3));
  }
}

TEST(AnalogProduct, LargeBatchesAreTakenInBlocks) {
  Hardware hardware = make_hardware("bulk_switching_wu2023");
  Rng rng(1);
  const Problem p{ProductGeometry::conv(3, 16, 3, 1, 1),
                  rng.uniform({40, 3, 32, 32}),
                  rng.normal({16, 3, 3, 3}).clamp(-2, 2)};
  AnalogProduct product = programmed(hardware, p);
  ReadContext context;
  const Tensor whole = product.forward(p.x, context);
  for (std::int64_t b = 0; b < 40; b += 13) {
    context.first_image = b;
    const Tensor one = product.forward(p.x.slice(0, b, b + 1), context);
    EXPECT_TRUE(one.allclose(whole.slice(0, b, b + 1), 1e-3, 1e-3));
  }
}

TEST(AnalogProduct, CalibrationOverBatchesKeepsTheLargestRanges) {
  const Problem p = problems()[0];
  Hardware hardware = make_hardware("ideal");
  hardware.adc.bits = 8;
  hardware.adc.range = {RangePolicy::kCalibrated, 1, 0.02};
  hardware.dac.range.policy = RangePolicy::kFixed;
  hardware.mapping.slice_bits = {4, 4};
  AnalogProduct whole = programmed(hardware, p);
  AnalogProduct split = programmed(hardware, p);
  ReadContext context;
  context.ranges = RangeUse::kCalibrate;
  whole.forward(p.x, context);
  split.forward(p.x.slice(0, 0, 3), context);
  split.forward(p.x.slice(0, 3, 7), context);
  const Tensor range = whole.state().at("column_range");
  EXPECT_EQ(range.sizes(), at::IntArrayRef({2, 3}));  // two slices, three row tiles
  EXPECT_TRUE(range.allclose(split.state().at("column_range"), 1e-5, 0));
  split.reset_ranges();
  EXPECT_EQ(split.state().at("column_range").max().item<double>(), 0);
}

TEST(AnalogProduct, BlindPulsesOnSlicesAreRefused) {
  const Problem p = problems()[1];
  Hardware hardware = make_hardware("bulk_switching_wu2023");
  programmed(hardware, p).level_weight();
  hardware.mapping.slice_bits = {2, 2};
  AnalogProduct product = programmed(hardware, p);
  EXPECT_NEAR(product.level_weight(), 2.0 / 15, 1e-6);
  Rng rng(1);
  EXPECT_THROW(product.pulse(at::ones_like(p.w), p.w, 0, rng), ConfigError);
}

TEST(AnalogProduct, WriteTouchesOnlyCellsWithANewTarget) {
  const Problem p = problems()[0];
  AnalogProduct product = programmed(make_hardware("ideal"), p);
  const Tensor before = product.cells().write_count.clone();
  Rng rng(5);
  product.write(at::ones_like(p.w, at::kBool), p.w, 1, rng);
  EXPECT_TRUE(product.cells().write_count.equal(before));
  Tensor changed = p.w.clone();
  changed[3][4] = changed[3][4] + 0.1;
  product.write(at::ones_like(p.w, at::kBool), changed, 1, rng);
  const Tensor writes = product.cells().write_count - before;
  EXPECT_GE(writes.sum().item<std::int64_t>(), 1);
  EXPECT_LE(writes.sum().item<std::int64_t>(), 2);
  EXPECT_EQ(writes.select(2, 3).select(2, 4).sum().item<std::int64_t>(),
            writes.sum().item<std::int64_t>());
}

TEST(AnalogProduct, TransposedWithoutImperfectionsIsTheGradientOfTheInput) {
  std::vector<Problem> list = problems();
  for (const Problem& p : more_problems()) list.push_back(p);
  for (const Problem& p : list) {
    const Hardware hardware = make_hardware("ideal");
    const AnalogProduct product = programmed(hardware, p);
    const Tensor grad = at::ones_like(digital(p, p.w));
    const Tensor x_grad = product.transposed(grad, p.x.sizes(), {});
    ASSERT_EQ(x_grad.sizes(), p.x.sizes());
    // <grad, A x> = <A^T grad, x> for every x.
    const double left = digital(p, p.w).sum().item<double>();
    EXPECT_NEAR((x_grad * p.x).sum().item<double>(), left, 1e-3 * std::abs(left) + 1e-2);
  }
}

TEST(AnalogProduct, StateRoundTripGivesTheSameOutputs) {
  const Problem p = problems()[3];
  Hardware hardware = make_hardware("bulk_switching_wu2023");
  hardware.dac.bits = 8;
  hardware.adc.bits = 8;
  hardware.mapping.slice_bits = {2, 2};
  AnalogProduct first = programmed(hardware, p);
  ReadContext context;
  context.ranges = RangeUse::kTrack;
  const Tensor y = first.forward(p.x, context);
  AnalogProduct second(
      hardware, p.geometry, InputSign::kNonNegative, at::scalar_tensor(2, at::kDouble), Rng(99));
  second.load_state(first.state());
  context.ranges = RangeUse::kFrozen;
  EXPECT_TRUE(second.forward(p.x, context).equal(first.forward(p.x, context)));
  EXPECT_EQ(y.sizes(), first.forward(p.x, context).sizes());
}

TEST(AnalogProduct, StateOfAnotherShapeIsRefused) {
  const AnalogProduct first = programmed(make_hardware("ideal"), problems()[0]);
  AnalogProduct second = programmed(make_hardware("ideal"), problems()[1]);
  EXPECT_THROW(second.load_state(first.state()), ConfigError);
  EXPECT_THROW(second.load_state({}), ConfigError);
}

TEST(AnalogProduct, FullyStuckArrayReadsZeroWeights) {
  const Problem p = problems()[1];
  AnalogProduct product = programmed(make_hardware("ideal", {{"p_stuck_off", 1}}), p);
  EXPECT_TRUE(product.forward(p.x, {}).abs().max().item<double>() < 1e-4);
}

}  // namespace
}  // namespace crossloom
