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
/// `experiment.chip` in a file names a chip file whose hardware is taken where the file says
/// nothing else (`with_chip_file`).
///
/// A file is TOML with one table per part: [experiment], [device], [array], [mapping], [dac],
/// [adc], [layers], [noise], [training], [method], [variation], [transfer], [cost]. Every key is a
/// declared parameter; what a file leaves out has its default.
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

  HardwareConfig chip;
  LayerRule layers;
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

  /// The chip that trained networks are put on, as `crossloom evaluate` takes it; `own_hardware` is
  /// that of some products, as [layer] of a chip file has it.
  ChipConfig chip_file(const Json& own_hardware);

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
