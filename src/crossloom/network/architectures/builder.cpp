#include "crossloom/network/architectures/builder.h"

namespace crossloom::architectures {

std::size_t Builder::conv(const std::string& name, const ProductGeometry& geometry, bool has_bias) {
  return last_ = network_.add_product(name, last_, geometry, has_bias);
}

std::size_t Builder::linear(const std::string& name, std::int64_t inputs, std::int64_t outputs) {
  return last_ = network_.add_product(name, last_, ProductGeometry::linear(inputs, outputs));
}

std::size_t Builder::batch_norm(const std::string& name, std::int64_t channels, double epsilon) {
  const Tensor one = at::ones({channels});
  const Tensor zero = at::zeros({channels});
  const std::vector<std::size_t> stored = {
      network_.add_parameter(name + ".weight", one, true),
      network_.add_parameter(name + ".bias", zero, true),
      network_.add_parameter(name + ".running_mean", zero.clone(), false),
      network_.add_parameter(name + ".running_var", one.clone(), false)};
  return apply(name, "BatchNormalization", {{"epsilon", epsilon}}, stored);
}

std::size_t Builder::layer_norm(const std::string& name, std::int64_t channels, double epsilon) {
  const std::vector<std::size_t> stored = {
      network_.add_parameter(name + ".weight", at::ones({channels}), true),
      network_.add_parameter(name + ".bias", at::zeros({channels}), true)};
  return apply(name, "LayerNormalization", {{"epsilon", epsilon}}, stored);
}

std::size_t Builder::apply(const std::string& name,
                           const std::string& kind,
                           const Json& attributes,
                           const std::vector<std::size_t>& others) {
  std::vector<std::size_t> inputs = {last_};
  inputs.insert(inputs.end(), others.begin(), others.end());
  return last_ = network_.add_operator(name, inputs, kind, attributes);
}

std::size_t Builder::max_pool(const std::string& name,
                              std::int64_t kernel,
                              std::int64_t stride,
                              std::int64_t padding) {
  return apply(name,
               "MaxPool",
               {{"kernel_shape", {kernel, kernel}},
                {"strides", {stride, stride}},
                {"pads", {padding, padding, padding, padding}}});
}

std::size_t Builder::global_average(const std::string& name) {
  apply(name, "GlobalAveragePool");
  return apply(name + ".flatten", "Flatten");
}

std::size_t Builder::reshape(const std::string& name, const Sizes& sizes) {
  const std::size_t shape = integers(name + ".shape", sizes);
  return apply(name, "Reshape", Json::object(), {shape});
}

std::size_t Builder::transpose(const std::string& name, const Sizes& order) {
  return apply(name, "Transpose", {{"perm", order}});
}

std::size_t self_attention(Builder& b,
                           const std::string& name,
                           const std::string& qkv,
                           const std::string& projection,
                           std::int64_t channels,
                           std::int64_t heads) {
  const std::int64_t size = channels / heads;
  b.linear(qkv, channels, 3 * channels);
  b.reshape(name + ".heads", {0, 0, 3, heads, size});
  const std::size_t all = b.transpose(name + ".split", {2, 0, 3, 1, 4});
  const auto part = [&](const std::string& which, std::int64_t index) {
    const std::size_t number =
        b.constant(name + "." + which + ".index", at::scalar_tensor(index, at::kLong));
    b.go_back_to(all);
    return b.apply(name + "." + which, "Gather", {{"axis", 0}}, {number});
  };
  const std::size_t query = part("query", 0);
  part("key", 1);
  const std::size_t key = b.transpose(name + ".key_transposed", {0, 1, 3, 2});
  const std::size_t value = part("value", 2);
  const std::size_t scale =
      b.constant(name + ".scale", at::scalar_tensor(1 / std::sqrt(static_cast<float>(size))));
  b.go_back_to(query);
  b.apply(name + ".scaled", "Mul", Json::object(), {scale});
  b.apply(name + ".scores", "MatMul", Json::object(), {key});
  b.apply(name + ".softmax", "Softmax");
  b.apply(name + ".mix", "MatMul", Json::object(), {value});
  b.transpose(name + ".joined", {0, 2, 1, 3});
  b.reshape(name + ".merged", {0, 0, channels});
  return b.linear(projection, channels, channels);
}

NetworkInput image_input(const Sizes& sizes, const InputScaling& scaling) {
  NetworkInput input;
  input.sizes = sizes;
  input.scaling = scaling;
  return input;
}

InputScaling imagenet_scaling() {
  return {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};
}

}  // namespace crossloom::architectures
