#include "crossloom/network/architectures.h"

#include <map>

#include "crossloom/core/errors.h"

namespace crossloom {
namespace {

/// Adds layers one behind the other.
class Builder {
 public:
  Builder(const std::string& name,
          std::vector<std::int64_t> input_size,
          Network::InputScaling scaling)
      : network_(name, std::move(input_size), scaling) {}

  std::size_t conv(const std::string& name, const ProductGeometry& geometry) {
    return last_ = network_.add_product(name, last_, geometry);
  }

  std::size_t linear(const std::string& name, std::int64_t inputs, std::int64_t outputs) {
    return last_ = network_.add_product(name, last_, ProductGeometry::linear(inputs, outputs));
  }

  std::size_t apply(const std::string& name, std::shared_ptr<const Operator> op) {
    return last_ = network_.add_operator(name, {last_}, std::move(op));
  }

  std::size_t add_to(const std::string& name, std::size_t other) {
    return last_ = network_.add_operator(name, {last_, other}, crossloom::add());
  }

  std::size_t last() const { return last_; }
  void go_back_to(std::size_t node) { last_ = node; }

  Network network() && { return std::move(network_); }

 private:
  Network network_;
  std::size_t last_ = 0;
};

/// LeNet of the chip experiment: conv 5x5 1->4, conv 5x5 4->12, FC 192->10; 3 220 weights.
/// Source: arXiv:2305.14547, layers pinned by its Table 2. Inputs are pixel / 255, never negative.
Network lenet_wu2023() {
  Builder b("lenet_wu2023", {1, 28, 28}, {0, 1});
  b.conv("conv1", ProductGeometry::conv(1, 4, 5, 1, 0));
  b.apply("relu1", relu());
  b.apply("pool1", max_pool(2));
  b.conv("conv2", ProductGeometry::conv(4, 12, 5, 1, 0));
  b.apply("relu2", relu());
  b.apply("pool2", max_pool(2));
  b.apply("flatten", flatten());
  b.linear("fc", 192, 10);
  return std::move(b).network();
}

/// LeNet-5 with ReLU and max pooling, 61 470 weights. Inputs as its published weights want them.
/// Source: Y. LeCun et al., Proc. IEEE 1998, doi:10.1109/5.726791.
Network lenet5() {
  Builder b("lenet5_mnist", {1, 28, 28}, {0.1307, 0.3081});
  b.conv("conv1", ProductGeometry::conv(1, 6, 5, 1, 2));
  b.apply("relu1", relu());
  b.apply("pool1", max_pool(2));
  b.conv("conv2", ProductGeometry::conv(6, 16, 5, 1, 0));
  b.apply("relu2", relu());
  b.apply("pool2", max_pool(2));
  b.apply("flatten", flatten());
  b.linear("fc1", 400, 120);
  b.apply("relu3", relu());
  b.linear("fc2", 120, 84);
  b.apply("relu4", relu());
  b.linear("fc3", 84, 10);
  return std::move(b).network();
}

/// VGG-8: 32-32-P-64-64-P-128-128-P-FC128-FC10, 549 984 weights.
/// Source: arXiv:2305.14547, layers pinned by its Table 2.
Network vgg8() {
  Builder b("vgg8_cifar10", {3, 32, 32}, {0, 1});
  std::int64_t channels = 3;
  int layer = 1;
  for (const std::int64_t width : {32, 64, 128}) {
    for (int repeat = 0; repeat < 2; ++repeat, ++layer) {
      b.conv("conv" + std::to_string(layer), ProductGeometry::conv(channels, width, 3, 1, 1));
      b.apply("relu" + std::to_string(layer), relu());
      channels = width;
    }
    b.apply("pool" + std::to_string(layer / 2), max_pool(2));
  }
  b.apply("flatten", flatten());
  b.linear("fc1", 2048, 128);
  b.apply("relu7", relu());
  b.linear("fc2", 128, 10);
  return std::move(b).network();
}

/// ResNet-18 for 32 x 32 images: 3 x 3 stem, 64-128-256-512, 1 x 1 shortcuts where the shape
/// changes. Batch norm is taken as folded into weights and biases. Source: K. He et al., CVPR 2016,
/// doi:10.1109/CVPR.2016.90.
Network resnet18() {
  Builder b("resnet18_cifar10", {3, 32, 32}, {0, 1});
  b.conv("conv1", ProductGeometry::conv(3, 64, 3, 1, 1));
  b.apply("relu1", relu());
  std::int64_t channels = 64;
  for (int stage = 1; stage <= 4; ++stage) {
    const std::int64_t width = std::int64_t{32} << stage;
    for (int block = 0; block < 2; ++block) {
      const std::string name = "layer" + std::to_string(stage) + "." + std::to_string(block) + ".";
      const std::int64_t stride = stage > 1 && block == 0 ? 2 : 1;
      std::size_t shortcut = b.last();
      if (channels != width) {
        shortcut =
            b.conv(name + "downsample", ProductGeometry::conv(channels, width, 1, stride, 0));
        b.go_back_to(shortcut - 1);
      }
      b.conv(name + "conv1", ProductGeometry::conv(channels, width, 3, stride, 1));
      b.apply(name + "relu1", relu());
      b.conv(name + "conv2", ProductGeometry::conv(width, width, 3, 1, 1));
      b.add_to(name + "add", shortcut);
      b.apply(name + "relu2", relu());
      channels = width;
    }
  }
  b.apply("average", global_average());
  b.linear("fc", 512, 10);
  return std::move(b).network();
}

const std::map<std::string, Network (*)()> kArchitectures = {{"lenet_wu2023", &lenet_wu2023},
                                                             {"lenet5_mnist", &lenet5},
                                                             {"vgg8_cifar10", &vgg8},
                                                             {"resnet18_cifar10", &resnet18}};

}  // namespace

Network make_network(const std::string& name) {
  const auto found = kArchitectures.find(name);
  if (found == kArchitectures.end()) {
    std::string known;
    for (const std::string& other : network_names()) known += (known.empty() ? "" : ", ") + other;
    throw ConfigError("unknown network '" + name +
                      "' (no such architecture); use one of: " + known);
  }
  return found->second();
}

std::vector<std::string> network_names() {
  std::vector<std::string> names;
  for (const auto& entry : kArchitectures) names.push_back(entry.first);
  return names;
}

}  // namespace crossloom
