#include "crossloom/evaluation/variation.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>

#include <ATen/Parallel.h>

#include "crossloom/core/interrupt.h"
#include "crossloom/network/max_pool.h"
#include "crossloom/training/method.h"
#include "crossloom/training/network_forms.h"

namespace crossloom {
namespace {

// Images computed at once: their activations stay in the cache of one core.
constexpr std::int64_t kBatch = 200;
constexpr std::int64_t kTemperatureDraws = 5;
// Chips that temperatures are fitted on, apart from those measured (1, 2, …).
constexpr std::uint64_t kTemperatureChips = std::uint64_t{1} << 40;
// Outputs of the first product are kept for all images up to this size.
constexpr std::int64_t kMostKept = 256 << 20;  // [B]

/// What is done once for several device errors: the first product, and behind it a rectifier with
/// pooling where the network has them.
struct Front {
  bool exists = false;  // whether only the first product reads the (only) input
  std::optional<PoolWindow> pool;
  std::vector<std::size_t> nodes;

  explicit Front(const Network& network) : nodes{network.product_node(0)} {
    exists = network.inputs().size() == 1 && only_reader(network, 0) == nodes[0];
    const std::size_t pooling = only_reader(network, nodes[0]);
    if (!is_operator(network, pooling, "MaxPool")) return;
    const std::size_t relu = only_reader(network, pooling);
    if (!is_operator(network, relu, "Relu")) return;
    pool = pool_window(*network.nodes()[pooling].op);
    if (pool) nodes = {nodes[0], pooling, relu};
  }

  /// `a`, outputs of the first product, in the form that `outputs` takes.
  Tensor exact(const Tensor& a) const { return pool ? window_places(a, *pool) : a; }

  /// Its outputs for the device errors `sigmas`, given those of the first product without errors
  /// (`exact(a)`) and what one unit of the error adds (`b`).
  std::vector<Tensor> outputs(const Tensor& exact_a,
                              const Tensor& b,
                              const std::vector<double>& sigmas) const {
    if (pool) return max_pool_of_sums(exact_a, b, sigmas, *pool);
    std::vector<Tensor> sums;
    for (const double sigma : sigmas) sums.push_back(at::add(exact_a, b, sigma));
    return sums;
  }
};

Network folded(const Network& network) {
  return has_batch_norm(network) ? fold_batch_norm(network) : network;
}

Tensor stem(const Network& network, const Tensor& weight, const Tensor& x, bool has_bias) {
  const StoredProduct& first = network.products()[0];
  return as_float(digital_product(x, weight, first.geometry, has_bias ? first.bias : Tensor()));
}

std::vector<double> values_of(const Tensor& tensor) {
  const Tensor values = tensor.to(at::kDouble).contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

}  // namespace

/// Logits of a network on single chips.
class VariationTest::Chips {
 public:
  Chips(const Network& network, const WeightNoise& noise, Precision precision, std::uint64_t seed)
      : network_(with_poolings_first(network.clone())),
        noise_(noise),
        precision_(precision),
        seed_(seed),
        exact_(at_sigma(0, {})),
        front_(exact_) {}

  /// Logits [N, classes] of chip `number` for `images`, one tensor for each of `sigmas`.
  std::vector<Tensor> logits(std::uint64_t number,
                             const std::vector<double>& sigmas,
                             const Tensor& images) const {
    const at::NoGradGuard no_grad;
    const Autocast in_precision(precision_);
    const std::vector<Tensor> errors = errors_of(number);
    std::vector<Network> networks;
    for (const double sigma : sigmas) networks.push_back(at_sigma(sigma, errors));
    const bool is_shared = front_.exists && sigmas.size() > 1;
    std::vector<Network> rests;
    Tensor error_of_stem;
    if (is_shared) {
      // What one unit of the device error adds to the first weight, normalisation folded in.
      error_of_stem = at_sigma(1, errors).products()[0].weight - exact_.products()[0].weight;
      for (const Network& noisy : networks) rests.push_back(behind(noisy, front_.nodes));
    }
    std::vector<std::vector<Tensor>> parts(sigmas.size());
    for (std::int64_t first = 0; first < images.size(0); first += kBatch) {
      throw_if_interrupted();
      const Tensor x = prepared(images, first);
      if (!is_shared) {
        for (std::size_t s = 0; s < sigmas.size(); ++s) parts[s].push_back(networks[s].forward(x));
        continue;
      }
      const Tensor a = exact_stem(first, x);
      const Tensor b = stem(exact_, error_of_stem, x, /*has_bias=*/false);
      const std::vector<Tensor> fronts = front_.outputs(a, b, sigmas);
      for (std::size_t s = 0; s < sigmas.size(); ++s) {
        parts[s].push_back(rests[s].forward(fronts[s]));
      }
    }
    std::vector<Tensor> all;
    for (const std::vector<Tensor>& part : parts) all.push_back(as_float(at::cat(part)));
    return all;
  }

