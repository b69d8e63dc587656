#pragma once

#include "crossloom/core/params.h"
#include "crossloom/training/method.h"

namespace crossloom {

/// What a report draws of the chip that learned: for each product a histogram of writes per cell
/// and a map of its conductances; the totals of the writes.
Json picture_of_chip(const TrainingMethod& method);

}  // namespace crossloom
