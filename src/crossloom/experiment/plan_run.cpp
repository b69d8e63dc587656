// A reprogramming plan from top to bottom: network, budgets, plan, accuracy, summary.

#include "crossloom/experiment/plan_run.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "crossloom/core/files.h"
#include "crossloom/core/interrupt.h"
#include "crossloom/core/json_text.h"
#include "crossloom/core/units.h"
#include "crossloom/evaluation/evaluate.h"
#include "crossloom/evaluation/planned_network.h"
#include "crossloom/experiment/experiment.h"
#include "crossloom/experiment/result_file.h"
#include "crossloom/network/architectures.h"
#include "crossloom/network/model.h"
#include "crossloom/programming/conductance_export.h"
#include "crossloom/programming/layer_budgets.h"
#include "crossloom/programming/plan_file.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBatchSize = 25;

template <class Described>
Json values_of(Described described) {
  ParamList params;
  described.describe(params);
  return params.values();
}

WeightDraw draw_called(const std::string& name) {
  std::string names;
  for (const auto& [known, draw] : weight_draws()) {
    if (known == name) return draw;
    names += (names.empty() ? "" : ", ") + known;
  }
  throw ConfigError("unknown distribution '" + name +
                    "' (weights are drawn from it); use one of: " + names);
}

void require_consistent(const PlanRequest& request) {
  if (request.model.empty()) {
    throw ConfigError("no network is given (there is nothing to plan); give --model NAME");
  }
  if (!request.draw.empty() && !request.data.empty()) {
    throw ConfigError(
        "--data together with --draw (drawn weights have no accuracy); leave one out");
  }
  if (request.sensitivity != SensitivityBy::kNone && request.data.empty()) {
    throw ConfigError(
        "budgets by sensitivity need examples (what a layer's inputs are is measured on them); "
        "give --data NAME, or --sensitivity none");
  }
  const Planner checked(request.pool, request.options);
}

Network open_subject(const PlanRequest& request) {
  if (!request.draw.empty() && !is_onnx_path(request.model)) {
    return make_network(architecture_name(request.model));  // needs no weights
  }
  return fold_batch_norm(
      open_model(request.model, request.weights, request.data_options.data_dir, request.onnx));
}

/// What is planned: a network, and where its weights come from.
struct Subject {
  Network network;  // batch normalisations folded
  WeightSource source;
  std::int64_t num_weights = 0;

  explicit Subject(const PlanRequest& request)
      : network(open_subject(request)), source(product_source(network)) {
    std::vector<LayerShape> shapes;
    for (std::size_t i = 0; i < network.products().size(); ++i) {
      const ProductGeometry& geometry = network.products()[i].geometry;
      shapes.push_back({source.names[i], geometry.out_channels, geometry.num_rows()});
      num_weights += geometry.num_weights();
    }
    if (!request.draw.empty()) {
      source = drawn_source(shapes, draw_called(request.draw), Rng(request.options.seed));
    }
  }
  Subject(const Subject&) = delete;  // the source refers to the network
  Subject& operator=(const Subject&) = delete;

  /// Puts the weights of the source into the network, which has none of its own where they are
  /// drawn.
  void fill_network() {
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < source.names.size(); ++i) {
      Tensor& weight = network.products()[i].weight;
      weight.copy_(source.weights(i).view(weight.sizes()));
    }
  }

  std::int64_t weights_of(std::size_t layer) const {
    return network.products()[layer].geometry.num_weights();
  }
};

/// Accuracy of networks on the same examples, beside that of the exact one.
class Judge {
 public:
  Judge(const PlanRequest& request, const Network& exact)
      : task_(open_task(request.data, TaskPart::kTest, exact, request.data_options)),
        count_(request.count),
        exact_(score(exact)) {}

  Score score(const Network& network) const {
    return task_->score(exact_outputs(network, *task_, kBatchSize, count_));
  }

  const Score& exact() const { return exact_; }
  const Task& task() const { return *task_; }

  /// Figures of `network`, and its agreement with the exact one.
  Json judge(const Network& network) const {
    const Score planned = score(network);
    Json json = figures(planned);
    json["agreement"] = agreement(planned.predictions, exact_.predictions);
    return json;
  }

  Json exact_figures() const { return figures(exact_); }

 private:
  static Json figures(const Score& score) {
    Json json = Json::object();
    for (const auto& [name, value] : score.figures) json[name] = value;
    return json;
  }

  std::unique_ptr<Task> task_;
  std::int64_t count_;
  Score exact_;
};

