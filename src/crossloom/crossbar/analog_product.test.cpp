#include "crossloom/crossbar/analog_product.h"

#include <cmath>

#include <gtest/gtest.h>

namespace crossloom {
namespace {

using Kind = ProductGeometry::Kind;

/// A chip without any imperfection, changed by `values` of "section.key".
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

std::vector<Problem> problems() {
  Rng rng(3);
  std::vector<Problem> list;
  for (const ProductGeometry& g : {ProductGeometry::linear(192, 10),
                                   ProductGeometry::linear(70, 3),
                                   ProductGeometry::conv(1, 4, 5, 1, 0),
                                   ProductGeometry::conv(4, 12, 5, 1, 2),
                                   ProductGeometry::conv(17, 6, 3, 2, 1)}) {
    const bool is_linear = g.kind == Kind::kLinear;
    const Tensor x =
        is_linear ? rng.uniform({7, g.in_channels}) : rng.uniform({3, g.in_channels, 12, 11});
    const Tensor w = rng.normal(g.weight_sizes());
    list.push_back({g, x, w.clamp(-2, 2)});
  }
  return list;
}

Tensor digital(const Problem& p, const Tensor& w) {
  return digital_product(p.x, w, p.geometry);
}

AnalogProduct programmed(const Hardware& hardware,
                         const Problem& p,
                         InputSign sign = InputSign::kNonNegative) {
  AnalogProduct product(hardware, p.geometry, sign, 2, Rng(1));
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

TEST(AnalogProduct, FidelitiesAgreeOnProgrammedCellsWithoutNoiseOfReads) {
  for (const Problem& p : problems()) {
    Hardware hardware = make_hardware("bulk_switching_wu2023", {{"read_noise_scale", 0}});
    AnalogProduct behavioural = programmed(hardware, p);
    hardware.fidelity = Fidelity::kStatistical;
    AnalogProduct statistical = programmed(hardware, p);
    const Tensor y = statistical.forward(p.x, {});
    EXPECT_TRUE(behavioural.forward(p.x, {}).allclose(y, 1e-4, 5e-4));
    EXPECT_FALSE(y.allclose(digital(p, p.w), 1e-2, 1e-2));  // the programming error is there
    EXPECT_TRUE(y.allclose(digital(p, behavioural.weights(0)), 1e-4, 5e-4));
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

// Brute force: every cell read anew for every input vector, by a loop over vectors and positions.
TEST(AnalogProduct, ReadNoiseHasTheLawOfNoisyCells) {
  for (const InputEncoding encoding : {InputEncoding::kAmplitude, InputEncoding::kBitSerial}) {
    Hardware hardware = make_hardware("bulk_switching_wu2023", {{"programming_noise", 0}});
    hardware.dac.bits = 3;
    hardware.dac.encoding = encoding;
    hardware.dac.range.policy = RangePolicy::kFixed;
    const std::int64_t n = 20000;
    Problem p{ProductGeometry::linear(5, 2),
              at::linspace(0, 1, 5).expand({n, 5}).contiguous(),
              at::linspace(-1, 1, 10).view({2, 5})};
    AnalogProduct product = programmed(hardware, p);
    ReadContext context;
    context.rng = Rng(11);
    const Tensor fast = product.forward(p.x, context).to(at::kDouble);

    Rng rng(12);
    const Tensor code = (p.x * 7).round();
    Tensor slow = at::zeros({n, 2}, at::kDouble);
    if (encoding == InputEncoding::kAmplitude) {
      const Tensor noise = rng.normal({n, 2, 2, 5}) * 1.58e-6;  // pair, column, row
      const Tensor error =
          (noise.select(1, 0) - noise.select(1, 1)) * product.mapping().weight_scale();
      slow = ((product.weights(0) + error) * (code / 7).unsqueeze(1)).sum(2).to(at::kDouble);
    } else {
      for (int b = 0; b < 3; ++b) {
        const Tensor bit = code.to(at::kLong).bitwise_right_shift(b).bitwise_and(1);
        const Tensor noise = rng.normal({n, 2, 2, 5}) * 1.58e-6;
        const Tensor error =
            (noise.select(1, 0) - noise.select(1, 1)) * product.mapping().weight_scale();
        slow +=
            ((product.weights(0) + error) * bit.unsqueeze(1)).sum(2).to(at::kDouble) * (1 << b) / 7;
      }
    }
    const double count = static_cast<double>(n);
    for (std::int64_t c = 0; c < 2; ++c) {
      const double sigma = slow.select(1, c).std().item<double>();
      EXPECT_NEAR(fast.select(1, c).mean().item<double>(),
                  slow.select(1, c).mean().item<double>(),
                  5 * sigma * std::sqrt(2 / count));
      EXPECT_NEAR(fast.select(1, c).std().item<double>(), sigma, 5 * sigma * std::sqrt(1 / count));
    }
  }
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
  EXPECT_EQ(writes.select(1, 3).select(1, 4).sum().item<std::int64_t>(),
            writes.sum().item<std::int64_t>());
}

TEST(AnalogProduct, TransposedWithoutImperfectionsIsTheGradientOfTheInput) {
  for (const Problem& p : problems()) {
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
  AnalogProduct first = programmed(hardware, p);
  ReadContext context;
  context.ranges = RangeUse::kTrack;
  const Tensor y = first.forward(p.x, context);
  AnalogProduct second(hardware, p.geometry, InputSign::kNonNegative, 2, Rng(99));
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
