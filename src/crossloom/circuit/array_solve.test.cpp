#include "crossloom/circuit/array_solve.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "crossloom/core/random.h"
#include "crossloom/core/tensor_files.h"

namespace crossloom {
namespace {

class SolveArray : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("crossloom_array_solve_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  ArraySolve array(const Tensor& g, const Tensor& v) const {
    write_npy(folder_ / "g.npy", g);
    write_npy(folder_ / "v.npy", v);
    return {folder_ / "g.npy", folder_ / "v.npy", {}, {2, 3, 0, 0}};
  }

  static std::string message_of(const ArraySolve& array) {
    try {
      solve_array(array);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  }

  std::filesystem::path folder_;
};

TEST_F(SolveArray, GivesAndWritesTheCurrentsOfEveryInput) {
  const Tensor g = 1e-4 * Rng(1).uniform({6, 4});
  const Tensor v = Rng(2).uniform({3, 6});
  ArraySolve request = array(g, v);
  request.out = folder_ / "i.npy";
  const Tensor i = solve_array(request);
  const Tensor expected = at::matmul(v.to(at::kDouble), effective_conductance(g, request.lines));
  EXPECT_TRUE(i.allclose(expected, 1e-14, 0));
  EXPECT_TRUE(read_npy(request.out).equal(i));
}

TEST_F(SolveArray, OneInputGivesOneVector) {
  const Tensor i = solve_array(array(at::ones({6, 4}), at::ones({6})));
  EXPECT_EQ(i.sizes(), at::IntArrayRef({4}));
}

TEST_F(SolveArray, NamesTheFileThatCannotBeUsed) {
  const Tensor g = at::ones({6, 4});
  const Tensor v = at::ones({6});
  EXPECT_NE(message_of(array(-g, v)).find("g.npy: conductance of row 0, column 0"),
            std::string::npos);
  EXPECT_NE(message_of(array(g[0], v)).find("g.npy: conductances of shape [4]"), std::string::npos);
  EXPECT_NE(message_of(array(at::ones({0, 4}), v)).find("g.npy: conductances of shape [0, 4]"),
            std::string::npos);
  EXPECT_NE(message_of(array(g, at::ones({2, 4}))).find("v.npy: inputs of shape [2, 4]"),
            std::string::npos);
  EXPECT_NE(message_of(array(g, v / 0)).find("v.npy: inputs with a NaN"), std::string::npos);
  ArraySolve missing = array(g, v);
  missing.voltages = folder_ / "none.npy";
  EXPECT_NE(message_of(missing).find("none.npy"), std::string::npos);
  ArraySolve wrong = array(g, v);
  wrong.lines.r_row = -1;
  EXPECT_EQ(message_of(wrong).find("r_row = -1 Ohm"), 0);
}

}  // namespace
}  // namespace crossloom
