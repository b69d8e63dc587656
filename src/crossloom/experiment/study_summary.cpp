#include <algorithm>
#include <map>

#include "crossloom/core/files.h"
#include "crossloom/evaluation/statistics.h"
#include "crossloom/experiment/run_folder.h"
#include "crossloom/experiment/study.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

Json read_json_file(const fs::path& path) {
  const Json json = Json::parse(read_file(path), nullptr, false);
  if (json.is_discarded()) {
    throw ConfigError("cannot read " + path.string() +
                      " (damaged JSON); remove its folder and run the study again");
  }
  return json;
}

/// What the summary says of one experiment.
Json describe_cell(const StudyCell& cell, const fs::path& store) {
  const fs::path folder = store / cell.folder();
  Json described = {{"variant", cell.variant}, {"seed", cell.seed}};
  if (!cell.condition_key.empty()) described["condition"] = cell.condition;
  described["folder"] = cell.folder().string();
  if (fs::exists(folder / "failure.json")) {
    described["state"] = "diverged";
    described["reason"] = read_json_file(folder / "failure.json").value("reason", "");
    return described;
  }
  if (!fs::exists(folder / "summary.json")) {
    described["state"] = "missing";
    return described;
  }
  const Json summary = read_json_file(folder / "summary.json");
  const std::string method = summary.at("method").get<std::string>();
  const Json& training = summary.at("training").at(method);
  described["state"] = "finished";
  described["method"] = method;
  described["trained_accuracy"] = training.at("accuracy");
  described["best_epoch"] = training.value("best_epoch", -1);
  described["forwards_per_step"] = training.value("forwards_per_step", 0);
  described["steps"] = training.value("steps", 0);
  described["training_seconds"] =
      read_json_file(folder / "timing.json").value("training " + method, 0.0);
  for (const char* measured : {"evaluation", "transfer"}) {
    if (!summary.contains(measured) || !summary[measured].contains(method)) continue;
    described.update(summary[measured].at(method));
    break;
  }
  return described;
}

bool is_finished(const Json& cell) {
  return cell.at("state") == "finished";
}

/// Numbers of one variant under one condition at one point of its axis, by seed.
struct Group {
  std::string variant;
  Json condition;
  double x = 0;
  std::map<std::int64_t, double> accuracy;  // where the training converged
  std::map<std::string, std::vector<double>> others;
  std::vector<double> all;  // with the collapsed ones
  std::int64_t collapsed = 0;
};

std::vector<double> values_of(const std::map<std::int64_t, double>& by_seed) {
  std::vector<double> values;
  for (const auto& [seed, value] : by_seed) values.push_back(value);
  return values;
}

Group& group_of(std::vector<Group>& groups, const Json& cell, double x) {
  const Json condition = cell.value("condition", Json());
  for (Group& group : groups) {
    if (group.variant == cell.at("variant") && group.condition == condition && group.x == x) {
      return group;
    }
  }
  groups.push_back({cell.at("variant").get<std::string>(), condition, x, {}, {}, {}, 0});
  return groups.back();
}

std::vector<Group> make_groups(const Json& cells) {
  std::vector<Group> groups;
  for (const Json& cell : cells) {
    if (!is_finished(cell)) continue;
    const bool is_collapsed = cell.value("collapsed", false);
    for (const Json& point : cell.value("points", Json::array())) {
      Group& group = group_of(groups, cell, point.at("x").get<double>());
      const double accuracy = point.at("accuracy").at("mean").get<double>();
      group.all.push_back(accuracy);
      group.collapsed += is_collapsed ? 1 : 0;
      if (is_collapsed) continue;
      group.accuracy[cell.at("seed").get<std::int64_t>()] = accuracy;
      group.others["spread_over_chips"].push_back(point["accuracy"].value("std", 0.0));
      for (const char* kind : {"raw", "calibrated"}) {
        if (!point.contains(kind)) continue;
        for (const auto& item : point[kind].items()) {
          group.others[std::string(kind) + "_" + item.key()].push_back(item.value());
        }
      }
      if (point.contains("temperature")) {
        group.others["temperature"].push_back(point["temperature"]);
      }
    }
  }
  return groups;
}

/// Statistics over seeds; one of them says nothing of their spread, which is null then.
Json over_seeds(const Statistics& statistics) {
  Json json = to_json(statistics);
  if (statistics.count > 1) return json;
  for (const char* spread : {"std", "standard_error", "ci95"}) json[spread] = nullptr;
  return json;
}

/// Mean difference of two groups over the seeds that both have; null where there are none.
Json difference(const Group& group, const Group& baseline) {
  std::vector<double> pairs;
  for (const auto& [seed, value] : group.accuracy) {
    const auto found = baseline.accuracy.find(seed);
    if (found != baseline.accuracy.end()) pairs.push_back(value - found->second);
  }
  return pairs.empty() ? Json() : over_seeds(summarise(pairs));
}

Json to_json(const Group& group, const std::vector<Group>& groups, const std::string& baseline) {
  Json json = {{"variant", group.variant}};
  if (!group.condition.is_null()) json["condition"] = group.condition;
  json["x"] = group.x;
  json["seeds"] = group.all.size();
  json["collapsed"] = group.collapsed;
  json["accuracy"] =
      group.accuracy.empty() ? Json() : over_seeds(summarise(values_of(group.accuracy)));
  json["accuracy_with_collapsed"] = over_seeds(summarise(group.all));
  for (const auto& [name, values] : group.others) json[name] = summarise(values).mean;
  for (const Group& other : groups) {
    const bool is_baseline = other.variant == baseline && other.variant != group.variant &&
                             other.condition == group.condition && other.x == group.x;
    if (is_baseline) json["difference"] = difference(group, other);
  }
  return json;
}

