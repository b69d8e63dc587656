#include "crossloom/core/params.h"

#include <gtest/gtest.h>

namespace crossloom {
namespace {

enum class Range { kFixed, kTracked };

struct Component {
  double g_max = 25e-6;
  std::int64_t bits = 8;
  bool is_on = false;
  std::string name = "a";
  std::vector<double> times;
  Range range = Range::kFixed;

  ParamList params() {
    ParamList list;
    list.add("g_max", g_max, {1e-6, 25e-6}, "S", "largest conductance");
    list.add("bits", bits, {1, 16}, "bit", "resolution");
    list.add("is_on", is_on, "a switch");
    list.add("name", name, "a text");
    list.add("times", times, {0, 1e9}, "s", "when to look");
    list.add_choice<Range>("range",
                           range,
                           {{"fixed", Range::kFixed}, {"tracked", Range::kTracked}},
                           "how the range is found");
    return list;
  }
};

std::string message_of(const Json& values) {
  Component component;
  try {
    component.params().assign(values);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(ParamList, AssignsEachKind) {
  Component component;
  component.params().assign({{"g_max", "20 uS"},
                             {"bits", 4},
                             {"is_on", true},
                             {"name", "b"},
                             {"times", {1, "1 h"}},
                             {"range", "tracked"}});
  EXPECT_DOUBLE_EQ(component.g_max, 20e-6);
  EXPECT_EQ(component.bits, 4);
  EXPECT_TRUE(component.is_on);
  EXPECT_EQ(component.name, "b");
  EXPECT_EQ(component.times, (std::vector<double>{1, 3600}));
  EXPECT_EQ(component.range, Range::kTracked);
}

TEST(ParamList, MessagesNameTheKeyTheValueAndTheAcceptedSet) {
  EXPECT_EQ(message_of({{"g_max", "50 uS"}}),
            "invalid g_max = \"50 uS\" (out of bounds); give 1 uS to 25 uS");
  EXPECT_NE(message_of({{"gmax", 1}}).find("use one of: g_max, bits"), std::string::npos);
  EXPECT_NE(message_of({{"g_max", "3 V"}}).find("g_max"), std::string::npos);
  EXPECT_NE(message_of({{"range", "wide"}}).find("fixed, tracked"), std::string::npos);
  EXPECT_NE(message_of({{"bits", 2.5}}).find("whole number"), std::string::npos);
  EXPECT_NE(message_of({{"is_on", 1}}).find("true or false"), std::string::npos);
  EXPECT_NE(message_of({{"times", 1}}).find("not a list"), std::string::npos);
  EXPECT_NE(message_of({{"name", 3}}).find("a text"), std::string::npos);
}

TEST(ParamList, ValuesCanBeAssignedAgain) {
  Component first;
  first.params().assign({{"g_max", 7.123456789e-6}, {"times", {0.1}}, {"range", "tracked"}});
  Component second;
  second.params().assign(first.params().values());
  EXPECT_EQ(first.params().values(), second.params().values());
  EXPECT_EQ(second.g_max, 7.123456789e-6);
}

}  // namespace
}  // namespace crossloom
