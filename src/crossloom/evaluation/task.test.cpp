#include "crossloom/evaluation/task.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "crossloom/core/random.h"
#include "crossloom/evaluation/evaluate.h"
#include "crossloom/evaluation/squad_task.h"
#include "crossloom/network/architectures.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

/// Grey images of one level each, labelled 0 to 6.
class SevenImages final : public Examples {
 public:
  std::int64_t size() const override { return 7; }
  Tensor image(std::int64_t i) const override { return at::full({1, 28, 28}, i, at::kByte); }
  std::int64_t label(std::int64_t i) const override { return i; }
  std::string provenance() const override { return "seven images"; }
};

TEST(ImageTask, GivesEveryImageOnceAndInOrder) {
  const ImageTask task(std::make_shared<SevenImages>());
  const Network network = make_network("lenet_wu2023");  // inputs are level / 255
  std::vector<std::int64_t> levels;
  task.for_each_batch(network, 3, 5, [&](std::int64_t first, const std::vector<Tensor>& inputs) {
    EXPECT_EQ(first, static_cast<std::int64_t>(levels.size()));
    for (std::int64_t i = 0; i < inputs[0].size(0); ++i) {
      levels.push_back(std::lround(inputs[0][i].mean().item<double>() * 255));
    }
  });
  EXPECT_EQ(levels, (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
}

TEST(ImageTask, CountsTheFirstAndTheFiveBest) {
  const ImageTask task(std::make_shared<SevenImages>());
  // Logits fall from class 0 on: image 0 is right at once, images 0 to 4 within five.
  const Tensor logits = at::arange(100, 0, -1).to(at::kFloat).expand({7, 100});
  const Score score = task.score({logits});
  EXPECT_EQ(score.figures[0].first, "top1");
  EXPECT_DOUBLE_EQ(score.figures[0].second, 1.0 / 7);
  EXPECT_EQ(score.figures[1].first, "top5");
  EXPECT_DOUBLE_EQ(score.figures[1].second, 5.0 / 7);
  EXPECT_EQ(score.predictions, std::vector<std::string>(7, "0"));
}

class SquadFolder : public testing::Test {
 protected:
  SquadFolder() : folder_(fs::path(testing::TempDir()) / "squad_task") {
    fs::create_directories(folder_);
    std::ofstream(folder_ / "dev.json")
        << R"({"version": "2.0", "data": [{"title": "t", "paragraphs": [{"context":
            "the cat sat on the mat", "qas": [
            {"id": "a", "question": "who sat?", "is_impossible": false,
             "answers": [{"text": "the cat", "answer_start": 0}]},
            {"id": "b", "question": "where?", "is_impossible": false,
             "answers": [{"text": "the mat", "answer_start": 15}]}]}]}]})";
    std::ofstream(folder_ / "vocab.txt")
        << "[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\ncat\nsat\non\nmat\nwho\nwhere\n?\n";
  }
  ~SquadFolder() override { fs::remove_all(folder_); }

  fs::path folder_;
};

TEST_F(SquadFolder, PerfectLogitsScoreFullMarks) {
  const Network network = make_network("bert_tiny_squad");
  const auto task = open_task("squad:" + folder_.string(), TaskPart::kTest, network, {});
  EXPECT_EQ(task->size(), 2);
  // [CLS] who sat ? [SEP] the cat ... and [CLS] where ? [SEP] the cat sat on the mat.
  Tensor starts = at::zeros({2, 384});
  Tensor ends = at::zeros({2, 384});
  starts[0][5] = ends[0][6] = 9;
  starts[1][8] = ends[1][9] = 9;
  const Score score = task->score({starts, ends});
  EXPECT_EQ(score.predictions, (std::vector<std::string>{"the cat", "the mat"}));
  EXPECT_DOUBLE_EQ(score.accuracy(), 1);
  const Score first = task->score({starts.slice(0, 0, 1), ends.slice(0, 0, 1)});
  EXPECT_EQ(first.predictions, (std::vector<std::string>{"the cat"}));
}

TEST_F(SquadFolder, RandomNetworkGivesAnAnswerToEachQuestion) {
  const at::NoGradGuard no_grad;
  Network network = make_network("bert_tiny_squad");
  network.initialise(Rng(1));
  Rng rng(2);
  for (Parameter& parameter : network.parameters()) {
    if (parameter.is_trainable) parameter.value = rng.normal(parameter.value.sizes()) * 0.1;
  }
  const auto task = open_task("squad:" + folder_.string(), TaskPart::kTest, network, {});
  const std::vector<Tensor> outputs = exact_outputs(network, *task, 1, 0);
  EXPECT_EQ(outputs[0].sizes(), (std::vector<std::int64_t>{2, 384}));
  EXPECT_EQ(task->score(outputs).predictions.size(), 2U);
}

TEST_F(SquadFolder, WhatIsMissingOrDoesNotFitIsRefused) {
  const Network reader = make_network("bert_tiny_squad");
  const Network images = make_network("lenet_wu2023");
  EXPECT_THROW(open_task("squad:" + (folder_ / "no.json").string(), TaskPart::kTest, reader, {}),
               ConfigError);
  EXPECT_THROW(open_task("squad:" + folder_.string(), TaskPart::kTest, images, {}), ConfigError);
  EXPECT_THROW(open_task("mnist", TaskPart::kTest, reader, {}), ConfigError);
  fs::remove(folder_ / "vocab.txt");
  EXPECT_THROW(open_task("squad:" + folder_.string(), TaskPart::kTest, reader, {}), ConfigError);
}

}  // namespace
}  // namespace crossloom