  /// Keeps the outputs of the first product for `images` when they are not too large.
  void keep_stem(const Tensor& images) {
    if (!front_.exists) return;
    const at::NoGradGuard no_grad;
    const Autocast in_precision(precision_);
    const std::int64_t count = images.size(0);
    const Tensor one = exact_stem(0, prepared(images.slice(0, 0, 1), 0));
    if (one.numel() * count * std::int64_t{sizeof(float)} > kMostKept) return;
    std::vector<Tensor> kept;
    for (std::int64_t first = 0; first < count; first += kBatch) {
      kept.push_back(exact_stem(first, prepared(images, first)));
    }
    kept_stems_ = kept;
  }

 private:
  /// The images from `first` on, as many as are computed at once.
  Tensor prepared(const Tensor& images, std::int64_t first) const {
    const Tensor x = network_.prepare(images.slice(0, first, first + kBatch));
    // As `max_pool_of_sums` gathers them best.
    return precision_ == Precision::kBfloat16 || front_.pool ? channels_last(x) : x;
  }

  std::vector<Tensor> errors_of(std::uint64_t number) const {
    std::vector<Tensor> errors;
    for (std::size_t i = 0; i < network_.products().size(); ++i) {
      Rng rng = stream(seed_, {number, i, 0}, Purpose::kVariation);
      errors.push_back(noise_.error(network_.products()[i].weight, rng));
    }
    return errors;
  }

  Network at_sigma(double sigma, const std::vector<Tensor>& errors) const {
    return folded(with_weights(network_, [&](std::size_t i, const Tensor& weight) {
      const Tensor stored = noise_.stored(weight);
      return sigma == 0 ? stored : at::add(stored, errors[i], sigma);
    }));
  }

  /// Of the first product for the images `x`, of which the first is `first_image`.
  Tensor exact_stem(std::int64_t first_image, const Tensor& x) const {
    const auto block = static_cast<std::size_t>(first_image / kBatch);
    if (block < kept_stems_.size()) return kept_stems_[block];
    return front_.exact(stem(exact_, exact_.products()[0].weight, x, /*has_bias=*/true));
  }

