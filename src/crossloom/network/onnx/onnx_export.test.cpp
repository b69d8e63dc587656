#include <filesystem>

#include "crossloom/network/onnx/onnx_testing.h"
// The checker needs the classes above.
#include <onnx/checker.h>
#include <onnx/shape_inference/implementation.h>

#include "crossloom/core/errors.h"
#include "crossloom/network/architectures.h"
#include "crossloom/network/onnx_export.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

Tensor example(const NetworkInput& input) {
  Sizes sizes = input.sizes;
  sizes.insert(sizes.begin(), 2);
  if (input.type == at::kFloat)
    return at::sin(at::arange(c10::multiply_integers(sizes))).reshape(sizes);
  return at::ones(sizes, input.type);
}

class OnnxRoundTrip : public testing::TestWithParam<const char*> {};

TEST_P(OnnxRoundTrip, KeepsLogitsNamesAndScaling) {
  const at::NoGradGuard no_grad;
  Network network = make_network(GetParam());
  network.initialise(Rng(1));
  Rng rng(2);
  for (Parameter& parameter : network.parameters()) {
    if (parameter.is_trainable) parameter.value = rng.uniform(parameter.value.sizes()) + 0.5;
  }
  network.products()[0].log_scale = at::scalar_tensor(0.3F);
  const std::string bytes = serialise_onnx(network);
  ::onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(bytes));
  EXPECT_NO_THROW(::onnx::checker::check_model(model));
  const ::onnx::ShapeInferenceOptions strict(
      /*check_type=*/true, /*strict_mode=*/1, /*data_prop=*/true);
  EXPECT_NO_THROW(
      ::onnx::shape_inference::InferShapes(model, ::onnx::OpSchemaRegistry::Instance(), strict));
  const Network again = parse_onnx(bytes, "again.onnx");
  EXPECT_EQ(again.input_size(), network.input_size());
  EXPECT_EQ(again.inputs()[0].scaling.std, network.inputs()[0].scaling.std);
  ASSERT_EQ(again.products().size(), network.products().size());
  std::vector<Tensor> inputs;
  for (const NetworkInput& input : network.inputs()) inputs.push_back(example(input));
  const std::vector<Tensor> first = network.forward(inputs);
  const std::vector<Tensor> second = again.forward(inputs);
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    const double largest = first[i].abs().max().item<double>();
    EXPECT_GT(largest, 0);
    EXPECT_LE((first[i] - second[i]).abs().max().item<double>(), 1e-6 * largest);
  }
  for (std::size_t i = 0; i < network.products().size(); ++i) {
    EXPECT_EQ(again.product_name(i), network.product_name(i));
  }
}

INSTANTIATE_TEST_SUITE_P(Networks,
                         OnnxRoundTrip,
                         testing::Values("lenet_wu2023",
                                         "lenet5_mnist",
                                         "mlp_mnist",
                                         "vgg8_cifar10",
                                         "resnet20_cifar10",
                                         "resnet20_cifar10_projected",
                                         "cct4_cifar10",
                                         "mobilenet_v2",
                                         "mobilenet_v3_small",
                                         "squeezenet1_1",
                                         "deit_tiny_patch16_224",
                                         "bert_tiny_squad"));

TEST(OnnxExport, WritesNewerOperatorsInOpset17) {
  const at::NoGradGuard no_grad;
  ModelBuilder model({2, 4, 4}, 20);
  model.integers("axes", {2}).node("Mish", {"x"}, {"a"});
  model.node("Gelu", {"a"}, {"b"}, {{"approximate", "tanh"}});
  model.node("AveragePool", {"b"}, {"c"}, {{"kernel_shape", {2, 2}}, {"dilations", {1, 1}}});
  model.node("ReduceMean", {"c", "axes"}, {"d"}).node("ReduceSum", {"d", "axes"}, {"y"});
  const Network network = model.network();
  const std::string bytes = serialise_onnx(network);
  ::onnx::ModelProto written;
  ASSERT_TRUE(written.ParseFromString(bytes));
  EXPECT_NO_THROW(::onnx::checker::check_model(written));
  const Tensor x = at::sin(at::arange(64)).reshape({2, 2, 4, 4});
  expect_close(parse_onnx(bytes, "again.onnx").forward(x), network.forward(x));
}

TEST(OnnxExport, WritesTheFileWholeOrNotAtAll) {
  const fs::path path = fs::temp_directory_path() / "crossloom_onnx_export.onnx";
  write_onnx(path, make_network("lenet_wu2023"));
  EXPECT_EQ(read_onnx(path).name(), "crossloom_onnx_export");
  fs::remove(path);
  EXPECT_THROW(write_onnx("/proc/none/a.onnx", make_network("lenet_wu2023")), IoError);
}

}  // namespace
}  // namespace crossloom
