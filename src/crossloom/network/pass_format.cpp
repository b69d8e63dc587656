#include "crossloom/network/pass_format.h"

#include <ATen/autocast_mode.h>

#include "crossloom/core/processor.h"

namespace crossloom {

void describe_precision(ParamList& params, Precision& precision, const std::string& passes) {
  params.add_choice<Precision>(
      "precision",
      precision,
      {{"float32", Precision::kFloat32},
       {"bfloat16", Precision::kBfloat16},
       {"fastest", multiplies_bfloat16() ? Precision::kBfloat16 : Precision::kFloat32}},
      "number format in which " + passes +
          " multiply and convolve; bfloat16 has three digits; fastest: bfloat16 where the "
          "processor multiplies it (elsewhere it takes many times as long), or float32");
}

Autocast::Autocast(Precision precision) : was_enabled_(at::autocast::is_cpu_enabled()) {
  at::autocast::set_autocast_cpu_dtype(at::kBFloat16);
  at::autocast::set_cpu_enabled(precision == Precision::kBfloat16);
}

Autocast::~Autocast() {
  at::autocast::set_cpu_enabled(was_enabled_);
  at::autocast::clear_cache();  // weights that were converted may change from now on
}

Tensor as_float(const Tensor& x) {
  return x.scalar_type() == at::kBFloat16 ? x.to(at::kFloat) : x;
}

Tensor channels_last(const Tensor& x) {
  if (x.dim() != 4) return x;
  const Tensor y = x.contiguous(at::MemoryFormat::ChannelsLast);
  // Images of one channel are so in either form; LibTorch tells them by the strides.
  const std::int64_t channels = x.size(1), width = x.size(3);
  return y.as_strided(x.sizes(), {x.size(2) * width * channels, 1, width * channels, channels});
}

}  // namespace crossloom
