#pragma once

#include <memory>
#include <string>
#include <vector>

#include "crossloom/cli/model_arguments.h"
#include "crossloom/experiment/plan_run.h"

namespace crossloom {

/// What the commands around reprogramming plans are given.
struct PlanArguments {
  PlanRequest request;
  ModelArguments model;
  std::vector<std::int64_t> pool_size;  // crossbars, rows, columns
  std::string out, sensitivity = "none";
  int threads = 0;
  bool is_json = false;
  bool is_offline = false;
};

/// The network, the data it is measured on, threads and the form of the output.
void add_subject_options(CLI::App& command, PlanArguments& given);

/// The pool and what a write costs.
void add_pool_options(CLI::App& command, PlanArguments& given);

/// How weights become integers, which all schemes share.
void add_code_options(CLI::App& command, PlanArguments& given);

/// That, order, row assignment, budgets and all else that makes a scheme.
void add_scheme_options(CLI::App& command, PlanArguments& given);

/// The request, when everything has been parsed.
PlanRequest plan_request(const PlanArguments& given);

}  // namespace crossloom