/// Budgets of the layers; none when they are all that of the options.
std::vector<std::int64_t> budgets_of(const PlanRequest& request, const Subject& subject) {
  if (request.sensitivity == SensitivityBy::kNone) return {};
  const auto task =
      open_task(request.data, TaskPart::kCalibration, subject.network, request.data_options);
  InputBatches batches;
  task->for_each_batch(
      subject.network, kBatchSize, request.calibration_examples, [&](auto, const auto& inputs) {
        batches.push_back(inputs);
      });
  const std::vector<double> curvatures =
      sensitivities(subject.network, batches, request.sensitivity, Rng(request.options.seed));
  std::vector<LayerSensitivity> layers;
  for (std::size_t i = 0; i < curvatures.size(); ++i) {
    const LayerCodes codes = subject.source.codes(i, request.options);
    layers.push_back({codes.num_weights(), rms_step(codes), curvatures[i]});
  }
  return layer_budgets(layers, static_cast<double>(request.options.budget));
}

/// What decides the results.
Json as_json(const PlanRequest& request) {
  Json json = {{"model", request.model},
               {"weights", request.weights.string()},
               {"draw", request.draw},
               {"pool", values_of(request.pool)},
               {"options", values_of(request.options)},
               {"write_cost", values_of(request.write_cost)},
               {"sensitivity", static_cast<int>(request.sensitivity)},
               {"calibration_examples", request.calibration_examples},
               {"data", request.data},
               {"count", request.count}};
  if (request.onnx.scaling) {
    json["mean"] = request.onnx.scaling->mean;
    json["std"] = request.onnx.scaling->std;
  }
  return json;
}

/// All parameters as resolved, for the report.
Json parameters_of(PlanRequest request) {
  PlanRequest usual;
  Json table = Json::array();
  const auto add = [&](const std::string& section, auto& described, const auto& defaults) {
    ParamList params;
    described.describe(params);
    add_parameter_rows(section, params, values_of(defaults), table);
  };
  add("pool", request.pool, usual.pool);
  add("plan", request.options, usual.options);
  add("write_cost", request.write_cost, usual.write_cost);
  return table;
}

/// One plan of a subject, with progress, and the network it leaves when that is wanted.
PlanCost plan_subject(const Subject& subject,
                      const NetworkPlanRequest& request,
                      const std::string& what,
                      PlannedNetwork* planned,
                      Progress& progress) {
  std::vector<std::int64_t> before = {0};  // weights of the layers before each
  for (std::size_t i = 0; i < subject.source.names.size(); ++i) {
    before.push_back(before.back() + subject.weights_of(i));
  }
  return plan_network(
      subject.source,
      request,
      [&](std::size_t layer, std::int64_t sections) {
        const std::int64_t done = before[layer] + sections * request.pool.num_rows;
        progress.step(what, std::min(done, before[layer + 1]), before.back());
      },
      [&](const LayerPlan& plan) {
        if (planned != nullptr) planned->add(plan);
      });
}

Json to_json(const Writes& writes) {
  return {{"set", writes.set}, {"reset", writes.reset}};
}

Json to_json(const LayerCost& layer) {
  return {{"name", layer.name},
          {"weights", layer.num_weights},
          {"sections", layer.num_sections},
          {"budget", layer.budget},
          {"first_load", to_json(layer.first_load)},
          {"transition", to_json(layer.transition)},
          {"stream", to_json(layer.stream)},
          {"column_flips", layer.column_flips},
          {"rmse", layer.rmse},
          {"routing_bits", layer.routing_bits},
          {"energy_J", layer.energy},
          {"time_s", layer.time}};
}

/// Writes per pass of the cells of one crossbar: the one with the most written cell.
Json to_json(const WearMap& wear) {
  const auto cells = static_cast<std::size_t>(wear.num_rows * wear.num_cols);
  const auto most = std::max_element(wear.writes.begin(), wear.writes.end());
  const std::size_t crossbar = static_cast<std::size_t>(most - wear.writes.begin()) / cells;
  const auto first = wear.writes.begin() + static_cast<std::ptrdiff_t>(crossbar * cells);
  return {{"max", wear.max()},
          {"mean", wear.mean()},
          {"max_over_mean", wear.max_over_mean()},
          {"passes", wear.passes},
          {"crossbar", crossbar},
          {"rows", wear.num_rows},
          {"cols", wear.num_cols},
          {"writes", std::vector<double>(first, first + static_cast<std::ptrdiff_t>(cells))}};
}

