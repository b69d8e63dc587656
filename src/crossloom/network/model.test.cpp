#include "crossloom/network/model.h"

#include <gtest/gtest.h>

#include "crossloom/core/errors.h"
#include "crossloom/network/architectures.h"
#include "crossloom/network/inventory.h"
#include "crossloom/network/onnx_export.h"
#include "crossloom/network/weight_files.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

class OpenModel : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / "crossloom_model_test";
    fs::create_directories(folder_);
    network_.initialise(Rng(1));
  }
  void TearDown() override { fs::remove_all(folder_); }

  void expect_same(const Network& other) const {
    const at::NoGradGuard no_grad;
    const Tensor x = at::sin(at::arange(784)).reshape({1, 1, 28, 28});
    EXPECT_TRUE(other.forward(x).allclose(network_.forward(x), 1e-6, 1e-6));
  }

  fs::path folder_;
  Network network_ = make_network("lenet5_mnist");
};

TEST_F(OpenModel, FindsTheWeightsOfBuiltInNetworks) {
  write_weight_file(folder_ / "weights/lenet5_mnist.safetensors", network_);
  expect_same(open_model("lenet5", "", folder_));
  expect_same(open_model("lenet5_mnist", folder_ / "weights/lenet5_mnist.safetensors"));
}

TEST_F(OpenModel, ReadsOnnxFilesWithTheirWeightsOrOthers) {
  const std::string path = (folder_ / "a.onnx").string();
  write_onnx(path, network_);
  expect_same(open_model(path));
  write_onnx(path, make_network("lenet5_mnist"));  // of zeros
  write_weight_file(folder_ / "a.safetensors", network_);
  expect_same(open_model(path, folder_ / "a.safetensors"));
}

TEST_F(OpenModel, RefusesWhatIsNotThere) {
  EXPECT_THROW(open_model("lenet6"), ConfigError);
  EXPECT_THROW(open_model("absent.onnx"), ConfigError);
  EXPECT_THROW(open_model("lenet5", folder_ / "absent.safetensors"), ConfigError);
}

TEST(Inventory, FollowsThePlacementOfEachProduct) {
  const Network network = make_network("lenet5_mnist");
  std::vector<Placement> placements(5);
  for (Placement& placement : placements) {
    placement.hardware.array = {256, 256};
    placement.hardware.mapping.slice_bits = {2, 2, 2, 2};
  }
  placements[4].is_analog = false;
  const std::vector<LayerInventory> layers = take_inventory(network, placements);
  EXPECT_EQ(layers[0].used_cells, 8 * 6 * 25);  // four slices in pairs
  EXPECT_EQ(layers[2].num_crossbars, 2 * 4);    // 400 rows, 120 x 8 columns
  EXPECT_DOUBLE_EQ(layers[2].utilisation(), 400.0 * 960 / (8 * 256 * 256));
  EXPECT_EQ(layers[4].num_crossbars, 0);
  EXPECT_EQ(layers[4].utilisation(), 0);
  EXPECT_EQ(total(layers).all_cells, total(layers).num_crossbars * 256 * 256);
}

TEST(Inventory, CountsOfALayerAreThoseOfItsGeometry) {
  const ArraySize array{128, 128};
  const std::vector<LayerInventory> layers = take_inventory(make_network("lenet5_mnist"), array);
  ASSERT_EQ(layers.size(), 5U);
  EXPECT_EQ(layers[1].kind, "conv");
  EXPECT_EQ(layers[1].num_parameters, 16 * 6 * 25 + 16);
  EXPECT_EQ(layers[1].num_products, 16 * 6 * 25 * 100);
  EXPECT_EQ(layers[1].num_crossbars, 2);  // 5 of the 6 kernels fit above each other
  EXPECT_DOUBLE_EQ(layers[1].utilisation(), 2.0 * 16 * 6 * 25 / (2 * 128 * 128));
  const LayerInventory sum = total(layers);
  EXPECT_EQ(sum.num_parameters, 61706);
  EXPECT_GT(sum.utilisation(), 0);
  EXPECT_LE(sum.utilisation(), 1);
  EXPECT_EQ(take_inventory(make_network("mobilenet_v2"), array)[1].kind, "depthwise");
}

}  // namespace
}  // namespace crossloom