  Network network_;
  WeightNoise noise_;
  Precision precision_;
  std::uint64_t seed_;
  Network exact_;  // without errors, normalisations folded
  Front front_;
  std::vector<Tensor> kept_stems_;
};

void VariationOptions::describe(ParamList& params) {
  params.add("chips",
             chips,
             {0, 1e6},
             "1",
             "chips with fresh errors of all weights that the trained network is measured on");
  params.add(
      "sigmas", sigmas, {0, 10}, "1", "device errors of these chips; empty = that of [noise]");
  params.add(
      "test_images", test_images, {0, 1e9}, "1", "first images of the test set used; 0 = all");
  describe_precision(params, precision, "these chips");
  params.add("temperature_images",
             temperature_images,
             {1, 1e6},
             "1",
             "images that the temperature of the confidence is fitted on: the validation images, "
             "or the last of the training set");
}

Json to_json(const VariationPoint& point) {
  return {{"x", point.sigma},
          {"accuracy", to_json(summarise(point.accuracies))},
          {"temperature", point.temperature},
          {"raw", to_json(point.raw)},
          {"calibrated", to_json(point.calibrated)}};
}

VariationTest::VariationTest(const Network& network,
                             const WeightNoise& noise,
                             const Split& test,
                             const Split& temperature,
                             const VariationOptions& options,
                             std::uint64_t seed)
    : options_(options), chips_(std::make_unique<Chips>(network, noise, options.precision, seed)) {
  const std::int64_t count = options.test_images > 0
                                 ? std::min(options.test_images, test.images.size(0))
                                 : test.images.size(0);
  test_ = {test.images.slice(0, 0, count), test.labels.slice(0, 0, count)};
  if (options_.sigmas.empty()) options_.sigmas = {noise.sigma};
  for (const double sigma : options_.sigmas) {
    points_.emplace_back();
    points_.back().sigma = sigma;
  }
  fit_temperatures(temperature);
  chips_->keep_stem(test_.images);
}

VariationTest::~VariationTest() = default;

void VariationTest::fit_temperatures(const Split& images) {
  std::vector<std::vector<Tensor>> logits(points_.size());
  std::vector<Tensor> labels;
  for (std::uint64_t draw = 0; draw < kTemperatureDraws; ++draw) {
    const std::vector<Tensor> parts =
        chips_->logits(kTemperatureChips + draw, options_.sigmas, images.images);
    for (std::size_t s = 0; s < parts.size(); ++s) logits[s].push_back(parts[s]);
    labels.push_back(images.labels);
  }
  for (std::size_t s = 0; s < points_.size(); ++s) {
    points_[s].temperature = fit_temperature(at::cat(logits[s]), at::cat(labels));
  }
}

std::vector<VariationPoint> VariationTest::measure(std::int64_t number) const {
  std::vector<double> sigmas;
  std::vector<VariationPoint> measured;
  for (const VariationPoint& point : points_) {
    if (point.sigma == 0 && number > 1) continue;  // chips without errors are all the same
    sigmas.push_back(point.sigma);
    measured.emplace_back();
    measured.back().sigma = point.sigma;
    measured.back().temperature = point.temperature;
  }
  const std::vector<Tensor> logits =
      chips_->logits(static_cast<std::uint64_t>(number), sigmas, test_.images);
  for (std::size_t s = 0; s < logits.size(); ++s) {
    VariationPoint& point = measured[s];
    const Tensor hits = logits[s].argmax(1).eq(test_.labels);
    point.accuracies = {hits.to(at::kDouble).mean().item<double>()};
    point.raw.add(logits[s], test_.labels, 1);
    point.calibrated.add(logits[s], test_.labels, point.temperature);
  }
  return measured;
}

void VariationTest::add_chip(const std::vector<VariationPoint>& measured) {
  auto of_chip = measured.begin();
  for (VariationPoint& point : points_) {
    if (point.sigma == 0 && done_ > 0) continue;
    point.accuracies.push_back(of_chip->accuracies[0]);
    point.raw.add(of_chip->raw);
    point.calibrated.add(of_chip->calibrated);
    ++of_chip;
  }
  ++done_;
}

void VariationTest::advance(double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  std::atomic<std::int64_t> begun = done_;
  std::mutex mutex;
  // Sums are added up in the order of the chips: these wait for one before them.
  std::map<std::int64_t, std::vector<VariationPoint>> waiting;
  at::parallel_for(0, at::get_num_threads(), 1, [&](std::int64_t, std::int64_t) {
    const at::NoGradGuard no_grad;
    do {
      const std::int64_t number = ++begun;
      if (number > options_.chips) return;
      const std::vector<VariationPoint> measured = measure(number);
      const std::lock_guard<std::mutex> lock(mutex);
      waiting[number] = measured;
      for (auto chip = waiting.begin(); chip != waiting.end() && chip->first == done_ + 1;
           chip = waiting.erase(chip)) {
        add_chip(chip->second);
      }
    } while (Clock::now() < end);
  });
}

TensorFile VariationTest::checkpoint() const {
  TensorFile file;
  file.tensors["done"] = at::tensor(done_, at::kLong);
  for (std::size_t s = 0; s < points_.size(); ++s) {
    const std::string prefix = std::to_string(s) + ".";
    for (const auto& [name, tensor] : points_[s].raw.state()) {
      file.tensors[prefix + "raw." + name] = tensor;
    }
    for (const auto& [name, tensor] : points_[s].calibrated.state()) {
      file.tensors[prefix + "calibrated." + name] = tensor;
    }
    file.tensors[prefix + "accuracies"] = at::tensor(points_[s].accuracies, at::kDouble);
    file.tensors[prefix + "sigma"] = at::tensor(points_[s].sigma, at::kDouble);
  }
  return file;
}

void VariationTest::restore(const TensorFile& checkpoint) {
  try {
    for (std::size_t s = 0; s < points_.size(); ++s) {
      const std::string prefix = std::to_string(s) + ".";
      points_[s].accuracies = values_of(checkpoint.tensors.at(prefix + "accuracies"));
      points_[s].raw.load_state(without_prefix(checkpoint.tensors, prefix + "raw."));
      points_[s].calibrated.load_state(without_prefix(checkpoint.tensors, prefix + "calibrated."));
    }
    done_ = checkpoint.tensors.at("done").item<std::int64_t>();
  } catch (const std::out_of_range&) {
    throw ConfigError(
        "the results of the chips are incomplete (a tensor is missing); remove them and run again");
  }
}

}  // namespace crossloom
