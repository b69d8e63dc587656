#include <cmath>

#include "crossloom/training/method.h"

namespace crossloom {
namespace {

/// Mixed-precision training on the chip: updates are summed up digitally, devices are written only
/// when the sum passes a threshold.
///
///   forward    on the cells
///   backward   from the chip's activations, through the digital weights w (or through the cells)
///   s          <- optimiser step on s            s = w + accumulated updates
///   where |s - w| > threshold:  program the cells to s,  w <- s             (reset)
///                               or to w + n level, w <- w + n level         (keep_remainder)
///
/// The digital weights take the value that was asked for, never what the cells really hold: the
/// array is read once, at the start, and not again. After a reset nothing of the sum is left; with
/// keep_remainder n = trunc((s - w) / threshold) thresholds are taken from it. Sums never leave the
/// window.
/// Source: Y. Wu et al., Advanced Materials 2023, doi:10.1002/adma.202305465 (reset, write–verify,
/// digital backward); S. R. Nandakumar et al., Frontiers in Neuroscience 2020,
/// doi:10.3389/fnins.2020.00406 (keep_remainder, blind pulses, on-array backward).
class MixedPrecision : public TrainingMethod {
 public:
  void describe(ParamList& params) override {
    params.add("threshold",
               threshold_,
               {0, 100},
               "1",
               "accumulated update that programs a device, in levels of the device");
    describe_common(params);
  }

  void start(const TrainingSetup& setup) override {
    if (setup.precision != Precision::kFloat32) {
      throw ConfigError(
          "training.precision = bfloat16 with training on the chip (whose converters set its "
          "precision); leave it out, or take another training.method");
    }
    network_ = std::make_unique<Network>(setup.network.clone());
    std::vector<Placement> placements = setup.placements;
    for (Placement& placement : placements) {
      if (!placement.is_analog) {
        throw ConfigError(
            "a network that learns on the chip with products in the digital part (training on the "
            "chip writes all of them); leave out [layers], or take another training.method");
      }
      placement.w_max = window();
    }
    chip_ = std::make_unique<Chip>(*network_, placements, setup.seed, 0);
    seed_ = setup.seed;
    if (first_ == First::kProgrammed) chip_->program(*network_);
    for (const StoredProduct& stored : network_->products()) {
      sums_.push_back(stored.weight.clone());
    }
    read_weights(kFirstRead);
    set_first_scales();
    std::vector<Tensor> others;
    for (StoredProduct& stored : network_->products()) {
      stored.weight.requires_grad_();
      others.push_back(stored.bias.requires_grad_());
      if (scale_ == Scale::kTrained) others.push_back(stored.log_scale.requires_grad_());
    }
    optimiser_ = std::make_unique<Optimiser>(setup.optimiser, sums_, others);
    num_updates_.assign(network_->products().size(), 0);
  }

  double step(const Batch& batch) override {
    before_step(batch.step);
    optimiser_->zero_grad();
    for (StoredProduct& stored : network_->products()) stored.weight.mutable_grad() = Tensor();
    ChipRead read;
    read.pass = static_cast<std::uint64_t>(batch.step);
    read.ranges = RangeUse::kTrack;
    read.backward = backward_;
    const Tensor loss =
        torch::cross_entropy_loss(chip_->forward(*network_, batch.x, read), batch.labels);
    loss.backward();
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      sums_[i].mutable_grad() = network_->products()[i].weight.grad();
    }
    optimiser_->step();
    for (std::size_t i = 0; i < sums_.size(); ++i) transfer(i, batch.step);
    return loss.item<double>();
  }

  Tensor predict(const Tensor& x, std::uint64_t pass, std::int64_t first_image) override {
    ChipRead read;
    read.pass = pass;
    read.first_image = first_image;
    return chip_->forward(*network_, x, read);
  }

  void set_learning_rate(double learning_rate) override {
    optimiser_->set_learning_rate(learning_rate);
  }

  const Network& network() const override { return *network_; }
  const Chip* chip() const override { return chip_.get(); }
  std::vector<Tensor> windows() const override {
    return std::vector<Tensor>(sums_.size(), window());
  }
  std::vector<std::int64_t> num_updates() const override { return num_updates_; }

