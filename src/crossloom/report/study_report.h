#pragma once

#include <filesystem>

#include "crossloom/core/params.h"

namespace crossloom {

/// What the page shows of the study in `store` (from its study.json): accuracy of all variants with
/// bands, convergence, confidence, cost. Throws `ConfigError` when it is not there.
Json study_report_data(const std::filesystem::path& store);

/// Writes `store`/report.html and returns its path.
std::filesystem::path write_study_report(const std::filesystem::path& store);

}  // namespace crossloom
