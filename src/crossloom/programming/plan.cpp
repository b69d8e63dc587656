#include "crossloom/programming/plan.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>

#include <ATen/Parallel.h>

#include "crossloom/core/interrupt.h"

namespace crossloom {
namespace {

constexpr std::int64_t kMaxHungarianRows = 1024;

/// Level of the cell in column `col`.
std::uint32_t cell(std::uint32_t word, std::int64_t col, std::int64_t cell_bits) {
  return word >> (col * cell_bits) & ((std::uint32_t{1} << cell_bits) - 1);
}

/// The plan of a layer before anything is loaded; takes over the sections.
LayerPlan start_plan(const LayerCodes& codes, std::int64_t budget, SectionList& list) {
  LayerPlan plan;
  plan.name = codes.name;
  plan.num_outputs = codes.num_outputs;
  plan.num_inputs = codes.num_inputs;
  plan.num_rows = list.num_rows;
  plan.lsb = codes.lsb;
  plan.budget = budget;
  plan.index_bits = list.index_bits;
  plan.section_bits = list.section_bits;
  plan.base = std::move(list.base);
  plan.weight_of_row = std::move(list.weights);
  plan.crossbar.resize(list.num_sections);
  plan.words.resize(plan.weight_of_row.size());
  plan.input_sign.assign(plan.weight_of_row.size(), 1);
  return plan;
}

/// Gives the weights of one section after another their rows and their words.
class SectionPlanner {
 public:
  SectionPlanner(const RowOptions& options, const LayerCodes& codes)
      : options_(options), codes_(codes), assigner_(options), chooser_(options) {}

  /// `present` is what the rows of the section's crossbar hold.
  void plan(std::int64_t section, const std::vector<std::uint32_t>& present, LayerPlan& plan) {
    const std::int64_t slot = section * plan.num_rows;
    std::int32_t* weights = &plan.weight_of_row[slot];
    assigner_.assign(weights, codes_.values.data(), plan.budget, present);
    for (std::int64_t row = 0; row < plan.num_rows; ++row) {
      if (weights[row] < 0) continue;
      const int q = codes_.values[weights[row]];
      plan.words[slot + row] = chooser_.choose(q, plan.budget, present[row]);
      if (options_.sign == SignCoding::kPhase && q < 0) plan.input_sign[slot + row] = -1;
    }
  }

 private:
  const RowOptions& options_;
  const LayerCodes& codes_;
  RowAssigner assigner_;
  WordChooser chooser_;
};

/// Counts sections over threads, tells of them now and then, and watches for a stop.
class Reporter {
 public:
  explicit Reporter(const SectionsDone& done) : done_(done) {}

  void add_one() {
    throw_if_interrupted();
    const std::int64_t count = ++count_;
    if (!done_ || count % kEvery != 0) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    done_(count);
  }

 private:
  static constexpr std::int64_t kEvery = 32;  // sections, a few hundredths of a second