/// Accuracy after each epoch of one variant under one condition: mean, least and most over seeds.
Json make_curves(const Json& cells, const fs::path& store) {
  struct Curve {
    Json variant, condition;
    std::vector<std::vector<double>> accuracies;  // by epoch
  };
  std::vector<Curve> curves;
  for (const Json& cell : cells) {
    if (!is_finished(cell)) continue;
    const Json condition = cell.value("condition", Json());
    auto curve = std::find_if(curves.begin(), curves.end(), [&](const Curve& known) {
      return known.variant == cell["variant"] && known.condition == condition;
    });
    if (curve == curves.end()) {
      curve = curves.insert(curves.end(), {cell["variant"], condition, {}});
    }
    const fs::path metrics = store / cell["folder"].get<std::string>() / "metrics.jsonl";
    for (const Json& line : read_json_lines(metrics)) {
      if (line.value("method", "") != cell["method"]) continue;
      const auto epoch = line.at("epoch").get<std::size_t>();
      if (curve->accuracies.size() <= epoch) curve->accuracies.resize(epoch + 1);
      curve->accuracies[epoch].push_back(line.at("accuracy").get<double>());
    }
  }
  Json list = Json::array();
  for (const Curve& curve : curves) {
    Json json = {{"variant", curve.variant}};
    if (!curve.condition.is_null()) json["condition"] = curve.condition;
    for (const std::vector<double>& of_epoch : curve.accuracies) {
      const Statistics s = of_epoch.empty() ? Statistics() : summarise(of_epoch);
      json["mean"].push_back(s.mean);
      json["min"].push_back(s.min);
      json["max"].push_back(s.max);
    }
    list.push_back(json);
  }
  return list;
}

/// Steps, passes and seconds of each variant; seconds depend on what else the machine did.
Json make_costs(const Json& cells, const std::vector<std::string>& variants) {
  Json costs = Json::array();
  for (const std::string& variant : variants) {
    std::vector<double> seconds;
    std::vector<double> per_step;
    Json cost = {{"variant", variant}};
    for (const Json& cell : cells) {
      const bool is_trained = is_finished(cell) && cell.at("steps") > 0;
      if (cell.at("variant") != variant || !is_trained) continue;
      seconds.push_back(cell.at("training_seconds").get<double>());
      per_step.push_back(seconds.back() / cell.at("steps").get<double>());
      cost["forwards_per_step"] = cell.at("forwards_per_step");
      cost["steps"] = cell.at("steps");
    }
    if (seconds.empty()) continue;
    cost["training_seconds"] = summarise(seconds).mean;
    cost["median_seconds_per_step"] = summarise(per_step).median;
    costs.push_back(cost);
  }
  return costs;
}

/// Experiments of each variant by how they ended.
Json make_outcomes(const Json& cells, const std::vector<std::string>& variants) {
  Json outcomes = Json::array();
  for (const std::string& variant : variants) {
    Json outcome = {
        {"variant", variant}, {"converged", 0}, {"collapsed", 0}, {"diverged", 0}, {"missing", 0}};
    for (const Json& cell : cells) {
      if (cell.at("variant") != variant) continue;
      const std::string state = cell.at("state").get<std::string>();
      const bool is_collapsed = cell.value("collapsed", false);
      const std::string kind =
          state != "finished" ? state : (is_collapsed ? "collapsed" : "converged");
      outcome[kind] = outcome[kind].get<std::int64_t>() + 1;
    }
    outcomes.push_back(outcome);
  }
  return outcomes;
}

}  // namespace

Json summarise_study(const Study& study, const fs::path& store) {
  Json cells = Json::array();
  for (const StudyCell& cell : study.cells()) cells.push_back(describe_cell(cell, store));
  Json summary = {{"study", study.name}, {"baseline", study.baseline}, {"axis", "x"}};
  for (const Json& cell : cells) {
    if (!cell.contains("axis")) continue;
    summary["axis"] = cell["axis"];
    summary["label"] = cell["label"];
  }
  if (!study.condition.empty()) summary["condition"] = study.condition;
  std::vector<Group> groups = make_groups(cells);
  const std::vector<std::string> variants = study.variants();
  const auto rank = [&](const Group& group) {
    return std::find(variants.begin(), variants.end(), group.variant) - variants.begin();
  };
  std::stable_sort(groups.begin(), groups.end(), [&](const Group& a, const Group& b) {
    return rank(a) != rank(b) ? rank(a) < rank(b) : a.x < b.x;
  });
  summary["outcomes"] = make_outcomes(cells, variants);
  summary["groups"] = Json::array();
  for (const Group& group : groups) {
    summary["groups"].push_back(to_json(group, groups, study.baseline));
  }
  summary["curves"] = make_curves(cells, store);
  summary["cost"] = make_costs(cells, variants);
  summary["cells"] = cells;
  return summary;
}

Json write_study_summary(const Study& study, const fs::path& store) {
  if (!fs::exists(store)) {
    throw ConfigError("no runs in " + store.string() +
                      " (there is no such folder); run the study first, or give its folder with "
                      "--out");
  }
  const Json summary = summarise_study(study, store);
  write_file(store / "study.json", summary.dump(1) + "\n");
  return summary;
}

}  // namespace crossloom
