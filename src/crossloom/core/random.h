#pragma once

#include <array>
#include <cstdint>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// What random numbers are used for. Streams of different purposes are independent.
enum class Purpose : std::uint32_t {
  kInitialisation = 1,  // weights before training
  kVariation = 2,       // what a cell is born with
  kFault = 3,           // stuck cells
  kProgramming = 4,     // error of a write
  kRead = 5,            // noise of reads and converters
  kBatchOrder = 6,      // which images make a batch
};

/// A stream of random numbers, counter-based (Philox4x32-10).
///
/// A stream is identified by the path of `fork`s from its seed: fork(a).fork(b) is another stream
/// than fork(b).fork(a), and independent of its parent and siblings. Each draw takes the next
/// counter; element i of a draw depends on (stream, draw, i) alone, so results do not depend on
/// threads, and on one build they are bit-identical on every processor.
/// Source: J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011,
/// doi:10.1145/2063384.2063405.
class Rng {
 public:
  explicit Rng(std::uint64_t seed);

  /// The stream `id` below this one. It does not depend on what was drawn from this one.
  Rng fork(std::uint64_t id) const;
  Rng fork(Purpose purpose) const { return fork(static_cast<std::uint64_t>(purpose)); }

  /// A stream below this one that is another at each call. It takes the place of a draw.
  Rng branch() { return fork(kBranches + draw_++); }

  /// Standard normal numbers, [sizes], float32, |x| < 6.7.
  Tensor normal(at::IntArrayRef sizes);

  /// Uniform numbers in [0, 1), [sizes], float32, multiples of 2^-24.
  Tensor uniform(at::IntArrayRef sizes);

  /// A random order of 0 … n-1, [n], int64.
  Tensor permutation(std::int64_t n);

  /// Elements begin … begin+count-1 of the standard normal draw that `normal` would make next,
  /// written to `out`. The stream does not advance, so that parts of one large draw can be made
  /// where they are needed.
  void peek_normal(float* out, std::uint64_t begin, std::uint64_t count) const;

  /// Go on to the next draw.
  void advance() { ++draw_; }

 private:
  using Words = std::array<std::uint32_t, 2>;
  static constexpr std::uint64_t kBranches = std::uint64_t{1} << 63;  // no fork has such a number

  Rng(Words key, Words stream) : key_(key), stream_(stream) {}

  Words key_;
  Words stream_;
  std::uint32_t draw_ = 0;
};

/// Which cells a stream belongs to: numbers of the chip, of the layer in its network, and of the
/// tile in its layer.
struct Place {
  std::uint64_t chip = 0;
  std::uint64_t layer = 0;
  std::uint64_t tile = 0;
};

/// The stream of (seed, chip, layer, tile, purpose).
Rng stream(std::uint64_t seed, const Place& place, Purpose purpose);

}  // namespace crossloom
