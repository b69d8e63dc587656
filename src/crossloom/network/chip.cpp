#include "crossloom/network/chip.h"

#include <torch/csrc/autograd/custom_function.h>

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
        at::IValue::make_capsule(c10::make_intrusive<ReadHolder>(read.rng.fork(1)));
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

std::vector<Placement> place_all(const Hardware& hardware, const std::vector<Tensor>& w_max) {
  std::vector<Placement> placements;
  for (const Tensor& edge : w_max) placements.push_back({true, hardware, edge});
  return placements;
}

/// Numbers of the streams of computed products, apart from those of stored ones.
constexpr std::uint64_t kFirstComputed = std::uint64_t{1} << 32;

bool is_tracked(const Hardware& hardware) {
  return hardware.dac.range.policy == RangePolicy::kTracked ||
         hardware.adc.range.policy == RangePolicy::kTracked;
}

constexpr std::uint64_t kProgramAll = ~std::uint64_t{0};  // a step number no training reaches

Tensor largest_of_outputs(const Tensor& weight) {
  return weight.flatten(1).abs().amax(1);
}

/// The window that the largest weights of the outputs, [C], ask for.
Tensor edge_of(const Tensor& columns, ScalePer scale) {
  const Tensor of_all = columns.max();
  const Tensor edge = at::where(of_all > 0, of_all, at::ones_like(of_all));
  // An output without weights has a window all the same, so small that its noise is nothing.
  return scale == ScalePer::kColumn ? at::maximum(columns, 1e-6 * edge.detach()) : edge;
}

}  // namespace

Chip::Chip(const Network& network,
           const std::vector<Placement>& placements,
           std::uint64_t seed,
           std::uint64_t number,
           const std::vector<ComputedPlacement>& computed)
    : seed_(seed),
      number_(number),
      corrections_(network.products().size()),
      drift_factors_(network.products().size(), 1) {
  if (placements.size() != network.products().size()) {
    throw ConfigError("the network " + network.name() + " has " +
                      std::to_string(network.products().size()) + " products (" +
                      std::to_string(placements.size()) +
                      " are placed on the chip); place the network that is mapped");
  }
  for (std::size_t i = 0; i < placements.size(); ++i) {
    const Placement& placement = placements[i];
    place_of_.push_back(placement.is_analog ? static_cast<std::int64_t>(products_.size()) : -1);
    if (!placement.is_analog) continue;
    placement.hardware.validate();
    has_tracked_ranges_ |= is_tracked(placement.hardware);
    const InputSign sign =
        network.has_signed_input(i) ? InputSign::kSigned : InputSign::kNonNegative;
    Hardware hardware = placement.hardware;
    hardware.device = hardware.device.on_die(Rng(seed).fork(number));
    products_.emplace_back(hardware,
                           network.products()[i].geometry,
                           sign,
                           placement.w_max,
                           Rng(seed).fork(number).fork(i).fork(0));
  }
  for (const ComputedPlacement& placement : computed) {
    placement.hardware.validate();
    if (is_tracked(placement.hardware)) {
      throw ConfigError("the product of two activations " + network.nodes()[placement.node].name +
                        " has a tracked range (its operands are those of one example, so that a "
                        "running maximum depends on their order); give it dac.range and adc.range "
                        "fixed, calibrated or learned");
    }
    const Node& driving = network.nodes()[network.nodes().at(placement.node).inputs[0]];
    computed_.emplace(
        placement.node,
        ComputedProduct(placement.hardware,
                        driving.is_non_negative ? InputSign::kNonNegative : InputSign::kSigned,
                        Rng(seed).fork(number).fork(kFirstComputed + placement.node).fork(0)));
  }
}

Chip::Chip(const Network& network,
           const Hardware& hardware,
           const std::vector<Tensor>& w_max,
           std::uint64_t seed,
           std::uint64_t number)
    : Chip(network, place_all(hardware, w_max), seed, number) {}

