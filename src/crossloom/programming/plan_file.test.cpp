#include "crossloom/programming/plan_file.h"

#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>

#include "crossloom/core/files.h"
#include "crossloom/core/interrupt.h"
#include "crossloom/programming/conductance_export.h"
#include "crossloom/programming/replay.h"
#include "crossloom/programming/studies.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

class PlanFile : public testing::Test {
 protected:
  PlanFile() {
    fs::create_directories(folder_);
    pool_.num_crossbars = 2;
    pool_.num_rows = 16;
    Rng rng(1);
    for (const std::int64_t inputs : {40, 24}) {
      const Tensor w = draw_weights({"", 12, inputs}, WeightDraw::kLaplace, rng);
      network_.push_back(quantise("layer" + std::to_string(inputs), w, options_.bits));
      weights_.emplace_back(network_.back().name, w);
    }
  }
  ~PlanFile() override { fs::remove_all(folder_); }

  std::vector<LayerPlan> write() {
    Planner planner(pool_, options_);
    PlanWriter writer(path_, header());
    std::vector<LayerPlan> plans;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      plans.push_back(planner.add(source_of(weights_).codes(i, options_)));
      writer.add(plans.back());
    }
    writer.finish(planner.cost());
    return plans;
  }

  PlanHeader header() const { return {pool_, options_, checksum(source_of(weights_), options_)}; }

  /// Message of reading the file to its end; empty when it can be read.
  std::string refusal() const {
    try {
      PlanReader reader(path_);
      while (reader.next()) {
      }
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  }

  const fs::path folder_ =
      fs::temp_directory_path() / ("crossloom_plan_" + std::to_string(::getpid()));
  const fs::path path_ = folder_ / "network.plan";
  CrossbarPool pool_;
  PlanOptions options_;
  std::vector<std::pair<std::string, Tensor>> weights_;
  std::vector<LayerCodes> network_;  // the codes of weights_
};

TEST_F(PlanFile, PlansComeBackAsTheyWere) {
  for (const Order order : {Order::kNatural, Order::kR1, Order::kR3, Order::kQrSorted}) {
    options_.order = order;
    options_.scale = order == Order::kR3 ? ScalePer::kColumn : ScalePer::kTensor;
    const std::vector<LayerPlan> plans = write();
    PlanReader reader(path_);
    EXPECT_EQ(reader.header().options.order, order);
    for (const LayerPlan& plan : plans) {
      const auto back = reader.next();
      ASSERT_TRUE(back.has_value());
      EXPECT_EQ(back->name, plan.name);
      EXPECT_EQ(back->lsb, plan.lsb);
      EXPECT_EQ(back->crossbar, plan.crossbar);
      EXPECT_EQ(back->weight_of_row, plan.weight_of_row);
      EXPECT_EQ(back->words, plan.words);
      EXPECT_EQ(back->input_sign, plan.input_sign);
    }
    EXPECT_FALSE(reader.next().has_value());
    EXPECT_FALSE(reader.next().has_value());
  }
}

TEST_F(PlanFile, ReplayFromTheFileGivesTheExactProduct) {
  write();
  PlanReader reader(path_);
  Replay replay(reader.header().pool, reader.header().options);
  Rng rng(2);
  for (const LayerCodes& codes : network_) {
    const Tensor x = (rng.uniform({2, codes.num_inputs}) * 100).to(at::kLong);
    const Tensor q = at::tensor(at::ArrayRef<std::int16_t>(codes.values), at::kLong)
                         .view({codes.num_outputs, codes.num_inputs});
    EXPECT_TRUE(replay.product(*reader.next(), x).equal(x.matmul(q.t())));
  }
}

TEST_F(PlanFile, FileCutShortAnywhereIsRefused) {
  write();
  const std::string bytes = read_file(path_);
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 50) {
    write_file(path_, std::string_view(bytes).substr(0, size));
    const std::string message = refusal();
    EXPECT_NE(message.find(size < 12 ? "it is no plan file" : "the file is cut short"),
              std::string::npos)
        << size << ": " << message;
  }
}

TEST_F(PlanFile, DamagedByteIsRefused) {
  write();
  const std::string bytes = read_file(path_);
  for (std::size_t at = 0; at < bytes.size(); at += 1 + bytes.size() / 300) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    write_file(path_, damaged);
    EXPECT_NE(refusal(), "") << at;
  }
}

