#pragma once

#include <string>

namespace crossloom {

/// Value in SI of a number with a unit, such as "25 uS", "0.1 V", "1 day", "85 degC" or "3e-6".
///
/// A text without a unit is taken as SI. Prefixes f p n u m k M G T go with every unit but those of
/// time beyond the second. Throws `ConfigError` when the text is not a number or its unit does not
/// measure the same quantity as `unit` (the SI unit expected, "1" for a plain number).
double parse_quantity(const std::string& text, const std::string& unit);

/// Text of `value` (SI) with the prefix that leaves one to three digits before the point:
/// format_quantity(3.29e-5, "S") = "32.9 uS". `digits` are significant ones. Plain numbers (unit
/// "1"), counts and bits get no prefix; times from a minute on are given in min, h, day or year.
std::string format_quantity(double value, const std::string& unit, int digits = 4);

}  // namespace crossloom