  TensorMap state() const override {
    TensorMap state = with_prefix(chip_->state(), "chip.");
    state.merge(with_prefix(optimiser_->state(), "optimiser."));
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      const StoredProduct& stored = network_->products()[i];
      const std::string prefix = "product" + std::to_string(i) + ".";
      state[prefix + "weight"] = stored.weight.detach();
      state[prefix + "bias"] = stored.bias.detach();
      state[prefix + "log_scale"] = stored.log_scale.detach();
      state[prefix + "sum"] = sums_[i].detach();
    }
    state["num_updates"] = torch::tensor(num_updates_);
    return state;
  }

  void load_state(const TensorMap& state) override {
    const torch::NoGradGuard no_grad;
    chip_->load_state(without_prefix(state, "chip."));
    optimiser_->load_state(without_prefix(state, "optimiser."));
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      StoredProduct& stored = network_->products()[i];
      const TensorMap part = without_prefix(state, "product" + std::to_string(i) + ".");
      stored.weight.copy_(part.at("weight"));
      stored.bias.copy_(part.at("bias"));
      stored.log_scale.copy_(part.at("log_scale"));
      sums_[i].copy_(part.at("sum"));
    }
    const Tensor updates = state.at("num_updates");
    num_updates_.assign(updates.data_ptr<std::int64_t>(),
                        updates.data_ptr<std::int64_t>() + updates.numel());
  }

 protected:
  /// What a method does with its weights before a batch.
  virtual void before_step(std::int64_t /*step*/) {}

  /// Reads the array; the digital weights are what it holds, and nothing is accumulated.
  void read_weights(std::uint64_t read) {
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      Rng rng = stream(seed_, {0, i, 0}, Purpose::kRead).fork(read);
      const Tensor weight =
          chip_->products()[i].read_weights(chip_->clock(), rng).clamp(-w_max_, w_max_);
      network_->products()[i].weight.copy_(weight);
      sums_[i].copy_(weight);
    }
  }

  void describe_common(ParamList& params) {
    params.add("w_max",
               w_max_,
               {1e-6, 1e3},
               "1",
               "weight at the edge of the window (assumption: PyTorch's first bound of conv1)");
    params.add_choice<AfterWrite>(
        "after_write",
        after_write_,
        {{"reset", AfterWrite::kReset}, {"keep_remainder", AfterWrite::kKeepRemainder}},
        "what is left of the accumulated update once its device was written");
    params.add_choice<Programming>(
        "programming",
        programming_,
        {{"write_verify", Programming::kWriteVerify}, {"blind_pulses", Programming::kBlindPulses}},
        "how devices are written; blind pulses go with keep_remainder");
    params.add_choice<Backward>("backward",
                                backward_,
                                {{"digital", Backward::kDigital}, {"on_array", Backward::kOnArray}},
                                "weights through which gradients go back to a layer's inputs");
    params.add_choice<Targets>("targets",
                               targets_,
                               {{"exact", Targets::kExact}, {"snapped", Targets::kSnapped}},
                               "program the accumulated weight itself, or the nearest level");
    params.add_choice<Scale>("scale",
                             scale_,
                             {{"trained", Scale::kTrained}, {"fixed", Scale::kFixed}},
                             "digital factor behind the converters (its logarithm is trained)");
    params.add("scale_gain",
               scale_gain_,
               {1e-3, 1e3},
               "1",
               "spread of a layer's outputs at the start over that of its inputs (assumption)");
    params.add_choice<First>("first_weights",
                             first_,
                             {{"pristine", First::kPristine}, {"programmed", First::kProgrammed}},
                             "start from the cells as they are, or program random weights first");
  }

  double threshold_ = 1;

 private:
  enum class AfterWrite { kReset, kKeepRemainder };
  enum class Programming { kWriteVerify, kBlindPulses };
  enum class Targets { kExact, kSnapped };
  enum class Scale { kTrained, kFixed };
  enum class First { kPristine, kProgrammed };

  static constexpr std::uint64_t kFirstRead = ~std::uint64_t{0};

  Tensor window() const { return torch::scalar_tensor(w_max_, torch::kDouble); }

  /// The scale of a layer makes the spread of its outputs `scale_gain` times that of its inputs.
  void set_first_scales() {
    for (StoredProduct& stored : network_->products()) {
      const double rms = stored.weight.square().mean().sqrt().item<double>();
      const double spread = rms * std::sqrt(static_cast<double>(stored.geometry.num_rows()));
      stored.log_scale = torch::tensor(static_cast<float>(std::log(scale_gain_ / spread)));
    }
  }

  /// Programs the weights of product `i` whose sum has passed the threshold.
  void transfer(std::size_t i, std::int64_t step) {
    const torch::NoGradGuard no_grad;
    AnalogProduct& product = chip_->products()[i];
    Tensor& weight = network_->products()[i].weight;
    Tensor& sum = sums_[i];
    sum.clamp_(-w_max_, w_max_);
    const double threshold = threshold_ * product.level_weight();
    const Tensor change = sum - weight;
    const Tensor fires = change.abs() > threshold;
    const std::int64_t count = fires.sum().item<std::int64_t>();
    if (count == 0) return;
    num_updates_[i] += count;
    Rng rng = chip_->write_stream(i, static_cast<std::uint64_t>(step));
    const Tensor thresholds =
        threshold > 0 ? (change / threshold).trunc() : torch::zeros_like(change);
    Tensor wanted = sum.clone();
    if (after_write_ == AfterWrite::kKeepRemainder && threshold > 0) {
      wanted = weight + thresholds * threshold;
    }
    if (targets_ == Targets::kSnapped) {
      const double level = product.level_weight();
      wanted = (wanted / level).round() * level;
    }
    if (programming_ == Programming::kBlindPulses) {
      product.pulse(thresholds * fires, weight, chip_->clock(), rng);
    } else {
      product.write(fires, wanted, chip_->clock(), rng);
    }
    weight.copy_(torch::where(fires, wanted, weight));
    if (after_write_ == AfterWrite::kReset) sum.copy_(torch::where(fires, weight, sum));
  }

  std::uint64_t seed_ = 0;
  double w_max_ = 0.2;
  AfterWrite after_write_ = AfterWrite::kReset;
  Programming programming_ = Programming::kWriteVerify;
  Backward backward_ = Backward::kDigital;
  Targets targets_ = Targets::kExact;
  Scale scale_ = Scale::kTrained;
  double scale_gain_ = 1;
  First first_ = First::kPristine;

  std::unique_ptr<Network> network_;
  std::unique_ptr<Chip> chip_;
  std::vector<Tensor> sums_;  // digital weight plus accumulated updates
  std::unique_ptr<Optimiser> optimiser_;
  std::vector<std::int64_t> num_updates_;
};

