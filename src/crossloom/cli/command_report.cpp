#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "crossloom/cli/commands.h"
#include "crossloom/report/report.h"

namespace crossloom {

void add_report_command(CLI::App& app) {
  auto folder = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("report", "write the HTML report of a finished run again");
  command->add_option("run", *folder, "run folder")->required();
  command->callback([folder] { std::printf("report: %s\n", write_report(*folder).c_str()); });
}

}  // namespace crossloom
