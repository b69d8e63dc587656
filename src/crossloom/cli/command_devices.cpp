#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "crossloom/cli/commands.h"
#include "crossloom/cli/help.h"
#include "crossloom/core/units.h"
#include "crossloom/device/device.h"

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

}  // namespace

void add_devices_command(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("devices", "list the device models, or the parameters of one");
  command->add_option("name", *name, "device model");
  command->callback([name] { name->empty() ? list_devices() : show_device(*name); });
}

}  // namespace crossloom
