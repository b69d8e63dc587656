#include <algorithm>

#include "crossloom/network/architectures/builder.h"

namespace crossloom::architectures {
namespace {

/// How convolutions with a stride pad their input.
enum class Padding {
  kTorch,  // k / 2 on every side
  kSame,   // as TensorFlow: just enough, the odd one behind
};

struct Mobile {
  Builder& builder;
  Padding padding;
  double epsilon;     // of batch norm
  std::int64_t size;  // height and width of the last node
};

/// Convolution, batch norm and activation, named `name`.0 and `name`.1; none when `activation` is
/// empty.
void conv_norm_act(Mobile& m,
                   const std::string& conv,
                   const std::string& norm,
                   ProductGeometry geometry,
                   const std::string& activation) {
  const std::int64_t kernel = geometry.kernel[0];
  const std::int64_t stride = geometry.stride[0];
  if (m.padding == Padding::kSame) {
    const std::int64_t total =
        std::max<std::int64_t>(((m.size + stride - 1) / stride - 1) * stride + kernel - m.size, 0);
    geometry.padding = {total / 2, total / 2, total - total / 2, total - total / 2};
  } else {
    geometry.padding = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
  }
  m.size = (m.size + stride - 1) / stride;
  m.builder.conv(conv, geometry, /*has_bias=*/false);
  m.builder.batch_norm(norm, geometry.out_channels, m.epsilon);
  if (!activation.empty()) {
    const Json bounds = {{"min", 0.0}, {"max", 6.0}};
    const bool is_relu6 = activation == "Relu6";
    m.builder.apply(
        norm + ".activation", is_relu6 ? "Clip" : activation, is_relu6 ? bounds : Json::object());
  }
}

/// Squeeze and excitation: channels weighed by two small layers of their means.
void squeeze_excite(Builder& b, const std::string& name, std::int64_t channels) {
  const std::int64_t quarter = channels / 4;
  const std::int64_t rounded = std::max<std::int64_t>(8, (quarter + 4) / 8 * 8);
  const std::int64_t squeezed = 10 * rounded < 9 * quarter ? rounded + 8 : rounded;
  const std::size_t input = b.last();
  b.apply(name + ".avgpool", "GlobalAveragePool");
  b.conv(name + ".fc1", ProductGeometry::conv(channels, squeezed, 1));
  b.apply(name + ".relu", "Relu");
  b.conv(name + ".fc2", ProductGeometry::conv(squeezed, channels, 1));
  b.apply(name + ".scale", "HardSigmoid", {{"alpha", 1.0 / 6}, {"beta", 0.5}});
  b.apply(name, "Mul", Json::object(), {input});
}

struct BlockV3 {
  std::int64_t kernel, expanded, out;
  bool has_squeeze;
  const char* activation;
  std::int64_t stride;
};

void block_v3(Mobile& m, const std::string& name, std::int64_t in, const BlockV3& block) {
  Builder& b = m.builder;
  const std::size_t input = b.last();
  int part = 0;
  const auto next = [&] { return name + ".block." + std::to_string(part++); };
  if (block.expanded != in) {
    const std::string expand = next();
    conv_norm_act(m,
                  expand + ".0",
                  expand + ".1",
                  ProductGeometry::conv(in, block.expanded, 1),
                  block.activation);
  }
  const std::string depthwise = next();
  conv_norm_act(m,
                depthwise + ".0",
                depthwise + ".1",
                ProductGeometry::conv(
                    block.expanded, block.expanded, block.kernel, block.stride, 0, block.expanded),
                block.activation);
  if (block.has_squeeze) squeeze_excite(b, next(), block.expanded);
  const std::string project = next();
  conv_norm_act(
      m, project + ".0", project + ".1", ProductGeometry::conv(block.expanded, block.out, 1), "");
  if (block.stride == 1 && in == block.out) b.add_to(name + ".add", input);
}

/// MobileNetV3, layout and names of torchvision. Source: A. Howard et al., arXiv:1905.02244.
Network mobilenet_v3(const std::string& name,
                     const std::vector<BlockV3>& blocks,
                     std::int64_t hidden,
                     Padding padding,
                     const InputScaling& scaling) {
  Builder b(name, image_input({3, 224, 224}, scaling));
  Mobile m{b, padding, 1e-3, 224};
  std::int64_t channels = 16;
  conv_norm_act(m, "features.0.0", "features.0.1", ProductGeometry::conv(3, 16, 3, 2), "HardSwish");
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    block_v3(m, "features." + std::to_string(i + 1), channels, blocks[i]);
    channels = blocks[i].out;
  }
  const std::string last = "features." + std::to_string(blocks.size() + 1);
  conv_norm_act(
      m, last + ".0", last + ".1", ProductGeometry::conv(channels, 6 * channels, 1), "HardSwish");
  b.global_average("avgpool");
  b.linear("classifier.0", 6 * channels, hidden);
  b.apply("classifier.1", "HardSwish");
  b.linear("classifier.3", hidden, 1000);
  return std::move(b).network();
}

const char* const kRelu = "Relu";
const char* const kSwish = "HardSwish";

const std::vector<BlockV3> kSmall = {{3, 16, 16, true, kRelu, 2},
                                     {3, 72, 24, false, kRelu, 2},
                                     {3, 88, 24, false, kRelu, 1},
                                     {5, 96, 40, true, kSwish, 2},
                                     {5, 240, 40, true, kSwish, 1},
                                     {5, 240, 40, true, kSwish, 1},
                                     {5, 120, 48, true, kSwish, 1},
                                     {5, 144, 48, true, kSwish, 1},
                                     {5, 288, 96, true, kSwish, 2},
                                     {5, 576, 96, true, kSwish, 1},
                                     {5, 576, 96, true, kSwish, 1}};

const std::vector<BlockV3> kLarge = {{3, 16, 16, false, kRelu, 1},
                                     {3, 64, 24, false, kRelu, 2},
                                     {3, 72, 24, false, kRelu, 1},
                                     {5, 72, 40, true, kRelu, 2},
                                     {5, 120, 40, true, kRelu, 1},
                                     {5, 120, 40, true, kRelu, 1},
                                     {3, 240, 80, false, kSwish, 2},
                                     {3, 200, 80, false, kSwish, 1},
                                     {3, 184, 80, false, kSwish, 1},
                                     {3, 184, 80, false, kSwish, 1},
                                     {3, 480, 112, true, kSwish, 1},
                                     {3, 672, 112, true, kSwish, 1},
                                     {5, 672, 160, true, kSwish, 2},
                                     {5, 960, 160, true, kSwish, 1},
                                     {5, 960, 160, true, kSwish, 1}};

/// Inputs of the Keras weights: level / 127.5 - 1.
const InputScaling kKerasScaling = {{0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}};

void block_v2(Mobile& m,
              const std::string& name,
              std::int64_t in,
              std::int64_t out,
              std::int64_t stride,
              std::int64_t factor) {
  Builder& b = m.builder;
  const std::size_t input = b.last();
  const std::int64_t hidden = in * factor;
  int part = 0;
  const auto next = [&] { return name + ".conv." + std::to_string(part++); };
  if (factor != 1) {
    const std::string expand = next();
    conv_norm_act(m, expand + ".0", expand + ".1", ProductGeometry::conv(in, hidden, 1), "Relu6");
  }
  const std::string depthwise = next();
  conv_norm_act(m,
                depthwise + ".0",
                depthwise + ".1",
                ProductGeometry::conv(hidden, hidden, 3, stride, 0, hidden),
                "Relu6");
  const std::string conv = next();
  conv_norm_act(m, conv, next(), ProductGeometry::conv(hidden, out, 1), "");
  if (stride == 1 && in == out) b.add_to(name + ".add", input);
}

/// MobileNetV2, layout and names of torchvision. Source: M. Sandler et al., arXiv:1801.04381.
Network mobilenet_v2(const std::string& name) {
  struct Stage {
    std::int64_t factor, channels, repeats, stride;
  };
  const std::vector<Stage> stages = {{1, 16, 1, 1},
                                     {6, 24, 2, 2},
                                     {6, 32, 3, 2},
                                     {6, 64, 4, 2},
                                     {6, 96, 3, 1},
                                     {6, 160, 3, 2},
                                     {6, 320, 1, 1}};
  Builder b(name, image_input({3, 224, 224}, imagenet_scaling()));
  Mobile m{b, Padding::kTorch, 1e-5, 224};
  conv_norm_act(m, "features.0.0", "features.0.1", ProductGeometry::conv(3, 32, 3, 2), "Relu6");
  std::int64_t channels = 32;
  int layer = 1;
  for (const Stage& stage : stages) {
    for (std::int64_t i = 0; i < stage.repeats; ++i, ++layer) {
      block_v2(m,
               "features." + std::to_string(layer),
               channels,
               stage.channels,
               i == 0 ? stage.stride : 1,
               stage.factor);
      channels = stage.channels;
    }
  }
  conv_norm_act(m, "features.18.0", "features.18.1", ProductGeometry::conv(320, 1280, 1), "Relu6");
  b.global_average("avgpool");
  b.linear("classifier.1", 1280, 1000);
  return std::move(b).network();
}

std::size_t fire(Builder& b, int index, std::int64_t in, std::int64_t squeezed, std::int64_t out) {
  const std::string name = "features." + std::to_string(index);
  b.conv(name + ".squeeze", ProductGeometry::conv(in, squeezed, 1));
  const std::size_t input = b.apply(name + ".squeeze_activation", "Relu");
  b.conv(name + ".expand1x1", ProductGeometry::conv(squeezed, out, 1));
  const std::size_t small = b.apply(name + ".expand1x1_activation", "Relu");
  b.go_back_to(input);
  b.conv(name + ".expand3x3", ProductGeometry::conv(squeezed, out, 3, 1, 1));
  const std::size_t large = b.apply(name + ".expand3x3_activation", "Relu");
  b.go_back_to(small);
  return b.apply(name, "Concat", {{"axis", 1}}, {large});
}

/// SqueezeNet 1.1, names of torchvision; 227 x 227. Source: F. Iandola et al., arXiv:1602.07360.
Network squeezenet(const std::string& name) {
  Builder b(name, image_input({3, 227, 227}, imagenet_scaling()));
  const auto pool = [&](int index) {
    b.apply("features." + std::to_string(index),
            "MaxPool",
            {{"kernel_shape", {3, 3}}, {"strides", {2, 2}}, {"ceil_mode", 1}});
  };
  b.conv("features.0", ProductGeometry::conv(3, 64, 3, 2));
  b.apply("features.1", "Relu");
  pool(2);
  fire(b, 3, 64, 16, 64);
  fire(b, 4, 128, 16, 64);
  pool(5);
  fire(b, 6, 128, 32, 128);
  fire(b, 7, 256, 32, 128);
  pool(8);
  fire(b, 9, 256, 48, 192);
  fire(b, 10, 384, 48, 192);
  fire(b, 11, 384, 64, 256);
  fire(b, 12, 512, 64, 256);
  b.conv("classifier.1", ProductGeometry::conv(512, 1000, 1));
  b.apply("classifier.2", "Relu");
  b.global_average("classifier.3");
  return std::move(b).network();
}

}  // namespace

void add_mobile(Table& table) {
  table["mobilenet_v3_small"] = [](const std::string& name) {
    return mobilenet_v3(name, kSmall, 1024, Padding::kSame, kKerasScaling);
  };
  table["mobilenet_v3_large"] = [](const std::string& name) {
    return mobilenet_v3(name, kLarge, 1280, Padding::kSame, kKerasScaling);
  };
  table["mobilenet_v3_small_torchvision"] = [](const std::string& name) {
    return mobilenet_v3(name, kSmall, 1024, Padding::kTorch, imagenet_scaling());
  };
  table["mobilenet_v3_large_torchvision"] = [](const std::string& name) {
    return mobilenet_v3(name, kLarge, 1280, Padding::kTorch, imagenet_scaling());
  };
  table["mobilenet_v2"] = mobilenet_v2;
  table["squeezenet1_1"] = squeezenet;
}

}  // namespace crossloom::architectures
