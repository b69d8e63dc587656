#include "crossloom/programming/plan_file.h"

#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>

#include "crossloom/core/files.h"
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
    }
  }
  ~PlanFile() override { fs::remove_all(folder_); }

  std::vector<LayerPlan> write() {
    Planner planner(pool_, options_);
    PlanWriter writer(path_, {pool_, options_, checksum(network_)});
    std::vector<LayerPlan> plans;
    for (const LayerCodes& codes : network_) {
      plans.push_back(planner.add(codes));
      writer.add(plans.back());
    }
    writer.finish(planner.cost());
    return plans;
  }

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
  std::vector<LayerCodes> network_;
};

TEST_F(PlanFile, PlansComeBackAsTheyWere) {
  for (const Order order : {Order::kNatural, Order::kR1, Order::kR3, Order::kQrSorted}) {
    options_.order = order;
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

TEST_F(PlanFile, AnotherNetworkOrPoolIsRefused) {
  write();
  const PlanReader reader(path_);
  EXPECT_NO_THROW(reader.require_match(pool_, checksum(network_)));
  CrossbarPool other = pool_;
  other.num_rows = 32;
  EXPECT_THROW(reader.require_match(other, checksum(network_)), ConfigError);
  std::vector<LayerCodes> changed = network_;
  changed[1].values[5] = static_cast<std::int16_t>(changed[1].values[5] + 1);
  EXPECT_THROW(reader.require_match(pool_, checksum(changed)), ConfigError);
}

TEST_F(PlanFile, NothingAppearsUnlessFinished) {
  {
    PlanWriter writer(path_, {pool_, options_, checksum(network_)});
    EXPECT_FALSE(fs::exists(path_));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 0);
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
