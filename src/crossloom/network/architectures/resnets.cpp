#include "crossloom/network/architectures/builder.h"

namespace crossloom::architectures {
namespace {

constexpr std::int64_t kEnd = std::int64_t{1} << 62;  // beyond every dimension

enum class Shortcut {
  kPadded,     // option A: every second pixel, channels padded with zeros on both sides
  kProjected,  // option B: a 1 x 1 convolution with batch norm
};

void conv_and_norm(Builder& b,
                   const std::string& conv,
                   const std::string& norm,
                   const ProductGeometry& geometry) {
  b.conv(conv, geometry, /*has_bias=*/false);
  b.batch_norm(norm, geometry.out_channels);
}

std::size_t projected_shortcut(
    Builder& b, const std::string& name, std::int64_t in, std::int64_t out, std::int64_t stride) {
  conv_and_norm(
      b, name + "downsample.0", name + "downsample.1", ProductGeometry::conv(in, out, 1, stride));
  return b.last();
}

std::size_t padded_shortcut(
    Builder& b, const std::string& name, std::int64_t in, std::int64_t out, std::int64_t stride) {
  const std::string slice = name + "shortcut.slice";
  const std::vector<std::size_t> bounds = {b.integers(slice + ".starts", {0, 0}),
                                           b.integers(slice + ".ends", {kEnd, kEnd}),
                                           b.integers(slice + ".axes", {2, 3}),
                                           b.integers(slice + ".steps", {stride, stride})};
  b.apply(slice, "Slice", Json::object(), bounds);
  const std::int64_t missing = (out - in) / 2;
  const std::size_t pads =
      b.integers(name + "shortcut.pads", {0, missing, 0, 0, 0, out - in - missing, 0, 0});
  return b.apply(name + "shortcut.pad", "Pad", Json::object(), {pads});
}

struct Block {
  std::string name;  // with its dot
  std::int64_t in, width, out, stride;
};

std::size_t shortcut_of(Builder& b, const Block& block, Shortcut kind) {
  if (block.in == block.out && block.stride == 1) return b.last();
  return kind == Shortcut::kPadded
             ? padded_shortcut(b, block.name, block.in, block.out, block.stride)
             : projected_shortcut(b, block.name, block.in, block.out, block.stride);
}

void basic_block(Builder& b, const Block& block, Shortcut kind) {
  const std::string& name = block.name;
  const std::size_t input = b.last();
  const std::size_t shortcut = shortcut_of(b, block, kind);
  b.go_back_to(input);
  conv_and_norm(b,
                name + "conv1",
                name + "bn1",
                ProductGeometry::conv(block.in, block.width, 3, block.stride, 1));
  b.apply(name + "relu1", "Relu");
  conv_and_norm(
      b, name + "conv2", name + "bn2", ProductGeometry::conv(block.width, block.out, 3, 1, 1));
  b.add_to(name + "add", shortcut);
  b.apply(name + "relu2", "Relu");
}

void bottleneck(Builder& b, const Block& block) {
  const std::string& name = block.name;
  const std::size_t input = b.last();
  const std::size_t shortcut = shortcut_of(b, block, Shortcut::kProjected);
  b.go_back_to(input);
  conv_and_norm(b, name + "conv1", name + "bn1", ProductGeometry::conv(block.in, block.width, 1));
  b.apply(name + "relu1", "Relu");
  conv_and_norm(b,
                name + "conv2",
                name + "bn2",
                ProductGeometry::conv(block.width, block.width, 3, block.stride, 1));
  b.apply(name + "relu2", "Relu");
  conv_and_norm(b, name + "conv3", name + "bn3", ProductGeometry::conv(block.width, block.out, 1));
  b.add_to(name + "add", shortcut);
  b.apply(name + "relu3", "Relu");
}

std::string block_name(std::size_t stage, std::int64_t block) {
  return "layer" + std::to_string(stage) + "." + std::to_string(block) + ".";
}

/// ResNet of depth 6 n + 2 for CIFAR-10: 16-32-64 channels. Source: K. He et al., CVPR 2016,
/// doi:10.1109/CVPR.2016.90; names of github akamaster/pytorch_resnet_cifar10.
Network cifar_resnet(const std::string& name, std::int64_t depth, Shortcut kind) {
  Builder b(name, image_input({3, 32, 32}, imagenet_scaling()));
  conv_and_norm(b, "conv1", "bn1", ProductGeometry::conv(3, 16, 3, 1, 1));
  b.apply("relu1", "Relu");
  std::int64_t channels = 16;
  for (std::size_t stage = 1; stage <= 3; ++stage) {
    const std::int64_t width = std::int64_t{8} << stage;
    for (std::int64_t i = 0; i < (depth - 2) / 6; ++i) {
      basic_block(
          b, {block_name(stage, i), channels, width, width, stage > 1 && i == 0 ? 2 : 1}, kind);
      channels = width;
    }
  }
  b.global_average("average");
  b.linear("linear", 64, 10);
  return std::move(b).network();
}

/// The four stages of a ResNet for ImageNet.
void imagenet_stages(Builder& b,
                     const Sizes& blocks,
                     std::int64_t expansion,
                     std::int64_t first_width = 64) {
  std::int64_t channels = first_width;
  for (std::size_t stage = 1; stage <= blocks.size(); ++stage) {
    const std::int64_t width = first_width << (stage - 1);
    for (std::int64_t i = 0; i < blocks[stage - 1]; ++i) {
      const Block block = {
          block_name(stage, i), channels, width, width * expansion, stage > 1 && i == 0 ? 2 : 1};
      if (expansion == 1) {
        basic_block(b, block, Shortcut::kProjected);
      } else {
        bottleneck(b, block);
      }
      channels = block.out;
    }
  }
}

/// ResNet-18 for 32 x 32 images: a 3 x 3 stem without pooling, and `width` channels behind it.
template <std::int64_t width>
Network resnet18_cifar10(const std::string& name) {
  Builder b(name, image_input({3, 32, 32}, {{0, 0, 0}, {1, 1, 1}}));
  conv_and_norm(b, "conv1", "bn1", ProductGeometry::conv(3, width, 3, 1, 1));
  b.apply("relu1", "Relu");
  imagenet_stages(b, {2, 2, 2, 2}, 1, width);
  b.global_average("average");
  b.linear("fc", 8 * width, 10);
  return std::move(b).network();
}

/// torchvision's ResNet.
Network imagenet_resnet(const std::string& name, const Sizes& blocks, std::int64_t expansion) {
  Builder b(name, image_input({3, 224, 224}, imagenet_scaling()));
  conv_and_norm(b, "conv1", "bn1", ProductGeometry::conv(3, 64, 7, 2, 3));
  b.apply("relu", "Relu");
  b.max_pool("maxpool", 3, 2, 1);
  imagenet_stages(b, blocks, expansion);
  b.global_average("avgpool");
  b.linear("fc", 512 * expansion, 1000);
  return std::move(b).network();
}

template <std::int64_t depth, Shortcut kind>
Network cifar_resnet(const std::string& name) {
  return cifar_resnet(name, depth, kind);
}

}  // namespace

void add_resnets(Table& table) {
  table["resnet20_cifar10"] = cifar_resnet<20, Shortcut::kPadded>;
  table["resnet32_cifar10"] = cifar_resnet<32, Shortcut::kPadded>;
  table["resnet44_cifar10"] = cifar_resnet<44, Shortcut::kPadded>;
  table["resnet56_cifar10"] = cifar_resnet<56, Shortcut::kPadded>;
  table["resnet20_cifar10_projected"] = cifar_resnet<20, Shortcut::kProjected>;
  table["resnet32_cifar10_projected"] = cifar_resnet<32, Shortcut::kProjected>;
  table["resnet44_cifar10_projected"] = cifar_resnet<44, Shortcut::kProjected>;
  table["resnet56_cifar10_projected"] = cifar_resnet<56, Shortcut::kProjected>;
  table["resnet18_cifar10"] = resnet18_cifar10<64>;
  table["resnet18_quarter_cifar10"] = resnet18_cifar10<16>;
  table["resnet18"] = [](const std::string& name) {
    return imagenet_resnet(name, {2, 2, 2, 2}, 1);
  };
  table["resnet34"] = [](const std::string& name) {
    return imagenet_resnet(name, {3, 4, 6, 3}, 1);
  };
  table["resnet50"] = [](const std::string& name) {
    return imagenet_resnet(name, {3, 4, 6, 3}, 4);
  };
}

}  // namespace crossloom::architectures
