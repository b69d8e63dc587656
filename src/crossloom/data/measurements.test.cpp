#include "crossloom/data/measurements.h"

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/data/data_testing.h"

namespace crossloom {
namespace {

using Values = std::vector<double>;

template <class Use>
std::string refusal(const std::string& contents, Use use) {
  const std::string text = message_of<ConfigError>([&] {
    Measurements table(contents, "cells.csv");
    use(table);
  });
  EXPECT_EQ(text.find("cells.csv is not a usable table of measurements ("), 0) << text;
  EXPECT_NE(text.find("); "), std::string::npos) << text;
  return text;
}

std::string refusal(const std::string& contents) {
  return refusal(contents, [](const Measurements& table) { table.column("g", "S"); });
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Measurements, ValuesAreReadInSiByTheUnitOfTheirColumn) {
  const Measurements table("cell,t_h,temp_C,g_uS,v_mV\n3,2,25,1.5,-20\n4, 1e-2 ,-40,.5,7\n",
                           "cells.csv");
  EXPECT_EQ(table.num_rows(), 2);
  EXPECT_EQ(table.column("cell", "1"), (Values{3, 4}));
  EXPECT_EQ(table.column("t", "s"), (Values{7200, 36}));
  EXPECT_DOUBLE_EQ(table.column("temp", "K")[0], 298.15);
  EXPECT_DOUBLE_EQ(table.column("temp", "K")[1], 233.15);
  EXPECT_DOUBLE_EQ(table.column("g", "S")[0], 1.5e-6);
  EXPECT_DOUBLE_EQ(table.column("v", "V")[0], -0.02);
  EXPECT_FALSE(table.has("r", "Ohm"));
}

TEST(Measurements, LongerNamesAreNotTakenForAQuantity) {
  const Measurements table("g_init_uS,g_uS,t_nominal_s,t_s\n1,2,3,4\n", "cells.csv");
  EXPECT_DOUBLE_EQ(table.column("g", "S")[0], 2e-6);
  EXPECT_DOUBLE_EQ(table.column("g_init", "S")[0], 1e-6);
  EXPECT_DOUBLE_EQ(table.column("t", "s")[0], 4);
}

TEST(Measurements, ColumnsOfOneQuantityAreFoundByTheirLabels) {
  const Measurements table("t_s,g_uS_a,g_nS_b,g_uS\n0,1,2,3\n", "cells.csv");
  const auto columns = table.columns_by_label("g", "S");
  ASSERT_EQ(columns.size(), 2);
  EXPECT_DOUBLE_EQ(columns.at("a")[0], 1e-6);
  EXPECT_DOUBLE_EQ(columns.at("b")[0], 2e-9);
}

TEST(Measurements, AColumnCanBeNamed) {
  Measurements table("device,read_index,slope_S\n1,2,3e-6\n", "cells.csv");
  table.use("cell", "device", "");
  table.use("t", "read_index", "min");
  table.use("g", "slope_S", "");
  EXPECT_EQ(table.column("cell", "1"), Values{1});
  EXPECT_EQ(table.column("t", "s"), Values{120});
  EXPECT_DOUBLE_EQ(table.column("g", "S")[0], 3e-6);
  table.use("g", "read_index", "");
  EXPECT_TRUE(
      contains(message_of<ConfigError>([&] { table.column("g", "S"); }), "no quantity in S"));
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { table.use("g", "slope", ""); }),
                       "no column is called 'slope'"));
}

TEST(Measurements, WindowsFilesAndEmptyLinesAreRead) {
  const Measurements table("\xef\xbb\xbfg_uS\r\n\r\n1\r\n2", "cells.csv");
  EXPECT_EQ(table.column("g", "S").size(), 2);
}

TEST(Measurements, RefusesWhatCannotBeUsed) {
  EXPECT_TRUE(contains(refusal(""), "no line of values"));
  EXPECT_TRUE(contains(refusal("g_uS\n"), "no line of values"));
  EXPECT_TRUE(contains(refusal("t_s\n1\n"), "no column is called 'g_S'"));
  EXPECT_TRUE(contains(refusal("t_s,g\n1,2\n"), "the column 'g' has no unit"));
  EXPECT_TRUE(contains(refusal("t_s,g_V\n1,2\n"), "no column is called 'g_S'"));
  EXPECT_TRUE(contains(refusal("t_s,g_uS\n1,2\n1,nan\n"), "line 3: 'nan' under g_uS"));
  EXPECT_TRUE(contains(refusal("t_s,g_uS\n1,inf\n"), "line 2: 'inf' under g_uS"));
  EXPECT_TRUE(contains(refusal("t_s,g_uS\n1,1e999\n"), "line 2: '1e999' under g_uS"));
  EXPECT_TRUE(contains(refusal("t_s,g_uS\n1,\n"), "line 2: '' under g_uS"));
  EXPECT_TRUE(contains(refusal("t_s,g_uS\n1,high\n"), "line 2: 'high' under g_uS"));
  EXPECT_TRUE(contains(refusal("t_s,g_uS\n1,2 3\n"), "line 2: '2 3' under g_uS"));
  EXPECT_TRUE(contains(refusal("t_s,g_uS\n1,2\n1\n"), "line 3: it has 1 values"));
  EXPECT_TRUE(contains(refusal("t_s,g_uS\n1,\"2\"\n"), "line 2: quoted"));
}

TEST(Measurements, RefusesAFileThatIsCutShort) {
  const auto path = find_data("memristor/rram_relax_techC.csv.gz");
  if (path.empty()) GTEST_SKIP() << "no memristor measurements under " << data_place();
  const std::string whole = read_file(path);
  const auto cut = std::filesystem::temp_directory_path() /
                   ("crossloom_cut_" + std::to_string(::getpid()) + ".csv.gz");
  write_file(cut, whole.substr(0, whole.size() / 2));
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { read_measurements(cut); }), "cut short"));
  std::filesystem::remove(cut);
}

}  // namespace
}  // namespace crossloom
