#include "crossloom/programming/pool.h"

#include "crossloom/core/files.h"

namespace crossloom {

void CrossbarPool::describe(ParamList& params) {
  params.add("num_crossbars", num_crossbars, {1, 65536}, "1", "crossbars of the pool");
  params.add("num_rows", num_rows, {1, 4096}, "1", "rows of a crossbar, one weight each");
  params.add("num_cols", num_cols, {1, 32}, "1", "columns of a crossbar, the bits of one weight");
  params.add("cell_bits", cell_bits, {1, 8}, "bit", "bits that one cell holds");
  params.add_choice("schedule",
                    schedule,
                    {{"chunk", Schedule::kChunk}, {"strided", Schedule::kStrided}},
                    "sections of one crossbar: consecutive, or every L-th");
}

void CrossbarPool::require_room(std::int64_t word_bits) const {
  if (num_crossbars < 1 || num_rows < 1 || num_cols < 1 || cell_bits < 1) {
    throw ConfigError("a pool of " + std::to_string(num_crossbars) + " crossbars of " +
                      std::to_string(num_rows) + " x " + std::to_string(num_cols) +
                      " cells cannot hold one section (a section needs a crossbar, a row and a "
                      "column); give at least 1,1,1");
  }
  if (num_cols * cell_bits < word_bits) {
    throw ConfigError("a row of " + std::to_string(num_cols) + " cells of " +
                      std::to_string(cell_bits) + " bit cannot hold one weight (it takes " +
                      std::to_string(word_bits) +
                      " bits with its sign); give pool.num_cols of at least " +
                      std::to_string(used_cols(word_bits)) + ", or fewer bits");
  }
}

CrossbarPool::Share CrossbarPool::share(std::int64_t crossbar, std::int64_t num_sections) const {
  if (schedule == Schedule::kStrided) return {crossbar, num_sections, num_crossbars};
  return {
      crossbar * num_sections / num_crossbars, (crossbar + 1) * num_sections / num_crossbars, 1};
}

std::string CrossbarPool::checksum() const {
  CrossbarPool copy = *this;
  ParamList params;
  copy.describe(params);
  return sha256(params.values().dump());
}

void WriteCost::describe(ParamList& params) {
  params.add("energy_set", energy_set, {0, 1}, "J", "energy of raising one cell");
  params.add("energy_reset", energy_reset, {0, 1}, "J", "energy of lowering one cell");
  params.add("time_set", time_set, {0, 1}, "s", "time of raising one cell");
  params.add("time_reset", time_reset, {0, 1}, "s", "time of lowering one cell");
  params.add("endurance", endurance, {1, 1e18}, "1", "writes that a cell survives");
  params.add("batch", batch, {1, 1e9}, "1", "inputs that share each load of a section");
}

}  // namespace crossloom