Json to_json(const PlanCost& cost) {
  Json json = {{"weights", cost.num_weights},
               {"first_load", to_json(cost.first_load)},
               {"transition", to_json(cost.transition)},
               {"stream", to_json(cost.stream)},
               {"repeat", to_json(cost.repeat)},
               {"writes_per_pass", cost.writes()},
               {"writes_per_weight", cost.writes_per_weight()},
               {"rmse", cost.rmse},
               {"routing_bits", cost.routing_bits},
               {"sign_bits", cost.sign_bits},
               {"energy_per_pass_J", cost.energy},
               {"time_per_pass_s", cost.time},
               {"batch", cost.batch},
               {"lifetime_inferences", cost.lifetime},
               {"wear", to_json(cost.wear)},
               {"unlevelled_wear", to_json(cost.unlevelled_wear)}};
  for (const LayerCost& layer : cost.layers) json["layers"].push_back(to_json(layer));
  return json;
}

/// What a summary says of the examples.
void describe_data(const Judge& judge, Json& summary) {
  summary["data"] = judge.task().provenance();
  summary["examples"] = judge.exact().predictions.size();
  summary["exact"] = judge.exact_figures();
}

std::string kind_name(SchemeKind kind) {
  switch (kind) {
    case SchemeKind::kFewerBits:
      return "fewer bits";
    case SchemeKind::kIndexRouted:
      return "index-routed";
    case SchemeKind::kStucking:
      return "random stucking";
    case SchemeKind::kBudget:
      return "error budget";
    default:
      return "lossless";
  }
}

/// A row of a comparison.
Json compare_row(const Subject& subject,
                 const PlanRequest& request,
                 const Scheme& scheme,
                 const std::optional<Judge>& judge,
                 Progress& progress) {
  NetworkPlanRequest plan;
  plan.pool = widened(request.pool, scheme.options);
  plan.options = scheme.options;
  plan.write_cost = request.write_cost;
  std::optional<PlannedNetwork> planned;
  if (judge) planned.emplace(subject.network, scheme.options);
  const PlanCost cost =
      plan_subject(subject, plan, scheme.name, planned ? &*planned : nullptr, progress);
  Json row = {{"name", scheme.name},
              {"bits", scheme.options.bits},
              {"kind", kind_name(kind_of(scheme, request.options.bits))},
              {"writes_per_pass", cost.writes()},
              {"stream_writes", cost.stream.total()},
              {"writes_per_weight", cost.writes_per_weight()},
              {"rmse", cost.rmse},
              {"routing_bits", cost.routing_bits},
              {"max_over_mean_wear", cost.unlevelled_wear.max_over_mean()},
              {"levelled_max_over_mean_wear", cost.wear.max_over_mean()},
              {"energy_per_pass_J", cost.energy},
              {"time_per_pass_s", cost.time},
              {"lifetime_inferences", cost.lifetime}};
  if (judge) row["accuracy"] = judge->judge(planned->network());
  return row;
}

}  // namespace

Json run_plan(const PlanRequest& request, Progress& progress) {
  require_consistent(request);
  const Subject subject(request);
  std::optional<Judge> judge;
  const ResultFile results(request.out, as_json(request), request.may_resume);
  if (!request.data.empty()) judge.emplace(request, subject.network);
  NetworkPlanRequest plan;
  plan.pool = request.pool;
  plan.options = request.options;
  plan.write_cost = request.write_cost;
  plan.budgets = budgets_of(request, subject);
  plan.may_resume = request.may_resume;
  if (!request.out.empty()) plan.path = request.out / kPlanFile;
  std::optional<PlannedNetwork> planned;
  if (judge) planned.emplace(subject.network, request.options);
  const PlanCost cost =
      plan_subject(subject, plan, "plan", planned ? &*planned : nullptr, progress);

  NetworkPlanRequest natural;
  natural.options = natural_scheme(request.options.bits, request.options.scale).options;
  natural.pool = widened(request.pool, natural.options);
  const PlanCost reference = plan_subject(subject, natural, "natural order", nullptr, progress);
  Json summary = {{"model", subject.network.name()},
                  {"draw", request.draw},
                  {"options", values_of(request.options)},
                  {"parameters", parameters_of(request)},
                  {"gain", gain(cost, reference)},
                  {"natural_writes_per_pass", reference.writes()},
                  {"cost", to_json(cost)}};
  if (judge) {
    describe_data(*judge, summary);
    summary["accuracy"] = judge->judge(planned->network());
  }
  if (!request.out.empty()) write_file(request.out / kPlanSummary, to_text(summary, 1) + "\n");
  return summary;
}

