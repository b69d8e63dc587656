// Plain loops over 64 lanes that the compiler turns into vector code.

#include "crossloom/core/philox.h"

#include <cmath>
#include <cstring>

#include "crossloom/core/vector_code.h"

namespace crossloom::philox {
namespace {

constexpr int kLanes = 64;

}  // namespace

CROSSLOOM_VECTOR
void bits(const Source& source, std::uint32_t chunk, std::uint32_t* out) {
  alignas(64) std::uint32_t c0[kLanes], c1[kLanes], c2[kLanes], c3[kLanes];
  for (int k = 0; k < kLanes; ++k) {
    c0[k] = chunk * kLanes + static_cast<std::uint32_t>(k);
    c1[k] = source.draw;
    c2[k] = source.stream[0];
    c3[k] = source.stream[1];
  }
  std::uint32_t key0 = source.key[0];
  std::uint32_t key1 = source.key[1];
  for (int round = 0; round < 10; ++round) {
    for (int k = 0; k < kLanes; ++k) {
      const std::uint64_t product0 = std::uint64_t{0xD2511F53} * c0[k];
      const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * c2[k];
      const auto high0 = static_cast<std::uint32_t>(product0 >> 32);
      const auto high1 = static_cast<std::uint32_t>(product1 >> 32);
      c0[k] = high1 ^ c1[k] ^ key0;
      c1[k] = static_cast<std::uint32_t>(product1);
      c2[k] = high0 ^ c3[k] ^ key1;
      c3[k] = static_cast<std::uint32_t>(product0);
    }
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  std::memcpy(out, c0, sizeof c0);
  std::memcpy(out + kLanes, c1, sizeof c1);
  std::memcpy(out + 2 * kLanes, c2, sizeof c2);
  std::memcpy(out + 3 * kLanes, c3, sizeof c3);
}

CROSSLOOM_VECTOR
void uniform(const Source& source, std::uint32_t chunk, float* out) {
  alignas(64) std::uint32_t words[kChunk];
  bits(source, chunk, words);
  for (std::size_t k = 0; k < kChunk; ++k) {
    out[k] = static_cast<float>(static_cast<std::int32_t>(words[k] >> 8)) * 0x1p-24F;
  }
}

CROSSLOOM_VECTOR
void normal(const Source& source, std::uint32_t chunk, float* out) {
  alignas(64) std::uint32_t words[kChunk];
  bits(source, chunk, words);
  for (int half = 0; half < 2; ++half) {
    const std::uint32_t* for_radius = words + 2 * half * kLanes;
    const std::uint32_t* for_angle = for_radius + kLanes;
    float* out_cos = out + 2 * half * kLanes;
    float* out_sin = out_cos + kLanes;
    for (int k = 0; k < kLanes; ++k) {
      // ln u for u in (0, 1]: split into exponent and a mantissa m in [sqrt(1/2), sqrt(2)), then
      // the series of 2 artanh((m - 1) / (m + 1)).
      const float u =
          (static_cast<float>(static_cast<std::int32_t>(for_radius[k] >> 1)) + 0.5F) * 0x1p-31F;
      std::int32_t pattern = 0;
      std::memcpy(&pattern, &u, sizeof pattern);
      const std::int32_t shifted = pattern - 0x3F3504F3;
      const std::int32_t exponent = shifted >> 23;
      const std::int32_t mantissa_pattern =
          pattern - static_cast<std::int32_t>(static_cast<std::uint32_t>(exponent) << 23);
      float m = 0;
      std::memcpy(&m, &mantissa_pattern, sizeof m);
      const float s = (m - 1.0F) / (m + 1.0F);
      const float s2 = s * s;
      const float series =
          s * (2.0F + s2 * (2.0F / 3 + s2 * (2.0F / 5 + s2 * (2.0F / 7 + s2 * (2.0F / 9)))));
      const float log_u = series + static_cast<float>(exponent) * 0.69314718056F;
      const float square = -2.0F * log_u;
      const float radius = std::sqrt(square > 0.0F ? square : 0.0F);

      // Angle = quadrant * pi/2 + a with a in [-pi/4, pi/4): the two upper bits choose the
      // quadrant.
      const std::uint32_t word = for_angle[k];
      const float a =
          static_cast<float>(static_cast<std::int32_t>(word << 2)) * (0x1p-32F * 1.57079632679F);
      const float a2 = a * a;
      const float sine =
          a * (1.0F + a2 * (-1.0F / 6 + a2 * (1.0F / 120 + a2 * (-1.0F / 5040 + a2 / 362880))));
      const float cosine =
          1.0F +
          a2 * (-0.5F + a2 * (1.0F / 24 + a2 * (-1.0F / 720 + a2 * (1.0F / 40320 - a2 / 3628800))));
      const bool is_odd = (word >> 30 & 1U) != 0;
      const float cos_sign = (((word >> 30) + 1) & 2U) != 0 ? -radius : radius;
      const float sin_sign = (word >> 31) != 0 ? -radius : radius;
      out_cos[k] = cos_sign * (is_odd ? sine : cosine);
      out_sin[k] = sin_sign * (is_odd ? cosine : sine);
    }
  }
}

}  // namespace crossloom::philox
