#pragma once

#include "crossloom/crossbar/hardware.h"

namespace crossloom {

/// When cells are asked how far they are off, to choose digits by it: a day after they were
/// written, or the last time that their law is known for.
inline constexpr double kDigitsAge = 86400;  // [s]

/// Sets `mapping.level_errors` where `mapping.slice_weights` leaves a choice of digits: the errors
/// of each level of each slice by itself, as `WeightErrorLaw` measures them.
void choose_digits(Hardware& hardware);

}  // namespace crossloom
