#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

namespace crossloom {

/// The folder with the original data sets: $CROSSLOOM_DATA or ../shared/data beside the project.
inline std::filesystem::path data_place() {
  const char* const given = std::getenv("CROSSLOOM_DATA");
  return given != nullptr ? std::filesystem::path(given)
                          : std::filesystem::path(CROSSLOOM_SOURCE_DIR) / ".." / "shared" / "data";
}

/// `name` in the folder with the original data sets; empty when it is not there.
inline std::filesystem::path find_data(const std::string& name) {
  const std::filesystem::path path = data_place() / name;
  return std::filesystem::exists(path) ? std::filesystem::canonical(path) : std::filesystem::path();
}

/// The folder with the original MNIST files. Empty when there are none.
inline std::filesystem::path find_original_mnist() {
  for (const std::filesystem::path& folder : {data_place() / "mnist", data_place()}) {
    if (std::filesystem::exists(folder / "train-images-idx3-ubyte.gz")) {
      return std::filesystem::canonical(folder);
    }
  }
  return {};
}

/// A fresh working folder without any data set in reach: ./data, ../shared/data and the user's
/// cache (./cache) do not exist, $CROSSLOOM_DATA is not set, and every HTTPS request fails at once.
class EmptyPlaces : public testing::Test {
 protected:
  EmptyPlaces() {
    std::filesystem::create_directories(folder_);
    std::filesystem::current_path(folder_);
    set("CROSSLOOM_DATA", std::nullopt);
    set("XDG_CACHE_HOME", (folder_ / "cache").string());
    set("https_proxy", "http://127.0.0.1:1");  // nothing listens there
  }

  ~EmptyPlaces() override {
    for (const auto& [name, value] : previous_) put(name, value);
    std::filesystem::current_path(previous_folder_);
    std::filesystem::remove_all(base_);
  }

  void set(const std::string& name, const std::optional<std::string>& value) {
    const char* const present = std::getenv(name.c_str());
    previous_.insert(previous_.begin(),
                     {name, present == nullptr ? std::nullopt : std::optional(present)});
    put(name, value);
  }

  // Found before the constructor's body hides the environment.
  const std::filesystem::path original_mnist_ = find_original_mnist();
  const std::filesystem::path base_ =
      std::filesystem::temp_directory_path() / ("crossloom_data_" + std::to_string(::getpid()));
  const std::filesystem::path folder_ = base_ / "work";

 private:
  static void put(const std::string& name, const std::optional<std::string>& value) {
    value ? ::setenv(name.c_str(), value->c_str(), 1) : ::unsetenv(name.c_str());
  }

  std::filesystem::path previous_folder_ = std::filesystem::current_path();
  std::vector<std::pair<std::string, std::optional<std::string>>> previous_;  // newest first
};

/// Writes `bytes` packed with gzip.
inline void write_packed(const std::filesystem::path& path, const std::string& bytes) {
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
}

/// The message of the `Error` that `act` throws.
template <class Error, class Act>
std::string message_of(const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

}  // namespace crossloom

/// Leaves a test of `EmptyPlaces` when the original MNIST is not there; in CI that is a failure.
#define CROSSLOOM_NEEDS_ORIGINAL_MNIST()                                             \
  if (original_mnist_.empty()) {                                                     \
    if (std::getenv("CI") != nullptr) FAIL() << "no MNIST here; set CROSSLOOM_DATA"; \
    GTEST_SKIP() << "no MNIST here; set CROSSLOOM_DATA";                             \
  }                                                                                  \
  static_assert(true, "")

/// Leaves a test when the original data at `path` (from `find_data`) are not there.
#define CROSSLOOM_NEEDS_DATA(path)                                             \
  if ((path).empty()) GTEST_SKIP() << "no such data here; set CROSSLOOM_DATA"; \
  static_assert(true, "")
