#include <cstdio>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "crossloom/programming/studies.h"

namespace crossloom {
namespace {

struct Row {
  WeightDraw draw;
  std::int64_t bits;
  std::vector<double> gains;
};

/// Stream writes of natural order over those of `order` for each number of crossbars, dealt strided.
std::vector<double> gains(const std::vector<LayerShape>& shapes, WeightDraw draw, std::int64_t bits,
                          Order order, const std::vector<std::int64_t>& num_crossbars) {
  PlanOptions options;
  options.bits = bits;
  options.assignment = RowAssignment::kRank;
  options.order = Order::kNatural;
  CrossbarPool pool;
  pool.schedule = Schedule::kStrided;
  std::vector<Planner> planners = {Planner(pool, options)};
  options.order = order;
  for (const std::int64_t crossbars : num_crossbars) {
    pool.num_crossbars = crossbars;
    planners.emplace_back(pool, options);
  }
  Rng rng(1);
  for (const LayerShape& shape : shapes) {
    const LayerCodes codes = quantise(shape.name, draw_weights(shape, draw, rng), bits);
    for (Planner& planner : planners) planner.add(codes);
  }
  std::vector<double> ratios;
  const auto natural = static_cast<double>(planners[0].cost().stream.total());
  for (std::size_t i = 1; i < planners.size(); ++i) {
    ratios.push_back(natural / static_cast<double>(planners[i].cost().stream.total()));
  }
  return ratios;
}

void expect_gains(const char* network, const std::vector<LayerShape>& shapes, Order order,
                  const std::vector<std::int64_t>& num_crossbars, const std::vector<Row>& rows) {
  at::set_num_threads(2);
  for (const Row& row : rows) {
    const auto measured = gains(shapes, row.draw, row.bits, order, num_crossbars);
    for (std::size_t i = 0; i < measured.size(); ++i) {
      EXPECT_NEAR(measured[i] / row.gains[i], 1, 0.05)
          << network << ", draw " << static_cast<int>(row.draw) << ", " << row.bits << " bits, "
          << num_crossbars[i] << " crossbars: " << measured[i] << " against " << row.gains[i];
    }
  }
}

// Experiment E2: the table of methods 4.2.1, natural order over R1. Its ViT columns come out with two
// blocks.
TEST(PaperReading, LayerSortOnResNet50GivesThePublishedTable) {
  expect_gains("ResNet-50",
               resnet50_shapes(),
               Order::kR1,
               {1, 4, 8, 16, 32},
               {{WeightDraw::kGauss, 8, {41, 13, 7.9, 4.9, 3.2}},
                {WeightDraw::kGauss, 10, {17, 6.2, 4.1, 2.8, 2.1}},
                {WeightDraw::kLaplace, 8, {47, 16, 9.9, 6.2, 4.1}},
                {WeightDraw::kLaplace, 10, {21, 8.1, 5.2, 3.5, 2.5}}});
}

TEST(PaperReading, LayerSortOnTwoBlocksOfViTBaseGivesThePublishedTable) {
  expect_gains("ViT-Base",
               vit_base_shapes(2),
               Order::kR1,
               {1, 4, 8, 16, 32},
               {{WeightDraw::kGauss, 8, {113, 32, 17.5, 9.6, 5.4}},
                {WeightDraw::kGauss, 10, {41, 12, 6.9, 4.1, 2.7}},
                {WeightDraw::kLaplace, 8, {125, 39, 22, 12.5, 7.4}},
                {WeightDraw::kLaplace, 10, {52, 17, 9.8, 5.9, 3.7}}});
}

// Experiment E3.
TEST(PaperReading, OutputSortGivesThePublishedGains) {
  expect_gains("ResNet-50",
               resnet50_shapes(),
               Order::kR3,
               {1},
               {{WeightDraw::kGauss, 10, {2.7}}, {WeightDraw::kLaplace, 10, {3.3}}});
  expect_gains("ViT-Base",
               vit_base_shapes(2),
               Order::kR3,
               {1},
               {{WeightDraw::kGauss, 10, {2.5}}, {WeightDraw::kLaplace, 10, {3.0}}});
}

}  // namespace
}  // namespace crossloom
