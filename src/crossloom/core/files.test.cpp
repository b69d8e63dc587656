#include "crossloom/core/files.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <zlib.h>

#include "crossloom/core/errors.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  Files() { fs::create_directories(folder_); }
  ~Files() override { fs::remove_all(folder_); }

  fs::path packed(const std::string& text) const {
    const fs::path path = folder_ / "text.gz";
    gzFile file = gzopen(path.c_str(), "wb");
    gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
    return path;
  }

  const fs::path folder_ =
      fs::temp_directory_path() / ("crossloom_files_" + std::to_string(::getpid()));
};

TEST_F(Files, WrittenBytesAreReadBack) {
  const std::string bytes("a\0b\nc", 5);
  write_file(folder_ / "new" / "file", bytes);
  EXPECT_EQ(read_file(folder_ / "new" / "file"), bytes);
}

TEST_F(Files, WriteLeavesNoTemporaryFile) {
  write_file(folder_ / "file", "one");
  write_file(folder_ / "file", "two");
  EXPECT_EQ(read_file(folder_ / "file"), "two");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(Files, FullDiskIsReportedAndLeavesNothing) {
  ASSERT_TRUE(fs::exists("/dev/full"));
  EXPECT_THROW(append_line("/dev/full", "text"), IoError);
  try {
    append_line("/dev/full", "text");
  } catch (const IoError& error) {
    EXPECT_NE(std::string(error.what()).find("free some space"), std::string::npos) << error.what();
  }
}

TEST_F(Files, UnwritableFolderIsReported) {
  EXPECT_THROW(write_file("/proc/nothing/here", "text"), IoError);
}

TEST_F(Files, MissingFileNamesItself) {
  try {
    read_file(folder_ / "absent");
    FAIL() << "expected ConfigError";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("absent"), std::string::npos);
  }
}

TEST_F(Files, FolderIsNotAFile) {
  EXPECT_THROW(read_file(folder_), ConfigError);
}

TEST_F(Files, GzipIsUnpackedAndPlainIsPassedOn) {
  EXPECT_EQ(read_maybe_gzip(packed("hello hello hello"), 100), "hello hello hello");
  write_file(folder_ / "plain", "hello");
  EXPECT_EQ(read_maybe_gzip(folder_ / "plain", 100), "hello");
}

TEST_F(Files, TruncatedGzipIsRefused) {
  const std::string bytes = read_file(packed(std::string(10000, 'x') + "end"));
  write_file(folder_ / "cut", bytes.substr(0, bytes.size() - 9));
  EXPECT_THROW(read_maybe_gzip(folder_ / "cut", 1 << 20), ConfigError);
}

// Some bits of a gzip body mean nothing (the padding behind its last code); those may flip.
TEST_F(Files, NoFlippedByteOfAGzipBodyChangesTheContents) {
  const std::string text = "some text that is not very long";
  const std::string bytes = read_file(packed(text));
  int refused = 0;
  for (std::size_t i = 10; i + 4 < bytes.size(); ++i) {  // behind the header, before the length
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    write_file(folder_ / "damaged", damaged);
    try {
      EXPECT_EQ(read_maybe_gzip(folder_ / "damaged", 1 << 20), text) << "byte " << i;
    } catch (const ConfigError&) {
      ++refused;
    }
  }
  EXPECT_GE(refused, static_cast<int>(bytes.size()) - 14 - 1);
}

TEST_F(Files, UnpackingStopsAtTheBound) {
  EXPECT_THROW(read_maybe_gzip(packed(std::string(1 << 20, 'x')), 1000), ConfigError);
}

TEST(Sha256, AgreesWithThePublishedVector) {
  // FIPS 180-2, appendix B.1
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace crossloom
