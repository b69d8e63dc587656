#include "crossloom/network/shapes.h"

namespace crossloom {

bool is_sequence(const NetworkInput& input) {
  return input.sizes.size() == 1 && !at::isFloatingType(input.type);
}

std::vector<std::vector<std::int64_t>> find_shapes(const Network& network, std::int64_t length) {
  const at::NoGradGuard no_grad;
  std::vector<Tensor> examples;
  for (const NetworkInput& input : network.inputs()) {
    std::vector<std::int64_t> sizes = input.sizes;
    if (length > 0 && is_sequence(input)) sizes[0] = length;
    sizes.insert(sizes.begin(), 1);
    examples.push_back(at::zeros(sizes, input.type));
  }
  const auto skip = [&](std::size_t index, const Tensor& x) {
    return at::zeros({}).expand(network.products()[index].geometry.output_sizes(x.sizes()));
  };
  std::vector<std::vector<std::int64_t>> shapes(network.nodes().size());
  network.forward(examples, skip, [&](std::size_t node, const Tensor& output) {
    shapes[node] = output.sizes().vec();
  });
  return shapes;
}

}  // namespace crossloom
