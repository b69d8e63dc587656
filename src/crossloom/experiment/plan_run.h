#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "crossloom/data/dataset.h"
#include "crossloom/device/device_model.h"
#include "crossloom/evaluation/sensitivity.h"
#include "crossloom/experiment/progress.h"
#include "crossloom/network/onnx_import.h"
#include "crossloom/programming/plan.h"
#include "crossloom/programming/studies.h"

namespace crossloom {

/// A network to be streamed through a pool: what `crossloom plan` is asked.
struct PlanRequest {
  std::string model;              // name of a built-in network, or an ONNX file
  std::filesystem::path weights;  // empty: those of the ONNX file, or found beside the data
  OnnxOptions onnx;
  std::string draw;  // weights drawn from this distribution instead: a study of shapes
  CrossbarPool pool;
  PlanOptions options;
  WriteCost write_cost;
  SensitivityBy sensitivity =
      SensitivityBy::kNone;                // budgets by layer, `options.budget` their mean
  std::int64_t calibration_examples = 64;  // that sensitivity is measured on
  std::string data;           // NAME[:FOLDER] for accuracy and sensitivity; empty: neither
  std::int64_t count = 0;     // first examples used; 0: all
  std::filesystem::path out;  // folder for results; empty: none are kept
  bool may_resume = false;    // go on with the results in `out`
  DataOptions data_options;
};

/// Files in the folder of a plan: beside them request.json, and results.jsonl for a comparison.
constexpr const char* kPlanFile = "network.plan";
constexpr const char* kPlanSummary = "plan.json";
constexpr const char* kComparisonSummary = "comparison.json";

/// Plans a network, and measures what it does with the weights that the plan programs when there
/// are data. Returns cost, wear and accuracy, by layer and in all. With an `out` folder the plan
/// and the summary are written there; a stopped plan can go on. Throws `ConfigError` on what does
/// not fit together before anything is computed, `Interrupted` when the user asks to stop.
Json run_plan(const PlanRequest& request, Progress& progress);

/// Plans a network by each of the standard schemes that `patterns` name (none: all), beside natural
/// order at the request's bits. Their rows are kept as they come.
Json run_comparison(const PlanRequest& request,
                    const std::vector<std::string>& patterns,
                    Progress& progress);

/// Executes the plan file at `path` on simulated cells with the network it was made for, and
/// compares its integer products with those of the network's codes: on the first `count` examples
/// when there are data, otherwise on one random input.
Json replay_plan(const PlanRequest& request, const std::filesystem::path& path, Progress& progress);

/// Writes the sequence of conductances of the plan file at `path` for the programmer of a chip.
/// Returns the number of its lines.
std::int64_t export_plan(const std::filesystem::path& path,
                         const std::filesystem::path& csv,
                         ConductanceRange range);

}  // namespace crossloom