TEST_F(PlanFile, PlanThatForgetsAWeightIsRefused) {
  Planner planner(pool_, options_);
  LayerPlan plan = planner.add(network_[0]);
  plan.weight_of_row[1] = plan.weight_of_row[0];
  PlanWriter writer(path_, header());
  writer.add(plan);
  writer.finish(planner.cost());
  EXPECT_NE(refusal().find("does not give each weight one row"), std::string::npos) << refusal();
}

TEST_F(PlanFile, AnotherNetworkPoolOrOptionsAreRefused) {
  write();
  const PlanReader reader(path_);
  EXPECT_NO_THROW(reader.require_match(header()));
  PlanHeader other = header();
  other.pool.num_rows = 32;
  EXPECT_THROW(reader.require_match(other), ConfigError);
  other = header();
  other.options.budget = 1;
  EXPECT_THROW(reader.require_match(other), ConfigError);
  const Tensor weights = weights_[1].second;
  weights_[1].second = weights.clone();
  weights_[1].second[3][5] += 2 * network_[1].lsb[3];
  EXPECT_THROW(reader.require_match(header()), ConfigError);
  weights_[1].second = 2 * weights;  // the same codes
  EXPECT_THROW(reader.require_match(header()), ConfigError);
}

/// Asks for a stop when the second layer has begun.
void stop_in_second_layer(std::size_t layer, std::int64_t /*sections*/) {
  if (layer == 1) request_interrupt();
}

TEST_F(PlanFile, StoppedPlanGoesOnToTheSameFileAndCost) {
  pool_.num_rows = 4;  // sections enough to be told of
  Rng rng(3);
  for (auto& layer : weights_) {
    layer.second = draw_weights({"", 24, 64}, WeightDraw::kLaplace, rng);
  }
  options_.stucking = Stucking::kStatic;  // has a state of its own
  NetworkPlanRequest request;
  request.pool = pool_;
  request.options = options_;
  request.path = path_;
  const WeightSource network = source_of(weights_);
  const PlanCost whole = plan_network(network, request);
  const std::string bytes = read_file(path_);
  fs::remove(path_);

  EXPECT_THROW(plan_network(network, request, stop_in_second_layer), Interrupted);
  clear_interrupt();
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_THROW(plan_network(network, request), ConfigError);  // an unfinished plan is in the way
  // A process that was killed leaves a layer half-written.
  std::ofstream(unfinished_path(path_), std::ios::app) << bytes.substr(bytes.size() / 2, 300);
  request.may_resume = true;
  std::vector<std::string> seen;
  const PlanCost resumed =
      plan_network(network, request, {}, [&](const LayerPlan& plan) { seen.push_back(plan.name); });
  EXPECT_EQ(read_file(path_), bytes);
  EXPECT_EQ(seen, network.names);
  EXPECT_EQ(resumed.writes(), whole.writes());
  EXPECT_EQ(resumed.wear.writes, whole.wear.writes);
  EXPECT_EQ(resumed.rmse, whole.rmse);
  EXPECT_EQ(resumed.time, whole.time);
  EXPECT_EQ(resumed.routing_bits, whole.routing_bits);
  // A finished plan is only read.
  EXPECT_EQ(plan_network(network, request).writes(), whole.writes());
  request.budgets = {0, 1};
  EXPECT_THROW(plan_network(network, request), ConfigError);
}

TEST_F(PlanFile, PlanDoesNotAppearUnlessFinished) {
  {
    PlanWriter writer(path_, header());
    EXPECT_FALSE(fs::exists(path_));
  }
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_TRUE(fs::exists(unfinished_path(path_)));
  EXPECT_THROW(PlanWriter("/proc/nothing/plan", {pool_, options_, ""}), IoError);
}

TEST_F(PlanFile, ExportHasALineForEachWrite) {
  Planner planner(pool_, options_);
  const fs::path csv = folder_ / "writes.csv";
  ConductanceWriter writer(csv, pool_, options_, {1e-6, 2e-5});
  for (const LayerCodes& codes : network_) writer.add(planner.add(codes));
  writer.finish();
  const PlanCost cost = planner.cost();
  const std::string text = read_file(csv);
  const auto lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  EXPECT_EQ(lines - 1, cost.first_load.total() + cost.transition.total() + cost.stream.total());
  EXPECT_NE(text.find(",1e-06,2e-05\n"), std::string::npos);
  EXPECT_NE(text.find(",2e-05,1e-06\n"), std::string::npos);
}

}  // namespace
}  // namespace crossloom
