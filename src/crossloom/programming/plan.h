#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "crossloom/programming/bit_codes.h"
#include "crossloom/programming/cell_array.h"
#include "crossloom/programming/orders.h"
#include "crossloom/programming/pool.h"
#include "crossloom/programming/rows.h"
#include "crossloom/programming/wear.h"

namespace crossloom {

/// How a network is to be streamed through a pool.
struct PlanOptions {
  std::int64_t bits = 10;
  ScalePer scale = ScalePer::kTensor;
  SignCoding sign = SignCoding::kPhase;
  Order order = Order::kQr;
  SortKey sort_key = SortKey::kMagnitude;
  RowAssignment assignment = RowAssignment::kHungarian;
  std::int64_t budget = 0;
  Stucking stucking = Stucking::kNone;
  std::int64_t stuck_columns = 3;
  double rewritten = 0.5;
  std::int64_t seed = 1;
  Levelling levelling = Levelling::kColumnsCrossbarsAndRows;

  void describe(ParamList& params);

  bool is_lossless() const { return budget == 0 && stucking == Stucking::kNone; }
};

/// Throws `ConfigError` when a plan of `options` cannot run on `pool`.
void require_consistent(const CrossbarPool& pool, const PlanOptions& options);

/// One layer's part of a plan: what is programmed, and where activations go.
///
/// Section s is loaded into crossbar `crossbar[s]`; the sections of one crossbar in ascending
/// order. Before the next load its rows are driven with the inputs of their weights, and the column
/// sums, shifted and added, belong to the output (to the row's output in an index-routed order).
struct LayerPlan {
  std::string name;
  std::int64_t num_outputs = 0;
  std::int64_t num_inputs = 0;
  std::int64_t num_rows = 0;
  std::vector<double> lsb;             // [outputs]  weight per step
  std::int64_t budget = 0;             // steps by which a weight may be off
  std::int64_t index_bits = 0;         // as in `SectionList`
  std::int64_t section_bits = 0;       // as in `SectionList`
  std::vector<std::int32_t> base;      // [sections]  as in `SectionList`
  std::vector<std::int32_t> crossbar;  // [sections]
  std::vector<std::int32_t>
      weight_of_row;                    // [sections, rows]  output * num_inputs + input; -1: none
  std::vector<std::uint32_t> words;     // [sections, rows]  bits of the cells
  std::vector<std::int8_t> input_sign;  // [sections, rows]  -1: the row is driven inverted

  std::int64_t num_sections() const { return static_cast<std::int64_t>(crossbar.size()); }
};

/// The integers that a plan programs, budget and stucking included: [outputs, inputs], int16.
Tensor planned_values(const LayerPlan& plan, const PlanOptions& options);

/// What one layer costs per pass over the plan.
struct LayerCost {
  std::string name;
  std::int64_t num_weights = 0;
  std::int64_t num_sections = 0;
  std::int64_t budget = 0;
  Writes first_load;  // into rows that were never programmed
  Writes transition;  // a crossbar's first section of the layer, over what was left
  Writes stream;      // all others
  std::vector<std::uint64_t> column_flips;  // [columns]  transition and stream
  double routing_bits = 0;  // per weight: where its activation comes from and goes to
  double sign_bits = 0;     // per weight: sign kept outside of the array
  double rmse = 0;          // of the weights, rounding included, relative to their rms
  double weight_power = 0;  // mean square of the weights
  double energy = 0;        // J
  double time = 0;          // s

  std::uint64_t writes() const { return transition.total() + stream.total(); }
};

/// What a plan costs.
struct PlanCost {
  std::vector<LayerCost> layers;
  std::int64_t num_weights = 0;
  Writes first_load;
  Writes transition;
  Writes stream;
  Writes repeat;  // from the last sections back to the first ones
  WearMap wear;   // of one pass in the steady state, levelled as the options say
  WearMap unlevelled_wear;
  double routing_bits = 0;  // per weight
  double sign_bits = 0;     // per weight
  double rmse = 0;          // relative to the rms of all weights
  double energy = 0;        // J   per pass in the steady state
  double time = 0;          // s   per pass in the steady state
  std::int64_t batch = 1;   // inferences per pass
  double lifetime = 0;      // inferences

  /// Writes of one pass in the steady state.
  std::uint64_t writes() const { return transition.total() + stream.total() + repeat.total(); }
  double writes_per_weight() const {
    return static_cast<double>(writes()) / static_cast<double>(num_weights);
  }
};

/// Told how many sections of the present layer are planned; by one thread at a time, from any.
using SectionsDone = std::function<void(std::int64_t done)>;

/// Plans a network layer by layer; nothing of a layer is kept but its costs and the present state
/// of the crossbars, so that a network of any size takes the memory of its largest layer.
class Planner {
 public:
  /// Throws `ConfigError` when pool and options do not fit.
  Planner(const CrossbarPool& pool, const PlanOptions& options, const WriteCost& cost = {});

  /// The next layer, with its own error budget [steps]. Throws `ConfigError` when its codes do not
  /// have the bits of the plan, `Interrupted` when the user asks to stop; what was planned of the
  /// layer is then lost, and the planner with it.
  LayerPlan add(const LayerCodes& codes, std::int64_t budget, const SectionsDone& done = {});
  LayerPlan add(const LayerCodes& codes) { return add(codes, options_.budget); }

  /// Loads the next layer as a planner in the same state has planned it before. The state is then
  /// as `add` leaves it.
  void take(const LayerPlan& plan, const LayerCodes& codes);

  /// Costs of what was planned so far.
  PlanCost cost() const;

 private:
  /// What was written for a layer.
  struct Loads {
    std::vector<Writes> sections;   // [sections]
    std::vector<LayerCost> shares;  // [crossbars]
  };

  void require_fit(const LayerCodes& codes, std::int64_t budget) const;
  void load(std::int64_t crossbar, std::int64_t section, const LayerPlan& plan, Loads& loads);
  void stick(std::int64_t crossbar, std::int64_t section, LayerPlan& plan) const;
  void count(const LayerCodes& codes, const LayerPlan& plan, const Loads& loads);
  double code_error_power(const LayerCodes& codes, const LayerPlan& plan) const;
  double routing_bits(const LayerPlan& plan, const LayerCost& cost) const;
  void add_energy_and_time(const std::vector<Writes>& section_writes, LayerCost& cost) const;
  std::vector<Writes> repeat_writes(WearMap& wear) const;

  CrossbarPool pool_;
  PlanOptions options_;
  WriteCost write_cost_;
  RowOptions row_options_;
  std::vector<CellArray> arrays_;                  // [crossbars]
  std::vector<std::vector<std::uint32_t>> stuck_;  // [crossbars][rows]  static stucking
  std::vector<LayerCost> layers_;
};

}  // namespace crossloom
