#include "crossloom/programming/conductance_export.h"

#include <cstdio>

namespace crossloom {

ConductanceWriter::ConductanceWriter(const std::filesystem::path& path,
                                     const CrossbarPool& pool,
                                     const PlanOptions& options,
                                     ConductanceRange range)
    : file_(path),
      pool_(pool),
      num_cols_(pool.used_cols(word_bits(options.sign, options.bits))),
      words_(pool.num_crossbars * pool.num_rows) {
  const int top = (1 << pool.cell_bits) - 1;
  for (int level = 0; level <= top; ++level) {
    char text[32];
    std::snprintf(
        text, sizeof text, "%.9g", range.g_min + (range.g_max - range.g_min) * level / top);
    g_.emplace_back(text);
  }
  file_.write("layer,load,crossbar,row,column,g_from_S,g_to_S\n");
}

void ConductanceWriter::add(const LayerPlan& plan) {
  const std::uint32_t mask = (std::uint32_t{1} << pool_.cell_bits) - 1;
  std::string lines;
  for (std::int64_t section = 0; section < plan.num_sections(); ++section) {
    const std::string prefix = plan.name + "," + std::to_string(section) + "," +
                               std::to_string(plan.crossbar[section]) + ",";
    for (std::int64_t row = 0; row < pool_.num_rows; ++row) {
      const std::int64_t slot = section * pool_.num_rows + row;
      if (plan.weight_of_row[slot] < 0) continue;
      std::uint32_t& present = words_[plan.crossbar[section] * pool_.num_rows + row];
      for (std::int64_t col = 0; col < num_cols_; ++col) {
        const std::uint32_t from = present >> (col * pool_.cell_bits) & mask;
        const std::uint32_t to = plan.words[slot] >> (col * pool_.cell_bits) & mask;
        if (from == to) continue;
        ++num_lines_;
        lines += prefix + std::to_string(row) + "," + std::to_string(col) + "," + g_[from] + "," +
                 g_[to] + "\n";
      }
      present = plan.words[slot];
    }
    if (lines.size() > 1 << 20) {
      file_.write(lines);
      lines.clear();
    }
  }
  file_.write(lines);
}

}  // namespace crossloom
