// Arguments to experiment. One file per command; the only `try` of the project is here.

#include <cstdio>
#include <set>
#include <string>

#include <CLI/CLI.hpp>
#include <c10/util/Exception.h>

#include "crossloom/cli/commands.h"
#include "crossloom/core/errors.h"
#include "crossloom/core/interrupt.h"
#include "crossloom/core/library_settings.h"

namespace {

constexpr int kFailure = 1;
constexpr int kUserError = 2;
constexpr int kInterrupted = 130;

int report(const char* message, int code) {
  std::fprintf(stderr, "crossloom: %s\n", message);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  const std::set<std::string> heavy = {"run", "study", "evaluate", "circuit", "plan"};
  const bool computes = argc > 1 && heavy.count(argv[1]) > 0;
  if (computes) crossloom::apply_library_settings(argv);
  CLI::App app("Neural networks on memristor compute-in-memory chips: simulate, train, report.",
               "crossloom");
  app.set_version_flag("--version", "crossloom " CROSSLOOM_VERSION);
  crossloom::add_run_command(app);
  crossloom::add_evaluate_command(app);
  crossloom::add_devices_command(app);
  crossloom::add_circuit_command(app);
  crossloom::add_convert_command(app);
  crossloom::add_inspect_command(app);
  crossloom::add_data_command(app);
  crossloom::add_plan_command(app);
  crossloom::add_report_command(app);
  crossloom::add_study_command(app);
  try {
    crossloom::catch_interrupts();
    app.parse(argc, argv);
    if (app.get_subcommands().empty()) throw CLI::CallForHelp();
    return 0;
  } catch (const CLI::Success& success) {
    return app.exit(success);  // --help, --version
  } catch (const CLI::ParseError& error) {
    return report((std::string(error.what()) + "; see crossloom --help").c_str(), kUserError);
  } catch (const crossloom::ConfigError& error) {
    return report(error.what(), kUserError);
  } catch (const crossloom::Interrupted& stop) {
    return report(stop.what(), kInterrupted);
  } catch (const c10::Error& error) {
    return report(error.what_without_backtrace(), kFailure);
  } catch (const std::exception& error) {
    return report(error.what(), kFailure);
  }
}
