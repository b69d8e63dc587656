#include "crossloom/report/fit_report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "crossloom/core/files.h"
#include "crossloom/experiment/device_fit.h"
#include "crossloom/report/report.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

TEST(FitReport, ShowsEachLawAndWhatItHasNotSeen) {
  const fs::path folder =
      fs::temp_directory_path() / ("crossloom_fit_report_" + std::to_string(::getpid()));
  std::string csv = "cell,level,t_s,g_uS\n";
  for (int cell = 0; cell < 100; ++cell) {
    const std::string start = std::to_string(cell) + "," + std::to_string(cell % 2);
    for (int time = 0; time < 4; ++time) {
      csv += start + "," + std::to_string(time * time * time) + "," +
             std::to_string(10 + 5 * (cell % 2) + time * (cell % 7 - 3)) + "\n";
    }
  }
  write_file(folder / "cells.csv", csv);
  DeviceFitRequest request;
  request.csv = folder / "cells.csv";
  request.out = folder;
  fit_device(request);
  const Json data = report_data(folder);
  EXPECT_EQ(data["title"], "Device fitted to cells.csv");
  ASSERT_EQ(data["sections"].size(), 2U);
  EXPECT_EQ(data["sections"][0]["title"], "Relaxation and retention");
  EXPECT_EQ(data["sections"][0]["charts"].size(), 5U);
  const Json& rows = data["sections"][0]["tables"][1]["rows"];
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0][5], "–");  // the first time cannot be left out
  EXPECT_NE(rows[1][5], "–");
  EXPECT_EQ(data["sections"][1]["title"], "Programming");
  EXPECT_NE(read_file(write_report(folder)).find("Device fitted to cells.csv"), std::string::npos);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace crossloom