  const SectionsDone& done_;
  std::atomic<std::int64_t> count_ = 0;
  std::mutex mutex_;
};

}  // namespace

void require_consistent(const CrossbarPool& pool, const PlanOptions& options) {
  if (options.bits < 1 || options.bits > kMaxBits) {
    throw ConfigError("a plan of " + std::to_string(options.bits) +
                      " bits (a code is kept in 16 bits " + "with its sign); give 1 to " +
                      std::to_string(kMaxBits));
  }
  pool.require_room(word_bits(options.sign, options.bits));
  if (options.sign != SignCoding::kPhase && options.bits % pool.cell_bits != 0) {
    throw ConfigError(std::to_string(options.bits) + " bits in cells of " +
                      std::to_string(pool.cell_bits) + " (a sign, and each half of a pair, needs " +
                      "cells of its own); give bits that the cells divide, or sign = phase");
  }
  if (options.sign == SignCoding::kRedundantPair && pool.cell_bits != 1) {
    throw ConfigError("sign = redundant_pair with cells of " + std::to_string(pool.cell_bits) +
                      " bits (the choice of pairs is worked out bit by bit); give cell_bits = 1 or "
                      "sign = pair");
  }
  if (options.assignment == RowAssignment::kHungarian && pool.num_rows > kMaxHungarianRows) {
    throw ConfigError("assignment = hungarian on " + std::to_string(pool.num_rows) +
                      " rows (its work grows with their cube); give at most " +
                      std::to_string(kMaxHungarianRows) + " rows, or assignment = multiset");
  }
  if (options.stucking != Stucking::kNone &&
      options.stuck_columns * pool.cell_bits > options.bits) {
    throw ConfigError("stuck_columns = " + std::to_string(options.stuck_columns) +
                      " (a weight has only " + std::to_string(options.bits / pool.cell_bits) +
                      " columns); give fewer");
  }
}

void PlanOptions::describe(ParamList& params) {
  params.add("bits", bits, {1, kMaxBits}, "bit", "bits of a weight's magnitude");
  params.add_choice("scale",
                    scale,
                    {{"tensor", ScalePer::kTensor}, {"column", ScalePer::kColumn}},
                    "weights that share a step: those of a layer, or of an output");
  params.add_choice("sign",
                    sign,
                    {{"phase", SignCoding::kPhase},
                     {"pair", SignCoding::kPair},
                     {"redundant_pair", SignCoding::kRedundantPair},
                     {"sign_bit", SignCoding::kSignBit},
                     {"twos_complement", SignCoding::kTwosComplement}},
                    "where the sign of a weight is kept");
  params.add_choice("order",
                    order,
                    {{"natural", Order::kNatural},
                     {"R1", Order::kR1},
                     {"row_walk", Order::kRowWalk},
                     {"R2", Order::kR2},
                     {"R3", Order::kR3},
                     {"QR", Order::kQr},
                     {"QR_sorted", Order::kQrSorted}},
                    "order of weights and sections; R1 and row_walk are index-routed");
  params.add_choice("sort_key",
                    sort_key,
                    {{"magnitude", SortKey::kMagnitude}, {"value", SortKey::kValue}},
                    "by what weights are sorted");
  params.add_choice("assignment",
                    assignment,
                    {{"rank", RowAssignment::kRank},
                     {"multiset", RowAssignment::kMultiset},
                     {"hungarian", RowAssignment::kHungarian}},
                    "row of a weight: by rank, where its bits are already, or the best of all");
  params.add(
      "budget", budget, {0, kMaxBudget}, "1", "steps by which a weight may be off to save writes");
  params.add_choice(
      "stucking",
      stucking,
      {{"none", Stucking::kNone}, {"static", Stucking::kStatic}, {"dynamic", Stucking::kDynamic}},
      "low columns of which only a part is rewritten");
  params.add("stuck_columns", stuck_columns, {0, kMaxBits}, "1", "how many low columns are stuck");
  params.add("rewritten", rewritten, {0, 1}, "1", "part of their cells that is rewritten");
  params.add("seed", seed, {0, 1e15}, "1", "which cells are stuck");
  params.add_choice("levelling",
                    levelling,
                    {{"none", Levelling::kNone},
                     {"columns", Levelling::kColumns},
                     {"columns_crossbars", Levelling::kColumnsAndCrossbars},
                     {"columns_crossbars_rows", Levelling::kColumnsCrossbarsAndRows}},
                    "what rotates between passes");
}

Tensor planned_values(const LayerPlan& plan, const PlanOptions& options) {
  Tensor values = at::zeros({plan.num_outputs, plan.num_inputs}, at::kShort);
  auto* to = values.data_ptr<std::int16_t>();
  for (std::size_t i = 0; i < plan.words.size(); ++i) {
    if (plan.weight_of_row[i] < 0) continue;
    to[plan.weight_of_row[i]] = static_cast<std::int16_t>(
        decode(options.sign, options.bits, plan.words[i], plan.input_sign[i]));
  }
  return values;
}

Planner::Planner(const CrossbarPool& pool, const PlanOptions& options, const WriteCost& cost)
    : pool_(pool),
      options_(options),
      write_cost_(cost),
      row_options_{options.sign, options.bits, pool.cell_bits, options.assignment} {
  require_consistent(pool, options);
  for (std::int64_t crossbar = 0; crossbar < pool.num_crossbars; ++crossbar) {
    arrays_.emplace_back(pool.num_rows, word_bits(options.sign, options.bits), pool.cell_bits);
    if (options.stucking != Stucking::kStatic) continue;
    Rng rng = Rng(options.seed).fork(Purpose::kFault).fork(crossbar);
    stuck_.push_back(
        draw_stuck(row_options_, pool.num_rows, options.stuck_columns, options.rewritten, rng));
  }
}

void Planner::require_fit(const LayerCodes& codes, std::int64_t budget) const {
  if (codes.bits != options_.bits) {
    throw ConfigError("layer '" + codes.name + "' has codes of " + std::to_string(codes.bits) +
                      " bits (the plan is for " + std::to_string(options_.bits) +
                      "); quantise it with the bits of the plan");
  }
  if (budget < 0 || budget > kMaxBudget) {
    throw ConfigError("an error budget of " + std::to_string(budget) + " steps for layer '" +
                      codes.name + "' (outside 0 to " + std::to_string(kMaxBudget) +
                      "); give fewer bits instead of a larger one");
  }
}

LayerPlan Planner::add(const LayerCodes& codes, std::int64_t budget, const SectionsDone& done) {
  require_fit(codes, budget);
  SectionList list = order_sections(codes, pool_.num_rows, options_.order, options_.sort_key);
  LayerPlan plan = start_plan(codes, budget, list);
  Loads loads{std::vector<Writes>(plan.num_sections()),
              std::vector<LayerCost>(pool_.num_crossbars)};
  Reporter reporter(done);
  at::parallel_for(0, pool_.num_crossbars, 1, [&](std::int64_t begin, std::int64_t end) {
    SectionPlanner sections(row_options_, codes);
    for (std::int64_t crossbar = begin; crossbar < end; ++crossbar) {
      const auto share = pool_.share(crossbar, plan.num_sections());
      for (std::int64_t section = share.begin; section < share.end; section += share.step) {
        plan.crossbar[section] = static_cast<std::int32_t>(crossbar);
        sections.plan(section, arrays_[crossbar].present(), plan);
        if (options_.stucking != Stucking::kNone) stick(crossbar, section, plan);
        load(crossbar, section, plan, loads);
        reporter.add_one();
      }
    }
  });
  count(codes, plan, loads);
  return plan;
}

void Planner::take(const LayerPlan& plan, const LayerCodes& codes) {
  require_fit(codes, plan.budget);
  TORCH_CHECK(plan.num_outputs == codes.num_outputs && plan.num_inputs == codes.num_inputs &&
                  plan.num_rows == pool_.num_rows,
              "the plan of layer '",
              plan.name,
              "' is for another layer or pool");
  Loads loads{std::vector<Writes>(plan.num_sections()),
              std::vector<LayerCost>(pool_.num_crossbars)};
  for (std::int64_t section = 0; section < plan.num_sections(); ++section) {
    load(plan.crossbar[section], section, plan, loads);
  }
  count(codes, plan, loads);
}

/// Loads one section; the sections of a crossbar must come in their order.
void Planner::load(std::int64_t crossbar,
                   std::int64_t section,
                   const LayerPlan& plan,
                   Loads& loads) {
  CellArray& array = arrays_[crossbar];
  LayerCost& cost = loads.shares[crossbar];
  cost.column_flips.resize(array.num_cols());
  const std::int64_t slot = section * pool_.num_rows;
  std::vector<std::uint8_t> used(pool_.num_rows);
  for (std::int64_t row = 0; row < pool_.num_rows; ++row) {
    used[row] = plan.weight_of_row[slot + row] >= 0 ? 1 : 0;
  }
  const CellArray::Load written =
      array.load(&plan.words[slot], used.data(), cost.column_flips.data());
  const bool is_first = section == pool_.share(crossbar, plan.num_sections()).begin;
  cost.first_load += written.first;
  (is_first ? cost.transition : cost.stream) += written.later;
  loads.sections[section] = written.later;
}

/// Notes what the layer costs.
void Planner::count(const LayerCodes& codes, const LayerPlan& plan, const Loads& loads) {
  LayerCost cost;
  cost.name = codes.name;
  cost.num_weights = codes.num_weights();
  cost.num_sections = plan.num_sections();
  cost.budget = plan.budget;
  cost.column_flips.resize(arrays_[0].num_cols());
  for (const LayerCost& share : loads.shares) {
    cost.first_load += share.first_load;
    cost.transition += share.transition;
    cost.stream += share.stream;
    for (std::size_t col = 0; col < share.column_flips.size(); ++col) {
      cost.column_flips[col] += share.column_flips[col];
    }
  }
  cost.routing_bits = routing_bits(plan, cost);
  cost.sign_bits = options_.sign == SignCoding::kPhase ? 1 : 0;
  cost.weight_power = codes.weight_power;
  // What the choice of words adds depends on the codes alone, so it is independent of the rounding.
  const bool is_exact = plan.budget == 0 && options_.stucking == Stucking::kNone;
  const double error_power = is_exact ? 0 : code_error_power(codes, plan);
  cost.rmse = std::sqrt((error_power + codes.rounding_power) / codes.weight_power);
  add_energy_and_time(loads.sections, cost);
  layers_.push_back(cost);
}

/// Leaves stuck cells as they are, except in rows that were never programmed.
void Planner::stick(std::int64_t crossbar, std::int64_t section, LayerPlan& plan) const {
  const CellArray& array = arrays_[crossbar];
  std::vector<std::uint32_t> drawn;
  if (options_.stucking == Stucking::kDynamic) {
    Rng rng = Rng(options_.seed).fork(Purpose::kProgramming).fork(layers_.size()).fork(section);
    drawn =
        draw_stuck(row_options_, pool_.num_rows, options_.stuck_columns, options_.rewritten, rng);
  }
  const auto& stuck = options_.stucking == Stucking::kStatic ? stuck_[crossbar] : drawn;
  for (std::int64_t row = 0; row < pool_.num_rows; ++row) {
    const std::int64_t slot = section * pool_.num_rows + row;
    if (plan.weight_of_row[slot] < 0 || array.ever_used()[row] == 0) continue;
    plan.words[slot] = (plan.words[slot] & ~stuck[row]) | (array.present()[row] & stuck[row]);
  }
}

/// Mean square of what the planned weights differ from their codes.
double Planner::code_error_power(const LayerCodes& codes, const LayerPlan& plan) const {
  double squares = 0;
  for (std::size_t i = 0; i < plan.words.size(); ++i) {
    if (plan.weight_of_row[i] < 0) continue;
    const std::int32_t weight = plan.weight_of_row[i];
    const int steps = decode(options_.sign, options_.bits, plan.words[i], plan.input_sign[i]) -
                      codes.values[weight];
    const double error = steps * codes.lsb[weight / codes.num_inputs];
    squares += error * error;
  }
  return squares / static_cast<double>(codes.num_weights());
}

/// Bits per weight that say where activations go: each weight's index, each section's place, and,
/// in layers with gaps, which rows are used.
double Planner::routing_bits(const LayerPlan& plan, const LayerCost& cost) const {
  if (options_.order == Order::kNatural && options_.assignment == RowAssignment::kRank) return 0;
  const auto weights = static_cast<double>(cost.num_weights);
  const auto slots = static_cast<double>(plan.words.size());
  const auto sections = static_cast<double>(plan.section_bits * cost.num_sections);
  return static_cast<double>(plan.index_bits) +
         (sections + (slots > weights ? slots : 0)) / weights;
}

/// Load k of all crossbars happens side by side; the next ones wait for the slowest.
void Planner::add_energy_and_time(const std::vector<Writes>& section_writes,
                                  LayerCost& cost) const {
  std::vector<double> step_time;
  for (std::int64_t crossbar = 0; crossbar < pool_.num_crossbars; ++crossbar) {
    const auto share = pool_.share(crossbar, cost.num_sections);
    std::size_t step = 0;
    for (std::int64_t section = share.begin; section < share.end; section += share.step, ++step) {
      if (step == step_time.size()) step_time.push_back(0);
      step_time[step] = std::max(step_time[step], write_cost_.time(section_writes[section]));
      cost.energy += write_cost_.energy(section_writes[section]);
    }
  }
  for (const double time : step_time) cost.time += time;
}

/// Writes of each crossbar between the end of a pass and the begin of the next, also added to
/// `wear`: each cell then takes the role that is one shift before its own. A cell whose role no
/// weight has is taken as lowered.
std::vector<Writes> Planner::repeat_writes(WearMap& wear) const {
  std::vector<Writes> repeat(arrays_.size());
  const RoleShift shift = role_shift(options_.levelling, wear.num_rows);
  const auto before = [](std::int64_t place, std::int64_t steps, std::int64_t count) {
    return (place + count - steps % count) % count;
  };
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(wear.writes.size()); ++i) {
    const std::int64_t col = i % wear.num_cols;
    const std::int64_t row = i / wear.num_cols % wear.num_rows;
    const std::int64_t crossbar = i / wear.num_cols / wear.num_rows;
    const CellArray& next = arrays_[before(crossbar, shift.crossbars, wear.num_crossbars)];
    const std::int64_t next_row = before(row, shift.rows, wear.num_rows);
    const std::int64_t next_col = before(col, shift.cols, wear.num_cols);
    if (next.ever_used()[next_row] == 0) continue;
    const std::uint32_t held = cell(arrays_[crossbar].present()[row], col, pool_.cell_bits);
    const std::uint32_t wanted = cell(next.first_words()[next_row], next_col, pool_.cell_bits);
    if (held == wanted) continue;
    ++(wanted > held ? repeat[crossbar].set : repeat[crossbar].reset);
    ++wear.writes[i];
  }
  return repeat;
}

