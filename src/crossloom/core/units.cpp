#include "crossloom/core/units.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "crossloom/core/errors.h"

namespace crossloom {
namespace {

constexpr double kMinute = 60;
constexpr double kHour = 3600;
constexpr double kDay = 86400;
constexpr double kMonth = 30 * kDay;
constexpr double kYear = 365.25 * kDay;
constexpr double kZeroCelsius = 273.15;  // [K], exact by definition of the scale

const std::map<std::string, double> kPrefixes = {{"", 1},
                                                 {"f", 1e-15},
                                                 {"p", 1e-12},
                                                 {"n", 1e-9},
                                                 {"u", 1e-6},
                                                 {"µ", 1e-6},
                                                 {"m", 1e-3},
                                                 {"k", 1e3},
                                                 {"M", 1e6},
                                                 {"G", 1e9},
                                                 {"T", 1e12}};

const std::map<std::string, double> kTimes = {{"min", kMinute},
                                              {"h", kHour},
                                              {"hour", kHour},
                                              {"hours", kHour},
                                              {"day", kDay},
                                              {"days", kDay},
                                              {"month", kMonth},
                                              {"months", kMonth},
                                              {"year", kYear},
                                              {"years", kYear}};

std::string strip(const std::string& text) {
  const char* blanks = " \t\n\r";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Accepted spellings of the SI unit `unit`.
bool names_unit(const std::string& spelling, const std::string& unit) {
  if (unit == "Ohm") return spelling == "Ohm" || spelling == "ohm" || spelling == "Ω";
  return spelling == unit;
}

/// Factor that takes a number in `given` to SI; 0 when `given` does not measure `unit`.
double factor_of(const std::string& given, const std::string& unit) {
  if (unit == "1") return given == "%" ? 0.01 : 0;
  if (unit == "s") {
    const auto time = kTimes.find(given);
    if (time != kTimes.end()) return time->second;
  }
  for (const auto& [prefix, factor] : kPrefixes) {
    if (given.compare(0, prefix.size(), prefix) == 0 &&
        names_unit(given.substr(prefix.size()), unit)) {
      return factor;
    }
  }
  return 0;
}

std::string with_digits(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

std::string format_time(double seconds, int digits) {
  if (seconds >= kYear) return with_digits(seconds / kYear, digits) + " year";
  if (seconds >= kDay) return with_digits(seconds / kDay, digits) + " day";
  if (seconds >= kHour) return with_digits(seconds / kHour, digits) + " h";
  return with_digits(seconds / kMinute, digits) + " min";
}

}  // namespace

double parse_quantity(const std::string& text, const std::string& unit) {
  const std::string trimmed = strip(text);
  char* end = nullptr;
  const double number = std::strtod(trimmed.c_str(), &end);
  const std::string expected =
      unit == "1" ? "a plain number or a percentage" : "a value in " + unit;
  if (end == trimmed.c_str() || !std::isfinite(number)) {
    throw ConfigError("cannot read '" + text + "' (not a finite number); give " + expected);
  }
  const std::string given = strip(end);
  if (given.empty()) return number;
  if (unit == "K" && (given == "degC" || given == "C" || given == "°C")) {
    return number + kZeroCelsius;
  }
  const double factor = factor_of(given, unit);
  if (factor == 0) {
    throw ConfigError("wrong unit in '" + text + "' ('" + given + "' does not measure it); give " +
                      expected);
  }
  return number * factor;
}

std::string format_quantity(double value, const std::string& unit, int digits) {
  if (unit == "1" || unit.empty()) return with_digits(value, digits);
  if (unit == "bit" || unit == "K") return with_digits(value, digits) + " " + unit;
  if (unit == "s" && std::abs(value) >= kMinute) return format_time(value, digits);
  if (value == 0 || !std::isfinite(value)) return with_digits(value, digits) + " " + unit;
  static const char* const kNames[] = {"f", "p", "n", "u", "m", "", "k", "M", "G", "T"};
  const double rounded = std::atof(with_digits(std::abs(value), digits).c_str());
  int step = static_cast<int>(std::floor(std::log10(rounded) / 3 + 1e-9));
  step = std::min(std::max(step, -5), 4);
  return with_digits(value / std::pow(1000.0, step), digits) + " " + kNames[step + 5] + unit;
}

}  // namespace crossloom
