#pragma once

#include "crossloom/crossbar/hardware.h"

namespace crossloom {

/// Sets `mapping.level_errors` where `mapping.slice_weights` leaves a choice of digits: the errors
/// of each level of each slice by itself, as `WeightErrorLaw` measures them a day after the cells
/// were written, or at the last time that their law is known for.
void choose_digits(Hardware& hardware);

}  // namespace crossloom
