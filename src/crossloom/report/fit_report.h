#pragma once

#include <filesystem>

#include "crossloom/core/params.h"

namespace crossloom {

/// Whether `folder` holds a device fitted to measurements.
bool is_fit_folder(const std::filesystem::path& folder);

/// What the page shows of it: each law against the data, and how it predicts what it has not seen.
Json fit_report_data(const std::filesystem::path& folder);

}  // namespace crossloom
