#include "crossloom/core/random.h"

#include <algorithm>
#include <cstring>

#include <ATen/Parallel.h>
#include <Random123/philox.h>

#include "crossloom/core/philox.h"

namespace crossloom {
namespace {

using Chunk = void (*)(const philox::Source&, std::uint32_t, float*);

/// Elements begin … begin+count-1 of the draw of `source`.
void fill(float* out,
          const philox::Source& source,
          std::uint64_t begin,
          std::uint64_t count,
          Chunk make) {
  TORCH_CHECK(begin + count <= philox::kChunk << 32, "a draw has at most 2^40 elements");
  float buffer[philox::kChunk];
  while (count > 0) {
    const auto chunk = static_cast<std::uint32_t>(begin / philox::kChunk);
    const std::uint64_t offset = begin % philox::kChunk;
    const std::uint64_t taken = std::min<std::uint64_t>(count, philox::kChunk - offset);
    if (taken == philox::kChunk) {
      make(source, chunk, out);
    } else {
      make(source, chunk, buffer);
      std::memcpy(out, buffer + offset, taken * sizeof(float));
    }
    out += taken;
    begin += taken;
    count -= taken;
  }
}

Tensor draw(at::IntArrayRef sizes, const philox::Source& source, Chunk make) {
  Tensor numbers = at::empty(sizes, at::kFloat);
  float* data = numbers.data_ptr<float>();
  const std::int64_t chunks =
      (numbers.numel() + std::int64_t{philox::kChunk} - 1) / std::int64_t{philox::kChunk};
  at::parallel_for(0, chunks, 64, [&](std::int64_t first, std::int64_t last) {
    const std::int64_t begin = first * std::int64_t{philox::kChunk};
    const std::int64_t end = std::min(last * std::int64_t{philox::kChunk}, numbers.numel());
    fill(data + begin, source, begin, end - begin, make);
  });
  return numbers;
}

}  // namespace

Rng::Rng(std::uint64_t seed)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
      stream_{0, 0} {}

Rng Rng::fork(std::uint64_t id) const {
  // Another key than that of the draws, so that no child is made of the parent's numbers.
  const r123::Philox4x32::key_type key = {{~key_[0], ~key_[1]}};
  const r123::Philox4x32::ctr_type counter = {{static_cast<std::uint32_t>(id),
                                               static_cast<std::uint32_t>(id >> 32),
                                               stream_[0],
                                               stream_[1]}};
  const auto words = r123::Philox4x32()(counter, key);
  return Rng({words[0], words[1]}, {words[2], words[3]});
}

Tensor Rng::normal(at::IntArrayRef sizes) {
  const philox::Source source = {{key_[0], key_[1]}, {stream_[0], stream_[1]}, draw_++};
  return draw(sizes, source, &philox::normal);
}

Tensor Rng::uniform(at::IntArrayRef sizes) {
  const philox::Source source = {{key_[0], key_[1]}, {stream_[0], stream_[1]}, draw_++};
  return draw(sizes, source, &philox::uniform);
}

Tensor Rng::permutation(std::int64_t n) {
  TORCH_CHECK(n >= 0 && n < std::int64_t{1} << 32, "a permutation has 0 to 2^32 elements, not ", n);
  Tensor order = at::arange(n, at::kLong);
  auto* data = order.data_ptr<std::int64_t>();
  const philox::Source source = {{key_[0], key_[1]}, {stream_[0], stream_[1]}, draw_++};
  std::uint32_t words[philox::kChunk];
  for (std::int64_t i = 0; i + 1 < n; ++i) {  // Fisher and Yates; bias below n / 2^32
    const std::int64_t offset = i % std::int64_t{philox::kChunk};
    if (offset == 0) {
      philox::bits(source, static_cast<std::uint32_t>(i / std::int64_t{philox::kChunk}), words);
    }
    const std::uint64_t left = static_cast<std::uint64_t>(n - i);
    std::swap(data[i], data[i + static_cast<std::int64_t>(words[offset] * left >> 32)]);
  }
  return order;
}

void Rng::peek_normal(float* out, std::uint64_t begin, std::uint64_t count) const {
  const philox::Source source = {{key_[0], key_[1]}, {stream_[0], stream_[1]}, draw_};
  fill(out, source, begin, count, &philox::normal);
}

Rng stream(std::uint64_t seed, const Place& place, Purpose purpose) {
  return Rng(seed).fork(place.chip).fork(place.layer).fork(place.tile).fork(purpose);
}

}  // namespace crossloom
