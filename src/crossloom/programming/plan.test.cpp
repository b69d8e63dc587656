#include "crossloom/programming/plan.h"

#include <algorithm>
#include <cmath>

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

/// Writes of every physical cell over a whole period of the rotation, by executing every pass.
TEST(Levelling, AgreesWithExecutingEveryPassOfTheRotation) {
  CrossbarPool pool;
  pool.num_crossbars = 2;
  pool.num_rows = 8;
  pool.num_cols = 5;
  PlanOptions options;
  options.bits = 5;
  Planner planner(pool, options);
  const LayerPlan plan = planner.add(quantise("layer", laplace(40, 64), options.bits));
  const PlanCost cost = planner.cost();
  const std::int64_t period = rotation_period(cost.wear, options.levelling);
  ASSERT_EQ(period, 2 * 8 * 5);

  WearMap executed{2, 8, 5, std::vector<double>(80)};
  std::vector<int> cells(80);
  for (std::int64_t pass = 0; pass < 2 * period; ++pass) {  // the first period ends the first load
    if (pass == period) std::fill(executed.writes.begin(), executed.writes.end(), 0.0);
    for (std::int64_t slot = 0; slot < plan.num_sections() * 8; ++slot) {
      if (plan.weight_of_row[slot] < 0) continue;
      const std::int64_t crossbar = (plan.crossbar[slot / 8] + pass / 5) % 2;
      const std::int64_t row = (slot % 8 + pass / 10) % 8;
      for (std::int64_t col = 0; col < 5; ++col) {
        const std::int64_t cell = (crossbar * 8 + row) * 5 + (col + pass) % 5;
        const int bit = static_cast<int>(plan.words[slot] >> col & 1U);
        executed.writes[cell] += cells[cell] != bit ? 1 : 0;
        cells[cell] = bit;
      }
    }
  }
  EXPECT_GT(cost.unlevelled_wear.max_over_mean(), 1.5);
  EXPECT_LE(executed.max_over_mean(), 1.3);
  // Passes that shift crossbars and rows as well are counted as if they shifted columns alone.
  EXPECT_NEAR(executed.mean() / static_cast<double>(period) / cost.wear.mean(), 1, 0.05);
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

TEST(Levelling, OnlyWhatComesRoundWithinTheLifetimeCounts) {
  // Writes of the most written cell and passes until the rotation comes round: 3 and 2 with columns
  // levelled, 2 and 4 with crossbars, 2 and 8 with rows.
  const WearMap wear{2, 2, 2, {4, 2, 2, 2, 2, 0, 2, 2}};
  const auto completed = [&](double endurance) {
    return completed_levelling(wear, Levelling::kColumnsCrossbarsAndRows, endurance);
  };
  EXPECT_EQ(completed(5.9), Levelling::kNone);
  EXPECT_EQ(completed(6), Levelling::kColumns);
  EXPECT_EQ(completed(7.9), Levelling::kColumns);
  EXPECT_EQ(completed(8), Levelling::kColumnsAndCrossbars);
  EXPECT_EQ(completed(15.9), Levelling::kColumnsAndCrossbars);
  EXPECT_EQ(completed(16), Levelling::kColumnsCrossbarsAndRows);
  EXPECT_EQ(completed_levelling(wear, Levelling::kColumns, 1e6), Levelling::kColumns);
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
  EXPECT_DOUBLE_EQ(total.energy, 2.0 * writes.set + 3.0 * writes.reset);
  EXPECT_DOUBLE_EQ(total.time, 5.0 * writes.set + 7.0 * writes.reset);  // one crossbar: in turn
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
