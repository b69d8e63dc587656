#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "crossloom/core/params.h"

namespace crossloom {

/// Measurements of cells, and what is to be made of them.
struct DeviceFitRequest {
  std::filesystem::path csv;
  std::filesystem::path out;                   // folder for the results
  std::map<std::string, std::string> columns;  // quantity -> "NAME" or "NAME:UNIT"
  std::map<std::string, std::string> values;   // quantity -> what it is in all rows, "30 min"
  std::int64_t seed = 1;                       // of the parts the cells are judged in
};

/// Files in the folder of a fit.
constexpr const char* kFitSummary = "fit.json";
constexpr const char* kFitDevice = "device.toml";

/// Fits the laws that the columns of the table tell of, judges each on what its
/// fit has not seen, and writes the device as a chip file (`kFitDevice`) and
/// the figures (`kFitSummary`), which are returned. Nothing is written when
/// something is refused with `ConfigError`.
///
///   cell, level or g_target, g or g_init  programming
///   cell, t, g or r, [g_init], [temp]     ageing: relaxation, retention
///   r_pre, r_post, t, temp, [level]       ageing by a bake, programming
///   v, i                                  current law
///   t, g_UNIT_a, g_UNIT_b …               read and telegraph noise of the cells a, b …
Json fit_device(const DeviceFitRequest& request);

}  // namespace crossloom
