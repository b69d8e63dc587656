// Products whose inputs are not on the CPU.

#include <gtest/gtest.h>

#include "crossloom/crossbar/analog_product.h"

namespace crossloom {
namespace {

// The same chip and the same noise: the sums of floats are in another order, which moves a current
// that lies on the border of two codes.
TEST(OtherDevices, ProductsOnCudaAreThoseOnTheCpu) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA here";
  for (const WeightScheme scheme : {WeightScheme::kSignSplit, WeightScheme::kOffset}) {
    for (const InputEncoding encoding :
         {InputEncoding::kAmplitude, InputEncoding::kBitSerialDigital}) {
      for (const ProductGeometry& geometry :
           {ProductGeometry::linear(90, 25), ProductGeometry::conv(6, 5, 3, 1, 1)}) {
        Hardware hardware;
        hardware.device = Device("pcm_nandakumar2019");
        hardware.array = {40, 37};
        hardware.mapping.scheme = scheme;
        hardware.mapping.slice_bits = {2, 2};
        hardware.dac.encoding = encoding;
        hardware.dac.bits = 4;
        hardware.adc.sigma_gain = 0.01;
        hardware.adc.range.policy = RangePolicy::kCalibrated;
        const bool is_linear = geometry.kind == ProductGeometry::Kind::kLinear;
        const Tensor x = Rng(1).uniform(is_linear ? std::vector<std::int64_t>{64, 90}
                                                  : std::vector<std::int64_t>{16, 6, 7, 6});
        const Tensor w = Rng(2).normal(geometry.weight_sizes());
        AnalogProduct product(
            hardware, geometry, InputSign::kNonNegative, at::scalar_tensor(2, at::kDouble), Rng(3));
        Rng rng(4);
        product.write(at::ones_like(w, at::kBool), w, 0, rng);
        ReadContext context;
        context.clock = 100;
        context.rng = Rng(5);
        const Tensor y = product.forward(x, context);
        const Tensor on_cuda = product.forward(x.to(at::kCUDA), context);
        ASSERT_TRUE(on_cuda.is_cuda());
        const Tensor same = (on_cuda.cpu() - y).abs().le(1e-4 * y.abs().max());
        EXPECT_GT(same.to(at::kDouble).mean().item<double>(), 0.98);
      }
    }
  }
}

}  // namespace
}  // namespace crossloom
