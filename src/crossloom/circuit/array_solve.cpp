#include "crossloom/circuit/array_solve.h"

#include "crossloom/core/tensor_files.h"

namespace crossloom {
namespace {

/// Runs `check`, naming the file in what it throws.
template <class Check>
void check_file(const std::filesystem::path& path, const Check& check) {
  try {
    check();
  } catch (const ConfigError& error) {
    throw ConfigError(path.string() + ": " + error.what());
  }
}

}  // namespace

Tensor solve_array(const ArraySolve& array) {
  const Tensor g = read_npy(array.conductances);
  check_file(array.conductances, [&] { require_conductances(g); });
  const Tensor v = read_npy(array.voltages);
  check_file(array.voltages, [&] { require_inputs(v, g); });
  Tensor i = at::matmul(v.to(at::kDouble), effective_conductance(g, array.lines));
  if (!array.out.empty()) write_npy(array.out, i);
  return i;
}

}  // namespace crossloom