/// Every batch programs every weight that its optimiser step moved: the baseline that mixed
/// precision is measured against.
///
/// By default the weights are only in the array: each batch reads it once, adds the step and
/// programs the sum, so that errors of reads and writes pile up. With a digital copy the step is
/// added to what was asked for before; errors do not pile up then, but every cell is still written
/// at every batch.
class NaiveInSitu final : public MixedPrecision {
 public:
  NaiveInSitu() { threshold_ = 0; }

  void describe(ParamList& params) override {
    params.add_choice<Weights>(
        "weights",
        weights_,
        {{"in_array", Weights::kInArray}, {"digital_copy", Weights::kDigitalCopy}},
        "where the weights are kept from batch to batch");
    describe_common(params);
  }

 protected:
  void before_step(std::int64_t step) override {
    if (weights_ == Weights::kInArray)
      read_weights(static_cast<std::uint64_t>(step) + kReadsOfWeights);
  }

 private:
  enum class Weights { kInArray, kDigitalCopy };
  // Reads of the weights are numbered apart from the passes of images.
  static constexpr std::uint64_t kReadsOfWeights = std::uint64_t{1} << 41;

  Weights weights_ = Weights::kInArray;
};

const RegisteredMethod<MixedPrecision> registered_mixed{"mixed_precision"};
const RegisteredMethod<NaiveInSitu> registered_naive{"naive_in_situ"};

}  // namespace
}  // namespace crossloom
