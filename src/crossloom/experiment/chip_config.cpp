#include "crossloom/experiment/chip_config.h"

#include <algorithm>

#include "crossloom/core/join.h"
#include "crossloom/crossbar/digit_choice.h"
#include "crossloom/experiment/toml.h"

namespace crossloom {
namespace {

/// One table of parameters, declared by `declare`.
template <class Declare>
void section(const VisitSection& visit, const std::string& title, const Declare& declare) {
  ParamList params;
  declare(params);
  visit(title, params);
}

/// The parts of `values` that describe hardware.
Json hardware_tables(const Json& values) {
  Json tables = Json::object();
  HardwareConfig().for_each_section([&](const std::string& name, ParamList&) {
    if (values.contains(name)) tables[name] = values.at(name);
  });
  return tables;
}

HardwareConfig make_hardware(const std::vector<Json>& layers_of_values) {
  HardwareConfig config;
  for (const Json& values : layers_of_values) {
    config.choose_device(values);
    assign_sections(values, [&](const VisitSection& visit) { config.for_each_section(visit); });
  }
  config.hardware.validate();
  return config;
}

/// What products are put on.
Hardware hardware_to_use(const std::vector<Json>& layers_of_values) {
  Hardware hardware = make_hardware(layers_of_values).hardware;
  choose_digits(hardware);
  return hardware;
}

/// The place of `values` among those seen before, `seen`, to which it is added.
std::size_t number_of(const std::vector<Json>& values, std::vector<std::vector<Json>>& seen) {
  const auto found = std::find(seen.begin(), seen.end(), values);
  if (found != seen.end()) return static_cast<std::size_t>(found - seen.begin());
  seen.push_back(values);
  return seen.size() - 1;
}

}  // namespace

std::string text_at(const Json& values,
                    const std::string& section,
                    const std::string& key,
                    const std::string& fallback) {
  const auto table = values.find(section);
  if (table == values.end() || !table->is_object() || !table->contains(key)) return fallback;
  const Json& value = (*table)[key];
  if (!value.is_string()) {
    throw ConfigError("invalid " + section + "." + key + " = " + value.dump() +
                      " (not a text); give a name");
  }
  return value.get<std::string>();
}

void assign_sections(const Json& values,
                     const std::function<void(const VisitSection&)>& for_each_section) {
  std::vector<std::string> sections;
  Json left = values;
  for_each_section([&](const std::string& name, ParamList& params) {
    sections.push_back(name);
    if (!left.contains(name)) return;
    if (!left[name].is_object()) {
      throw ConfigError("[" + name + "] is a value (it names a table of parameters); write [" +
                        name + "] on a line of its own");
    }
    try {
      params.assign(left[name]);
    } catch (const ConfigError& error) {
      throw ConfigError("[" + name + "] " + error.what());
    }
    left.erase(name);
  });
  if (!left.empty()) {
    throw ConfigError("unknown table [" + left.begin().key() +
                      "] (nothing is declared there); use one of: " + join(sections));
  }
}

std::string sections_as_toml(const std::function<void(const VisitSection&)>& for_each_section) {
  std::string text;
  for_each_section([&](const std::string& section, ParamList& params) {
    text += (text.empty() ? "[" : "\n[") + section + "]\n";
    for (const Param& param : params.all()) {
      const std::string unit =
          param.unit.empty() || param.unit == "1" ? "" : " [" + param.unit + "]";
      text +=
          "# " + param.doc + unit + "\n" + param.name + " = " + to_toml_value(param.get()) + "\n";
    }
  });
  return text;
}

Json with_overrides(Json values, const std::vector<std::string>& overrides) {
  for (const std::string& text : overrides) {
    const auto dot = text.find('.');
    const auto equals = text.find('=');
    if (dot == std::string::npos || equals == std::string::npos || equals < dot) {
      throw ConfigError("cannot use --set " + text + " (not of the form section.key=value); give " +
                        "for example --set adc.bits=6");
    }
    values[text.substr(0, dot)][text.substr(dot + 1, equals - dot - 1)] =
        parse_toml_value(text.substr(equals + 1));
  }
  return values;
}

void HardwareConfig::choose_device(const Json& values) {
  const std::string name = text_at(values, "device", "model", device_name);
  if (name == device_name) return;
  hardware.device = Device(name);
  device_name = name;
}

void HardwareConfig::for_each_section(const VisitSection& visit) {
  section(visit, "device", [&](ParamList& params) {
    params.add("model", device_name, "device model, see `crossloom devices`");
    hardware.device.describe(params);
  });
  section(visit, "array", [&](ParamList& params) {
    hardware.array.describe(params);
    params.add_choice<Fidelity>(
        "fidelity",
        hardware.fidelity,
        {{"statistical", Fidelity::kStatistical},
         {"behavioural", Fidelity::kBehavioural},
         {"circuit", Fidelity::kCircuit}},
        "statistical: products with noisy weights; behavioural: every crossbar with its "
        "converters; circuit: with its [lines] too");
  });
  section(visit, "mapping", [&](ParamList& params) { hardware.mapping.describe(params); });
  section(visit, "lines", [&](ParamList& params) { hardware.lines.describe(params); });
  section(visit, "dac", [&](ParamList& params) { hardware.dac.describe(params); });
  section(visit, "adc", [&](ParamList& params) { hardware.adc.describe(params); });
}

void ChipConfig::for_each_section(const VisitSection& visit) {
  base_.for_each_section(visit);
  section(visit, "layers", [&](ParamList& params) { layers.describe(params); });
  section(visit, "calibration", [&](ParamList& params) { calibration.describe(params); });
}

void ChipConfig::take_own_hardware(Json& values) {
  if (!values.contains("layer")) return;
  own_ = values["layer"];
  values.erase("layer");
  if (own_.is_object()) return;
  throw ConfigError(
      "[layer] is a value (it names layers with hardware of their own); write "
      "[layer.\"PATTERN\".adc]");
}

void ChipConfig::add_own_hardware(const Json& tables) {
  own_.merge_patch(tables);
  validate();
}

void ChipConfig::validate() const {
  base_.hardware.validate();
  const Json base = base_values();
  for (const auto& item : own_.items()) make_hardware({base, item.value()});
}

void ChipConfig::assign(const Json& values) {
  Json rest = values;
  take_own_hardware(rest);
  choose_device(rest);
  assign_sections(rest, [&](const VisitSection& visit) { for_each_section(visit); });
  validate();
}

Json ChipConfig::values() const {
  ChipConfig copy = *this;  // parameters refer to what may be changed
  Json values = Json::object();
  copy.for_each_section(
      [&](const std::string& name, ParamList& params) { values[name] = params.values(); });
  if (!own_.empty()) values["layer"] = own_;
  return values;
}

Json ChipConfig::base_values() const {
  return hardware_tables(values());
}

std::vector<Placement> ChipConfig::place(const Network& network) const {
  const std::vector<bool> is_analog = layers.choose(network);
  std::vector<std::vector<Json>> layers_of_values(is_analog.size(), {base_values()});
  for (const auto& item : own_.items()) {
    const std::vector<std::size_t> found = matching_products(network, item.key());
    if (found.empty() && matching_computed(network, item.key()).empty()) {
      throw ConfigError("[layer.\"" + item.key() + "\"] fits no product of " + network.name() +
                        " (a misspelt name?); `crossloom inspect` lists them");
    }
    for (const std::size_t index : found) layers_of_values[index].push_back(item.value());
  }
  std::vector<Placement> placements;
  std::vector<std::vector<Json>> kinds;
  std::vector<Hardware> hardware_of_kind;
  for (std::size_t i = 0; i < is_analog.size(); ++i) {
    Placement placement;
    placement.is_analog = is_analog[i];
    placement.kind = number_of(layers_of_values[i], kinds);
    if (placement.kind == hardware_of_kind.size()) {
      hardware_of_kind.push_back(hardware_to_use(kinds.back()));
    }
    placement.hardware = hardware_of_kind[placement.kind];
    placement.w_max = largest_weight(network.products()[i], placement.hardware.mapping.scale);
    if (placement.is_analog) {
      tile_product(network.products()[i].geometry,
                   placement.hardware.array,
                   placement.hardware.mapping.footprint());
    }
    placements.push_back(placement);
  }
  return placements;
}

std::vector<ComputedPlacement> ChipConfig::place_computed(const Network& network) const {
  std::vector<ComputedPlacement> placements;
  for (const std::size_t node : layers.choose_computed(network)) {
    std::vector<Json> values = {base_values()};
    for (const auto& item : own_.items()) {
      const std::vector<std::size_t> fits = matching_computed(network, item.key());
      if (std::count(fits.begin(), fits.end(), node) > 0) values.push_back(item.value());
    }
    placements.push_back({node, hardware_to_use(values)});
  }
  return placements;
}

std::string to_toml(ChipConfig& chip) {
  return sections_as_toml([&](const VisitSection& visit) { chip.for_each_section(visit); }) +
         own_hardware_as_toml(chip);
}

std::string own_hardware_as_toml(const ChipConfig& chip) {
  std::string text;
  for (const auto& [pattern, tables] : chip.own_hardware().items()) {
    for (const auto& [table, keys] : tables.items()) {
      text += "\n[layer." + Json(pattern).dump() + "." + table + "]\n";
      for (const auto& [key, value] : keys.items()) {
        text += key;
        text += " = " + to_toml_value(value) + "\n";
      }
    }
  }
  return text;
}

ChipConfig load_chip_config(const std::filesystem::path& path,
                            const std::vector<std::string>& overrides) {
  const Json values = with_overrides(read_toml(path), overrides);
  ChipConfig config;
  try {
    config.assign(values);
  } catch (const ConfigError& error) {
    throw ConfigError(path.string() + ": " + error.what());
  }
  return config;
}

Json with_chip_file(Json values, const std::filesystem::path& folder) {
  const std::string name = text_at(values, "experiment", "chip", "");
  if (name.empty()) return values;
  const std::filesystem::path path = folder / name;
  Json merged = read_toml(path);
  values["experiment"].erase("chip");
  merged.merge_patch(values);
  return merged;
}

}  // namespace crossloom
