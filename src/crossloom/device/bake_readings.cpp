#include "crossloom/device/bake_readings.h"

#include "crossloom/core/units.h"

namespace crossloom {
namespace {

/// Whether the table has the resistance or conductance of that `moment`.
bool has(const Measurements& table, const std::string& moment) {
  return table.has("r_" + moment, "Ohm") || table.has("g_" + moment, "S");
}

std::vector<double> conductances(const Measurements& table, const std::string& moment) {
  if (table.has("g_" + moment, "S")) return table.column("g_" + moment, "S");
  std::vector<double> g = table.column("r_" + moment, "Ohm");
  for (std::size_t i = 0; i < g.size(); ++i) {
    if (!(g[i] > 0)) {
      table.refuse("cell " + std::to_string(i + 1) + " has r_" + moment + " = " +
                       format_quantity(g[i], "Ohm") + "; a resistance is above 0",
                   "leave it out, or mend it");
    }
    g[i] = 1 / g[i];
  }
  return g;
}

}  // namespace

bool has_bake(const Measurements& table) {
  return has(table, "pre") || has(table, "post");
}

BakeReadings bake_readings(const Measurements& table) {
  std::string missing;
  if (!has(table, "pre")) missing += ", what cells had before (r_pre or g_pre)";
  if (!has(table, "post")) missing += ", what they had after (r_post or g_post)";
  if (!table.has("t", "s")) missing += ", how long it was (t)";
  if (!table.has("temp", "K")) missing += ", how hot it was (temp)";
  if (!missing.empty()) {
    table.refuse("it tells of a bake, but not" + missing.substr(1),
                 "add columns such as r_pre_Ohm, r_post_Ohm, t_min, temp_C, or give what holds for "
                 "all cells as --value t=30min --value temp=80C");
  }
  return {conductances(table, "pre"),
          conductances(table, "post"),
          table.column("t", "s"),
          table.column("temp", "K")};
}

}  // namespace crossloom
