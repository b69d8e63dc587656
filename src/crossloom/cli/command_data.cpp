#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "crossloom/cli/commands.h"
#include "crossloom/core/errors.h"
#include "crossloom/data/dataset.h"
#include "crossloom/data/fetch.h"
#include "crossloom/data/locate.h"

namespace crossloom {
namespace {

/// Where each data set is, without making or fetching one.
void list_data(const std::string& data_dir) {
  DataOptions options;
  options.data_dir = data_dir;
  options.may_download = false;
  options.may_generate = false;
  for (const std::string& name : dataset_names()) {
    try {
      std::printf("%-18s %s\n", name.c_str(), load_dataset(name, options).provenance.c_str());
    } catch (const ConfigError& error) {
      std::printf("%-18s %s\n", name.c_str(), error.what());
    }
  }
}

void fetch(const std::string& name, const std::string& data_dir) {
  const std::filesystem::path target =
      data_dir.empty() ? cache_dir() : std::filesystem::path(data_dir);
  if (target.empty()) {
    throw ConfigError("no place for " + name +
                      " (neither XDG_CACHE_HOME nor HOME is set); give "
                      "--data-dir");
  }
  std::printf("%s is in %s\n", name.c_str(), fetch_dataset(name, target).string().c_str());
}

}  // namespace

void add_data_command(CLI::App& app) {
  auto data_dir = std::make_shared<std::string>();
  auto name = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("data", "list the data sets and where they are; fetch one");
  command->add_option("--data-dir", *data_dir, "where data are looked for first, and fetched to");
  CLI::App* fetch_command = command->add_subcommand("fetch", "download a data set, with checksums");
  fetch_command->add_option("name", *name, "data set")->required();
  fetch_command->add_option(
      "--data-dir", *data_dir, "folder to fetch to; default: the user's cache");
  command->callback([=] { name->empty() ? list_data(*data_dir) : fetch(*name, *data_dir); });
}

}  // namespace crossloom
