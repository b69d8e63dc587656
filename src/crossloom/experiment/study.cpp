#include "crossloom/experiment/study.h"

#include <algorithm>

#include "crossloom/core/files.h"
#include "crossloom/core/interrupt.h"
#include "crossloom/core/join.h"
#include "crossloom/experiment/run_folder.h"
#include "crossloom/experiment/toml.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFailure = "failure.json";

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

/// The table `key` of a study file, which may not be there.
Json table_at(const Json& file, const std::string& key) {
  if (!file.contains(key)) return Json::object();
  if (!file[key].is_object()) {
    throw ConfigError("[" + key + "] is a value (it names tables); write [" + key + ".NAME]");
  }
  return file[key];
}

void require_name(const std::string& name) {
  const bool is_plain = std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
  });
  if (name.empty() || !is_plain || name[0] == '.') {
    throw ConfigError("invalid name '" + name +
                      "' (it becomes the name of a folder); give letters, digits, - and _");
  }
}

void set_key(Json& values, const std::string& key, const Json& value) {
  const auto dot = key.find('.');
  if (dot == std::string::npos) {
    throw ConfigError("study.condition = '" + key +
                      "' (not of the form section.key); give for example noise.sigma");
  }
  values[key.substr(0, dot)][key.substr(dot + 1)] = value;
}

/// Progress of one experiment, whose name stands before each part; its lines are not passed on.
class CellProgress final : public Progress {
 public:
  CellProgress(Progress& outer, std::string name) : outer_(outer), name_(std::move(name)) {}

  void step(const std::string& what, std::int64_t done, std::int64_t total) override {
    outer_.step(name_ + what, done, total);
  }
  void say(const std::string& /*line*/) override {}

 private:
  Progress& outer_;
  std::string name_;
};

/// "97.20 % at 0.2" for every point measured.
std::string in_words(const Json& summary) {
  const std::string method = summary.at("method").get<std::string>();
  std::string text;
  char number[64];
  for (const char* measured : {"evaluation", "transfer"}) {
    if (!summary.contains(measured)) continue;
    for (const Json& point : summary[measured].at(method).at("points")) {
      const double mean = 100 * point.at("accuracy").at("mean").get<double>();
      std::snprintf(number, sizeof number, "%.2f %% at %g", mean, point.at("x").get<double>());
      text += (text.empty() ? "" : ", ") + std::string(number);
    }
    break;
  }
  return text.empty() ? "finished" : text;
}

enum class Outcome { kFinished, kDiverged, kBusy };

Outcome run_cell(const StudyCell& cell,
                 const StudyOptions& options,
                 const std::string& number,
                 Progress& progress) {
  const fs::path folder = options.store / cell.folder();
  if (fs::exists(folder / kFailure)) return Outcome::kDiverged;
  const std::string title = number + cell.name() + ": ";
  CellProgress of_cell(progress, title);
  Experiment experiment;
  experiment.assign(cell.values);
  const RunOptions run{folder, /*may_resume=*/true, options.data};
  try {
    progress.say(title + in_words(run_experiment(experiment, run, of_cell)));
  } catch (const FolderInUse&) {
    progress.say(title + "another process is at it");
    return Outcome::kBusy;
  } catch (const Diverged& error) {
    progress.say(title + error.what());
    write_file(folder / kFailure, Json{{"reason", error.what()}}.dump(1) + "\n");
    return Outcome::kDiverged;
  }
  return Outcome::kFinished;
}

}  // namespace

std::string StudyCell::name() const {
  const std::string at =
      condition_key.empty() ? "" : ", " + condition_key + " " + short_number(condition);
  return variant + at + ", seed " + std::to_string(seed);
}

fs::path StudyCell::folder() const {
  const fs::path of_variant = condition_key.empty()
                                  ? fs::path(variant)
                                  : fs::path(variant) / (condition_key + short_number(condition));
  return of_variant / ("seed" + std::to_string(seed));
}

