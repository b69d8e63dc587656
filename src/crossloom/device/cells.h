#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// A block of memristive cells: what was written into each, when, and what each keeps of its own.
///
/// All tensors have the shape of the block. `latent` holds the quantities of the device model that
/// stay with a cell: for its life (its drift exponent) or until its next write (its own deviate of
/// the relaxation). Nothing here is redrawn by looking at the cell.
struct Cells {
  Tensor g_target;     // [...]  S      what the last write aimed at
  Tensor g_written;    // [...]  S      conductance right after the last write, faults aside
  Tensor written_at;   // [...]  s      time of the last write on the chip's clock, float64
  Tensor write_count;  // [...]  1      writes so far, int32
  Tensor fault;        // [...]         0 sound, +1 stuck on, -1 stuck off, int8
  Tensor window;       // [...]  1      factor on the cell's own g_min and g_max
  std::map<std::string, Tensor> latent;
};

/// Blocks one after the other along `dim`.
Cells join(const std::vector<Cells>& blocks, std::int64_t dim);

/// The part of `cells` from `start` on along `dim`, `length` long.
Cells narrow(const Cells& cells, std::int64_t dim, std::int64_t start, std::int64_t length);

/// Named tensors of `cells`, for checkpoints; `latent` entries get the prefix "latent.".
std::map<std::string, Tensor> to_tensors(const Cells& cells);
Cells cells_from_tensors(const std::map<std::string, Tensor>& tensors);

}  // namespace crossloom
