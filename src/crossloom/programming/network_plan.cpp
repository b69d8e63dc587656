#include "crossloom/programming/network_plan.h"

#include <optional>

#include "crossloom/core/interrupt.h"
#include "crossloom/programming/plan_file.h"

namespace crossloom {

PlanCost plan_network(const std::vector<std::pair<std::string, Tensor>>& network,
                      const CrossbarPool& pool,
                      const PlanOptions& options,
                      const WriteCost& write_cost,
                      const std::filesystem::path& path,
                      const LayerDone& layer_done) {
  std::vector<LayerCodes> codes;
  codes.reserve(network.size());
  for (const auto& [name, weight] : network) {
    codes.push_back(quantise(name, weight, options.bits));
  }
  Planner planner(pool, options, write_cost);
  std::optional<PlanWriter> writer;
  if (!path.empty()) writer.emplace(path, PlanHeader{pool, options, checksum(codes)});
  for (std::size_t i = 0; i < codes.size(); ++i) {
    throw_if_interrupted();
    const LayerPlan plan = planner.add(codes[i]);
    if (writer) writer->add(plan);
    layer_done(i + 1);
  }
  const PlanCost cost = planner.cost();
  if (writer) writer->finish(cost);
  return cost;
}

}  // namespace crossloom