Study::Study(const fs::path& path, const std::vector<std::string>& overrides) {
  std::vector<std::string> of_study;
  std::vector<std::string> of_cells;
  for (const std::string& text : overrides) {
    (text.rfind("study.", 0) == 0 ? of_study : of_cells).push_back(text);
  }
  const Json file = with_overrides(read_toml(path), of_study);
  overrides_ = with_overrides(Json::object(), of_cells);
  try {
    for (const auto& item : file.items()) {
      if (item.key() != "study" && item.key() != "base" && item.key() != "variant") {
        throw ConfigError("unknown table [" + item.key() +
                          "] (a study has others); use one of: study, base, variant");
      }
    }
    ParamList params;
    params.add("name", name, "name of the study");
    params.add("seeds", seeds, {0, 9e15}, "1", "seeds of each experiment");
    params.add("condition", condition, "key of an experiment that takes several values");
    params.add("values", values, {}, "1", "that it takes");
    params.add("baseline", baseline, "variant from which differences are taken; empty: the first");
    params.assign(table_at(file, "study"));
    base_ = with_chip_file(table_at(file, "base"), path.parent_path());
    const Json given = table_at(file, "variant");
    for (const auto& item : given.items()) {
      variants_[item.key()] = with_chip_file(item.value(), path.parent_path());
    }
    check();
  } catch (const ConfigError& error) {
    throw ConfigError(path.string() + ": " + error.what());
  }
  if (baseline.empty()) baseline = variants_.begin().key();
}

void Study::check() const {
  require_name(name);
  if (variants_.empty()) {
    throw ConfigError("a study without variants (there is nothing to compare); add [variant.NAME]");
  }
  if (seeds.empty())
    throw ConfigError("a study without seeds (nothing would run); give study.seeds");
  if (condition.empty() != values.empty()) {
    throw ConfigError(
        "study.condition and study.values do not go together (one of them is missing); give both "
        "or neither");
  }
  if (!baseline.empty()) require_variant(baseline, "study.baseline");
  for (const StudyCell& cell : cells()) {
    require_name(cell.variant);
    try {
      Experiment().assign(cell.values);
    } catch (const ConfigError& error) {
      throw ConfigError(cell.name() + ": " + error.what());
    }
  }
}

void Study::require_variant(const std::string& variant, const std::string& what) const {
  if (variants_.contains(variant)) return;
  throw ConfigError(what + " = '" + variant +
                    "' (no variant is called so); use one of: " + join(variants()));
}

std::vector<std::string> Study::variants() const {
  std::vector<std::string> names;
  for (const auto& item : variants_.items()) names.push_back(item.key());
  return names;
}

std::vector<StudyCell> Study::cells() const {
  std::vector<StudyCell> cells;
  const std::vector<double> conditions = values.empty() ? std::vector<double>{0} : values;
  for (const std::int64_t seed : seeds) {
    for (const double value : conditions) {
      for (const auto& item : variants_.items()) {
        StudyCell cell{item.key(), value, seed, base_, {}};
        cell.values.merge_patch(item.value());
        cell.values.merge_patch(overrides_);
        if (!condition.empty()) {
          set_key(cell.values, condition, value);
          cell.condition_key = condition.substr(condition.find('.') + 1);
        }
        cell.values["experiment"]["seed"] = seed;
        cell.values["experiment"]["name"] = name + "-" + item.key();
        cells.push_back(cell);
      }
    }
  }
  return cells;
}

Json run_study(const Study& study, const StudyOptions& options, Progress& progress) {
  for (const std::string& variant : options.only) study.require_variant(variant, "--only");
  std::vector<StudyCell> cells = study.cells();
  if (!options.only.empty()) {
    const auto is_left_out = [&](const StudyCell& cell) {
      return std::count(options.only.begin(), options.only.end(), cell.variant) == 0;
    };
    cells.erase(std::remove_if(cells.begin(), cells.end(), is_left_out), cells.end());
  }
  std::int64_t busy = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    throw_if_interrupted();
    const std::string number =
        "[" + std::to_string(i + 1) + "/" + std::to_string(cells.size()) + "] ";
    busy += run_cell(cells[i], options, number, progress) == Outcome::kBusy ? 1 : 0;
  }
  if (busy > 0) {
    progress.say(std::to_string(busy) +
                 " experiments are left to other processes; the same command sums up when they are "
                 "done");
  }
  return write_study_summary(study, options.store);
}

}  // namespace crossloom
