#pragma once

#include <vector>

#include "crossloom/core/random.h"
#include "crossloom/evaluation/calibration.h"
#include "crossloom/network/network.h"

namespace crossloom {

/// What stands for the second derivative of the loss by the weights of a product.
enum class SensitivityBy {
  kNone,        // the same in all layers
  kActivation,  // how much of an output's power an error of the weights makes
  kHessian,     // the diagonal of the Hessian, by that of the Fisher matrix
};

/// Mean second derivative by a weight, for each product of `network`, measured on `inputs` without
/// labels.
///
///   activation   mean(x^2) / (outputs mean(y^2)): what an error of unit variance in all weights
///                adds to y, relative to y, shared among the weights. Every product is as important
///                as any other.
///   Hessian      E over inputs and labels of (d log p(label) / dw)^2, mean over the weights; the
///                label is drawn from the network's own p. Where the network fits its labels this
///                is the Hessian of the cross entropy. With random signs of the examples one
///                backward pass serves a batch: the mixed terms vanish in the mean.
///
/// Sources: the activation measure is our own (as in layer-wise pruning, the output's error stands
/// for the loss); Fisher for Hessian: J. Martens, "New insights and perspectives on the natural
/// gradient method", JMLR 21 (2020), section 5.
std::vector<double> sensitivities(const Network& network,
                                  const InputBatches& inputs,
                                  SensitivityBy by,
                                  Rng rng);

}  // namespace crossloom
