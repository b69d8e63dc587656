#include "crossloom/experiment/experiment.h"

#include "crossloom/core/join.h"
#include "crossloom/core/units.h"
#include "crossloom/data/examples.h"
#include "crossloom/experiment/toml.h"
#include "crossloom/network/architectures.h"
#include "crossloom/network/model.h"

namespace crossloom {

namespace {

constexpr const char* kPretrained = "pretrained";

}  // namespace

Experiment::Experiment() : method_(make_method(method_name)) {
  chip.calibration.examples = 256;
  chip.calibration.batch_size = 256;
  chip.calibration.batch_norm = CalibrationOptions::BatchNorm::kKept;
}

Network Experiment::first_network(const std::filesystem::path& data_dir) const {
  if (weights == kPretrained) return open_model(network, {}, data_dir);
  if (!weights.empty()) return open_model(network, weights);
  Network first = make_network(network);
  first.initialise(Rng(static_cast<std::uint64_t>(seed)).fork(Purpose::kInitialisation));
  return first;
}

std::unique_ptr<TrainingMethod> Experiment::make_method(const std::string& which) const {
  auto method = Registry<TrainingMethod>::instance().create(which);
  ParamList params;
  method->describe(params);
  Json declared = Json::object();
  for (const Param& param : params.all()) {
    if (method_values_.contains(param.name)) declared[param.name] = method_values_[param.name];
  }
  params.assign(declared);
  return method;
}

void Experiment::for_each_section(const VisitSection& visit) {
  const auto section = [&](const std::string& title, auto&& declare) {
    ParamList params;
    declare(params);
    visit(title, params);
  };
  section("experiment", [&](ParamList& params) {
    params.add("name", name, "name of the run folder");
    params.add("data", data, "data set, see `crossloom data`");
    params.add("network", network, "architecture");
    params.add("weights",
               weights,
               "file with the first weights; pretrained = those among the data; empty = random");
    params.add("seed", seed, {0, 9e15}, "1", "seed of all random numbers");
    params.add("baselines", baselines, "methods trained beside, for comparison");
  });
  chip.for_each_section(visit);
  section("noise", [&](ParamList& params) { noise.describe(params); });
  section("training", [&](ParamList& params) {
    params.add("method", method_name, "training method");
    training.describe(params);
  });
  section("method", [&](ParamList& params) { method_->describe(params); });
  section("variation", [&](ParamList& params) { variation.describe(params); });
  section("transfer", [&](ParamList& params) { transfer.describe(params); });
  section("cost", [&](ParamList& params) { cost.describe(params); });
}

void Experiment::assign(const Json& values) {
  // Which device and method are meant decides which keys there are.
  Json rest = values;
  chip.take_own_hardware(rest);
  chip.choose_device(rest);
  const std::string method = text_at(values, "training", "method", method_name);
  if (method != method_name) {
    method_values_ = Json::object();
    method_ = make_method(method);
    method_name = method;
  }
  assign_sections(rest, [&](const VisitSection& visit) { for_each_section(visit); });
  ParamList params;
  method_->describe(params);
  method_values_ = params.values();
  validate();
}

void Experiment::validate() const {
  chip.validate();
  noise.validate();
  chip.place(make_network(network));
  if (!chip.layers.attention.empty()) {
    throw ConfigError(
        "layers.attention in an experiment (training keeps products of two activations digital); "
        "leave it out, and give it in the chip file of `crossloom evaluate`");
  }
  if (!is_training_data(data)) {
    throw ConfigError("unknown data set '" + data + "' (nothing is known under it); use one of: " +
                      join(dataset_names()) + ", imagenet, squad");
  }
  for (const std::string& baseline : baselines) make_method(baseline);
  if (name.empty() || name.find('/') != std::string::npos || name[0] == '.') {
    throw ConfigError("invalid experiment.name = '" + name +
                      "' (it becomes the name of a folder); give letters, digits, - and _");
  }
}

Json Experiment::values() {
  Json values = Json::object();
  for_each_section(
      [&](const std::string& section, ParamList& params) { values[section] = params.values(); });
  if (!chip.own_hardware().empty()) values["layer"] = chip.own_hardware();
  return values;
}

Experiment load_experiment(const std::filesystem::path& path,
                           const std::vector<std::string>& overrides) {
  const Json values = with_overrides(read_toml(path), overrides);
  Experiment experiment;
  try {
    experiment.assign(with_chip_file(values, path.parent_path()));
  } catch (const ConfigError& error) {
    throw ConfigError(path.string() + ": " + error.what());
  }
  return experiment;
}

std::string to_toml(Experiment& experiment) {
  return sections_as_toml([&](const VisitSection& visit) { experiment.for_each_section(visit); }) +
         own_hardware_as_toml(experiment.chip);
}

namespace {

std::string shown(const Json& value, const std::string& unit) {
  if (value.is_number() && !unit.empty()) return format_quantity(value.get<double>(), unit, 6);
  if (value.is_string()) return value.get<std::string>();
  return value.dump();
}

}  // namespace

void add_parameter_rows(const std::string& section,
                        const ParamList& params,
                        const Json& usual,
                        Json& table) {
  for (const Param& param : params.all()) {
    const Json value = param.get();
    const Json& fallback = usual.at(param.name);
    table.push_back({{"section", section},
                     {"name", param.name},
                     {"value", shown(value, param.unit)},
                     {"default", shown(fallback, param.unit)},
                     {"unit", param.unit},
                     {"bounds", param.accepted},
                     {"doc", param.doc},
                     {"changed", value != fallback}});
  }
}

Json parameter_table(Experiment& experiment) {
  Experiment defaults;
  defaults.assign({{"device", {{"model", experiment.chip.device_name()}}},
                   {"training", {{"method", experiment.method_name}}}});
  const Json usual = defaults.values();
  Json table = Json::array();
  experiment.for_each_section([&](const std::string& section, ParamList& params) {
    add_parameter_rows(section, params, usual.at(section), table);
  });
  return table;
}

}  // namespace crossloom
