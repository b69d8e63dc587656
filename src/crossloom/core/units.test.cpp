#include "crossloom/core/units.h"

#include <gtest/gtest.h>

#include "crossloom/core/errors.h"

namespace crossloom {
namespace {

TEST(ParseQuantity, ReadsPrefixesOfTheExpectedUnit) {
  EXPECT_DOUBLE_EQ(parse_quantity("25 uS", "S"), 25e-6);
  EXPECT_DOUBLE_EQ(parse_quantity("25µS", "S"), 25e-6);
  EXPECT_DOUBLE_EQ(parse_quantity("-0.1 V", "V"), -0.1);
  EXPECT_DOUBLE_EQ(parse_quantity("3.3 kOhm", "Ohm"), 3300);
  EXPECT_DOUBLE_EQ(parse_quantity("2 ms", "s"), 2e-3);
  EXPECT_DOUBLE_EQ(parse_quantity("2 m", "m"), 2);
}

TEST(ParseQuantity, TakesANumberWithoutUnitAsSi) {
  EXPECT_EQ(parse_quantity(" 4e-6 ", "S"), 4e-6);
}

TEST(ParseQuantity, ReadsTimesTemperaturesAndPercentages) {
  EXPECT_DOUBLE_EQ(parse_quantity("1 day", "s"), 86400);
  EXPECT_DOUBLE_EQ(parse_quantity("10 years", "s"), 10 * 365.25 * 86400);
  EXPECT_DOUBLE_EQ(parse_quantity("85 degC", "K"), 358.15);
  EXPECT_DOUBLE_EQ(parse_quantity("2.5 %", "1"), 0.025);
}

TEST(ParseQuantity, RefusesAnotherQuantityAndNonsense) {
  EXPECT_THROW(parse_quantity("25 uA", "S"), ConfigError);
  EXPECT_THROW(parse_quantity("25 uS", "1"), ConfigError);
  EXPECT_THROW(parse_quantity("much", "S"), ConfigError);
  EXPECT_THROW(parse_quantity("", "S"), ConfigError);
  EXPECT_THROW(parse_quantity("nan", "S"), ConfigError);
  EXPECT_THROW(parse_quantity("1e999 S", "S"), ConfigError);
}

TEST(FormatQuantity, LeavesOneToThreeDigitsBeforeThePoint) {
  EXPECT_EQ(format_quantity(3.29e-5, "S"), "32.9 uS");
  EXPECT_EQ(format_quantity(0.1, "V"), "100 mV");
  EXPECT_EQ(format_quantity(999.96e-6, "A", 4), "1 mA");
  EXPECT_EQ(format_quantity(1e-15, "J"), "1 fJ");
  EXPECT_EQ(format_quantity(0, "A"), "0 A");
  EXPECT_EQ(format_quantity(0.25, "1"), "0.25");
  EXPECT_EQ(format_quantity(8, "bit"), "8 bit");
  EXPECT_EQ(format_quantity(86400, "s"), "1 day");
}

TEST(FormatQuantity, IsReadBackByParseQuantity) {
  for (const double value : {1.2e-14, 3.29e-5, 0.5, 7.0, 12345.0, 6.4e12}) {
    EXPECT_NEAR(parse_quantity(format_quantity(value, "S", 12), "S"), value, 1e-10 * value);
  }
}

}  // namespace
}  // namespace crossloom
