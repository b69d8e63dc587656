#pragma once

#include <filesystem>

#include "crossloom/core/params.h"

namespace crossloom {

/// What the page shows of the run in `folder`: title, warnings, headline figures, charts, tables,
/// parameters. Reads the results, computes none. Throws `ConfigError` when they are not there.
Json report_data(const std::filesystem::path& folder);

/// The HTML page of `data`: one file that needs no network.
std::string render_report(const Json& data);

/// Writes `folder`/report.html and returns its path.
std::filesystem::path write_report(const std::filesystem::path& folder);

}  // namespace crossloom
