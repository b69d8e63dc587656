#include "crossloom/device/device.h"

#include <limits>

#include "crossloom/core/units.h"
#include "crossloom/device/masks.h"
#include "crossloom/device/selection.h"

namespace crossloom {
namespace {

Tensor write_times(const Cells& cells, const Selection& chosen, double clock) {
  if (shares(cells.written_at, clock)) return cells.written_at;
  return chosen.scatter(cells.written_at, at::full({1}, clock, at::kDouble));
}

Latents gather_all(const Selection& chosen,
                   const Latents& latent,
                   const std::vector<std::string>& names) {
  Latents gathered;
  for (const std::string& name : names) {
    gathered[name] = chosen.gather(latent.at(name)).expand({chosen.size()});
  }
  return gathered;
}

void scatter_all(Latents& latent, const Selection& chosen, const Latents& changed) {
  for (const auto& [name, values] : changed) {
    latent[name] = chosen.scatter(latent.at(name), values);
  }
}

}  // namespace

/// The chosen cells before a write: [n], or [1] where they are all alike.
struct Device::Start {
  Tensor g;         // S  undefined when nobody asks
  Tensor window;    // 1
  Tensor is_sound;  // bool
};

/// What a write leaves in the chosen cells, whatever kind of write it was: [n], or [1] as before.
struct Device::Written {
  Tensor g;           // S
  Tensor num_writes;  // 1  int32
  Tensor num_resets;  // 1  int32  of these; undefined when nobody asks
};

Device::Device(const std::string& name)
    : name_(name), model_(Registry<DeviceModel>::instance().create(name)) {}

void Device::describe(ParamList& params) {
  model_->describe(params);
  model_->describe_environment(params);
  faults_.describe(params);
  params.add("sigma_d2d",
             sigma_d2d_,
             {0, 1},
             "1",
             "relative spread, from cell to cell, of the conductances a cell can be brought to");
  params.add("sigma_die",
             sigma_die_,
             {0, 1},
             "1",
             "the same from die to die: one factor for all cells of a chip");
  params.add(
      "pulse_step",
      pulse_step_,
      {0, 1},
      "S",
      "mean change of conductance per blind pulse, unless the model has a law of its own; 0 = "
      "one level (assumption)");
  params.add("sigma_c2c",
             sigma_c2c_,
             {0, 10},
             "1",
             "spread of the change from one blind pulse to the next, relative to pulse_step");
  params.add(
      "read_noise_scale", read_noise_scale_, {0, 10}, "1", "multiplies the read noise; 0 = off");
  params.add_choice<Programming>(
      "programming",
      programming_,
      {{"statistical", Programming::kStatistical}, {"write_verify", Programming::kWriteVerify}},
      "a write as what it leaves behind, or pulse by pulse with a read "
      "after each");
  params.add("verify_tolerance",
             verify_tolerance_,
             {0, 1},
             "S",
             "distance from the target at which write–verify stops; 0 = one pulse");
  params.add("max_trials", max_trials_, {1, 100000}, "1", "most pulses of one write–verify");
  telegraph_.describe(params);
  retention_.describe(params);
  params.add("energy_set", energy_set_, {0, 1}, "J", "of a SET pulse; 0 = what the model says");
  params.add("energy_reset", energy_reset_, {0, 1}, "J", "of a RESET pulse; 0 = as the model says");
  iv_.describe(params);
}

void Device::validate() const {
  const auto [g_min, g_max] = range();
  if (!(g_min < g_max)) {
    throw ConfigError(
        "the device " + name_ + " has no range (g_min = " + format_quantity(g_min, "S") +
        " is not below g_max = " + format_quantity(g_max, "S") + "); give g_min < g_max");
  }
  model_->validate();
  iv_law();
  faults_.validate();
}

double Device::level_step() const {
  const auto [g_min, g_max] = range();
  return num_levels() > 1 ? (g_max - g_min) / static_cast<double>(num_levels() - 1) : 0;
}

Device Device::on_die(const Rng& chip) const {
  Device device = *this;
  if (sigma_die_ == 0) return device;
  Rng rng = chip.fork(std::numeric_limits<std::uint64_t>::max());  // no layer has this number
  device.die_ = std::max(0.0, 1 + sigma_die_ * rng.normal({1}).item<double>());
  return device;
}

Cells Device::make_cells(at::IntArrayRef sizes, const Rng& rng) const {
  Rng variation = rng.fork(Purpose::kVariation);
  Rng fault = rng.fork(Purpose::kFault);
  Cells cells;
  cells.g_written = model_->pristine(sizes, variation);
  cells.g_target = cells.g_written;
  cells.written_at = at::zeros({1}, at::kDouble).expand(sizes);
  cells.write_count = at::zeros({1}, at::kInt).expand(sizes);
  if (sigma_d2d_ > 0) {
    cells.window = die_ * (1 + sigma_d2d_ * variation.normal(sizes)).clamp_min(0);
  } else {
    variation.advance();
    cells.window = at::full({1}, die_, at::kFloat).expand(sizes);
  }
  cells.latent = model_->born_with(sizes, variation);
  for (auto& [name, tensor] : model_->drawn_at_write(sizes, variation)) cells.latent[name] = tensor;
  telegraph_.make(cells.latent, sizes, variation);
  retention_.make(cells.latent, sizes, variation);
  if (energy().set + energy().reset > 0) {
    cells.latent["num_resets"] = at::zeros({1}, at::kInt).expand(sizes);
  }
  faults_.make(cells, sizes, fault);
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
  const bool verifies = programming_ == Programming::kWriteVerify;
  const Selection chosen(mask,
                         verifies ? Selection::Others::kLeftOut : Selection::Others::kMayComeAlong);
  if (chosen.is_empty()) return;
  const Tensor window = chosen.gather(cells.window);
  const Tensor wanted = chosen.gather(g_target.to(at::kFloat)).expand({chosen.size()});
  const bool needs_start = verifies || cells.latent.count("num_resets") > 0;
  const Start start = {needs_start ? chosen.gather(settled(cells, clock)) : Tensor(),
                       window,
                       chosen.gather(cells.fault).eq(0)};
  Latents own = gather_all(chosen, cells.latent, model_->written_with());
  const Tensor reachable = in_window(wanted, window);
  const Written written =
      verifies ? verified(start, reachable, own, rng) : statistical(start, reachable, own, rng);
  renew_deviates(cells, chosen, own, rng);
  scatter_all(cells.latent, chosen, own);
  record(cells, chosen, wanted, written, clock);
  if (cells.g_target.is_alias_of(g_target)) cells.g_target = g_target.clone();
}

/// Conductances [S] that cells come to which are asked for `g` [S].
Tensor Device::in_window(const Tensor& g, const Tensor& window) const {
  const auto [g_min, g_max] = range();
  if (window.numel() == 1) {
    const double factor = window.item<double>();
    return g.clamp(g_min * factor, g_max * factor);
  }
  return at::min(at::max(g, g_min * window), g_max * window);
}

/// Adds to `latent` of the chosen cells what a write draws anew. A cell that was never written
/// still has the deviates that it was made with, which serve until its second write.
void Device::renew_deviates(const Cells& cells,
                            const Selection& chosen,
                            Latents& latent,
                            Rng& rng) const {
  const Tensor is_first = chosen.gather(cells.write_count).eq(0);
  if (is_first.all().item<bool>()) return;
  const bool is_mixed = is_first.any().item<bool>();
  for (const auto& [name, drawn] : model_->drawn_at_write({chosen.size()}, rng)) {
    latent[name] = is_mixed ? choose(is_first, chosen.gather(cells.latent.at(name)), drawn) : drawn;
  }
}

Device::Written Device::statistical(const Start& start,
                                    const Tensor& reachable,
                                    Latents& own,
                                    Rng& rng) const {
  const Tensor g = model_->program(reachable, own, rng);
  return {g, at::ones({1}, at::kInt), start.g.defined() ? g.lt(start.g) : Tensor()};
}

Device::Written Device::verified(const Start& start,
                                 const Tensor& reachable,
                                 Latents& own,
                                 Rng& rng) const {
  const double tolerance = verify_tolerance_ > 0 ? verify_tolerance_ : pulse_step();
  const Tensor just_written = at::zeros({1}, at::kDouble);
  const Tensor none = at::zeros({reachable.numel()}, at::kInt);
  Written written = {start.g.expand(reachable.sizes()), none, none};
  for (std::int64_t trial = 0; trial < max_trials_; ++trial) {
    const Tensor sigma = read_noise_scale_ * model_->read_sigma(written.g, just_written);
    const Tensor missing = reachable - (written.g + sigma * rng.normal(reachable.sizes()));
    const Tensor pulse = missing.sign() * missing.abs().gt(tolerance);
    if (!pulse.any().item<bool>()) break;
    const Tensor moves = pulse.ne(0).logical_and(start.is_sound);
    written.g = at::where(moves, pulsed(written.g, pulse, start.window, own, rng), written.g);
    written.num_writes = written.num_writes + pulse.ne(0);
    written.num_resets = written.num_resets + pulse.lt(0);
  }
  return written;
}

double Device::pulse_step() const {
  const double step = pulse_step_ > 0 ? pulse_step_ : level_step();
  if (step == 0) {
    throw ConfigError("the device " + name_ +
                      " is pulsed without a step (it has no levels, and no law of its own); give "
                      "device.pulse_step");
  }
  return step;
}

/// Conductances [S] of cells of `g` [S] after `count` pulses each.
Tensor Device::pulsed(
    const Tensor& g, const Tensor& count, const Tensor& window, Latents& own, Rng& rng) const {
  const Tensor by_model = model_->pulse(g / window, count, own, rng);
  if (by_model.defined()) return by_model * window;
  const Tensor spread = sigma_c2c_ * count.abs().sqrt() * rng.normal(count.sizes());
  return in_window(g + pulse_step() * window * (count + spread), window);
}

void Device::pulse(Cells& cells, const Tensor& num_pulses, double clock, Rng& rng) const {
  const Selection chosen(num_pulses.ne(0), Selection::Others::kLeftOut);
  if (chosen.is_empty()) return;
  const Tensor count = chosen.gather(num_pulses.to(at::kFloat)).expand({chosen.size()});
  Latents own = gather_all(chosen, cells.latent, model_->written_with());
  const Tensor start = chosen.gather(settled(cells, clock)).expand({chosen.size()});
  const Tensor g = pulsed(start, count, chosen.gather(cells.window), own, rng);
  renew_deviates(cells, chosen, own, rng);
  scatter_all(cells.latent, chosen, own);
  record(cells, chosen, g, {g, count.abs(), (-count).clamp_min(0)}, clock);
}

void Device::record(Cells& cells,
                    const Selection& chosen,
                    const Tensor& wanted,
                    const Written& written,
                    double clock) const {
  cells.g_target = chosen.scatter(cells.g_target, wanted);
  cells.g_written = chosen.scatter(cells.g_written, written.g);
  cells.written_at = write_times(cells, chosen, clock);
  cells.write_count =
      chosen.scatter(cells.write_count, chosen.gather(cells.write_count) + written.num_writes);
  const auto resets = cells.latent.find("num_resets");
  if (resets != cells.latent.end()) {
    resets->second =
        chosen.scatter(resets->second, chosen.gather(resets->second) + written.num_resets);
  }
  if (faults_.wears_out()) faults_.wear_out(cells);
}

PulseEnergy Device::energy() const {
  const PulseEnergy of_model = model_->pulse_energy();
  return {energy_set_ > 0 ? energy_set_ : of_model.set,
          energy_reset_ > 0 ? energy_reset_ : of_model.reset};
}

double Device::write_energy(const Cells& cells) const {
  const auto resets = cells.latent.find("num_resets");
  if (resets == cells.latent.end()) return 0;
  const double num_resets = resets->second.sum().item<double>();
  const double num_writes = cells.write_count.sum().item<double>();
  return energy().set * (num_writes - num_resets) + energy().reset * num_resets;
}

/// [...], or of one element that stands for all cells when they were written at the same time.
Tensor Device::elapsed(const Cells& cells, double clock) const {
  const std::vector<std::int64_t> one(static_cast<std::size_t>(cells.written_at.dim()), 1);
  const Tensor written_at =
      is_shared(cells.written_at) ? cells.written_at.as_strided(one, one) : cells.written_at;
  const Tensor elapsed = clock - written_at;
  TORCH_CHECK(elapsed.numel() == 0 || elapsed.min().item<double>() >= 0,
              "the clock of a chip cannot go back before a write");
  return elapsed;
}

/// `elapsed` [s] at the temperature of the chip as the model's ageing counts it.
Tensor Device::aged_time(const Tensor& elapsed) const {
  const double acceleration = retention_.acceleration(model_->temperature());
  const Tensor time = acceleration == 1 ? elapsed : elapsed * acceleration;
  const double longest = time.numel() > 0 ? time.max().item<double>() : 0;
  if (longest > model_->max_elapsed()) {
    throw ConfigError("the retention of " + name_ + " is asked for at " +
                      format_quantity(longest, "s") + " (measured up to " +
                      format_quantity(model_->max_elapsed(), "s") + "); ask for an earlier time");
  }
  return time;
}

/// Conductances without what comes and goes by itself (telegraph noise).
Tensor Device::settled(const Cells& cells, double clock) const {
  const Tensor time = elapsed(cells, clock);
  const Tensor aged = model_->age(cells.g_target, cells.g_written, aged_time(time), cells.latent);
  if (!retention_.is_on()) return with_faults(aged, cells);
  return with_faults(
      retention_.apply(aged, time, cells.latent, range().g_max, model_->temperature()).clamp_min(0),
      cells);
}

Tensor Device::with_faults(const Tensor& g, const Cells& cells) const {
  if (shares(cells.fault, 0)) return g;
  const auto [g_min, g_max] = range();
  return at::where(cells.fault.eq(1),
                   at::scalar_tensor(g_max, g.options()),
                   at::where(cells.fault.eq(-1), at::scalar_tensor(g_min, g.options()), g));
}

Tensor Device::conductance(const Cells& cells, double clock) const {
  const Tensor g = settled(cells, clock);
  if (!telegraph_.is_on()) return g;
  return with_faults((g + telegraph_.offset(cells.latent, clock)).clamp_min(0), cells);
}

Tensor Device::read_sigma(const Cells& cells, const Tensor& g, double clock) const {
  const Tensor sigma = model_->read_sigma(g, elapsed(cells, clock));
  return shares(cells.fault, 0) ? read_noise_scale_ * sigma
                                : read_noise_scale_ * sigma * cells.fault.eq(0);
}

}  // namespace crossloom
