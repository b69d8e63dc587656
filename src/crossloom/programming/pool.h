#pragma once

#include <cstdint>
#include <string>

#include "crossloom/core/params.h"
#include "crossloom/programming/cell_array.h"

namespace crossloom {

/// Which crossbar takes which section of a layer's list of S sections.
enum class Schedule {
  kChunk,    // crossbar l takes the consecutive sections l S / L ... (l + 1) S / L - 1
  kStrided,  // crossbar l takes the sections l, l + L, l + 2 L ...
};

/// The crossbars through which a network larger than the chip is streamed.
///
/// A row holds one weight, its bits lie in the columns (lowest first, `cell_bits` of them a cell).
/// The weights resident in one crossbar at a time are a *section*. Columns that a weight does not
/// need stay idle and are no part of any count.
/// Source of the defaults: 128 rows of 10 bits are the assumption of docs/reprogramming.md on
/// arXiv:2410.21730, which does not state its own.
struct CrossbarPool {
  std::int64_t num_crossbars = 1;
  std::int64_t num_rows = 128;
  std::int64_t num_cols = 10;
  std::int64_t cell_bits = 1;
  Schedule schedule = Schedule::kChunk;

  void describe(ParamList& params);

  /// Throws `ConfigError` when a weight of `word_bits` bits does not fit into a row, or a section
  /// into a crossbar.
  void require_room(std::int64_t word_bits) const;

  /// Columns that a weight of `word_bits` bits takes.
  std::int64_t used_cols(std::int64_t word_bits) const {
    return (word_bits + cell_bits - 1) / cell_bits;
  }

  /// Sections of crossbar `crossbar` of a layer with `num_sections`: first, behind the last, step.
  struct Share {
    std::int64_t begin;
    std::int64_t end;
    std::int64_t step;
  };
  Share share(std::int64_t crossbar, std::int64_t num_sections) const;

  /// SHA-256 over what a plan depends on.
  std::string checksum() const;
};

/// What writing one cell costs, and how many inputs share a pass over the plan. The cells of one
/// crossbar are written one after another, crossbars side by side.
struct WriteCost {
  // assumption: one verified write of an HfOx 1T1R cell, order of magnitude; give your device's
  // own.
  double energy_set = 1e-11;    // J
  double energy_reset = 1e-11;  // J
  double time_set = 1e-7;       // s
  double time_reset = 1e-7;     // s
  /// Writes a cell survives. Source: 4-level HfOx cells, 1e6 demonstrated (Huang et al., quoted in
  /// docs/reprogramming.md); the best reports are 5e9 to 1e12 (Lanza 2019).
  double endurance = 1e6;
  /// Inputs that each resident section serves before the next one is loaded over it.
  std::int64_t batch = 1;

  /// Of these writes.
  double energy(const Writes& writes) const {
    return static_cast<double>(writes.set) * energy_set +
           static_cast<double>(writes.reset) * energy_reset;
  }
  double time(const Writes& writes) const {
    return static_cast<double>(writes.set) * time_set +
           static_cast<double>(writes.reset) * time_reset;
  }

  void describe(ParamList& params);
};

}  // namespace crossloom