Json run_comparison(const PlanRequest& request,
                    const std::vector<std::string>& patterns,
                    Progress& progress) {
  require_consistent(request);
  const std::vector<Scheme> schemes =
      choose_schemes(standard_schemes(request.options.bits, request.options.scale), patterns);
  const Subject subject(request);
  ResultFile results(request.out, as_json(request), request.may_resume);
  std::optional<Judge> judge;
  if (!request.data.empty()) judge.emplace(request, subject.network);
  const auto row_of = [&](const Scheme& scheme) {
    for (const Json& line : results.lines()) {
      if (line.at("name") == scheme.name) return line;
    }
    throw_if_interrupted();
    const Json row = compare_row(subject, request, scheme, judge, progress);
    results.add(row);
    return row;
  };
  const Json reference = row_of(natural_scheme(request.options.bits, request.options.scale));
  Json summary = {{"model", subject.network.name()},
                  {"draw", request.draw},
                  {"parameters", parameters_of(request)},
                  {"bits", request.options.bits},
                  {"weights", subject.num_weights},
                  {"rows", Json::array()}};
  if (judge) describe_data(*judge, summary);
  for (const Scheme& scheme : schemes) {
    Json row = row_of(scheme);
    row["gain"] =
        reference.at("writes_per_pass").get<double>() / row.at("writes_per_pass").get<double>();
    row["stream_gain"] =
        reference.at("stream_writes").get<double>() / row.at("stream_writes").get<double>();
    progress.say(scheme.name + ": " + format_quantity(row["gain"].get<double>(), "1") + " x");
    summary["rows"].push_back(row);
  }
  if (!request.out.empty())
    write_file(request.out / kComparisonSummary, to_text(summary, 1) + "\n");
  return summary;
}

Json replay_plan(const PlanRequest& request, const fs::path& path, Progress& progress) {
  PlanReader reader(path);
  const PlanHeader header = reader.header();
  Subject subject(request);
  if (!request.draw.empty()) subject.fill_network();
  reader.require_network(checksum(subject.source, header.options));
  std::vector<Tensor> inputs;
  if (request.data.empty()) {
    for (const NetworkInput& input : subject.network.inputs()) {
      std::vector<std::int64_t> sizes = input.sizes;
      sizes.insert(sizes.begin(), 1);
      inputs.push_back(Rng(1).normal(sizes).to(input.type));
    }
  } else {
    const auto task =
        open_task(request.data, TaskPart::kTest, subject.network, request.data_options);
    const std::int64_t count = request.count > 0 ? request.count : 1;
    task->for_each_batch(
        subject.network, count, count, [&](auto, const auto& batch) { inputs = batch; });
  }
  std::int64_t layer = 0;
  const auto total = static_cast<std::int64_t>(subject.source.names.size());
  constexpr std::int64_t kInputBits = 8;  // assumption: inputs of 8 bits and a sign
  PlanExecution execution(header.pool, header.options, kInputBits, [&] {
    throw_if_interrupted();
    progress.step("replay", ++layer, total);
    return reader.next();
  });
  const Tensor outputs = execution.forward(subject.network, inputs).at(0);
  const at::NoGradGuard no_grad;
  const Tensor exact = subject.network.forward(inputs).at(0);
  reader.next();  // the end of the file must be there
  const ReplayCheck& check = execution.check();
  return {
      {"model", subject.network.name()},
      {"examples", outputs.size(0)},
      {"is_lossless", header.options.is_lossless()},
      {"products", check.num_products},
      {"differences", check.num_differences},
      {"largest_weight_error", check.largest_error},
      {"cells_written", check.writes.total()},
      {"output_error", ((outputs - exact).norm() / exact.norm()).item<double>()},
      {"agreement", outputs.argmax(-1).eq(exact.argmax(-1)).to(at::kDouble).mean().item<double>()}};
}

std::int64_t export_plan(const fs::path& path, const fs::path& csv, ConductanceRange range) {
  PlanReader reader(path);
  ConductanceWriter writer(csv, reader.header().pool, reader.header().options, range);
  while (const std::optional<LayerPlan> plan = reader.next()) {
    throw_if_interrupted();
    writer.add(*plan);
  }
  writer.finish();
  return writer.num_lines();
}

}  // namespace crossloom
