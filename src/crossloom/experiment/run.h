#pragma once

#include <filesystem>

#include "crossloom/data/dataset.h"
#include "crossloom/experiment/experiment.h"
#include "crossloom/experiment/progress.h"

namespace crossloom {

/// Where a run goes and what it may use.
struct RunOptions {
  std::filesystem::path out;  // run folder
  bool may_resume = false;
  DataOptions data;
};

/// Runs `experiment` into a run folder: trains its method and baselines, tests them on fresh chips,
/// counts cost, writes the summary. The report is not written here.
///
/// Can be stopped at any batch (throws `Interrupted`) or killed, and resumed; the results are then
/// the same to the bit. A finished run returns at once. Returns the summary.
Json run_experiment(Experiment& experiment, const RunOptions& options, Progress& progress);

}  // namespace crossloom
