#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "crossloom/cli/commands.h"
#include "crossloom/cli/help.h"
#include "crossloom/core/units.h"
#include "crossloom/device/device.h"
#include "crossloom/experiment/device_fit.h"
#include "crossloom/report/report.h"

namespace crossloom {
namespace {

void list_devices() {
  for (const std::string& name : Registry<DeviceModel>::instance().names()) {
    const Device device(name);
    std::printf("%-24s %s to %s\n",
                name.c_str(),
                format_quantity(device.range().g_min, "S").c_str(),
                format_quantity(device.range().g_max, "S").c_str());
  }
  std::printf("\ncrossloom devices NAME shows the parameters of one.\n");
}

void show_device(const std::string& name) {
  Device device(name);
  ParamList params;
  device.describe(params);
  std::printf("%s\n%s", name.c_str(), describe_params(params).c_str());
}

struct FitArguments {
  std::string csv, out;
  std::vector<std::string> columns;  // "QUANTITY=NAME[:UNIT]"
  std::vector<std::string> values;   // "QUANTITY=VALUE"
  std::int64_t seed = 1;
};

/// The name of the measurements without what says that they are a packed table.
std::string stem_of(std::filesystem::path path) {
  for (const char* extension : {".gz", ".csv"}) {
    if (path.extension() == extension) path = path.stem();
  }
  return path.filename().string();
}

void print_figure(const Json& check, const char* figure) {
  const Json& of = check.at(figure);
  const auto micro = [&](const char* key) { return 1e6 * of.at(key).get<double>(); };
  std::printf(
      "  %7.3f ± %5.3f %9.3f ", micro("measured"), micro("standard_error"), micro("unseen_cells"));
  if (of.at("unseen_time").is_null()) {
    std::printf("%17s", "");
  } else {
    std::printf(" %7.3f ± %5.3f", micro("unseen_time"), micro("difference_error"));
  }
}

void print_ageing(const Json& ageing) {
  std::printf("ageing, %lld cells, uS:\n%-16s  %-15s %9s  %-15s   %-15s %9s  %-15s\n",
              static_cast<long long>(ageing.at("cells").get<std::int64_t>()),
              "",
              "mean move",
              "unseen",
              "unseen",
              "spread",
              "unseen",
              "unseen");
  std::printf(
      "%-16s  %-15s %9s  %-15s   %-15s %9s  %-15s\n", "", "", "cells", "time", "", "cells", "time");
  for (const Json& check : ageing.at("checks")) {
    const double temperature = check.at("temperature").get<double>();
    const std::string place = format_quantity(check.at("time").get<double>(), "s", 3) +
                              (temperature > 0 ? ", " + format_quantity(temperature, "K", 4) : "");
    std::printf("%-16s", place.c_str());
    print_figure(check, "mean");
    std::printf(" ");
    print_figure(check, "spread");
    std::printf("\n");
  }
}

void print_reads(const Json& reads) {
  for (const Json& cell : reads.at("cells")) {
    std::printf("%-12s %s, read noise %s",
                cell.at("name").get<std::string>().c_str(),
                format_quantity(cell.at("g").get<double>(), "S").c_str(),
                format_quantity(cell.at("read_noise").get<double>(), "S", 3).c_str());
    if (cell.at("has_trap").get<bool>()) {
      for (const char* half : {"fitted", "unseen"}) {
        const auto figure = [&](const char* key) { return cell.at(half).at(key).get<double>(); };
        std::printf("; %s trap: %s, %s below, %s above",
                    half,
                    format_quantity(figure("amplitude"), "S", 3).c_str(),
                    format_quantity(figure("time_low"), "s", 3).c_str(),
                    format_quantity(figure("time_high"), "s", 3).c_str());
      }
    }
    std::printf("\n");
  }
}

/// What stands on both sides of the signs of equality.
std::map<std::string, std::string> assignments(const std::string& option,
                                               const std::vector<std::string>& texts,
                                               const std::string& example) {
  std::map<std::string, std::string> found;
  for (const std::string& text : texts) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw ConfigError("cannot use " + option + " " + text +
                        " (it names no quantity in front of a =); give for example " + option +
                        " " + example);
    }
    found[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return found;
}

void fit(const FitArguments& given) {
  DeviceFitRequest request;
  request.csv = given.csv;
  request.out = given.out.empty() ? stem_of(given.csv) + "_fit" : given.out;
  request.seed = given.seed;
  request.columns = assignments("--column", given.columns, "t=read_index:min");
  request.values = assignments("--value", given.values, "t=30min");
  const Json summary = fit_device(request);
  const Json& laws = summary.at("laws");
  if (laws.contains("ageing")) print_ageing(laws.at("ageing"));
  if (laws.contains("programming")) {
    std::printf("programming, %lld cells\n",
                static_cast<long long>(laws.at("programming").at("cells").get<std::int64_t>()));
  }
  if (laws.contains("current")) {
    std::printf("current law: %s\n", laws.at("current").at("chosen").get<std::string>().c_str());
  }
  if (laws.contains("reads")) print_reads(laws.at("reads"));
  std::printf("device: %s\n", (request.out / kFitDevice).c_str());
  std::printf("report: %s\n", write_report(request.out).c_str());
}

void add_fit_command(CLI::App& devices) {
  auto given = std::make_shared<FitArguments>();
  CLI::App* command = devices.add_subcommand(
      "fit", "laws of a device from measurements of its cells (docs/devices.md)");
  command->add_option("csv", given->csv, "table of measurements, .csv or .csv.gz")->required();
  command->add_option("--out", given->out, "folder for device.toml, fit.json and report.html");
  command->add_option("--column",
                      given->columns,
                      "QUANTITY=NAME or QUANTITY=NAME:UNIT: which column is "
                      "which, where the names "
                      "do not say so");
  command->add_option("--value",
                      given->values,
                      "QUANTITY=VALUE: what is the same for all cells and in no column, such as "
                      "t=30min or temp=80C of a bake");
  command->add_option("--seed", given->seed, "of the parts in which the cells are judged");
  command->callback([given] { fit(*given); });
}

}  // namespace

void add_devices_command(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("devices",
                                         "list the device models, or the parameters "
                                         "of one; fit one to measurements");
  command->add_option("name", *name, "device model");
  add_fit_command(*command);
  command->callback([name, command] {
    if (!command->get_subcommands().empty()) return;
    name->empty() ? list_devices() : show_device(*name);
  });
}

}  // namespace crossloom
