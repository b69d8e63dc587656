#include "crossloom/device/telegraph_noise.h"

#include <cmath>

#include <ATen/Parallel.h>
#include <Random123/philox.h>

namespace crossloom {
namespace {

constexpr double kWordRange = 4294967296.0;  // 2^32
constexpr int kLongestSearch = 64;           // windows; none has an event with exp(-64)

double unit(std::uint32_t word) {
  return (word + 0.5) / kWordRange;
}

/// The Poisson process of one block of cells. Time is counted in windows of one mean distance
/// between events.
class Process {
 public:
  explicit Process(std::uint64_t key)
      : key_{{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)}} {}

  /// The uniform number that the last event of `cell` before `time` drew.
  double last_draw(std::uint32_t cell, double time) const {
    auto window = static_cast<std::int64_t>(std::floor(time));
    double until = time - static_cast<double>(window);
    for (int i = 0; i < kLongestSearch; ++i, --window, until = 1) {
      const double draw = last_in_window(cell, window, until);
      if (draw >= 0) return draw;
    }
    return unit(numbers(cell, window, 0)[1]);
  }

 private:
  using Words = r123::Philox4x32::ctr_type;

  Words numbers(std::uint32_t cell, std::int64_t window, std::uint32_t call) const {
    const auto bits = static_cast<std::uint64_t>(window);
    const Words counter = {
        {cell, static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(bits >> 32), call}};
    return r123::Philox4x32()(counter, key_);
  }

  /// Poisson number of events of the mean 1.
  static int num_events(double u) {
    int n = 0;
    double term = std::exp(-1.0);
    for (double sum = term; u > sum && n < 16; sum += term) term /= ++n;
    return n;
  }

  /// As `last_draw` within one window, before `until` in it; negative when there is no event.
  double last_in_window(std::uint32_t cell, std::int64_t window, double until) const {
    const int n = num_events(unit(numbers(cell, window, 0)[0]));
    double latest = -1;
    double draw = -1;
    for (int event = 0; event < n; ++event) {
      const Words words = numbers(cell, window, static_cast<std::uint32_t>(1 + event));
      const double at = unit(words[0]);
      if (at > until || at <= latest) continue;
      latest = at;
      draw = unit(words[1]);
    }
    return draw;
  }

  r123::Philox4x32::key_type key_;
};

}  // namespace

void TelegraphNoise::describe(ParamList& params) {
  params.add("rtn_amplitude",
             amplitude_,
             {0, 1},
             "S",
             "jump of the telegraph noise of a cell with a trap; 0 = off");
  params.add("rtn_share", share_, {0, 1}, "1", "share of the cells that have a trap");
  params.add("rtn_rate_up", rate_up_, {0, 1e9}, "Hz", "jumps up in the lower state");
  params.add("rtn_rate_down", rate_down_, {0, 1e9}, "Hz", "jumps down in the upper state");
}

void TelegraphNoise::make(Latents& latent, at::IntArrayRef sizes, Rng& rng) const {
  if (!is_on()) return;
  const Tensor words = rng.uniform({3}).mul(16777216.0).to(at::kLong);  // 24 bits each
  const std::int64_t key = words[0].item<std::int64_t>() << 40 ^
                           words[1].item<std::int64_t>() << 20 ^ words[2].item<std::int64_t>();
  latent["rtn_key"] = at::full({1}, key, at::kLong).expand(sizes);
  latent["rtn_amplitude"] = amplitude_ * rng.uniform(sizes).lt(share_).to(at::kFloat);
}

Tensor TelegraphNoise::offset(const Latents& latent, double clock) const {
  const Tensor amplitude = latent.at("rtn_amplitude").contiguous();
  Tensor offset = at::zeros_like(amplitude);
  if (amplitude.numel() == 0) return offset;
  const Process process(
      static_cast<std::uint64_t>(latent.at("rtn_key").reshape(-1)[0].item<std::int64_t>()));
  const double rate = rate_up_ + rate_down_;
  const double p = rate_up_ / rate;
  const float* jump = amplitude.data_ptr<float>();
  auto* out = offset.data_ptr<float>();
  at::parallel_for(0, amplitude.numel(), 4096, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      if (jump[i] == 0) continue;
      const double draw = process.last_draw(static_cast<std::uint32_t>(i), clock * rate);
      out[i] = jump[i] * static_cast<float>((draw < p ? 1 : 0) - p);
    }
  });
  return offset;
}

}  // namespace crossloom
