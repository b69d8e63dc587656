#pragma once

#include <string>

#include "crossloom/core/params.h"

namespace crossloom {

/// Lines "name = value  unit, accepted values, doc" of `params`, for --help.
std::string describe_params(const ParamList& params);

}  // namespace crossloom
