#include "crossloom/device/device.h"

#include "crossloom/core/units.h"

namespace crossloom {
namespace {

/// `changed` at the cells `index`, `tensor` elsewhere; `index` counts the cells of the flat block.
Tensor scatter(const Tensor& tensor, const Tensor& index, const Tensor& changed) {
  Tensor result = tensor.clone();
  result.view(-1).index_copy_(0, index, changed.to(tensor.scalar_type()));
  return result;
}

Tensor gather(const Tensor& tensor, const Tensor& index) {
  return tensor.reshape(-1).index_select(0, index);
}

/// Whether all cells have one value in common, kept once.
bool is_shared(const Tensor& tensor) {
  for (std::int64_t dim = 0; dim < tensor.dim(); ++dim) {
    if (tensor.size(dim) != 1 && tensor.stride(dim) != 0) return false;
  }
  return tensor.numel() > 0;
}

bool shares(const Tensor& tensor, double value) {
  return is_shared(tensor) && tensor.as_strided({1}, {1}).item<double>() == value;
}

/// What a write of the cells `index` leaves in `cells`, whatever kind of write it was.
struct Written {
  Tensor g_target;    // [n]  S
  Tensor g_written;   // [n]  S
  Tensor num_writes;  // [n]  1
  double clock;       // [s]
};

void record(Cells& cells, const Tensor& index, const Written& written, const Latents& drawn) {
  cells.g_target = scatter(cells.g_target, index, written.g_target);
  cells.g_written = scatter(cells.g_written, index, written.g_written);
  if (!shares(cells.written_at, written.clock)) {
    cells.written_at =
        scatter(cells.written_at, index, at::full(index.sizes(), written.clock, at::kDouble));
  }
  cells.write_count =
      scatter(cells.write_count, index, gather(cells.write_count, index) + written.num_writes);
  for (const auto& [name, deviates] : drawn) {
    cells.latent[name] = scatter(cells.latent.at(name), index, deviates);
  }
}

}  // namespace

Device::Device(const std::string& name)
    : name_(name), model_(Registry<DeviceModel>::instance().create(name)) {}

void Device::describe(ParamList& params) {
  model_->describe(params);
  params.add("p_stuck_on", p_stuck_on_, {0, 1}, "1", "probability that a cell is fixed at g_max");
  params.add("p_stuck_off", p_stuck_off_, {0, 1}, "1", "probability that a cell is fixed at g_min");
  params.add("sigma_d2d",
             sigma_d2d_,
             {0, 1},
             "1",
             "relative spread, from cell to cell, of the conductances a cell can be brought to");
  params.add("pulse_step",
             pulse_step_,
             {0, 1},
             "S",
             "mean change of conductance per blind pulse; 0 = one level (assumption)");
  params.add("sigma_c2c",
             sigma_c2c_,
             {0, 10},
             "1",
             "spread of the change from one blind pulse to the next, relative to pulse_step");
  params.add(
      "read_noise_scale", read_noise_scale_, {0, 10}, "1", "multiplies the read noise; 0 = off");
  iv_.describe(params);
}

void Device::validate() const {
  const auto [g_min, g_max] = range();
  if (!(g_min < g_max)) {
    throw ConfigError(
        "the device " + name_ + " has no range (g_min = " + format_quantity(g_min, "S") +
        " is not below g_max = " + format_quantity(g_max, "S") + "); give g_min < g_max");
  }
  iv_law();
  if (p_stuck_on_ + p_stuck_off_ > 1) {
    throw ConfigError(
        "p_stuck_on + p_stuck_off = " + format_quantity(p_stuck_on_ + p_stuck_off_, "1") +
        " (a cell cannot be stuck with a probability above 1); lower one of them");
  }
}

double Device::level_step() const {
  const auto [g_min, g_max] = range();
  return num_levels() > 1 ? (g_max - g_min) / static_cast<double>(num_levels() - 1) : 0;
}

Cells Device::make_cells(at::IntArrayRef sizes, const Rng& rng) const {
  Rng variation = rng.fork(Purpose::kVariation);
  Rng fault = rng.fork(Purpose::kFault);
  Cells cells;
  cells.g_written = model_->pristine(sizes, variation);
  cells.g_target = cells.g_written.clone();
  cells.written_at = at::zeros({1}, at::kDouble).expand(sizes);
  cells.write_count = at::zeros(sizes, at::kInt);
  const Tensor deviates = variation.normal(sizes);
  // What all cells have in common takes no memory.
  cells.window = sigma_d2d_ > 0 ? (1 + sigma_d2d_ * deviates).clamp_min(0)
                                : at::ones({1}, deviates.options()).expand(sizes);
  cells.latent = model_->born_with(sizes, variation);
  for (auto& [name, tensor] : model_->drawn_at_write(sizes, variation)) cells.latent[name] = tensor;
  if (p_stuck_on_ + p_stuck_off_ == 0) {
    cells.fault = at::zeros({1}, at::kChar).expand(sizes);
    return cells;
  }
  const Tensor u = fault.uniform(sizes);
  cells.fault = u.lt(p_stuck_on_).to(at::kChar) - u.ge(1 - p_stuck_off_).to(at::kChar);
  return cells;
}

void Device::write(
    Cells& cells, const Tensor& mask, const Tensor& g_target, double clock, Rng& rng) const {
  TORCH_CHECK(
      g_target.sizes() == cells.g_written.sizes() && mask.sizes() == cells.g_written.sizes(),
      "targets of shape ",
      g_target.sizes(),
      " and mask of shape ",
      mask.sizes(),
      " do not fit cells of shape ",
      cells.g_written.sizes());
  const Tensor index = mask.reshape(-1).nonzero().squeeze(1);
  if (index.numel() == 0) return;
  const auto [g_min, g_max] = range();
  const Tensor window = gather(cells.window, index);
  const Tensor wanted = gather(g_target, index).to(at::kFloat);
  const Tensor reachable = at::min(at::max(wanted, g_min * window), g_max * window);
  const Tensor g = model_->program(reachable, rng);
  record(cells,
         index,
         {wanted, g, at::ones_like(wanted), clock},
         model_->drawn_at_write(index.sizes(), rng));
}

void Device::pulse(Cells& cells, const Tensor& num_pulses, double clock, Rng& rng) const {
  const Tensor index = num_pulses.reshape(-1).nonzero().squeeze(1);
  if (index.numel() == 0) return;
  const auto [g_min, g_max] = range();
  const double step = pulse_step_ > 0 ? pulse_step_ : level_step();
  TORCH_CHECK(step > 0, "blind pulses need a pulse_step, the device ", name_, " has no levels");
  const Tensor count = gather(num_pulses, index).to(at::kFloat);
  const Tensor window = gather(cells.window, index);
  const Tensor spread = sigma_c2c_ * count.abs().sqrt() * rng.normal(count.sizes());
  const Tensor moved = gather(conductance(cells, clock), index) + step * window * (count + spread);
  const Tensor g = at::min(at::max(moved, g_min * window), g_max * window);
  record(cells, index, {g, g, count.abs(), clock}, model_->drawn_at_write(index.sizes(), rng));
}

/// [...], or of one element that stands for all cells when they were written at the same time.
Tensor Device::elapsed(const Cells& cells, double clock) const {
  const std::vector<std::int64_t> one(static_cast<std::size_t>(cells.written_at.dim()), 1);
  const Tensor written_at =
      is_shared(cells.written_at) ? cells.written_at.as_strided(one, one) : cells.written_at;
  const Tensor elapsed = clock - written_at;
  const double longest = elapsed.numel() > 0 ? elapsed.max().item<double>() : 0;
  if (longest > model_->max_elapsed()) {
    throw ConfigError("the retention of " + name_ + " is asked for at " +
                      format_quantity(longest, "s") + " (measured up to " +
                      format_quantity(model_->max_elapsed(), "s") + "); ask for an earlier time");
  }
  TORCH_CHECK(elapsed.numel() == 0 || elapsed.min().item<double>() >= 0,
              "the clock of a chip cannot go back before a write");
  return elapsed;
}

Tensor Device::conductance(const Cells& cells, double clock) const {
  const auto [g_min, g_max] = range();
  const Tensor aged =
      model_->age(cells.g_target, cells.g_written, elapsed(cells, clock), cells.latent)
          .clamp_min(0);
  if (shares(cells.fault, 0)) return aged;
  const Tensor on = cells.fault.eq(1);
  const Tensor off = cells.fault.eq(-1);
  return at::where(on,
                   at::scalar_tensor(g_max, aged.options()),
                   at::where(off, at::scalar_tensor(g_min, aged.options()), aged));
}

Tensor Device::read_sigma(const Cells& cells, double clock) const {
  const Tensor sigma = model_->read_sigma(conductance(cells, clock), elapsed(cells, clock));
  return shares(cells.fault, 0) ? read_noise_scale_ * sigma
                                : read_noise_scale_ * sigma * cells.fault.eq(0);
}

}  // namespace crossloom
