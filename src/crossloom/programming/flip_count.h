#pragma once

#include <cstddef>
#include <cstdint>

namespace crossloom {

/// Number of bits in which consecutive blocks of packed bits differ.
///
///   sum over t of popcount(bits[t] xor bits[t - 1]),  t = 1 ... blocks - 1
///
/// Reads each word once from memory; the previous block is still in the cache.
///
///   bits  [blocks, words]  64 cells a word
std::uint64_t count_flips(const std::uint64_t* bits, std::size_t blocks, std::size_t words);

/// `present` [rows], `words` [candidates]: for every row the fewest cells that differ from one of
/// the candidates. `cell_bits` bits make a cell; a cell differs when one of its bits does.
///
///   flips  [rows]  1
void fewest_flips(const std::uint32_t* present, std::size_t rows, const std::uint32_t* words,
                  std::size_t candidates, int cell_bits, std::int32_t* flips);

/// As `fewest_flips`, over all pairs (p, n) of `bits` bits each with p - n one of `values`; a row
/// holds p in its lower bits. By dynamic programming over the bits: subtracting n from p, the borrow
/// is all that a bit hands to the next.
void fewest_pair_flips(const std::uint32_t* present, std::size_t rows, const std::int32_t* values,
                       std::size_t candidates, int bits, std::int32_t* flips);

}  // namespace crossloom
