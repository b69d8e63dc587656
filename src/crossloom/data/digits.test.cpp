#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/data/data_testing.h"
#include "crossloom/data/dataset.h"

namespace crossloom {
namespace {

/// A file of `rows` rows whose pixels are all `level` and whose labels count.
std::string make_csv(int rows, int level) {
  std::string text;
  for (int row = 0; row < rows; ++row) {
    for (int i = 0; i < 64; ++i) text += std::to_string(level) + ",";
    text += std::to_string(row % 10) + "\n";
  }
  return text;
}

class Digits : public EmptyPlaces {
 protected:
  static Dataset load(const std::string& contents) {
    write_packed("digits.csv.gz", contents);
    return load_dataset("digits", {".", false, true});
  }
  Digits() { std::filesystem::create_directories("data"); }
};

TEST_F(Digits, LevelsFillTheRangeOfBytes) {
  const Dataset digits = load(make_csv(500, 16));
  EXPECT_EQ(digits.test.images.sizes(), (std::vector<std::int64_t>{450, 1, 8, 8}));
  EXPECT_EQ(digits.train.images.size(0), 50);
  EXPECT_EQ(digits.train.images.min().item<int>(), 255);
  EXPECT_EQ(load(make_csv(500, 8)).train.images.max().item<int>(), 127);
}

TEST_F(Digits, EveryRowIsInOnePart) {
  const Dataset digits = load(make_csv(600, 3));
  const Tensor labels = at::cat({digits.train.labels, digits.test.labels});
  EXPECT_TRUE(at::bincount(labels, {}, 10).eq(60).all().item<bool>());
}

TEST_F(Digits, DamagedFilesAreRefusedWithTheirLine) {
  const std::string good = make_csv(500, 3);
  const auto message = [&](const std::string& contents) {
    return message_of<ConfigError>([&] { load(contents); });
  };
  EXPECT_NE(message(good + "17," + good).find("line 501"), std::string::npos);
  EXPECT_NE(message(good.substr(0, good.size() - 1)).find("line 500"), std::string::npos);
  EXPECT_NE(message("").find("line 1"), std::string::npos);
  EXPECT_NE(message("1,2\n").find("line 1"), std::string::npos);
  EXPECT_NE(message(make_csv(450, 3)).find("line 451"), std::string::npos);
}

}  // namespace
}  // namespace crossloom
