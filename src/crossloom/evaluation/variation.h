#pragma once

#include <memory>
#include <vector>

#include "crossloom/data/dataset.h"
#include "crossloom/evaluation/confidence.h"
#include "crossloom/evaluation/statistics.h"
#include "crossloom/network/network.h"
#include "crossloom/network/pass_format.h"
#include "crossloom/training/weight_noise.h"

namespace crossloom {

/// Monte Carlo over chips that differ in the errors of their weights.
struct VariationOptions {
  std::int64_t chips = 0;        // 0: nothing is measured
  std::vector<double> sigmas;    // device errors; empty: that of the noise itself
  std::int64_t test_images = 0;  // 0: all
  std::int64_t temperature_images = 1000;
  Precision precision = Precision::kFloat32;

  void describe(ParamList& params);
};

/// What was measured at one device error.
struct VariationPoint {
  double sigma = 0;
  std::vector<double> accuracies;  // of each chip
  double temperature = 1;          // that makes the confidence fit best
  Confidence raw;                  // of the logits as they are
  Confidence calibrated;           // divided by `temperature`
};

Json to_json(const VariationPoint& point);

/// Accuracy, confidence and uncertainty of a network over many chips and device errors.
///
/// A chip is one draw of all errors, kept for all images; the same draw serves every device error,
/// so that differences between these are not blurred by the draws. Nothing is kept of a chip but
/// its accuracy and its share in sums over chips: memory does not grow with their number. Without
/// errors all chips are the same, and one is measured.
///
/// The errors of the first product enter its output linearly, y = a + sigma b: b is computed once
/// for all device errors, and a once for all chips when it fits into the memory. A rectifier and
/// pooling behind it work on all these sums while they are in the cache.
class VariationTest {
 public:
  /// `temperature` are images that the temperatures are fitted on; not those of the test.
  VariationTest(const Network& network,
                const WeightNoise& noise,
                const Split& test,
                const Split& temperature,
                const VariationOptions& options,
                std::uint64_t seed);
  ~VariationTest();

  std::int64_t num_chips() const { return options_.chips; }
  std::int64_t done() const { return done_; }
  bool is_finished() const { return done_ >= options_.chips; }

  /// Measures further chips, each on one thread, until `seconds` have passed; each thread measures
  /// one at least while there are some. Throws `Interrupted` when the user asks to stop; the chips
  /// before the first unfinished one are kept.
  void advance(double seconds);

  const std::vector<VariationPoint>& points() const { return points_; }

  TensorFile checkpoint() const;
  void restore(const TensorFile& checkpoint);

 private:
  class Chips;

  void fit_temperatures(const Split& images);
  /// What chip `number`, from 1 on, comes to: a point for each device error, with this chip alone.
  std::vector<VariationPoint> measure(std::int64_t number) const;
  /// Adds the chip that follows the last one.
  void add_chip(const std::vector<VariationPoint>& measured);

  VariationOptions options_;
  Split test_;
  std::unique_ptr<Chips> chips_;
  std::vector<VariationPoint> points_;
  std::int64_t done_ = 0;
};

}  // namespace crossloom
