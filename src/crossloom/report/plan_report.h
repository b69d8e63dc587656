#pragma once

#include <filesystem>

#include "crossloom/core/params.h"

namespace crossloom {

/// Whether `folder` holds a reprogramming plan or a comparison of schemes.
bool is_plan_folder(const std::filesystem::path& folder);

/// What the page shows of it: cost by layer, flips by bit column and the wear of a crossbar, or the
/// schemes side by side with the front of savings against accuracy.
Json plan_report_data(const std::filesystem::path& folder);

}  // namespace crossloom
