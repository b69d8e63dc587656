#include "crossloom/experiment/device_fit.h"

#include <cmath>

#include <gtest/gtest.h>
#include <unistd.h>

#include "crossloom/core/files.h"
#include "crossloom/core/random.h"
#include "crossloom/experiment/chip_config.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

class DeviceFit : public testing::Test {
 protected:
  DeviceFit() { fs::create_directories(folder_); }
  ~DeviceFit() override { fs::remove_all(folder_); }

  /// 3000 cells on 10 levels, written with an error of 0.5 uS, that move by -1 uS and a spread of
  /// 0.1 of their start at 1 s, twice that at 100 s.
  DeviceFitRequest measured() const {
    Rng rng(1);
    const std::int64_t n = 3000;
    const Tensor level = at::arange(n, at::kLong).remainder(10);
    const Tensor start = 5 + 3 * level + 0.5 * rng.normal({n});
    const Tensor xi = rng.normal({n});
    std::string csv = "cell,level,t_s,g_uS\n";
    for (std::int64_t i = 0; i < n; ++i) {
      const std::string cell = std::to_string(i) + "," + std::to_string(level[i].item<int>());
      const float g = start[i].item<float>();
      const float move = -1 + 0.1F * g * xi[i].item<float>();
      csv += cell + ",0," + std::to_string(g) + "\n" + cell + ",1," + std::to_string(g + move) +
             "\n" + cell + ",100," + std::to_string(g + 2 * move) + "\n";
    }
    write_file(folder_ / "cells.csv", csv);
    DeviceFitRequest request;
    request.csv = folder_ / "cells.csv";
    request.out = folder_ / "out";
    return request;
  }

  const fs::path folder_ =
      fs::temp_directory_path() / ("crossloom_device_fit_" + std::to_string(::getpid()));
};

TEST_F(DeviceFit, ChipFileBehavesAsTheCellsThatWereMeasured) {
  const Json summary = fit_device(measured());
  EXPECT_EQ(summary.at("laws").at("ageing").at("cells"), 3000);
  const ChipConfig chip = load_chip_config(folder_ / "out" / kFitDevice, {});
  const Device& device = chip.hardware().device;
  ASSERT_EQ(device.name(), "tabulated");
  const std::int64_t n = 20000;
  Rng rng(2);
  Cells cells = device.make_cells({n}, rng);
  const Tensor target = at::full({n}, 20e-6);
  device.write(cells, at::ones({n}, at::kBool), target, 0, rng);
  const Tensor written = device.conductance(cells, 0).to(at::kDouble);
  // Errors of the fit: 300 cells of a level, five standard errors.
  EXPECT_NEAR(written.mean().item<double>(), 20e-6, 5 * 0.5e-6 / std::sqrt(300.0));
  EXPECT_NEAR(written.std().item<double>(), 0.5e-6, 5 * 0.5e-6 / std::sqrt(600.0));
  const Tensor moved = device.conductance(cells, 100).to(at::kDouble) - written;
  EXPECT_NEAR(moved.mean().item<double>(), -2e-6, 5 * 4e-6 / std::sqrt(250.0));
  EXPECT_NEAR(moved.std().item<double>(), 4e-6, 5 * 4e-6 / std::sqrt(500.0));
}

TEST_F(DeviceFit, OneSeedGivesOneResult) {
  const DeviceFitRequest request = measured();
  const Json first = fit_device(request);
  EXPECT_EQ(fit_device(request), first);
}

TEST_F(DeviceFit, NothingIsWrittenWhenTheTableIsRefused) {
  DeviceFitRequest request = measured();
  write_file(request.csv, read_file(request.csv) + "7,1,1,many\n");
  EXPECT_THROW(fit_device(request), ConfigError);
  request.columns["g"] = "gg_uS";
  EXPECT_THROW(fit_device(request), ConfigError);
  EXPECT_FALSE(fs::exists(request.out));
}

}  // namespace
}  // namespace crossloom
