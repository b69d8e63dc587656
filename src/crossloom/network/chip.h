#pragma once

#include <map>

#include "crossloom/crossbar/analog_product.h"
#include "crossloom/network/computed_product.h"
#include "crossloom/network/digital_correction.h"
#include "crossloom/network/network.h"

namespace crossloom {

/// Through which weights gradients go back to the inputs of an analog product.
enum class Backward { kDigital, kOnArray };

/// The circumstances of one pass over a chip.
struct ChipRead {
  std::uint64_t pass = 0;        // number of the pass; another number, other read noise
  std::int64_t first_image = 0;  // number of the first image of the batch within the pass
  RangeUse ranges = RangeUse::kFrozen;
  Backward backward = Backward::kDigital;
};

/// Where a product of a network runs.
struct Placement {
  bool is_analog = true;  // otherwise exactly, in the digital part
  Hardware hardware;
  Tensor w_max;          // [] or [C]  weight at the edge of the conductance window
  std::size_t kind = 0;  // of its hardware: products of one kind have the same
};

/// A network on crossbars: a seed and a clock.
///
/// What a cell is born with, its faults and the errors of its writes belong to the seed; ageing
/// belongs to the clock; read noise is new at each pass. Gradients go straight through converters
/// and noise: back to the inputs through the weights of the network (or through the cells), and to
/// the weights from the inputs that the chip saw.
class Chip {
 public:
  /// Pristine cells for every product of `network` that is placed on crossbars, and crossbars for
  /// the products of two activations in `computed`. `seed` and `number` name the chip. Throws
  /// `ConfigError` when there is not one placement for each product, or one of two activations has
  /// a tracked range.
  Chip(const Network& network,
       const std::vector<Placement>& placements,
       std::uint64_t seed,
       std::uint64_t number,
       const std::vector<ComputedPlacement>& computed = {});

  /// All products on the same hardware.
  Chip(const Network& network,
       const Hardware& hardware,
       const std::vector<Tensor>& w_max,
       std::uint64_t seed,
       std::uint64_t number);

  /// Sees the input and the output of each product, before its correction, scale and bias.
  using Observer = std::function<void(std::size_t index, const Tensor& x, const Tensor& y)>;

  /// Sees the operands and the result of each product of two activations that is on crossbars.
  using ComputedObserver =
      std::function<void(std::size_t node, const Tensor& a, const Tensor& b, const Tensor& y)>;

  /// Outputs for `inputs` on the chip; weights of digital products, biases, scales and all other
  /// parameters come from `network`.
  std::vector<Tensor> forward(const Network& network,
                              const std::vector<Tensor>& inputs,
                              const ChipRead& read,
                              const Observer& observer = {},
                              const ComputedObserver& computed_observer = {});

  /// The same by `Network::inputs_in` and `Network::as_one`.
  Tensor forward(const Network& network, const Tensor& x, const ChipRead& read);

  /// Whether some converter's range follows the values it sees, batch by batch.
  bool has_tracked_ranges() const { return has_tracked_ranges_; }

  /// Digital corrections of product `index`; a factor of 1 and no correction at first.
  void set_correction(std::size_t index, const DigitalCorrection& correction);
  void set_drift_factor(std::size_t index, double factor);
  const DigitalCorrection& correction(std::size_t index) const { return corrections_.at(index); }

  /// Writes every weight of `network` once, at the present time.
  void program(const Network& network);

  /// Stream for writes to product `index` in training step `step`.
  Rng write_stream(std::size_t index, std::uint64_t step) const;

  /// Lets the chip age to `clock` [s]; it cannot go back.
  void age_to(double clock);
  double clock() const { return clock_; }

  /// The products on crossbars, in the order of the network.
  std::vector<AnalogProduct>& products() { return products_; }
  const std::vector<AnalogProduct>& products() const { return products_; }

  /// Whether product `index` of the network is among them.
  bool is_analog(std::size_t index) const { return place_of_.at(index) >= 0; }

  /// The products of two activations on crossbars, by their nodes.
  const std::map<std::size_t, ComputedProduct>& computed() const { return computed_; }

  /// Everything that changes, names prefixed by the number of the product.
  TensorMap state() const;
  void load_state(const TensorMap& state);

 private:
  Tensor product(const Network& network, std::size_t index, const Tensor& x, const ChipRead& read);
  Tensor computed_product(std::size_t node, const Tensor& a, const Tensor& b, const ChipRead& read);

  std::uint64_t seed_;
  std::uint64_t number_;
  double clock_ = 0;
  bool has_tracked_ranges_ = false;
  std::vector<AnalogProduct> products_;
  std::vector<std::int64_t>
      place_of_;  // of each product of the network in `products_`; -1: digital
  std::vector<DigitalCorrection> corrections_;
  std::vector<double> drift_factors_;
  std::map<std::size_t, ComputedProduct> computed_;
};

/// The largest weight of a product, [], or of each of its outputs, [C]: the smallest window into
/// which it fits.
Tensor largest_weight(const StoredProduct& stored, ScalePer scale);

/// The same of a weight by itself, in its own type and with gradients.
Tensor largest_weight(const Tensor& weight, ScalePer scale);

/// That of each product.
std::vector<Tensor> largest_weights(const Network& network, ScalePer scale = ScalePer::kTensor);

}  // namespace crossloom
