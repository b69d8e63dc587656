#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "crossloom/core/random.h"
#include "crossloom/core/tensor_files.h"
#include "crossloom/programming/plan.h"

namespace crossloom {

/// Shape of a layer without weights.
struct LayerShape {
  std::string name;
  std::int64_t num_outputs;
  std::int64_t num_inputs;

  std::int64_t num_weights() const { return num_outputs * num_inputs; }
};

/// All products of ResNet-50 (25.5 M weights). Source: K. He et al., arXiv:1512.03385, table 1.
std::vector<LayerShape> resnet50_shapes();

/// The patch embedding, `num_blocks` blocks and the head of ViT-Base/16 (86 M weights with 12).
/// Source: A. Dosovitskiy et al., arXiv:2010.11929, table 1.
std::vector<LayerShape> vit_base_shapes(std::int64_t num_blocks = 12);

/// Distributions that stand for trained weights.
enum class WeightDraw { kGauss, kLaplace, kStudent5, kStudent3 };

/// Weights of unit scale: [outputs, inputs], 1.
Tensor draw_weights(const LayerShape& shape, WeightDraw draw, Rng& rng);

/// Gains of an order over natural order on a network without weights, for several pool sizes:
/// stream writes only, rows by rank, sections dealt strided. A layer's weights are drawn, planned
/// by all and dropped.
struct Reading {
  std::vector<LayerShape> shapes;
  WeightDraw draw = WeightDraw::kGauss;
  std::int64_t bits = 10;
  std::int64_t num_rows = 128;
  Order order = Order::kR1;
  std::vector<std::int64_t> num_crossbars;
};
std::vector<double> reading_gains(const Reading& reading, const Rng& rng);

/// The weights of `tensors` that are products: named "*.weight", of two or four indices, as
/// [outputs, inputs]. In the order of their names.
std::vector<std::pair<std::string, Tensor>> product_weights(const TensorMap& tensors);

/// A scheme of the table of docs/reprogramming.md.
struct Scheme {
  std::string name;
  PlanOptions options;
};

/// Natural order at fewer bits, R3, row assignments, QR, stucking and budgets: what `bits` allows.
std::vector<Scheme> standard_schemes(std::int64_t bits);

/// A scheme on a network, beside natural order at the bits of the comparison.
struct Comparison {
  std::string name;
  PlanOptions options;
  PlanCost cost;
  double gain = 0;         // writes of natural order / writes, per pass in the steady state
  double stream_gain = 0;  // the same without transitions and repetition
};

/// Plans `network` by each scheme. The pool's columns are widened to what a scheme needs.
std::vector<Comparison> compare(const std::vector<std::pair<std::string, Tensor>>& network,
                                const std::vector<Scheme>& schemes,
                                CrossbarPool pool,
                                std::int64_t bits);

/// The cost of a network under `options`, with error budgets of its layers unless `budgets` is
/// empty.
PlanCost plan_cost(const std::vector<std::pair<std::string, Tensor>>& network,
                   const CrossbarPool& pool,
                   const PlanOptions& options,
                   const std::vector<std::int64_t>& budgets = {});

}  // namespace crossloom
