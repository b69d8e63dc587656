#include "crossloom/cli/plan_arguments.h"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "crossloom/experiment/toml.h"

namespace crossloom {
namespace {

bool is_any(const std::string& /*name*/) {
  return true;
}

/// Gives `command` an option for each parameter that `described` declares and `is_wanted`:
/// name_of_it becomes --name-of-it. `described` must outlive the command.
template <class Described>
void add_parameter_options(CLI::App& command,
                           Described& described,
                           bool (*is_wanted)(const std::string& name) = is_any) {
  ParamList params;
  described.describe(params);
  for (const Param& param : params.all()) {
    if (!is_wanted(param.name)) continue;
    std::string option = "--" + param.name;
    std::replace(option.begin(), option.end(), '_', '-');
    const Json value = param.get();
    const auto assign = [set = param.set](const std::string& text) { set(parse_toml_value(text)); };
    command.add_option_function<std::string>(option, assign, param.doc + "; " + param.accepted)
        ->default_str(value.is_string() ? value.get<std::string>() : value.dump());
  }
}

SensitivityBy sensitivity_called(const std::string& name) {
  if (name == "none") return SensitivityBy::kNone;
  if (name == "activation") return SensitivityBy::kActivation;
  if (name == "hessian") return SensitivityBy::kHessian;
  throw ConfigError("unknown sensitivity '" + name +
                    "' (it shares the error budget among the layers); use one of: none, "
                    "activation, hessian");
}

}  // namespace

void add_subject_options(CLI::App& command, PlanArguments& given) {
  add_model_options(command, given.model, "--model");
  command.add_option(
      "--draw", given.request.draw, "draw the weights instead: gauss, laplace, student5, student3");
  command.add_option("--data",
                     given.request.data,
                     "NAME[:FOLDER]: measure accuracy on these examples, as crossloom evaluate");
  command.add_option("--examples", given.request.count, "first examples used; 0 = all")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--threads", given.threads, "threads; 0 = all processors");
  command.add_flag("--json", given.is_json, "print everything as JSON");
  command.add_flag("--offline", given.is_offline, "never download data");
}

void add_pool_options(CLI::App& command, PlanArguments& given) {
  command
      .add_option("--pool", given.pool_size, "crossbars,rows,columns of the chip; default 1,128,10")
      ->delimiter(',')
      ->expected(3);
  add_parameter_options(command, given.request.pool, [](const std::string& name) {
    return name != "num_crossbars" && name != "num_rows" && name != "num_cols";  // see --pool
  });
  add_parameter_options(command, given.request.write_cost);
  command.add_option("--out", given.out, "folder for the plan, the numbers and a report");
  command.add_flag("--resume", given.request.may_resume, "go on with what is in --out");
}

void add_code_options(CLI::App& command, PlanArguments& given) {
  add_parameter_options(command, given.request.options, [](const std::string& name) {
    return name == "bits" || name == "scale";
  });
}

void add_scheme_options(CLI::App& command, PlanArguments& given) {
  add_parameter_options(command, given.request.options);
  command.add_option("--sensitivity",
                     given.sensitivity,
                     "give each layer a budget by its sensitivity, --budget as their mean: none, "
                     "activation, hessian");
  command
      .add_option("--calibration-examples",
                  given.request.calibration_examples,
                  "examples that sensitivity is measured on")
      ->check(CLI::PositiveNumber);
}

PlanRequest plan_request(const PlanArguments& given) {
  PlanRequest request = given.request;
  request.model = given.model.model;
  request.weights = given.model.weights;
  request.onnx = onnx_options(given.model);
  request.data_options.data_dir = given.model.data_dir;
  request.data_options.may_download = !given.is_offline;
  request.sensitivity = sensitivity_called(given.sensitivity);
  request.out = given.out;
  if (!given.pool_size.empty()) {
    ParamList params;
    request.pool.describe(params);
    params.assign({{"num_crossbars", given.pool_size[0]},
                   {"num_rows", given.pool_size[1]},
                   {"num_cols", given.pool_size[2]}});
  }
  return request;
}

}  // namespace crossloom
