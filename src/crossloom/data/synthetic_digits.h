#pragma once

#include <cstdint>
#include <string>

#include "crossloom/core/random.h"
#include "crossloom/data/dataset.h"

namespace crossloom {

/// `count` drawn digits, 28x28, that look handwritten: [count, 1, 28, 28] with random classes.
///
/// Each is a skeleton of strokes of its class (two to four ways to write it), with shaken control
/// points, slanted, turned and stretched, drawn with a round pen of random width, softened, fitted
/// into a box of 20x20 pixels and shifted by whole pixels so that its centre of mass is in the
/// middle, as MNIST was made. Digit i depends on (rng, i) alone: the number of threads does not
/// matter, and fewer digits are a prefix of more.
Split synthetic_digits(std::int64_t count, const Rng& rng);

/// 60 000 digits for training and 10 000 for the test, always the same. The provenance starts with
/// "SYNTHETIC DIGITS" and goes on with `remark`.
Dataset synthetic_digits_dataset(const std::string& name, const std::string& remark);

}  // namespace crossloom
