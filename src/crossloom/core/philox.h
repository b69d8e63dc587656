#pragma once

#include <cstddef>
#include <cstdint>

namespace crossloom::philox {

/// Counters and key of the numbers of one draw. Block b of the draw is
/// Philox4x32-10(counter = {b, draw, stream[0], stream[1]}, key).
struct Source {
  std::uint32_t key[2];
  std::uint32_t stream[2];
  std::uint32_t draw;
};

/// Blocks are made 64 at a time: element 256 c + 64 w + k of a draw comes from word w of block
/// 64 c + k. All three functions write one such chunk of 256.
constexpr std::size_t kChunk = 256;

void bits(const Source& source, std::uint32_t chunk, std::uint32_t* out);

/// Uniform in [0, 1): the upper 24 bits.
void uniform(const Source& source, std::uint32_t chunk, float* out);

/// Standard normal by Box and Muller; words 0 and 1 give elements of words 0 and 1, 2 and 3 those
/// of 2 and 3. Logarithm, sine and cosine are polynomials with a relative error below 3e-7.
void normal(const Source& source, std::uint32_t chunk, float* out);

}  // namespace crossloom::philox
