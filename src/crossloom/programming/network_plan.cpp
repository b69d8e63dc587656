#include "crossloom/programming/network_plan.h"

#include <optional>

#include "crossloom/core/interrupt.h"
#include "crossloom/programming/plan_file.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

std::int64_t budget_of(const NetworkPlanRequest& request, std::size_t layer) {
  return request.budgets.empty() ? request.options.budget : request.budgets.at(layer);
}

/// What there is of the plan already: the finished file, an unfinished one, or nothing.
std::optional<PlanReader> earlier_plan(const NetworkPlanRequest& request, PlanHeader wanted) {
  const fs::path part = unfinished_path(request.path);
  if (!request.may_resume) {
    if (!fs::exists(part)) return std::nullopt;
    throw ConfigError(part.string() + " is an unfinished plan (it would be overwritten); give " +
                      "--resume to go on with it, or remove it");
  }
  const bool is_finished = fs::exists(request.path);
  if (!is_finished && !fs::exists(part)) return std::nullopt;
  PlanReader earlier(is_finished ? request.path : part,
                     is_finished ? PlanEnding::kRequired : PlanEnding::kMayBeMissing);
  earlier.require_match(wanted);
  return earlier;
}

}  // namespace

WeightSource source_of(const std::vector<std::pair<std::string, Tensor>>& network) {
  WeightSource source;
  for (const auto& layer : network) source.names.push_back(layer.first);
  source.weights = [network](std::size_t index) { return network.at(index).second; };
  return source;
}

std::string checksum(const WeightSource& network, const PlanOptions& options) {
  NetworkChecksum sum;
  for (std::size_t i = 0; i < network.names.size(); ++i) sum.add(network.codes(i, options));
  return sum.value();
}

PlanCost plan_network(const WeightSource& network,
                      const NetworkPlanRequest& request,
                      const PlanProgress& progress,
                      const PlanUse& use) {
  TORCH_CHECK(request.budgets.empty() || request.budgets.size() == network.names.size(),
              "a budget for each of ",
              network.names.size(),
              " layers, not ",
              request.budgets.size());
  Planner planner(request.pool, request.options, request.write_cost);
  std::optional<PlanReader> earlier;
  std::optional<PlanWriter> writer;
  PlanHeader header{request.pool, request.options, ""};
  if (!request.path.empty()) {
    header.network_checksum = checksum(network, request.options);
    earlier = earlier_plan(request, header);
  }
  std::size_t layer = 0;
  while (earlier) {  // layers that are planned already
    const std::optional<LayerPlan> plan = earlier->next();
    if (!plan) break;
    if (plan->budget != budget_of(request, layer)) {
      throw ConfigError("cannot go on with the plan " + request.path.string() + " (layer '" +
                        plan->name + "' was planned with a budget of " +
                        std::to_string(plan->budget) + " steps, not " +
                        std::to_string(budget_of(request, layer)) + "); give another --out");
    }
    planner.take(*plan, network.codes(layer, request.options));
    if (use) use(*plan);
    ++layer;
  }
  const bool is_finished = earlier && fs::exists(request.path);
  if (!request.path.empty() && !is_finished) {
    earlier ? writer.emplace(request.path, *earlier) : writer.emplace(request.path, header);
  }
  for (; layer < network.names.size(); ++layer) {
    throw_if_interrupted();
    const auto sections_done = [&](std::int64_t done) {
      if (progress) progress(layer, done);
    };
    const LayerPlan plan = planner.add(
        network.codes(layer, request.options), budget_of(request, layer), sections_done);
    if (writer) writer->add(plan);
    if (use) use(plan);
  }
  const PlanCost cost = planner.cost();
  if (writer) writer->finish(cost);
  return cost;
}

}  // namespace crossloom
