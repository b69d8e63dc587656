#pragma once

#include <cstdint>
#include <vector>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// How far the cells of one level of a slice are off, in units of the slice's span.
struct LevelError {
  double mean = 0;
  double sigma = 0;
};

/// A cell, or pair, that holds a digit 0 … 2^bits - 1 of a whole number, each step worth `weight`.
struct Slice {
  std::int64_t bits;
  std::int64_t weight;
  std::vector<LevelError> errors;  // of each digit; empty: all alike

  std::int64_t largest() const { return (std::int64_t{1} << bits) - 1; }
};

/// The largest whole number that the slices hold together.
std::int64_t largest_number(const std::vector<Slice>& slices);

/// The digits of every whole number, as bits one behind the other. Where several make the same
/// number, those of the least expected squared error; of these, the largest in the first slice.
/// Throws c10::Error when none make a number.
///
///   returns  [largest_number + 1]  int32
Tensor codes_of_numbers(const std::vector<Slice>& slices);

/// Slices of whole numbers.
struct Digits {
  std::vector<std::int64_t> bits;  // of each slice, most significant first
  std::int64_t largest;            // the whole number of the share 1
  std::int64_t zero;               // the whole number of the share 0; 0: the size alone is cut
  Tensor codes;  // `codes_of_numbers`; undefined: slices are places, a number is its own code

  /// Rounds each share to a whole number, halves to even, and cuts it: the digits as shares of
  /// their largest, with the sign of the share when `zero` is 0.
  ///
  ///   share    [...]     -1 ... 1, float32
  ///   returns  [S, ...]
  Tensor of(const Tensor& share) const;

  /// The same in tensor operations: on other devices than the CPU.
  Tensor by_tensors(const Tensor& share) const;
};

}  // namespace crossloom
