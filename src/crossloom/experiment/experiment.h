#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "crossloom/evaluation/cost.h"
#include "crossloom/evaluation/transfer.h"
#include "crossloom/evaluation/variation.h"
#include "crossloom/experiment/chip_config.h"
#include "crossloom/training/training_run.h"

namespace crossloom {

/// Everything that decides the result of a run: the contents of an experiment file.
///
/// A file is TOML with one table per part: [experiment], those of a chip file (`ChipConfig`),
/// [noise], [training], [method], [variation], [transfer], [cost]. Every key is a declared
/// parameter; what a file leaves out is that of the chip file which `experiment.chip` names
/// (`with_chip_file`), or has its default. Batch normalisations stay behind the converters unless
/// [calibration] says otherwise: what was trained is mapped as it is.
class Experiment {
 public:
  Experiment();

  std::string name = "experiment";
  std::string data = "mnist";
  std::string network = "lenet_wu2023";
  std::string weights;  // a file, or "pretrained"; empty: random
  std::int64_t seed = 1;
  std::string method_name = "mixed_precision";
  std::vector<std::string> baselines;

  ChipConfig chip;  // that the network is trained for or on, and put on fresh ones of
  WeightNoise noise;
  TrainingOptions training;
  VariationOptions variation;
  TransferOptions transfer;
  OperationCost cost;

  /// The network with the weights that training begins with.
  /// "pretrained" weights are looked for as `open_model` does, `data_dir` first.
  Network first_network(const std::filesystem::path& data_dir = {}) const;

  /// A new method `method_name`, or baseline, with the values of [method] that it declares.
  std::unique_ptr<TrainingMethod> make_method(const std::string& which) const;

  /// Calls `visit` with the name and the parameters of each table, in the order of the file.
  void for_each_section(const VisitSection& visit);

  /// Assigns the tables of `values`; throws `ConfigError` naming the first key that is unknown, of
  /// a wrong unit or out of bounds, and checks that the parts go together.
  void assign(const Json& values);

  /// All values as they stand, in SI.
  Json values();

 private:
  void validate() const;

  Json method_values_ = Json::object();
  std::unique_ptr<TrainingMethod> method_;
};

/// Reads an experiment file; `overrides` are texts "section.key=value" that win over it.
Experiment load_experiment(const std::filesystem::path& path,
                           const std::vector<std::string>& overrides);

/// TOML of all values of `experiment`, with unit and doc line of each.
std::string to_toml(Experiment& experiment);

/// Table of all parameters for the report: section, name, value, default, unit, bounds, doc,
/// changed.
Json parameter_table(Experiment& experiment);

/// The rows of such a table for `params` of one section, whose defaults are `usual`.
void add_parameter_rows(const std::string& section,
                        const ParamList& params,
                        const Json& usual,
                        Json& table);

}  // namespace crossloom
