#include "crossloom/network/architectures/builder.h"

namespace crossloom::architectures {
namespace {

const InputScaling kMnistScaling = {{0.1307}, {0.3081}};

/// LeNet of the chip experiment: conv 5x5 1->4, conv 5x5 4->12, FC 192->10; 3 220 weights.
/// Source: arXiv:2305.14547, layers pinned by its Table 2. Inputs are pixel / 255, never negative.
Network lenet_wu2023(const std::string& name) {
  Builder b(name, image_input({1, 28, 28}, {}));
  b.conv("conv1", ProductGeometry::conv(1, 4, 5));
  b.apply("relu1", "Relu");
  b.max_pool("pool1", 2, 2);
  b.conv("conv2", ProductGeometry::conv(4, 12, 5));
  b.apply("relu2", "Relu");
  b.max_pool("pool2", 2, 2);
  b.apply("flatten", "Flatten");
  b.linear("fc", 192, 10);
  return std::move(b).network();
}

/// LeNet-5 with ReLU and max pooling, 61 470 weights. Inputs as its published weights want them.
/// Source: Y. LeCun et al., Proc. IEEE 1998, doi:10.1109/5.726791.
Network lenet5(const std::string& name) {
  Builder b(name, image_input({1, 28, 28}, kMnistScaling));
  b.conv("conv1", ProductGeometry::conv(1, 6, 5, 1, 2));
  b.apply("relu1", "Relu");
  b.max_pool("pool1", 2, 2);
  b.conv("conv2", ProductGeometry::conv(6, 16, 5));
  b.apply("relu2", "Relu");
  b.max_pool("pool2", 2, 2);
  b.apply("flatten", "Flatten");
  b.linear("fc1", 400, 120);
  b.apply("relu3", "Relu");
  b.linear("fc2", 120, 84);
  b.apply("relu4", "Relu");
  b.linear("fc3", 84, 10);
  return std::move(b).network();
}

/// 784-256-128-10 with ReLU.
Network mlp(const std::string& name) {
  Builder b(name, image_input({1, 28, 28}, kMnistScaling));
  b.apply("flatten", "Flatten");
  b.linear("fc1", 784, 256);
  b.apply("relu1", "Relu");
  b.linear("fc2", 256, 128);
  b.apply("relu2", "Relu");
  b.linear("fc3", 128, 10);
  return std::move(b).network();
}

/// 64-128-128-64-10 with batch normalisation, for the 8 x 8 digits.
/// Source: the toy network that negative feedback was looked into with.
Network mlp_digits(const std::string& name) {
  Builder b(name, image_input({1, 8, 8}, {{0.5}, {0.5}}));
  b.apply("flatten", "Flatten");
  std::int64_t inputs = 64;
  int layer = 1;
  for (const std::int64_t width : {128, 128, 64}) {
    const std::string number = std::to_string(layer++);
    b.linear("fc" + number, inputs, width);
    b.batch_norm("bn" + number, width);
    b.apply("relu" + number, "Relu");
    inputs = width;
  }
  b.linear("fc4", inputs, 10);
  return std::move(b).network();
}

/// VGG-8 with batch normalisation: 64-128-P-256-256-P-512-512-P-FC1024-FC10, widths divided by
/// `narrowing`. MNIST is brought to 32 x 32 by a black border (the published code resizes it).
/// Source: arXiv:2305.14561 and its code.
template <bool is_mnist, std::int64_t narrowing>
Network vgg8_qin2023(const std::string& name) {
  Builder b(name,
            is_mnist
                ? image_input({1, 28, 28}, {{0.5}, {0.5}})
                : image_input({3, 32, 32}, {{0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}}));
  if (is_mnist) {
    const std::size_t pads = b.integers("border.pads", {0, 0, 2, 2, 0, 0, 2, 2});
    const std::size_t black = b.constant("border.value", at::scalar_tensor(-1.0, at::kFloat));
    b.apply("border", "Pad", Json::object(), {pads, black});
  }
  std::int64_t channels = is_mnist ? 1 : 3;
  int layer = 1;
  for (const std::int64_t width : {64, 128, 256, 256, 512, 512}) {
    const std::string number = std::to_string(layer);
    b.conv("conv" + number,
           ProductGeometry::conv(channels, width / narrowing, 3, 1, 1),
           /*has_bias=*/false);
    b.batch_norm("bn" + number, width / narrowing);
    b.apply("relu" + number, "Relu");
    if (layer % 2 == 0) b.max_pool("pool" + std::to_string(layer / 2), 2, 2);
    channels = width / narrowing;
    ++layer;
  }
  b.apply("flatten", "Flatten");
  b.linear("fc1", 16 * channels, 1024 / narrowing);
  b.apply("relu7", "Relu");
  b.linear("fc2", 1024 / narrowing, 10);
  return std::move(b).network();
}

/// VGG-8: 32-32-P-64-64-P-128-128-P-FC128-FC10, 549 984 weights.
/// Source: arXiv:2305.14547, layers pinned by its Table 2.
Network vgg8(const std::string& name) {
  Builder b(name, image_input({3, 32, 32}, {{0, 0, 0}, {1, 1, 1}}));
  std::int64_t channels = 3;
  int layer = 1;
  for (const std::int64_t width : {32, 64, 128}) {
    for (int repeat = 0; repeat < 2; ++repeat, ++layer) {
      b.conv("conv" + std::to_string(layer), ProductGeometry::conv(channels, width, 3, 1, 1));
      b.apply("relu" + std::to_string(layer), "Relu");
      channels = width;
    }
    b.max_pool("pool" + std::to_string(layer / 2), 2, 2);
  }
  b.apply("flatten", "Flatten");
  b.linear("fc1", 2048, 128);
  b.apply("relu7", "Relu");
  b.linear("fc2", 128, 10);
  return std::move(b).network();
}

}  // namespace

void add_convolutional(Table& table) {
  table["lenet_wu2023"] = lenet_wu2023;
  table["lenet5_mnist"] = lenet5;
  table["mlp_mnist"] = mlp;
  table["mlp_digits"] = mlp_digits;
  table["vgg8_cifar10"] = vgg8;
  table["vgg8_qin2023_cifar10"] = vgg8_qin2023<false, 1>;
  table["vgg8_qin2023_quarter_cifar10"] = vgg8_qin2023<false, 4>;
  table["vgg8_qin2023_mnist"] = vgg8_qin2023<true, 1>;
  table["vgg8_qin2023_quarter_mnist"] = vgg8_qin2023<true, 4>;
}

}  // namespace crossloom::architectures
