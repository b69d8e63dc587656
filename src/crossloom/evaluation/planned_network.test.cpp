#include "crossloom/evaluation/planned_network.h"

#include <gtest/gtest.h>

#include "crossloom/network/architectures.h"

namespace crossloom {
namespace {

Network random_network(const std::string& name) {
  Network network = make_network(name);
  network.initialise(Rng(1));
  return network;
}

CrossbarPool small_pool() {
  CrossbarPool pool;
  pool.num_crossbars = 3;
  pool.num_rows = 32;
  return pool;
}

std::vector<LayerPlan> plan_products(const Network& network, const PlanOptions& options) {
  NetworkPlanRequest request;
  request.pool = small_pool();
  request.options = options;
  std::vector<LayerPlan> plans;
  plan_network(
      product_source(network), request, {}, [&](const LayerPlan& plan) { plans.push_back(plan); });
  return plans;
}

PlanExecution::NextPlan in_order(const std::vector<LayerPlan>& plans) {
  return [&plans, next = std::size_t{0}]() mutable -> std::optional<LayerPlan> {
    return next < plans.size() ? std::optional(plans[next++]) : std::nullopt;
  };
}

double relative_error(const Tensor& y, const Tensor& exact) {
  return ((y - exact).norm() / exact.norm()).item<double>();
}

TEST(ProductRows, TimesTheWeightsAreTheConvolution) {
  ProductGeometry geometry = ProductGeometry::conv(6, 9, 3, 2, 0, 3);
  geometry.padding = {0, 1, 2, 1};
  const Tensor x = Rng(1).normal({2, 6, 11, 8});
  const Tensor weight = Rng(2).normal(geometry.weight_sizes());
  const Tensor rows = product_rows(x, geometry);  // [B * positions, 3 groups * 2 * 9]
  ASSERT_EQ(rows.size(1), 3 * 18);
  const Tensor y = at::bmm(rows.view({-1, 3, 18}).transpose(0, 1),
                           weight.view({3, 3, 18}).transpose(1, 2));  // [3, B * positions, 3]
  const Tensor exact = digital_product(x, weight, geometry).permute({0, 2, 3, 1});
  EXPECT_TRUE(y.transpose(0, 1).reshape(exact.sizes()).allclose(exact, 1e-4, 1e-4));
}

TEST(PlanExecution, LosslessReplayOfANetworkGivesItsIntegerProducts) {
  for (const Order order : {Order::kNatural, Order::kR1, Order::kQrSorted}) {
    const Network network = random_network("lenet5_mnist");
    PlanOptions options;
    options.order = order;
    const std::vector<LayerPlan> plans = plan_products(network, options);
    PlanExecution execution(small_pool(), options, 8, in_order(plans));
    const Tensor x = Rng(3).uniform({2, 1, 28, 28});
    const Tensor y = execution.forward(network, {x}).at(0);
    EXPECT_GT(execution.check().num_products, 10000);
    EXPECT_EQ(execution.check().num_differences, 0);
    EXPECT_EQ(execution.check().largest_error, 0);
    EXPECT_LT(relative_error(y, network.forward(x)), 0.02);  // inputs of 8 bits, weights of 10
  }
}

TEST(PlanExecution, WrongIndexOfThePlanIsFound) {
  const Network network = random_network("lenet5_mnist");
  std::vector<LayerPlan> plans = plan_products(network, {});
  // Two rows of a section get each other's inputs.
  std::size_t row = 0;
  while (plans[1].words[row] == plans[1].words[row + 1]) ++row;
  std::swap(plans[1].weight_of_row[row], plans[1].weight_of_row[row + 1]);
  PlanExecution execution(small_pool(), {}, 8, in_order(plans));
  execution.forward(network, {Rng(3).uniform({1, 1, 28, 28})});
  EXPECT_GT(execution.check().largest_error, 0);
}

TEST(PlanExecution, BudgetedReplayOfADepthwiseNetworkIsThePlannedNetwork) {
  const Network network = fold_batch_norm(random_network("mobilenet_v3_small"));
  PlanOptions options;
  options.budget = 2;
  options.scale = ScalePer::kColumn;
  options.assignment = RowAssignment::kMultiset;  // fast
  const std::vector<LayerPlan> plans = plan_products(network, options);
  PlannedNetwork planned(network, options);
  for (const LayerPlan& plan : plans) planned.add(plan);
  PlanExecution execution(small_pool(), options, 15, in_order(plans));
  const Tensor x = Rng(3).uniform({1, 3, 64, 64});
  const Tensor y = execution.forward(network, {x}).at(0);
  EXPECT_EQ(execution.check().num_differences, 0);
  EXPECT_EQ(execution.check().largest_error, 2);
  const at::NoGradGuard no_grad;
  EXPECT_LT(relative_error(y, planned.network().forward(x)), 1e-3);
}

TEST(PlannedNetwork, LosslessPlanLeavesRoundingOnly) {
  const Network network = random_network("lenet5_mnist");
  for (const ScalePer scale : {ScalePer::kTensor, ScalePer::kColumn}) {
    PlanOptions options;
    options.scale = scale;
    PlannedNetwork planned(network, options);
    for (const LayerPlan& plan : plan_products(network, options)) planned.add(plan);
    for (std::size_t i = 0; i < network.products().size(); ++i) {
      const Tensor weight = network.products()[i].weight.flatten(1);
      Tensor largest = weight.abs().amax(1, true);
      if (scale == ScalePer::kTensor) largest = largest.max();
      const Tensor error = planned.network().products()[i].weight.flatten(1) - weight;
      const double steps = (error.abs() / (largest / 1023)).max().item<double>();
      EXPECT_LE(steps, 0.501);
      EXPECT_GT(steps, 0.4);
    }
  }
}

}  // namespace
}  // namespace crossloom
