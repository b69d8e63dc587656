#include <limits>

#include "crossloom/network/max_pool.h"
#include "crossloom/network/operators/table.h"

namespace crossloom::operators {
namespace {

/// A window that slides over an image.
struct Window {
  std::vector<std::int64_t> kernel, stride, padding, dilation;  // padding: top, left, bottom, right
  bool has_ceil = false;

  explicit Window(Attributes& attributes)
      : kernel(attributes.integers("kernel_shape")),
        stride(attributes.integers("strides", std::vector<std::int64_t>(kernel.size(), 1))),
        padding(attributes.integers("pads", std::vector<std::int64_t>(2 * kernel.size(), 0))),
        dilation(attributes.integers("dilations", std::vector<std::int64_t>(kernel.size(), 1))),
        has_ceil(attributes.integer("ceil_mode", 0) != 0) {
    attributes.integer("storage_order", 0);
    if (kernel.size() != 2 || stride.size() != 2 || padding.size() != 4 || dilation.size() != 2) {
      throw ConfigError("pooling over " + std::to_string(kernel.size()) +
                        " dimensions (images have two); give kernel_shape, strides and dilations "
                        "of two numbers and pads of four");
    }
    for (std::size_t i = 0; i < 2; ++i) {
      if (kernel[i] < 1 || stride[i] < 1 || dilation[i] < 1 || padding[i] < 0 ||
          padding[2 + i] < 0) {
        throw ConfigError(
            "pooling with a kernel, stride or dilation below one, or a negative padding (there is "
            "no such window); correct the network");
      }
    }
  }

  /// LibTorch pads both sides alike, by at most half a kernel.
  bool fits_torch() const {
    return padding[0] == padding[2] && padding[1] == padding[3] && 2 * padding[0] <= kernel[0] &&
           2 * padding[1] <= kernel[1];
  }
  bool has_padding() const { return padding != std::vector<std::int64_t>(4, 0); }
  PoolWindow unpadded() const {
    return {{kernel[0], kernel[1]}, {stride[0], stride[1]}, {dilation[0], dilation[1]}};
  }
  std::vector<std::int64_t> torch_padding() const { return {padding[0], padding[1]}; }

  Tensor pad(const Tensor& x, double value) const {
    return at::constant_pad_nd(x, {padding[1], padding[3], padding[0], padding[2]}, value);
  }
};

/// Its gradient would be another where values are equal.
Tensor max_pool_without_gradient(const Tensor& x, const Window& window) {
  const double lowest = -std::numeric_limits<double>::infinity();
  return crossloom::max_pool(window.has_padding() ? window.pad(x, lowest) : x, window.unpadded());
}

Tensor max_pool(const Tensor& x, const Window& window) {
  const bool needs_gradient = at::GradMode::is_enabled() && x.requires_grad();
  const bool is_plain = x.dim() == 4 && x.scalar_type() == at::kFloat && x.is_cpu();
  if (!needs_gradient && !window.has_ceil && is_plain) {
    return max_pool_without_gradient(x, window);
  }
  if (window.fits_torch()) {
    return at::max_pool2d(
        x, window.kernel, window.stride, window.torch_padding(), window.dilation, window.has_ceil);
  }
  const double lowest = -std::numeric_limits<double>::infinity();
  return at::max_pool2d(
      window.pad(x, lowest), window.kernel, window.stride, 0, window.dilation, window.has_ceil);
}

Tensor average_pool(const Tensor& x, const Window& window, bool counts_padding) {
  if (window.fits_torch()) {
    return at::avg_pool2d(
        x, window.kernel, window.stride, window.torch_padding(), window.has_ceil, counts_padding);
  }
  const auto mean = [&](const Tensor& values) {
    return at::avg_pool2d(values, window.kernel, window.stride, 0, window.has_ceil, false);
  };
  const Tensor all = mean(window.pad(x, 0));
  if (counts_padding) return all;
  return all / mean(window.pad(at::ones_like(x), 0));
}

}  // namespace

void add_pooling(Table& table) {
  table["MaxPool"] = {1, 1, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
                        const Window window(attributes);
                        return [=](const OperatorInputs& in) { return max_pool(in[0], window); };
                      }};
  table["AveragePool"] = {
      1, 1, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
        const Window window(attributes);
        const bool counts_padding = attributes.integer("count_include_pad", 0) != 0;
        if (window.dilation != std::vector<std::int64_t>{1, 1}) {
          throw ConfigError("AveragePool with dilation (LibTorch has none); correct the network");
        }
        return
            [=](const OperatorInputs& in) { return average_pool(in[0], window, counts_padding); };
      }};
  table["GlobalAveragePool"] = {1, 1, Sign::kAsFirst, [](Attributes&) -> Compute {
                                  return [](const OperatorInputs& in) {
                                    return in[0].mean({2, 3}, /*keepdim=*/true);
                                  };
                                }};
  table["GlobalMaxPool"] = {1, 1, Sign::kAsFirst, [](Attributes&) -> Compute {
                              return [](const OperatorInputs& in) {
                                return in[0].amax({2, 3}, /*keepdim=*/true);
                              };
                            }};
}

}  // namespace crossloom::operators

namespace crossloom {

std::optional<PoolWindow> pool_window(const Operator& op) {
  if (op.kind() != "MaxPool") return {};
  operators::Attributes attributes(op.kind(), op.attributes());
  const operators::Window window(attributes);
  if (window.has_padding() || window.has_ceil) return {};
  return window.unpadded();
}

}  // namespace crossloom
