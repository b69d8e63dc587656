#pragma once

#include "crossloom/evaluation/evaluate.h"
#include "crossloom/network/chip.h"

namespace crossloom {

/// What the report draws of a network that is put on fresh chips:
///
///   weights       histogram of w / w_max of the analog products, each counted alike
///   conductances  histogram of what their cells are written to [uS]
///   layers        signal to noise of each analog product on `chips` chips together, `time` after
///                 programming, for the first 16 inputs
///
/// `plan` holds the network as it is mapped; `calibration` its inputs.
Json picture_of_deployment(const ChipPlan& plan,
                           const InputBatches& calibration,
                           double time,
                           std::int64_t chips);

/// The current of a cell of g = 1 over the read voltages, with the linear one beside it: v [V],
/// current and linear in units of the largest linear one, and `used_v`, the voltage that the
/// largest input drives. Null where the current is linear. Of the first term where there are more.
Json picture_of_current_law(const Hardware& hardware);

}  // namespace crossloom
