#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "crossloom/cli/commands.h"
#include "crossloom/report/report.h"
#include "crossloom/report/study_report.h"

namespace crossloom {

void add_report_command(CLI::App& app) {
  auto folder = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("report", "write the HTML report of a run or a study again");
  command->add_option("run", *folder, "folder of a run or of a study")->required();
  command->callback([folder] {
    const bool is_study = std::filesystem::exists(std::filesystem::path(*folder) / "study.json");
    const auto path = is_study ? write_study_report(*folder) : write_report(*folder);
    std::printf("report: %s\n", path.c_str());
  });
}

}  // namespace crossloom
