#include "crossloom/programming/studies.h"

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

std::vector<double> reading_gains(const Reading& reading, const Rng& rng) {
  PlanOptions options = scheme("", reading.bits, Order::kNatural, RowAssignment::kRank).options;
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
  for (std::size_t i = 0; i < reading.shapes.size(); ++i) {
    const LayerShape& shape = reading.shapes[i];
    Rng layer_rng = rng.fork(i);
    const LayerCodes codes =
        quantise(shape.name, draw_weights(shape, reading.draw, layer_rng), reading.bits);
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

std::vector<Scheme> standard_schemes(std::int64_t bits) {
  using Rows = RowAssignment;
  std::vector<Scheme> schemes = {scheme("natural", bits, Order::kNatural, Rows::kRank)};
  for (std::int64_t fewer = bits - 1; fewer >= std::max<std::int64_t>(bits - 4, 1); --fewer) {
    const std::string suffix = " at " + std::to_string(fewer) + " bits";
    schemes.push_back(scheme("natural" + suffix, fewer, Order::kNatural, Rows::kRank));
    schemes.push_back(scheme("R3" + suffix, fewer, Order::kR3, Rows::kRank));
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
  Scheme stuck = scheme("R3 + static stucking c=3 p=.5", bits, Order::kR3, Rows::kRank);
  stuck.options.stucking = Stucking::kStatic;
  if (bits >= stuck.options.stuck_columns) {
    schemes.push_back(stuck);
    stuck.name = "R3 + dynamic stucking c=3 p=.5";
    stuck.options.stucking = Stucking::kDynamic;
    schemes.push_back(stuck);
  }
  schemes.push_back(scheme("R3 + budget 2", bits, Order::kR3, Rows::kRank, 2));
  for (const std::int64_t budget : {1, 2, 4}) {
    const std::string suffix = " + Hungarian + budget " + std::to_string(budget);
    schemes.push_back(scheme("R3" + suffix, bits, Order::kR3, Rows::kHungarian, budget));
    schemes.push_back(scheme("QR" + suffix, bits, Order::kQr, Rows::kHungarian, budget));
    schemes.push_back(
        scheme("QR sorted" + suffix, bits, Order::kQrSorted, Rows::kHungarian, budget));
  }
  return schemes;
}

PlanCost plan_cost(const std::vector<std::pair<std::string, Tensor>>& network,
                   const CrossbarPool& pool,
                   const PlanOptions& options,
                   const std::vector<std::int64_t>& budgets) {
  TORCH_CHECK(budgets.empty() || budgets.size() == network.size(),
              "a budget for each of ",
              network.size(),
              " layers, not ",
              budgets.size());
  Planner planner(pool, options);
  for (std::size_t i = 0; i < network.size(); ++i) {
    planner.add(quantise(network[i].first, network[i].second, options.bits),
                budgets.empty() ? options.budget : budgets[i]);
  }
  return planner.cost();
}

std::vector<Comparison> compare(const std::vector<std::pair<std::string, Tensor>>& network,
                                const std::vector<Scheme>& schemes,
                                CrossbarPool pool,
                                std::int64_t bits) {
  const Scheme natural = scheme("natural", bits, Order::kNatural, RowAssignment::kRank);
  const PlanCost reference = plan_cost(network, pool, natural.options);
  std::vector<Comparison> rows;
  for (const Scheme& candidate : schemes) {
    const std::int64_t needed =
        pool.used_cols(word_bits(candidate.options.sign, candidate.options.bits));
    pool.num_cols = std::max(pool.num_cols, needed);
    Comparison row{candidate.name, candidate.options, plan_cost(network, pool, candidate.options)};
    row.gain = static_cast<double>(reference.writes()) / static_cast<double>(row.cost.writes());
    row.stream_gain = static_cast<double>(reference.stream.total()) /
                      static_cast<double>(row.cost.stream.total());
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace crossloom
