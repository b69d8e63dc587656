#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "crossloom/circuit/array_solve.h"
#include "crossloom/cli/commands.h"
#include "crossloom/core/threads.h"
#include "crossloom/core/units.h"

namespace crossloom {
namespace {

struct SolveArguments {
  ArraySolve array;
  std::string conductances, voltages, out;
  std::string r_row = "0", r_col = "0", r_driver = "0", r_sense = "0";
};

void solve(SolveArguments given) {
  use_threads(0);
  given.array.conductances = given.conductances;
  given.array.voltages = given.voltages;
  given.array.out = given.out;
  given.array.lines.r_row = parse_quantity(given.r_row, "Ohm");
  given.array.lines.r_col = parse_quantity(given.r_col, "Ohm");
  given.array.lines.r_driver = parse_quantity(given.r_driver, "Ohm");
  given.array.lines.r_sense = parse_quantity(given.r_sense, "Ohm");
  const Tensor currents = solve_array(given.array);
  if (!given.out.empty()) {
    std::printf("currents: %s\n", given.out.c_str());
    return;
  }
  const Tensor rows = currents.dim() == 1 ? currents.unsqueeze(0) : currents;
  for (std::int64_t b = 0; b < rows.size(0); ++b) {
    for (std::int64_t c = 0; c < rows.size(1); ++c) {
      std::printf("%s%.16g", c == 0 ? "" : " ", rows[b][c].item<double>());
    }
    std::printf("\n");
  }
}

}  // namespace

void add_circuit_command(CLI::App& app) {
  auto given = std::make_shared<SolveArguments>();
  CLI::App* circuit = app.add_subcommand("circuit", "solve the circuit of one crossbar");
  circuit->require_subcommand(1);
  CLI::App* command = circuit->add_subcommand(
      "solve", "column currents [A] of one array by exact nodal analysis, lines included");
  command->add_option("--conductances", given->conductances, ".npy [R, C], in S")->required();
  command->add_option("--voltages", given->voltages, ".npy [B, R] or [R], in V, at the left ends")
      ->required();
  command->add_option("--r-row", given->r_row, "resistance of a row per cell, such as \"2 Ohm\"");
  command->add_option("--r-col", given->r_col, "resistance of a column per cell");
  command->add_option("--r-driver", given->r_driver, "output resistance of each row's driver");
  command->add_option(
      "--r-sense", given->r_sense, "input resistance of each column's sense circuit");
  command->add_option("--out", given->out, ".npy for the currents; without it they are printed");
  command->callback([given] { solve(*given); });
}

}  // namespace crossloom
