#include "crossloom/training/chip_model.h"

#include <cmath>
#include <map>

#include <torch/csrc/autograd/custom_function.h>

#include "crossloom/core/units.h"
#include "crossloom/network/pass_format.h"

namespace crossloom {
namespace {

constexpr double kLeastShare = 0.02;
constexpr double kLeastRange = 1e-6;

Hardware with_drive(Hardware hardware, double scale) {
  hardware.dac.v_read *= scale;
  return hardware;
}

void require_law(const Device& device, double elapsed) {
  if (elapsed <= device.max_elapsed()) return;
  throw ConfigError("training for " + format_quantity(elapsed, "s") + " after programming (" +
                    device.name() + " is known from 0 s to " +
                    format_quantity(device.max_elapsed(), "s") +
                    "); give method.elapsed within this, or a device with a longer law");
}

/// [C] -> [C, 1, …] as the weight has dimensions; [] stays.
Tensor per_output(const Tensor& values, const Tensor& weight) {
  if (values.dim() == 0) return values;
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(weight.dim()), 1);
  sizes[0] = -1;
  return values.view(sizes);
}

/// Mean square of each input channel: of images [B, C, H, W], of vectors [..., C].
Tensor mean_square(const Tensor& x, const ProductGeometry& geometry) {
  const Tensor square = x.detach().square();
  return geometry.kind == ProductGeometry::Kind::kConv ? square.mean({0, 2, 3})
                                                       : square.flatten(0, -2).mean(0);
}

/// Mean over outputs of sum_ij variance_ij inputs_j.
Tensor weighed(const Tensor& variance, const Tensor& inputs, const ProductGeometry& geometry) {
  // [C, C_in / groups, …] -> [groups, C / groups, C_in / groups]
  const std::int64_t groups = geometry.groups;
  const Tensor rows = variance.flatten(1)
                          .view({variance.size(0), geometry.in_channels / groups, -1})
                          .sum(2)
                          .view({groups, geometry.out_channels / groups, -1});
  return (rows * inputs.view({groups, 1, -1})).sum() / static_cast<double>(geometry.out_channels);
}

/// `RowDriver::bend` with its gradient.
struct Bend : torch::autograd::Function<Bend> {
  static Tensor forward(torch::autograd::AutogradContext* context,
                        const Tensor& x,
                        const RowDriver* driver,
                        double full_scale,
                        std::int64_t term) {
    const RowDriver::Bent bent = driver->bend(x, full_scale, term);
    context->save_for_backward({bent.slopes});
    return bent.values;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grads) {
    return {grads[0] * context->get_saved_variables()[0], Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

ChipModel::Kind::Kind(const Hardware& of_kind, double elapsed, std::uint64_t seed)
    : hardware(of_kind),
      driver(hardware.dac, hardware.device.iv_law()),
      num_terms(hardware.device.iv_law().size()),
      is_linear(crossloom::is_linear(hardware.device.iv_law(), hardware.dac.v_full())),
      noise_of_weight(0) {
  require_law(hardware.device, elapsed);
  errors = std::make_shared<WeightErrorLaw>(
      hardware, elapsed, Rng(seed).fork(Purpose::kVariation).fork(~std::uint64_t{0}));
  if (hardware.adc.bits == 0 || hardware.adc.noise_i == 0) return;
  const WeightMapping mapping(hardware.mapping, hardware.device.range(), at::ones({}, at::kDouble));
  double squares = 0;
  for (const double significance : mapping.significance()) {
    squares += static_cast<double>(hardware.converted_lines()) * significance * significance;
  }
  noise_of_weight =
      hardware.adc.noise_i * std::sqrt(squares) * mapping.weight_scale().item<double>();
}

ChipModel::ChipModel(const Network& network,
                     const std::vector<Placement>& placements,
                     double elapsed,
                     double drive_scale,
                     std::uint64_t seed) {
  TORCH_CHECK(placements.size() == network.products().size());
  std::map<std::size_t, std::size_t> places;  // in `kinds_`, by the number of the placements
  for (const Placement& placement : placements) {
    const Hardware hardware = with_drive(placement.hardware, drive_scale);
    // A digital product has the kind of an analog one, which nobody asks for, or none.
    if (placement.is_analog && places.count(placement.kind) == 0) {
      places[placement.kind] = kinds_.size();
      kinds_.emplace_back(hardware, elapsed, seed);
    }
    is_analog_.push_back(placement.is_analog);
    kind_of_.push_back(placement.is_analog ? places[placement.kind] : 0);
    const bool is_fixed = hardware.dac.range.policy == RangePolicy::kFixed;
    ranges_.push_back(at::full({}, is_fixed ? hardware.dac.x_max : 0, at::kFloat));
    shares_.push_back(at::ones({}, at::kFloat));
  }
}

void ChipModel::observe_inputs(const Network& network, const Tensor& x) {
  const at::NoGradGuard no_grad;
  const auto follows = [&](std::size_t index) {
    if (!is_analog_[index]) return false;
    if (kind_of(index).hardware.dac.range.policy == RangePolicy::kFixed) return false;
    return ranges_[index].item<double>() == 0 || !ranges_[index].requires_grad();
  };
  bool is_needed = false;
  for (std::size_t i = 0; i < ranges_.size(); ++i) is_needed = is_needed || follows(i);
  if (!is_needed) return;
  network.forward(network.inputs_in(x), [&](std::size_t index, const Tensor& input) {
    const StoredProduct& stored = network.products()[index];
    if (follows(index)) {
      RangeOptions options = kind_of(index).hardware.dac.range;
      // What a learned range comes to is found by training here; its start is a percentile.
      if (options.policy == RangePolicy::kLearned) options.policy = RangePolicy::kCalibrated;
      const double before = ranges_[index].item<double>();
      const double seen = std::max(observe(options, input), kLeastRange);
      if (std::isfinite(seen)) {
        ranges_[index].fill_(before == 0 ? seen : before + kRangeMomentum * (seen - before));
      } else if (before == 0) {
        ranges_[index].fill_(1);  // a network that has diverged is found by its loss
      }
    }
    return digital_product(input, stored.weight, stored.geometry);
  });
}

Tensor ChipModel::Kind::window(const Tensor& weight) const {
  return largest_weight(weight, hardware.mapping.scale);
}

Tensor ChipModel::Kind::with_error(const Tensor& weight,
                                   const Tensor& w_max,
                                   double scale,
                                   Rng& rng) const {
  const Tensor edge = per_output(w_max, weight);
  const Tensor u = weight / edge;
  const Tensor stored = errors->stored(u) * edge;
  if (scale == 0) return stored;
  const Tensor error = errors->mean(u) + errors->sigma(u) * rng.normal(u.sizes());
  return stored + (scale * edge) * error;
}

/// Of one output: noise_i of every converter that adds to it, in the units of the output.
Tensor ChipModel::Kind::amplifier_sigma(const ProductGeometry& geometry,
                                        const Tensor& w_max,
                                        const Tensor& range,
                                        const Tensor& use) const {
  const Tiling tiling = tile_product(geometry, hardware.array, hardware.mapping.footprint());
  const double of_tiles = std::sqrt(static_cast<double>(tiling.row_tiles));
  return (noise_of_weight * of_tiles / driver.full_drive()) * w_max * range / use;
}

Tensor ChipModel::product(const StoredProduct& stored,
                          std::size_t index,
                          const Tensor& input,
                          const RowDriver& driver,
                          const Draw& draw) const {
  // All but the product itself is computed in float32.
  const Tensor x = as_float(input);
  const ProductGeometry& geometry = stored.geometry;
  const Tensor& weight = stored.weight;
  const Kind& kind = kind_of(index);
  const Tensor& range = ranges_[index];
  TORCH_CHECK(range.requires_grad() || range.item<double>() > 0, "no inputs were observed");
  const Tensor use = shares_[index] * draw.drive;
  const Tensor w_max = kind.window(weight).detach();
  const bool bends = !draw.is_linear && !kind.is_linear;
  Rng rng = draw.rng.fork(index);
  const auto driven = [&](std::int64_t k) {
    // Learned values need gradients of their own, which tables do not have.
    const bool is_learned = range.requires_grad() || shares_[index].requires_grad();
    if (is_learned || kind.hardware.dac.bits == 0 || x.scalar_type() != at::kFloat) {
      return driver.transform(x, range, shares_[index], k);
    }
    return Bend::apply(x, &driver, range.item<double>(), k);
  };
  const Tensor first = driven(0);
  Tensor y =
      as_float(digital_product(first, kind.with_error(weight, w_max, draw.error, rng), geometry));
  for (std::size_t k = 1; bends && k < kind.num_terms; ++k) {
    const Tensor edge = per_output(w_max, weight);
    y = y + digital_product(driven(static_cast<std::int64_t>(k)),
                            kind.errors->term(k, weight / edge) * edge,
                            geometry);
  }
  if (draw.corrects_columns) {
    const Tensor wanted = digital_product(x.detach(), weight.detach(), geometry);
    CorrectionFit fit;
    fit.add(y.detach(), wanted, geometry);
    y = fit.solve(true).apply(y, geometry);
  }
  if (draw.activity != nullptr) {
    draw.activity->inputs[index] = mean_square(first, geometry);
    draw.activity->outputs[index] = y.square().mean();
  }
  if (kind.noise_of_weight == 0) return y;
  const Tensor sigma = kind.amplifier_sigma(geometry, w_max, range, use).to(at::kFloat);
  const bool is_conv = geometry.kind == ProductGeometry::Kind::kConv && sigma.dim() == 1;
  Rng amplifiers = draw.amplifiers.fork(index);
  return y + amplifiers.normal(y.sizes()) * (is_conv ? sigma.view({-1, 1, 1}) : sigma);
}

/// That of the share of the range which the pass drives, with a linear current where it wants one.
RowDriver ChipModel::Kind::driver_of(const Draw& draw) const {
  if (draw.drive == 1 && !draw.is_linear) return driver;
  Dac dac = hardware.dac;
  dac.range_use *= draw.drive;
  return {dac, draw.is_linear ? linear_law() : hardware.device.iv_law()};
}

Network::Products ChipModel::products(const std::vector<StoredProduct>& stored,
                                      const Draw& draw) const {
  if (draw.activity != nullptr) {
    draw.activity->inputs.assign(stored.size(), Tensor());
    draw.activity->outputs.assign(stored.size(), Tensor());
  }
  const auto drivers = std::make_shared<std::vector<RowDriver>>();
  for (const Kind& kind : kinds_) drivers->push_back(kind.driver_of(draw));
  return [this, &stored, draw, drivers](std::size_t index, const Tensor& x) {
    const StoredProduct& of_index = stored[index];
    if (!is_analog_[index]) return digital_product(x, of_index.weight, of_index.geometry);
    return product(of_index, index, x, drivers->at(kind_of_[index]), draw);
  };
}

Tensor ChipModel::sum_over_analog(const std::function<Tensor(std::size_t index)>& part) const {
  Tensor sum = at::zeros({});
  for (std::size_t i = 0; i < is_analog_.size(); ++i) {
    if (is_analog_[i]) sum = sum + part(i);
  }
  return sum;
}

Tensor ChipModel::Kind::variance(const Tensor& weight) const {
  const Tensor edge = per_output(window(weight), weight);
  return errors->sigma(weight / edge).square() * edge.square();
}

Tensor ChipModel::state_penalty(const std::vector<StoredProduct>& stored) const {
  return sum_over_analog([&](std::size_t i) {
    const Tensor& weight = stored[i].weight;
    const Tensor edge = per_output(kind_of(i).window(weight).detach(), weight);
    const Tensor squares = (errors(i).square(weight / edge) * edge.square()).sum();
    return squares / weight.detach().square().sum();
  });
}

Tensor ChipModel::noise_to_signal(const std::vector<StoredProduct>& stored) const {
  return sum_over_analog([&](std::size_t i) {
    const Tensor& weight = stored[i].weight;
    return kind_of(i).variance(weight).sum() / weight.square().sum();
  });
}

Tensor ChipModel::activity_penalty(const std::vector<StoredProduct>& stored,
                                   const Activity& activity) const {
  return sum_over_analog([&](std::size_t i) {
    return weighed(kind_of(i).variance(stored[i].weight), activity.inputs[i], stored[i].geometry) /
           activity.outputs[i];
  });
}

std::vector<Tensor> ChipModel::learn(std::vector<Tensor>& values) const {
  std::vector<Tensor> learned;
  for (std::size_t i = 0; i < is_analog_.size(); ++i) {
    if (is_analog_[i]) learned.push_back(values[i].requires_grad_());
  }
  return learned;
}

std::vector<Tensor> ChipModel::learn_shares() {
  return learn(shares_);
}

std::vector<Tensor> ChipModel::learn_ranges() {
  return learn(ranges_);
}

void ChipModel::constrain() {
  const at::NoGradGuard no_grad;
  for (Tensor& share : shares_) share.clamp_(kLeastShare, 1);
  for (Tensor& range : ranges_) {
    if (range.requires_grad()) range.clamp_min_(kLeastRange);
  }
}

bool ChipModel::has_ranges() const {
  for (std::size_t i = 0; i < is_analog_.size(); ++i) {
    if (is_analog_[i] && ranges_[i].item<double>() == 0) return false;
  }
  return true;
}

double ChipModel::range_use(std::size_t index) const {
  return kind_of(index).hardware.dac.range_use * shares_.at(index).item<double>();
}

double ChipModel::input_range(std::size_t index) const {
  return ranges_.at(index).item<double>();
}

TensorMap ChipModel::state() const {
  TensorMap state;
  for (std::size_t i = 0; i < is_analog_.size(); ++i) {
    state[std::to_string(i) + ".range"] = ranges_[i].detach().clone();
    state[std::to_string(i) + ".share"] = shares_[i].detach().clone();
  }
  return state;
}

void ChipModel::load_state(const TensorMap& state) {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < is_analog_.size(); ++i) {
    ranges_[i].copy_(state.at(std::to_string(i) + ".range"));
    shares_[i].copy_(state.at(std::to_string(i) + ".share"));
  }
}

}  // namespace crossloom
