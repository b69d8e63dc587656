#pragma once

#include <functional>
#include <string>
#include <vector>

#include "crossloom/network/network.h"

namespace crossloom {

/// Forms of one network that training needs. Each shares all tensors with the network it is made
/// of, but for those it is about, so that gradients and steps reach the same weights.

/// Another weight in place of `weight`, that of product `index`.
using ChangeWeight = std::function<Tensor(std::size_t index, const Tensor& weight)>;

/// `network` with the weights that `change` makes of its own.
Network with_weights(const Network& network, const ChangeWeight& change);

/// `network` whose batch normalisations use the mean and variance of the batch; the running ones
/// keep `momentum` of themselves at each pass: 1 leaves them alone.
Network with_batch_statistics(const Network& network, double momentum);

/// A classifier that reads an inner node during training.
///
///   mean over a size x size grid (images), flatten, linear, ReLU, linear
///
/// Source: the heads of arXiv:2305.14561, models/irs_block.py.
struct Exit {
  std::string node;
  std::int64_t size = 1;     // of the grid; for images only
  std::int64_t width = 512;  // of the hidden layer
};

/// `network` with `exits` behind its nodes: its outputs, then one for each exit. The weights of
/// the exits are normal with a variance of 2 / outputs, their biases zero (assumption). Throws
/// `ConfigError`, listing the nodes, when there is none of a name.
Network with_exits(const Network& network,
                   const std::vector<Exit>& exits,
                   std::int64_t num_classes,
                   Rng rng);

}  // namespace crossloom
