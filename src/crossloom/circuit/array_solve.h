#pragma once

#include <filesystem>

#include <ATen/ATen.h>

#include "crossloom/circuit/line_resistance.h"

namespace crossloom {

/// One array and its inputs, in files: what `crossloom circuit solve` is asked for.
struct ArraySolve {
  std::filesystem::path conductances;  // .npy [R, C]  S
  std::filesystem::path voltages;      // .npy [B, R] or [R]  V
  std::filesystem::path out;           // .npy written with the currents; empty: none
  LineResistance lines;
};

/// Currents out of the columns into ground, [B, C] or [C], in A and double. Inputs drive the left
/// end of each row, columns are grounded at the bottom end. Throws `ConfigError` when a file cannot
/// be read or holds values or shapes that no array has.
Tensor solve_array(const ArraySolve& array);

}  // namespace crossloom