PlanCost Planner::cost() const {
  PlanCost total;
  total.layers = layers_;
  double power = 0;
  double error_power = 0;
  for (const LayerCost& layer : layers_) {
    const auto count = static_cast<double>(layer.num_weights);
    total.num_weights += layer.num_weights;
    total.first_load += layer.first_load;
    total.transition += layer.transition;
    total.stream += layer.stream;
    total.routing_bits += layer.routing_bits * count;
    total.sign_bits += layer.sign_bits * count;
    power += layer.weight_power * count;
    error_power += layer.rmse * layer.rmse * layer.weight_power * count;
    total.energy += layer.energy;
    total.time += layer.time;
  }
  total.routing_bits /= static_cast<double>(total.num_weights);
  total.sign_bits /= static_cast<double>(total.num_weights);
  total.rmse = std::sqrt(error_power / power);

  WearMap wear{pool_.num_crossbars, pool_.num_rows, arrays_[0].num_cols(), {}};
  for (const CellArray& array : arrays_) {
    for (const std::uint64_t writes : array.wear())
      wear.writes.push_back(static_cast<double>(writes));
  }
  double longest_repeat = 0;
  for (const Writes& repeat : repeat_writes(wear)) {
    total.repeat += repeat;
    longest_repeat = std::max(longest_repeat, write_cost_.time(repeat));
  }
  total.energy += write_cost_.energy(total.repeat);
  total.time += longest_repeat;
  total.wear = level(wear, options_.levelling, write_cost_.endurance);
  total.unlevelled_wear = std::move(wear);
  total.batch = write_cost_.batch;
  total.lifetime = lifetime(total.wear, write_cost_.endurance, total.batch);
  return total;
}

}  // namespace crossloom
