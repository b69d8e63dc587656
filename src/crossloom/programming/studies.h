#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "crossloom/core/random.h"
#include "crossloom/core/tensor_files.h"
#include "crossloom/programming/network_plan.h"

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

/// Their names, as the command line has them.
const std::vector<std::pair<std::string, WeightDraw>>& weight_draws();

/// Weights of unit scale: [outputs, inputs], 1.
Tensor draw_weights(const LayerShape& shape, WeightDraw draw, Rng& rng);

/// Layers of `shapes` whose weights are drawn anew whenever they are asked for.
WeightSource drawn_source(const std::vector<LayerShape>& shapes, WeightDraw draw, const Rng& rng);

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

/// What a scheme is about.
enum class SchemeKind { kLossless, kFewerBits, kIndexRouted, kStucking, kBudget };

/// A scheme of the table of docs/reprogramming.md.
struct Scheme {
  std::string name;
  PlanOptions options;
};

/// `bits` are those of the comparison.
SchemeKind kind_of(const Scheme& scheme, std::int64_t bits);

/// Natural order at fewer bits, R3, row assignments, QR, stucking and budgets: what `bits` allows.
std::vector<Scheme> standard_schemes(std::int64_t bits, ScalePer scale = ScalePer::kTensor);

/// The schemes whose name one of `patterns` is, in which * stands for any characters. Throws
/// `ConfigError` on a pattern that fits none.
std::vector<Scheme> choose_schemes(const std::vector<Scheme>& schemes,
                                   const std::vector<std::string>& patterns);

/// The scheme that all are compared with.
Scheme natural_scheme(std::int64_t bits, ScalePer scale = ScalePer::kTensor);

/// The pool, its columns widened to what `options` need.
CrossbarPool widened(CrossbarPool pool, const PlanOptions& options);

/// Writes of the scheme with `reference` / writes of the one with `cost`, per pass in the steady
/// state.
double gain(const PlanCost& cost, const PlanCost& reference);

/// The cost of a network under `options`, with error budgets of its layers unless `budgets` is
/// empty.
PlanCost plan_cost(const std::vector<std::pair<std::string, Tensor>>& network,
                   const CrossbarPool& pool,
                   const PlanOptions& options,
                   const std::vector<std::int64_t>& budgets = {});

}  // namespace crossloom
