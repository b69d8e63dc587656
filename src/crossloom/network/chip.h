#pragma once

#include "crossloom/crossbar/analog_product.h"
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

/// A network on crossbars: a seed and a clock.
///
/// What a cell is born with, its faults and the errors of its writes belong to the seed; ageing
/// belongs to the clock; read noise is new at each pass. Gradients go straight through converters
/// and noise: back to the inputs through the weights of the network (or through the cells), and to
/// the weights from the inputs that the chip saw.
class Chip {
 public:
  /// Pristine cells for every product of `network`; `w_max[i]`, [] or one for each output, is the
  /// weight at the edge of the window of product i. `seed` and `number` name the chip.
  Chip(const Network& network,
       const Hardware& hardware,
       const std::vector<Tensor>& w_max,
       std::uint64_t seed,
       std::uint64_t number);

  /// Logits of `x` on the chip; weights, biases and scales of the digital side come from `network`.
  Tensor forward(const Network& network, const Tensor& x, const ChipRead& read);

  /// Writes every weight of `network` once, at the present time.
  void program(const Network& network);

  /// Stream for writes to product `index` in training step `step`.
  Rng write_stream(std::size_t index, std::uint64_t step) const;

  /// Lets the chip age to `clock` [s]; it cannot go back.
  void age_to(double clock);
  double clock() const { return clock_; }

  std::vector<AnalogProduct>& products() { return products_; }
  const std::vector<AnalogProduct>& products() const { return products_; }

  /// Everything that changes, names prefixed by the number of the product.
  TensorMap state() const;
  void load_state(const TensorMap& state);

 private:
  std::uint64_t seed_;
  std::uint64_t number_;
  double clock_ = 0;
  std::vector<AnalogProduct> products_;
};

/// The largest weight of each product, [], or of each of its outputs, [C]: the smallest windows
/// into which a trained network fits.
std::vector<Tensor> largest_weights(const Network& network, ScalePer scale = ScalePer::kTensor);

}  // namespace crossloom
