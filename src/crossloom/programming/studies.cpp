#include "crossloom/programming/studies.h"

#include <algorithm>

#include <fnmatch.h>

namespace crossloom {
namespace {

Scheme scheme(const std::string& name,
              std::int64_t bits,
              Order order,
              RowAssignment assignment,
              std::int64_t budget = 0) {
  PlanOptions options;
  options.bits = bits;
  options.order = order;
  options.assignment = assignment;
  options.budget = budget;
  return {name, options};
}

}  // namespace

std::vector<LayerShape> resnet50_shapes() {
  std::vector<LayerShape> shapes = {{"conv1", 64, 3 * 49}};
  std::int64_t inputs = 64;
  const std::int64_t blocks[] = {3, 4, 6, 3};
  for (std::int64_t stage = 0; stage < 4; ++stage) {
    const std::int64_t width = std::int64_t{64} << stage;
    for (std::int64_t block = 0; block < blocks[stage]; ++block) {
      const std::string name =
          "layer" + std::to_string(stage + 1) + "." + std::to_string(block) + ".";
      shapes.push_back({name + "conv1", width, inputs});
      shapes.push_back({name + "conv2", width, 9 * width});
      shapes.push_back({name + "conv3", 4 * width, width});
      if (block == 0) shapes.push_back({name + "downsample", 4 * width, inputs});
      inputs = 4 * width;
    }
  }
  shapes.push_back({"fc", 1000, 2048});
  return shapes;
}

std::vector<LayerShape> vit_base_shapes(std::int64_t num_blocks) {
  std::vector<LayerShape> shapes = {{"patch_embed", 768, 768}};
  for (std::int64_t block = 0; block < num_blocks; ++block) {
    const std::string name = "blocks." + std::to_string(block) + ".";
    shapes.push_back({name + "attn.qkv", 3 * 768, 768});
    shapes.push_back({name + "attn.proj", 768, 768});
    shapes.push_back({name + "mlp.fc1", 3072, 768});
    shapes.push_back({name + "mlp.fc2", 768, 3072});
  }
  shapes.push_back({"head", 1000, 768});
  return shapes;
}

const std::vector<std::pair<std::string, WeightDraw>>& weight_draws() {
  static const std::vector<std::pair<std::string, WeightDraw>> draws = {
      {"gauss", WeightDraw::kGauss},
      {"laplace", WeightDraw::kLaplace},
      {"student5", WeightDraw::kStudent5},
      {"student3", WeightDraw::kStudent3}};
  return draws;
}

Tensor draw_weights(const LayerShape& shape, WeightDraw draw, Rng& rng) {
  const std::vector<std::int64_t> sizes = {shape.num_outputs, shape.num_inputs};
  if (draw == WeightDraw::kGauss) return rng.normal(sizes);
  if (draw == WeightDraw::kLaplace) {
    const Tensor centred = rng.uniform(sizes) - 0.5 + 0x1p-25;  // never at the ends of (-0.5, 0.5)
    return -centred.sign() * (1 - 2 * centred.abs()).log();
  }
  // Student-t: a normal number over the root of a mean of squares of others.
  const int freedom = draw == WeightDraw::kStudent5 ? 5 : 3;
  Tensor squares = at::zeros(sizes);
  for (int i = 0; i < freedom; ++i) squares += rng.normal(sizes).square();
  return rng.normal(sizes) * (squares / freedom).rsqrt();
}

WeightSource drawn_source(const std::vector<LayerShape>& shapes, WeightDraw draw, const Rng& rng) {
  WeightSource source;
  for (const LayerShape& shape : shapes) source.names.push_back(shape.name);
  source.weights = [shapes, draw, rng](std::size_t index) {
    Rng layer_rng = rng.fork(index);
    return draw_weights(shapes.at(index), draw, layer_rng);
  };
  return source;
}

std::vector<double> reading_gains(const Reading& reading, const Rng& rng) {
  PlanOptions options = natural_scheme(reading.bits).options;
  CrossbarPool pool;
  pool.num_rows = reading.num_rows;
  pool.num_cols = reading.bits;
  pool.schedule = Schedule::kStrided;
  Planner natural(pool, options);
  options.order = reading.order;
  std::vector<Planner> planners;
  for (const std::int64_t num_crossbars : reading.num_crossbars) {
    pool.num_crossbars = num_crossbars;
    planners.emplace_back(pool, options);
  }
  const WeightSource source = drawn_source(reading.shapes, reading.draw, rng);
  for (std::size_t i = 0; i < reading.shapes.size(); ++i) {
    const LayerCodes codes = source.codes(i, options);
    natural.add(codes);
    for (Planner& planner : planners) planner.add(codes);
  }
  const auto reference = static_cast<double>(natural.cost().stream.total());
  std::vector<double> gains;
  for (const Planner& planner : planners) {
    gains.push_back(reference / static_cast<double>(planner.cost().stream.total()));
  }
  return gains;
}

std::vector<std::pair<std::string, Tensor>> product_weights(const TensorMap& tensors) {
  std::vector<std::pair<std::string, Tensor>> products;
  const std::string ending = ".weight";
  for (const auto& [name, tensor] : tensors) {
    if (name.size() < ending.size() || name.substr(name.size() - ending.size()) != ending) continue;
    if (tensor.dim() == 2 || tensor.dim() == 4) products.emplace_back(name, tensor.flatten(1));
  }
  return products;
}

std::vector<Scheme> standard_schemes(std::int64_t bits, ScalePer scale) {
  using Rows = RowAssignment;
  std::vector<Scheme> schemes = {natural_scheme(bits)};
  for (std::int64_t fewer = bits - 1; fewer >= std::max<std::int64_t>(bits - 4, 1); --fewer) {
    const std::string suffix = " at " + std::to_string(fewer) + " bits";
    schemes.push_back(scheme("natural" + suffix, fewer, Order::kNatural, Rows::kRank));
    schemes.push_back(scheme("R3" + suffix, fewer, Order::kR3, Rows::kRank));
    schemes.push_back(
        scheme("QR sorted + Hungarian" + suffix, fewer, Order::kQrSorted, Rows::kHungarian));
  }
  schemes.push_back(scheme("R1 (index-routed)", bits, Order::kR1, Rows::kRank));
  schemes.push_back(scheme("row walk (index-routed)", bits, Order::kRowWalk, Rows::kRank));
  schemes.push_back(scheme("R2", bits, Order::kR2, Rows::kRank));
  schemes.push_back(scheme("R3", bits, Order::kR3, Rows::kRank));
  schemes.push_back(scheme("natural + Hungarian", bits, Order::kNatural, Rows::kHungarian));
  schemes.push_back(scheme("R3 + multiset", bits, Order::kR3, Rows::kMultiset));
  schemes.push_back(scheme("R3 + Hungarian", bits, Order::kR3, Rows::kHungarian));
  schemes.push_back(scheme("QR", bits, Order::kQr, Rows::kRank));
  schemes.push_back(scheme("QR + Hungarian", bits, Order::kQr, Rows::kHungarian));
  schemes.push_back(scheme("QR sorted + Hungarian", bits, Order::kQrSorted, Rows::kHungarian));
  Scheme pair = scheme("QR + Hungarian, pairs", bits, Order::kQr, Rows::kHungarian);
  pair.options.sort_key = SortKey::kValue;
  pair.options.sign = SignCoding::kPair;
  schemes.push_back(pair);
  pair.name = "QR + Hungarian, redundant pairs";
  pair.options.sign = SignCoding::kRedundantPair;
  schemes.push_back(pair);
  for (const std::int64_t columns : {2, 3}) {
    if (bits < columns) continue;
    const std::string suffix = " stucking c=" + std::to_string(columns) + " p=.5";
    const auto add_stuck = [&](const std::string& name, Scheme stuck, Stucking stucking) {
      stuck.name = name + suffix;
      stuck.options.stucking = stucking;
      stuck.options.stuck_columns = columns;
      schemes.push_back(stuck);
    };
    const Scheme sorted = scheme("", bits, Order::kR3, Rows::kRank);
    const Scheme assigned = scheme("", bits, Order::kQrSorted, Rows::kHungarian);
    add_stuck("R3 + static", sorted, Stucking::kStatic);
    add_stuck("R3 + dynamic", sorted, Stucking::kDynamic);
    add_stuck("QR sorted + Hungarian + static", assigned, Stucking::kStatic);
  }
  schemes.push_back(scheme("R3 + budget 2", bits, Order::kR3, Rows::kRank, 2));
  for (const std::int64_t budget : {1, 2, 3, 4, 6}) {
    const std::string suffix = " + Hungarian + budget " + std::to_string(budget);
    schemes.push_back(scheme("R3" + suffix, bits, Order::kR3, Rows::kHungarian, budget));
    schemes.push_back(scheme("QR" + suffix, bits, Order::kQr, Rows::kHungarian, budget));
    schemes.push_back(
        scheme("QR sorted" + suffix, bits, Order::kQrSorted, Rows::kHungarian, budget));
  }
  for (Scheme& one : schemes) one.options.scale = scale;
  return schemes;
}

SchemeKind kind_of(const Scheme& scheme, std::int64_t bits) {
  if (is_index_routed(scheme.options.order)) return SchemeKind::kIndexRouted;
  if (scheme.options.stucking != Stucking::kNone) return SchemeKind::kStucking;
  if (scheme.options.budget > 0) return SchemeKind::kBudget;
  return scheme.options.bits < bits ? SchemeKind::kFewerBits : SchemeKind::kLossless;
}

std::vector<Scheme> choose_schemes(const std::vector<Scheme>& schemes,
                                   const std::vector<std::string>& patterns) {
  std::vector<bool> is_chosen(schemes.size(), patterns.empty());
  for (const std::string& pattern : patterns) {
    bool fits_one = false;
    for (std::size_t i = 0; i < schemes.size(); ++i) {
      if (::fnmatch(pattern.c_str(), schemes[i].name.c_str(), 0) != 0) continue;
      is_chosen[i] = true;
      fits_one = true;
    }
    if (fits_one) continue;
    std::string names;
    for (const Scheme& known : schemes) names += (names.empty() ? "" : ", ") + known.name;
    throw ConfigError("no scheme is called '" + pattern + "' (* stands for any characters); use " +
                      "one of: " + names);
  }
  std::vector<Scheme> chosen;
  for (std::size_t i = 0; i < schemes.size(); ++i) {
    if (is_chosen[i]) chosen.push_back(schemes[i]);
  }
  return chosen;
}

Scheme natural_scheme(std::int64_t bits, ScalePer scale) {
  Scheme natural = scheme("natural", bits, Order::kNatural, RowAssignment::kRank);
  natural.options.scale = scale;
  return natural;
}

CrossbarPool widened(CrossbarPool pool, const PlanOptions& options) {
  pool.num_cols = std::max(pool.num_cols, pool.used_cols(word_bits(options.sign, options.bits)));
  return pool;
}

double gain(const PlanCost& cost, const PlanCost& reference) {
  return static_cast<double>(reference.writes()) / static_cast<double>(cost.writes());
}

PlanCost plan_cost(const std::vector<std::pair<std::string, Tensor>>& network,
                   const CrossbarPool& pool,
                   const PlanOptions& options,
                   const std::vector<std::int64_t>& budgets) {
  NetworkPlanRequest request;
  request.pool = pool;
  request.options = options;
  request.budgets = budgets;
  return plan_network(source_of(network), request);
}

}  // namespace crossloom
