#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "crossloom/crossbar/hardware.h"
#include "crossloom/evaluation/calibration.h"
#include "crossloom/network/layer_rule.h"

namespace crossloom {

/// Calls `visit` with the name and the parameters of a table of a configuration.
using VisitSection = std::function<void(const std::string& section, ParamList& params)>;

/// The hardware of a chip as tables of parameters: [device], [array], [mapping], [lines],
/// [dac], [adc].
struct HardwareConfig {
  std::string device_name = "ideal";
  Hardware hardware;

  /// Takes over the device that `values` name, which decides on the keys of [device].
  void choose_device(const Json& values);
  void for_each_section(const VisitSection& visit);
};

/// A chip and how a network is put on it: the contents of a chip file.
///
/// Besides the tables of the hardware it has [layers], which products are analog, [calibration],
/// and for layers with hardware of their own [layer."PATTERN".SECTION], which wins over SECTION for
/// the products that PATTERN fits (see `LayerRule`); later patterns win over earlier ones.
class ChipConfig {
 public:
  LayerRule layers;
  CalibrationOptions calibration;

  const Hardware& hardware() const { return base_.hardware; }
  const std::string& device_name() const { return base_.device_name; }

  /// The tables but [layer].
  void for_each_section(const VisitSection& visit);

  /// Assigns the tables of `values`; throws `ConfigError` naming the first key that is unknown, of
  /// a wrong unit or out of bounds.
  void assign(const Json& values);

  /// The same in parts, for files that have other tables too: [layer], which is taken out of
  /// `values`; the device, which decides on the keys of [device]; all other sections; and, when
  /// these have their values, whether all goes together.
  void take_own_hardware(Json& values);
  void choose_device(const Json& values) { base_.choose_device(values); }
  void validate() const;

  /// More tables for products with hardware of their own, as [layer] has them; they win over those
  /// that are there.
  void add_own_hardware(const Json& tables);
  const Json& own_hardware() const { return own_; }

  /// All values as they stand, in SI.
  Json values() const;

  /// Where each product of `network` runs. Throws `ConfigError` when it does not fit, or a pattern
  /// fits no product.
  std::vector<Placement> place(const Network& network) const;

  /// Which products of two activations run on crossbars, and on which hardware.
  std::vector<ComputedPlacement> place_computed(const Network& network) const;

 private:
  Json base_values() const;

  HardwareConfig base_;
  Json own_ = Json::object();  // pattern -> tables that win over the base
};

/// A chip file of all values of `chip`, with unit and doc line of each.
std::string to_toml(ChipConfig& chip);

/// Its [layer] tables.
std::string own_hardware_as_toml(const ChipConfig& chip);

/// Reads a chip file; `overrides` are texts "section.key=value" that win over it.
ChipConfig load_chip_config(const std::filesystem::path& path,
                            const std::vector<std::string>& overrides);

/// `values` of an experiment on top of the chip file that its `experiment.chip` names, a path from
/// `folder` on, so that training and evaluation share one file.
Json with_chip_file(Json values, const std::filesystem::path& folder);

/// Lets each table of `values` be taken by the section of its name. Throws `ConfigError` on a table
/// that no section takes.
void assign_sections(const Json& values,
                     const std::function<void(const VisitSection&)>& for_each_section);

/// All tables that `for_each_section` has as TOML, with unit and doc line of each value.
std::string sections_as_toml(const std::function<void(const VisitSection&)>& for_each_section);

/// The value under `section`.`key`, or `fallback`; throws `ConfigError` when it is no text.
std::string text_at(const Json& values,
                    const std::string& section,
                    const std::string& key,
                    const std::string& fallback);

/// `values` with "section.key=value" texts put into it.
Json with_overrides(Json values, const std::vector<std::string>& overrides);

}  // namespace crossloom
