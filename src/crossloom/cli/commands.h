#pragma once

namespace CLI {
class App;
}

namespace crossloom {

/// Each adds one command to `app`. The command runs when it is parsed, and throws what goes wrong.
void add_run_command(CLI::App& app);
void add_evaluate_command(CLI::App& app);
void add_devices_command(CLI::App& app);
void add_circuit_command(CLI::App& app);
void add_convert_command(CLI::App& app);
void add_inspect_command(CLI::App& app);
void add_data_command(CLI::App& app);
void add_plan_command(CLI::App& app);
void add_report_command(CLI::App& app);
void add_study_command(CLI::App& app);

}  // namespace crossloom