Tensor Chip::product(const Network& network,
                     std::size_t index,
                     const Tensor& x,
                     const ChipRead& read) {
  const StoredProduct& stored = network.products()[index];
  if (place_of_[index] < 0) return digital_product(x, stored.weight, stored.geometry);
  AnalogProduct& analog = products_[static_cast<std::size_t>(place_of_[index])];
  ReadContext context;
  context.clock = clock_;
  context.rng = stream(seed_, {number_, index, 0}, Purpose::kRead).fork(read.pass);
  context.first_image = read.first_image;
  context.ranges = read.ranges;
  const Tensor y = AnalogForward::apply(x, stored.weight, &analog, context, read.backward);
  return drift_factors_[index] == 1 ? y : y * drift_factors_[index];
}

std::vector<Tensor> Chip::forward(const Network& network,
                                  const std::vector<Tensor>& inputs,
                                  const ChipRead& read,
                                  const Observer& observer,
                                  const ComputedObserver& computed_observer) {
  const auto stored = [&](std::size_t index, const Tensor& x) {
    const Tensor y = product(network, index, x, read);
    if (observer) observer(index, x, y);
    return corrections_[index].apply(y, network.products()[index].geometry);
  };
  const auto computed = [&](std::size_t node, const Tensor& a, const Tensor& b) {
    if (computed_.count(node) == 0) return Tensor();
    const Tensor y = computed_product(node, a, b, read);
    if (computed_observer) computed_observer(node, a, b, y);
    return y;
  };
  return network.forward(inputs, stored, {}, computed);
}

/// Gradients go straight through.
Tensor Chip::computed_product(std::size_t node,
                              const Tensor& a,
                              const Tensor& b,
                              const ChipRead& read) {
  ReadContext context;
  context.clock = clock_;
  const Place place = {number_, kFirstComputed + node, 0};
  context.rng = stream(seed_, place, Purpose::kRead).fork(read.pass);
  context.first_image = read.first_image;
  context.ranges = read.ranges;
  const Rng writes = stream(seed_, place, Purpose::kProgramming).fork(read.pass);
  const Tensor y = [&] {
    const at::NoGradGuard no_grad;
    return computed_.at(node).forward(a, b, context, writes);
  }();
  if (!at::GradMode::is_enabled() || !(a.requires_grad() || b.requires_grad())) return y;
  const Tensor exact = at::matmul(a, b);
  return exact + (y - exact).detach();
}

Tensor Chip::forward(const Network& network, const Tensor& x, const ChipRead& read) {
  return Network::as_one(forward(network, network.inputs_in(x), read));
}

void Chip::set_correction(std::size_t index, const DigitalCorrection& correction) {
  corrections_.at(index) = correction;
}

void Chip::set_drift_factor(std::size_t index, double factor) {
  drift_factors_.at(index) = factor;
}

Rng Chip::write_stream(std::size_t index, std::uint64_t step) const {
  return stream(seed_, {number_, index, 0}, Purpose::kProgramming).fork(step);
}

void Chip::program(const Network& network) {
  for (std::size_t i = 0; i < place_of_.size(); ++i) {
    if (place_of_[i] < 0) continue;
    const Tensor weight = network.products()[i].weight.detach();
    Rng rng = write_stream(i, kProgramAll);
    products_[static_cast<std::size_t>(place_of_[i])].write(
        at::ones_like(weight, at::kBool), weight, clock_, rng);
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
  state["clock"] = at::scalar_tensor(clock_, at::kDouble);
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

Tensor largest_weight(const StoredProduct& stored, ScalePer scale) {
  return edge_of(largest_of_outputs(stored.weight.detach()).to(at::kDouble), scale);
}

Tensor largest_weight(const Tensor& weight, ScalePer scale) {
  return edge_of(largest_of_outputs(weight), scale);
}

std::vector<Tensor> largest_weights(const Network& network, ScalePer scale) {
  std::vector<Tensor> largest;
  for (const StoredProduct& stored : network.products()) {
    largest.push_back(largest_weight(stored, scale));
  }
  return largest;
}

}  // namespace crossloom
