#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "crossloom/experiment/run.h"

namespace crossloom {

/// One experiment of a study: an ordinary run with a folder of its own.
struct StudyCell {
  std::string variant;
  double condition = 0;  // meaningless in a study without conditions
  std::int64_t seed = 0;
  Json values;  // the tables of its experiment

  std::string name() const;              // in words
  std::filesystem::path folder() const;  // below the store

  std::string condition_key;  // its last part; empty without conditions
};

/// Variants of one experiment, each with several seeds and under several conditions. A file:
///
///   [study]
///   name = "sigma"
///   seeds = [1, 2, 3]
///   condition = "noise.sigma"     # may be left out: any key of an experiment
///   values = [0.1, 0.2, 0.3]      # that it takes
///   baseline = "plain"            # differences are taken from it
///
///   [base.SECTION]                # the tables of an experiment
///
///   [variant.plain]               # what differs from it
///   training.method = "noise_injection"
///
/// What a variant says wins over the base, the condition over both.
class Study {
 public:
  std::string name = "study";
  std::vector<std::int64_t> seeds = {1};
  std::string condition;
  std::vector<double> values;
  std::string baseline;

  /// Reads a file; `overrides` are texts "section.key=value" that win over every variant, or for
  /// [study] over it. Throws `ConfigError`, before anything runs, when some experiment of it could
  /// not run.
  Study(const std::filesystem::path& path, const std::vector<std::string>& overrides);

  /// All experiments, those of one seed together.
  std::vector<StudyCell> cells() const;

  std::vector<std::string> variants() const;

  /// Throws `ConfigError`, listing the variants, when `variant`, given as `what`, is none of them.
  void require_variant(const std::string& variant, const std::string& what) const;

 private:
  void check() const;

  Json base_ = Json::object();
  Json variants_ = Json::object();
  Json overrides_ = Json::object();
};

struct StudyOptions {
  std::filesystem::path store;    // folder of all runs
  std::vector<std::string> only;  // variants to run; empty: all. All finished ones are summed up.
  DataOptions data;
};

/// Runs all experiments of `study` that are not finished, and writes STORE/study.json, which is
/// returned (see `write_study_summary`).
///
/// Can be stopped and started again at any time, and several processes can work on one store: what
/// another one is at is left to it. A training that diverged is noted and not tried again. Throws
/// `ConfigError`, before anything runs, when `only` names no variant of `study`.
Json run_study(const Study& study, const StudyOptions& options, Progress& progress);

/// What the finished runs of `study` in `store` came to:
///
///   cells    every experiment with its state: finished, diverged or missing
///   groups   for each variant, condition and point measured: statistics over the seeds whose
///            training neither collapsed nor diverged, these counted apart; difference from the
///            baseline over the seeds that both have. One seed has a null for its standard error
///   curves   accuracy after each epoch, over seeds
///   cost     for each variant
Json summarise_study(const Study& study, const std::filesystem::path& store);

/// The same, written to STORE/study.json. Throws `ConfigError` when there is no folder `store`.
Json write_study_summary(const Study& study, const std::filesystem::path& store);

}  // namespace crossloom
