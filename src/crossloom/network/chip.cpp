#include "crossloom/network/chip.h"

namespace crossloom {
namespace {

/// Forward on the cells; backward straight through.
struct AnalogForward : torch::autograd::Function<AnalogForward> {
  static Tensor forward(torch::autograd::AutogradContext* context,
                        const Tensor& x,
                        const Tensor& weight,
                        AnalogProduct* product,
                        const ReadContext& read,
                        Backward backward) {
    context->save_for_backward({x, weight});
    context->saved_data["product"] = reinterpret_cast<std::int64_t>(product);
    context->saved_data["clock"] = read.clock;
    context->saved_data["on_array"] = backward == Backward::kOnArray;
    // The noise of an on-array backward pass is that of another read.
    context->saved_data["read"] =
        torch::IValue::make_capsule(c10::make_intrusive<ReadHolder>(read.rng.fork(1)));
    return product->forward(x, read);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const Tensor& x = saved[0];
    const Tensor& weight = saved[1];
    auto* product = reinterpret_cast<AnalogProduct*>(context->saved_data["product"].toInt());
    const ProductGeometry& geometry = product->geometry();
    const Tensor grad = grads[0].contiguous();
    const bool is_on_array = context->saved_data["on_array"].toBool();
    const bool wants_input = context->needs_input_grad(0);
    const Tensor grad_weight = weight_gradient(grad, x, weight, geometry);
    Tensor grad_x;
    if (wants_input && !is_on_array) grad_x = transposed_product(grad, weight, geometry, x.sizes());
    if (wants_input && is_on_array) {
      ReadContext read;
      read.clock = context->saved_data["clock"].toDouble();
      read.rng =
          c10::static_intrusive_pointer_cast<ReadHolder>(context->saved_data["read"].toCapsule())
              ->rng;
      grad_x = product->transposed(grad, x.sizes(), read);
    }
    return {grad_x, grad_weight, Tensor(), Tensor(), Tensor()};
  }

  struct ReadHolder : torch::CustomClassHolder {
    explicit ReadHolder(const Rng& stream) : rng(stream) {}
    Rng rng;
  };
};

constexpr std::uint64_t kProgramAll = ~std::uint64_t{0};  // a step number no training reaches

}  // namespace

Chip::Chip(const Network& network,
           const Hardware& hardware,
           const std::vector<Tensor>& w_max,
           std::uint64_t seed,
           std::uint64_t number)
    : seed_(seed), number_(number) {
  TORCH_CHECK(w_max.size() == network.products().size(), "one window per product");
  hardware.validate();
  for (std::size_t i = 0; i < w_max.size(); ++i) {
    const InputSign sign =
        network.has_signed_input(i) ? InputSign::kSigned : InputSign::kNonNegative;
    products_.emplace_back(hardware,
                           network.products()[i].geometry,
                           sign,
                           w_max[i],
                           Rng(seed).fork(number).fork(i).fork(0));
  }
}

Tensor Chip::forward(const Network& network, const Tensor& x, const ChipRead& read) {
  return network.forward(x, [&](std::size_t index, const Tensor& input) {
    ReadContext context;
    context.clock = clock_;
    context.rng = stream(seed_, {number_, index, 0}, Purpose::kRead).fork(read.pass);
    context.first_image = read.first_image;
    context.ranges = read.ranges;
    return AnalogForward::apply(
        input, network.products()[index].weight, &products_[index], context, read.backward);
  });
}

Rng Chip::write_stream(std::size_t index, std::uint64_t step) const {
  return stream(seed_, {number_, index, 0}, Purpose::kProgramming).fork(step);
}

void Chip::program(const Network& network) {
  for (std::size_t i = 0; i < products_.size(); ++i) {
    const Tensor weight = network.products()[i].weight.detach();
    Rng rng = write_stream(i, kProgramAll);
    products_[i].write(torch::ones_like(weight, torch::kBool), weight, clock_, rng);
  }
}

void Chip::age_to(double clock) {
  if (clock < clock_) {
    throw ConfigError("a chip cannot go back in time (it is at " + std::to_string(clock_) +
                      " s, asked for " + std::to_string(clock) + " s); give the times in order");
  }
  clock_ = clock;
}

TensorMap Chip::state() const {
  TensorMap state;
  for (std::size_t i = 0; i < products_.size(); ++i) {
    for (const auto& [name, tensor] : products_[i].state()) {
      state[std::to_string(i) + "." + name] = tensor;
    }
  }
  state["clock"] = torch::tensor(clock_, torch::kDouble);
  return state;
}

void Chip::load_state(const TensorMap& state) {
  for (std::size_t i = 0; i < products_.size(); ++i) {
    const std::string prefix = std::to_string(i) + ".";
    TensorMap part;
    for (const auto& [name, tensor] : state) {
      if (name.compare(0, prefix.size(), prefix) == 0) part[name.substr(prefix.size())] = tensor;
    }
    products_[i].load_state(part);
  }
  clock_ = state.at("clock").item<double>();
}

std::vector<Tensor> largest_weights(const Network& network, ScalePer scale) {
  std::vector<Tensor> largest;
  for (const StoredProduct& stored : network.products()) {
    const Tensor columns = stored.weight.detach().flatten(1).abs().amax(1);
    const double of_all = columns.max().item<double>();
    const double edge = of_all > 0 ? of_all : 1;
    // An output without weights has a window all the same, so small that its noise is nothing.
    largest.push_back(scale == ScalePer::kColumn ? columns.clamp_min(1e-6 * edge)
                                                 : torch::scalar_tensor(edge, torch::kDouble));
  }
  return largest;
}

}  // namespace crossloom
