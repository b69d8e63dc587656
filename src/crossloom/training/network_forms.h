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

/// `network` with the weights that `change` makes of its own; digital products keep theirs.
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

/// `network` with small digital layers behind the products called `names`, which read what goes
/// into a product and what comes out of it and correct the latter:
///
///   y' = y + P_2 [y; relu(P_1 [x; y])]
///
/// x is averaged over the grid of y where it has another; P_1 has `filters` outputs, both are 1 x 1
/// convolutions, or linear behind a linear product. P_2 starts at zero, so that nothing is
/// corrected yet. Throws `ConfigError`, listing the products, when there is none of a name. Source:
/// A. Eldebiky et al., "CorrectNet", DATE 2023, arXiv:2211.14917, for the two layers and what they
/// read; that they add to y, and the rectifier, are ours (assumption).
Network with_compensation(const Network& network,
                          const std::vector<std::string>& names,
                          std::int64_t filters,
                          Rng rng);

/// `network` with `exits` behind its nodes: its outputs, then one for each exit. The weights of
/// the exits are normal with a variance of 2 / outputs, their biases zero (assumption). Throws
/// `ConfigError`, listing the nodes, when there is none of a name.
Network with_exits(const Network& network,
                   const std::vector<Exit>& exits,
                   std::int64_t num_classes,
                   Rng rng);

/// The part of `network` behind `chain`, nodes of which the first reads the only input, each other
/// one the one before it, and nobody else any but the last: its output is the input of that part.
Network behind(const Network& network, const std::vector<std::size_t>& chain);

/// `network` whose rectifiers stand behind the max poolings that alone read them: they have fewer
/// values to rectify there, and the outputs are the same.
Network with_poolings_first(const Network& network);

/// Whether `node` is an operator `kind`; `kNoInput` is none.
bool is_operator(const Network& network, std::size_t node, const std::string& kind);

/// The node that alone reads `node`; `kNoInput` when there is none or several, or when `node` is an
/// output.
std::size_t only_reader(const Network& network, std::size_t node);

}  // namespace crossloom
