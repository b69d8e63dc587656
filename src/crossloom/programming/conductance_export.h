#pragma once

#include <filesystem>
#include <vector>

#include "crossloom/device/device_model.h"
#include "crossloom/programming/file_stream.h"
#include "crossloom/programming/plan.h"

namespace crossloom {

/// The writes of a plan as conductances, for the programmer of a real chip: a CSV file with a line
/// for each cell that is written, in the order of the loads.
///
///   layer,load,crossbar,row,column,g_from_S,g_to_S
///
/// Level k of a cell of m bits is g_min + k / (2^m - 1) (g_max - g_min). All cells start at g_min.
class ConductanceWriter {
 public:
  ConductanceWriter(const std::filesystem::path& path,
                    const CrossbarPool& pool,
                    const PlanOptions& options,
                    ConductanceRange range);

  /// The next layer, in the order of planning.
  void add(const LayerPlan& plan);

  /// Writes so far.
  std::int64_t num_lines() const { return num_lines_; }

  /// The file appears now; until then there is none.
  void finish() { file_.finish(); }

 private:
  FileStream file_;
  CrossbarPool pool_;
  std::int64_t num_cols_;
  std::vector<std::uint32_t> words_;  // [crossbars, rows]  bits at present
  std::int64_t num_lines_ = 0;
  std::vector<std::string> g_;  // [levels]  S  as text
};

}  // namespace crossloom
