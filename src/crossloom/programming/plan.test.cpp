#include "crossloom/programming/plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include <gtest/gtest.h>

#include "crossloom/core/interrupt.h"
#include "crossloom/programming/layer_budgets.h"
#include "crossloom/programming/replay.h"
#include "crossloom/programming/studies.h"

namespace crossloom {
namespace {

const std::vector<Order> kOrders = {Order::kNatural,
                                    Order::kR1,
                                    Order::kRowWalk,
                                    Order::kR2,
                                    Order::kR3,
                                    Order::kQr,
                                    Order::kQrSorted};
const std::vector<RowAssignment> kAssignments = {
    RowAssignment::kRank, RowAssignment::kMultiset, RowAssignment::kHungarian};

Tensor laplace(std::int64_t outputs, std::int64_t inputs, std::uint64_t seed = 1) {
  Rng rng(seed);
  return draw_weights({"layer", outputs, inputs}, WeightDraw::kLaplace, rng);
}

Tensor integers(const LayerCodes& codes) {
  return at::tensor(at::ArrayRef<std::int16_t>(codes.values), at::kLong)
      .view({codes.num_outputs, codes.num_inputs});
}

Tensor activations(std::int64_t batch, std::int64_t inputs, Rng& rng) {
  return (rng.uniform({batch, inputs}) * 255).to(at::kLong) - 100;
}

/// Plans two layers, replays them and compares with the products of `expected_of` their plans.
void expect_exact(const CrossbarPool& pool, const PlanOptions& options) {
  Planner planner(pool, options);
  Replay replay(pool, options);
  Rng rng(9);
  for (const std::int64_t inputs : {75, 32}) {
    const LayerCodes codes = quantise("layer", laplace(11, inputs), options.bits);
    const LayerPlan plan = planner.add(codes);
    const Tensor values = planned_values(plan, options).to(at::kLong);
    if (options.is_lossless()) {
      EXPECT_TRUE(values.equal(integers(codes)));
    }
    const Tensor x = activations(3, inputs, rng);
    EXPECT_TRUE(replay.product(plan, x).equal(x.matmul(values.t())));
  }
  // The plan's count is that of the cells that the replay wrote.
  const PlanCost cost = planner.cost();
  Writes planned = cost.first_load;
  planned += cost.transition;
  planned += cost.stream;
  EXPECT_EQ(planned.set, replay.writes().set);
  EXPECT_EQ(planned.reset, replay.writes().reset);
}

TEST(Planner, ReplayOfEveryOrderAndAssignmentGivesTheExactProduct) {
  for (const Order order : kOrders) {
    for (const RowAssignment assignment : kAssignments) {
      for (const Schedule schedule : {Schedule::kChunk, Schedule::kStrided}) {
        PlanOptions options;
        options.bits = 6;
        options.order = order;
        options.assignment = assignment;
        SCOPED_TRACE(static_cast<int>(order) * 10 + static_cast<int>(assignment));
        expect_exact({3, 16, 6, 1, schedule}, options);
      }
    }
  }
}

TEST(Planner, ReplayOfEverySignCodingGivesTheExactProduct) {
  for (const auto sign : {SignCoding::kPhase,
                          SignCoding::kPair,
                          SignCoding::kRedundantPair,
                          SignCoding::kSignBit,
                          SignCoding::kTwosComplement}) {
    for (const std::int64_t budget : {0, 2}) {
      for (const std::int64_t cell_bits : {1, 2, 3}) {
        if (sign == SignCoding::kRedundantPair && cell_bits > 1) continue;
        PlanOptions options;
        options.bits = 6;
        options.sign = sign;
        options.budget = budget;
        SCOPED_TRACE(static_cast<int>(sign) * 10 + cell_bits);
        expect_exact({2, 16, 12, cell_bits, Schedule::kChunk}, options);
      }
    }
  }
}

TEST(Planner, ReplayOfStuckColumnsGivesTheProductOfTheStuckCodes) {
  for (const auto stucking : {Stucking::kStatic, Stucking::kDynamic}) {
    PlanOptions options;
    options.bits = 6;
    options.stucking = stucking;
    expect_exact({2, 16, 6, 1, Schedule::kChunk}, options);
  }
}

TEST(Planner, BudgetIsNeverExceeded) {
  PlanOptions options;
  options.budget = 3;
  Planner planner({}, options);
  const LayerCodes codes = quantise("layer", laplace(40, 300), options.bits);
  const Tensor error = planned_values(planner.add(codes), options).to(at::kLong) - integers(codes);
  EXPECT_EQ(error.abs().max().item<std::int64_t>(), 3);
}

TEST(Planner, ErrorOfOutputsWithTheirOwnStepsIsThatOfTheirWeights) {
  PlanOptions options;
  options.budget = 3;
  options.scale = ScalePer::kColumn;
  const Tensor w = laplace(40, 300) * at::logspace(-3, 1, 40).view({40, 1});
  const LayerCodes codes = quantise("layer", w, options.bits, options.scale);
  Planner planner({}, options);
  const LayerPlan plan = planner.add(codes);
  const Tensor steps = at::tensor(at::ArrayRef<double>(plan.lsb), at::kDouble).unsqueeze(1);
  const Tensor error = planned_values(plan, options) * steps - w;
  EXPECT_TRUE((error.abs() <= 3.501 * steps).all().item<bool>());
  // Rounding and budget add up as independent errors.
  const double rmse = (error.norm() / w.norm()).item<double>();
  EXPECT_NEAR(planner.cost().rmse / rmse, 1, 0.02);
}

TEST(Planner, RoutingMetadataIsLogOfTheInputsOrOfTheRows) {
  const auto routing_bits = [](Order order, RowAssignment assignment) {
    PlanOptions options;
    options.order = order;
    options.assignment = assignment;
    return plan_cost({{"layer", laplace(16, 768)}}, {}, options).routing_bits;
  };
  EXPECT_EQ(routing_bits(Order::kNatural, RowAssignment::kRank), 0);
  EXPECT_EQ(routing_bits(Order::kNatural, RowAssignment::kHungarian), 7);
  EXPECT_EQ(routing_bits(Order::kQr, RowAssignment::kHungarian), 10);
  EXPECT_EQ(routing_bits(Order::kR3, RowAssignment::kRank), 10 + 4 / 128.0);
  EXPECT_EQ(routing_bits(Order::kR1, RowAssignment::kRank), 14);
}

std::uint64_t stream_writes(const PlanOptions& options) {
  return plan_cost({{"layer", laplace(64, 256)}}, {}, options).stream.total();
}

TEST(Stucking, RewritingAllCellsOrNoColumnsIsNoStucking) {
  PlanOptions options;
  options.order = Order::kR3;
  options.assignment = RowAssignment::kRank;
  const std::uint64_t unstuck = stream_writes(options);
  for (const auto stucking : {Stucking::kStatic, Stucking::kDynamic}) {
    options.stucking = stucking;
    options.stuck_columns = 3;
    options.rewritten = 1;
    EXPECT_EQ(stream_writes(options), unstuck);
    options.stuck_columns = 0;
    options.rewritten = 0.5;
    EXPECT_EQ(stream_writes(options), unstuck);
  }
}

TEST(Stucking, ColumnsThatAreNeverRewrittenHaveNoWrites) {
  for (const auto stucking : {Stucking::kStatic, Stucking::kDynamic}) {
    PlanOptions options;
    options.stucking = stucking;
    options.rewritten = 0;
    const PlanCost cost = plan_cost({{"layer", laplace(64, 256)}}, {}, options);
    for (int col = 0; col < 10; ++col) {
      EXPECT_EQ(cost.layers[0].column_flips[col] == 0, col < 3) << col;
    }
  }
}

TEST(Stucking, ErrorOfStuckCellsHasTheExpectedVariance) {
  Rng rng(4);
  const Tensor q = (rng.uniform({512, 2048}) * 1024).to(at::kLong);
  for (const double rewritten : {0.25, 0.5, 0.75}) {
    PlanOptions options;
    options.order = Order::kNatural;
    options.assignment = RowAssignment::kRank;
    options.stucking = Stucking::kStatic;
    options.rewritten = rewritten;
    CrossbarPool pool;
    pool.num_crossbars = 2;
    pool.num_rows = 2048;
    Planner planner(pool, options);
    const LayerPlan plan = planner.add(take_codes("layer", q, 1, 10));
    const double variance =
        (planned_values(plan, options).to(at::kDouble) - q).square().mean().item<double>();
    EXPECT_NEAR(variance / stuck_variance(3, rewritten), 1, 0.05) << rewritten;
  }
}

// Experiment E1 of docs/reprogramming.md; the tails of t5 fluctuate.
TEST(Study, NaturalOrderNeedsThePublishedWritesPerWeight) {
  const auto writes_per_weight = [](WeightDraw draw, std::int64_t bits) {
    Rng rng(1);
    PlanOptions options;
    options.bits = bits;
    options.order = Order::kNatural;
    options.assignment = RowAssignment::kRank;
    const Tensor w = draw_weights({"layer", 768, 768}, draw, rng);
    return plan_cost({{"layer", w}}, {}, options).writes_per_weight();
  };
  EXPECT_NEAR(writes_per_weight(WeightDraw::kGauss, 8) / 3.3, 1, 0.05);
  EXPECT_NEAR(writes_per_weight(WeightDraw::kGauss, 10) / 4.3, 1, 0.05);
  EXPECT_NEAR(writes_per_weight(WeightDraw::kLaplace, 8) / 2.7, 1, 0.05);
  EXPECT_NEAR(writes_per_weight(WeightDraw::kLaplace, 10) / 3.7, 1, 0.05);
  EXPECT_NEAR(writes_per_weight(WeightDraw::kStudent5, 8) / 2.1, 1, 0.15);
  EXPECT_NEAR(writes_per_weight(WeightDraw::kStudent5, 10) / 3.1, 1, 0.15);
}

double gain_on_laplace(const PlanOptions& options) {
  const std::vector<std::pair<std::string, Tensor>> network = {{"layer", laplace(384, 768)}};
  return gain(plan_cost(network, {}, options),
              plan_cost(network, {}, natural_scheme(options.bits).options));
}

// Experiment E4 of docs/reprogramming.md: one Laplace layer of 384 x 768, gains over natural order
// at equal bits, per pass in the steady state.
TEST(Study, QuantileOrderWithAssignmentReachesItsGatesWithoutLoss) {
  PlanOptions options;
  for (const auto& [bits, gate] : {std::pair(8, 12.0), std::pair(10, 6.0)}) {
    options.bits = bits;
    EXPECT_GE(gain_on_laplace(options), gate) << bits;
  }
}

TEST(Study, ErrorBudgetReachesItsGate) {
  PlanOptions options;
  options.budget = 2;
  for (const Order order : {Order::kR3, Order::kQr}) {
    options.order = order;
    EXPECT_GE(gain_on_laplace(options), 30);
    EXPECT_LE(plan_cost({{"layer", laplace(384, 768)}}, {}, options).rmse, 0.011);
  }
}

TEST(Study, RedundantPairsNeedFewerWritesThanSplitSigns) {
  PlanOptions options;
  CrossbarPool pool;
  pool.num_cols = 20;
  options.sort_key = SortKey::kValue;
  options.sign = SignCoding::kPair;
  const auto split = plan_cost({{"layer", laplace(64, 768)}}, pool, options).writes();
  options.sign = SignCoding::kRedundantPair;
  EXPECT_LT(plan_cost({{"layer", laplace(64, 768)}}, pool, options).writes(), split);
}

/// Writes of every physical cell, by executing every pass of the rotation.
WearMap executed_wear(const LayerPlan& plan, const WearMap& like, std::int64_t passes) {
  WearMap executed = like;
  std::fill(executed.writes.begin(), executed.writes.end(), 0.0);
  std::vector<unsigned> cells(executed.writes.size());
  const auto [crossbars, rows, cols] = std::tuple(like.num_crossbars, like.num_rows, like.num_cols);
  for (std::int64_t pass = 0; pass <= passes; ++pass) {
    if (pass == 1) std::fill(executed.writes.begin(), executed.writes.end(), 0.0);  // first load
    for (std::int64_t slot = 0; slot < plan.num_sections() * rows; ++slot) {
      if (plan.weight_of_row[slot] < 0) continue;
      const std::int64_t crossbar = (plan.crossbar[slot / rows] + pass) % crossbars;
      const std::int64_t row = (slot % rows + pass * row_shift(rows)) % rows;
      for (std::int64_t col = 0; col < cols; ++col) {
        const std::int64_t cell = (crossbar * rows + row) * cols + (col + pass) % cols;
        const unsigned bit = plan.words[slot] >> col & 1U;
        executed.writes[cell] += cells[cell] != bit ? 1 : 0;
        cells[cell] = bit;
      }
    }
  }
  for (double& writes : executed.writes) writes /= static_cast<double>(passes);
  return executed;
}

TEST(Levelling, IsWhatExecutingTheRotationGives) {
  for (const auto& [order, num_crossbars] : {std::pair(Order::kQr, 2), std::pair(Order::kR3, 3)}) {
    CrossbarPool pool;
    pool.num_crossbars = num_crossbars;
    pool.num_rows = 16;
    PlanOptions options;
    options.order = order;
    Planner planner(pool, options);
    const LayerPlan plan = planner.add(quantise("layer", laplace(60, 64), options.bits));
    const PlanCost cost = planner.cost();
    const std::int64_t period = rotation_period(cost.wear, options.levelling);
    ASSERT_EQ(period, num_crossbars == 2 ? 80 : 240);
    ASSERT_EQ(cost.wear.passes, period);
    const WearMap executed = executed_wear(plan, cost.wear, period);
    EXPECT_NEAR(executed.mean() / cost.wear.mean(), 1, 1e-9);
    EXPECT_NEAR(executed.max() / cost.wear.max(), 1, 0.01);  // the first pass follows none
    EXPECT_GT(cost.unlevelled_wear.max_over_mean(), 1.5);
    EXPECT_LE(executed.max_over_mean(), 1.3);
  }
}

TEST(Levelling, HoldsInAShortLifeAndNeverPromisesTooMuch) {
  WearMap wear{4, 64, 10, std::vector<double>(4 * 64 * 10)};
  for (std::size_t i = 0; i < wear.writes.size(); ++i) {  // low columns, rows and crossbars worn
    wear.writes[i] =
        1000.0 / static_cast<double>((i % 10 + 1) * (i / 10 % 64 + 20) * (i / 640 + 1));
  }
  EXPECT_GT(wear.max_over_mean(), 5);
  double before = wear.max_over_mean();
  for (const double lives : {20, 100, 1000}) {
    const WearMap levelled = level(wear, Levelling::kColumnsCrossbarsAndRows, lives * wear.max());
    EXPECT_LE(levelled.passes, lives);
    EXPECT_NEAR(levelled.mean() / wear.mean(), 1, 1e-9);
    EXPECT_LT(levelled.max_over_mean(), before);
    before = levelled.max_over_mean();
  }
  EXPECT_LE(before, 1.1);  // over a period, an eighth of all places of the roles
  EXPECT_EQ(level(wear, Levelling::kNone, 1e9).writes, wear.writes);
}

TEST(Levelling, RowShiftReachesEveryRow) {
  for (std::int64_t rows = 1; rows <= 300; ++rows) {
    EXPECT_EQ(std::gcd(row_shift(rows), rows), 1) << rows;
    if (rows > 30) {
      EXPECT_NEAR(static_cast<double>(row_shift(rows)) / static_cast<double>(rows), 0.6, 0.1);
    }
  }
}

TEST(Levelling, ColumnsAloneTakeMoreThanHalfOfTheUnevennessOfSortedRows) {
  PlanOptions options;
  options.order = Order::kR3;
  options.assignment = RowAssignment::kRank;
  options.levelling = Levelling::kNone;
  const auto ratio = [&] {
    return plan_cost({{"layer", laplace(384, 768)}}, {}, options).wear.max_over_mean();
  };
  const double unlevelled = ratio();
  EXPECT_GT(unlevelled, 3);
  options.levelling = Levelling::kColumns;
  EXPECT_LT(ratio() - 1, (unlevelled - 1) / 2);  // rows differ still
  options.levelling = Levelling::kColumnsCrossbarsAndRows;
  EXPECT_LE(ratio(), 1.3);
}

TEST(Lifetime, GrowsWithTheBatchAndTheEndurance) {
  const WearMap wear{1, 1, 2, {4, 2}};
  EXPECT_DOUBLE_EQ(lifetime(wear, 1e6, 1), 250000);
  EXPECT_DOUBLE_EQ(lifetime(wear, 1e7, 8), 20000000);
}

TEST(Planner, BatchSharesThePassesAmongItsInputs) {
  const auto lifetime_with = [](std::int64_t batch) {
    WriteCost cost;
    cost.batch = batch;
    Planner planner({}, {}, cost);
    planner.add(quantise("layer", laplace(16, 256), 10));
    return planner.cost().lifetime;
  };
  EXPECT_DOUBLE_EQ(lifetime_with(64) / lifetime_with(1), 64);
}

TEST(Planner, EnergyAndTimeAreThoseOfTheWrites) {
  WriteCost cost;
  cost.energy_set = 2;
  cost.energy_reset = 3;
  cost.time_set = 5;
  cost.time_reset = 7;
  Planner planner({}, {}, cost);
  planner.add(quantise("layer", laplace(16, 256), 10));
  const PlanCost total = planner.cost();
  Writes writes = total.transition;
  writes += total.stream;
  writes += total.repeat;
  EXPECT_GT(writes.set, 0);
  const auto sets = static_cast<double>(writes.set);
  const auto resets = static_cast<double>(writes.reset);
  EXPECT_DOUBLE_EQ(total.energy, 2 * sets + 3 * resets);
  EXPECT_DOUBLE_EQ(total.time, 5 * sets + 7 * resets);  // one crossbar: in turn
}

TEST(Planner, TellsOfItsSectionsAndStopsWithinALayer) {
  const LayerCodes codes = quantise("layer", laplace(128, 256), 10);
  std::vector<std::int64_t> told;
  Planner planner({}, {});
  planner.add(codes, 0, [&](std::int64_t done) { told.push_back(done); });
  ASSERT_GE(told.size(), 2U);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  EXPECT_LE(told.back(), 256);
  request_interrupt();
  EXPECT_THROW(planner.add(codes), Interrupted);
  clear_interrupt();
}

TEST(Replay, GroupsTakeTheirOwnInputs) {
  PlanOptions options;
  const LayerCodes codes = quantise("layer", laplace(12, 9), options.bits);
  CrossbarPool pool;
  pool.num_rows = 4;
  Planner planner(pool, options);
  const LayerPlan plan = planner.add(codes);
  Rng rng(5);
  const Tensor x = activations(3, 4 * 9, rng);  // four groups of three outputs
  const Tensor groups = x.view({3, 4, 1, 9}) * integers(codes).view({1, 4, 3, 9});
  EXPECT_TRUE(Replay(pool, options).product(plan, x).equal(groups.sum(3).view({3, 12})));
}

TEST(Scheme, PatternsChooseByName) {
  const auto schemes = standard_schemes(10);
  EXPECT_EQ(choose_schemes(schemes, {}).size(), schemes.size());
  const auto chosen = choose_schemes(schemes, {"QR sorted*budget 2", "natural"});
  ASSERT_EQ(chosen.size(), 2U);
  EXPECT_EQ(chosen[0].name, "natural");
  EXPECT_EQ(kind_of(chosen[0], 10), SchemeKind::kLossless);
  EXPECT_EQ(kind_of(chosen[0], 12), SchemeKind::kFewerBits);
  EXPECT_EQ(kind_of(chosen[1], 10), SchemeKind::kBudget);
  EXPECT_THROW(choose_schemes(schemes, {"R9"}), ConfigError);
}

TEST(LayerBudgets, HarmIsThatOfTheMeanBudgetAndEqualPerWeight) {
  const std::vector<LayerSensitivity> layers = {{1000, 1e-3, 400}, {1000, 1e-3, 4}, {500, 2e-3, 1}};
  const auto budgets = layer_budgets(layers, 8);
  double harm = 0;
  double uniform = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const double unit = static_cast<double>(layers[i].num_weights) * layers[i].curvature *
                        std::pow(layers[i].lsb, 2);
    harm += unit * static_cast<double>(budgets[i] * budgets[i]);
    uniform += unit * 64;
  }
  EXPECT_LE(harm, uniform);
  EXPECT_LT(budgets[0], budgets[1]);
  EXPECT_EQ(budgets[1], budgets[2]);  // twice the step, a quarter of the curvature
}

std::string refusal(const CrossbarPool& pool, const PlanOptions& options) {
  try {
    const Planner planner(pool, options);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(Planner, PoolThatCannotHoldOneSectionIsRefused) {
  EXPECT_NE(refusal({1, 0, 10, 1, Schedule::kChunk}, {}).find("cannot hold one section"),
            std::string::npos);
  EXPECT_NE(refusal({1, 128, 8, 1, Schedule::kChunk}, {}).find("it takes 10 bits"),
            std::string::npos);
  PlanOptions options;
  options.sign = SignCoding::kPair;
  EXPECT_NE(refusal({1, 128, 10, 1, Schedule::kChunk}, options).find("it takes 20 bits"),
            std::string::npos);
}

TEST(Planner, OptionsThatContradictEachOtherAreRefused) {
  PlanOptions options;
  options.stucking = Stucking::kStatic;
  options.stuck_columns = 11;
  EXPECT_NE(refusal({}, options), "");
  options = {};
  options.sign = SignCoding::kRedundantPair;
  EXPECT_NE(refusal({1, 128, 10, 2, Schedule::kChunk}, options), "");
  options = {};
  EXPECT_NE(refusal({1, 2048, 10, 1, Schedule::kChunk}, options), "");
}

TEST(Planner, CodesOfOtherBitsAreRefused) {
  Planner planner({}, {});
  EXPECT_THROW(planner.add(quantise("layer", laplace(2, 8), 8)), ConfigError);
}

}  // namespace
}  // namespace crossloom
