#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "crossloom/core/params.h"
#include "crossloom/data/dataset.h"
#include "crossloom/experiment/progress.h"
#include "crossloom/network/onnx_import.h"

namespace crossloom {

/// A network, examples and chips: what `crossloom evaluate` is asked.
struct EvaluationRequest {
  std::string model;              // name of a built-in network, or an ONNX file
  std::filesystem::path weights;  // empty: those of the ONNX file, or found beside the data
  std::filesystem::path
      reference;               // weights whose exact network agreement is with; empty: `weights`
  OnnxOptions onnx;            // what an ONNX file does not tell
  std::string data;            // NAME[:FOLDER]
  std::filesystem::path chip;  // chip file; may be empty without chips
  std::vector<std::string> overrides;  // "section.key=value", win over the chip file
  std::int64_t chips = 10;             // 0: the exact network only
  std::vector<double> times = {1};     // [s] since programming
  std::int64_t count = 0;              // first examples used; 0: all
  std::int64_t batch_size = 25;
  std::uint64_t seed = 1;
  std::filesystem::path out;  // folder for results; empty: none are kept
  bool may_resume = false;    // go on with the results in `out`
  DataOptions data_options;
};

/// Measures the exact network and `chips` chips at all times. With an `out` folder every result is
/// kept as it comes, so that a stopped evaluation can go on; a folder with results of another
/// request is refused.
///
/// Returns model, data, exact figures, for each time the statistics over chips, and the signal to
/// noise of each product on the first chip at the first time. Throws `ConfigError` on what does not
/// fit together before anything is computed, `Interrupted` when the user asks to stop.
Json run_evaluation(const EvaluationRequest& request, Progress& progress);

/// Scores the answers in the file `predictions` by the official metric of SQuAD. `data` is
/// squad[:FILE].
Json score_prediction_file(const std::string& data,
                           const std::filesystem::path& predictions,
                           const DataOptions& options);

}  // namespace crossloom
