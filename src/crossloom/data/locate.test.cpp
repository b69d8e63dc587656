#include "crossloom/data/locate.h"

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/data/data_testing.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

using Locate = EmptyPlaces;

TEST_F(Locate, PlacesAreSearchedInTheDocumentedOrder) {
  fs::create_directory("given");
  set("CROSSLOOM_DATA", "from_environment");
  const std::vector<fs::path> expected = {
      "given", "from_environment", "data", "../shared/data", folder_ / "cache" / "crossloom"};
  EXPECT_EQ(search_places("given"), expected);
}

TEST_F(Locate, AGivenFolderThatDoesNotExistIsRefused) {
  const std::string text = message_of<ConfigError>([] { search_places("nowhere"); });
  EXPECT_NE(text.find("nowhere"), std::string::npos) << text;
}

TEST_F(Locate, CacheIsBelowHomeWithoutXdgVariable) {
  set("XDG_CACHE_HOME", std::nullopt);
  set("HOME", "/home/someone");
  EXPECT_EQ(cache_dir(), "/home/someone/.cache/crossloom");
  set("HOME", std::nullopt);
  EXPECT_EQ(cache_dir(), "");
}

TEST_F(Locate, FilesAreFoundInTheSubfolderAndInThePlaceItself) {
  write_file("one/set/a.gz", "");
  write_file("two/a", "");
  EXPECT_EQ(locate_files({"one"}, {"set"}, {"a"}).paths, std::vector<fs::path>{"one/set/a.gz"});
  EXPECT_EQ(locate_files({"two"}, {"set"}, {"a"}).paths, std::vector<fs::path>{"two/a"});
}

TEST_F(Locate, SubfoldersAreSearchedInTheirOrder) {
  write_file("one/second/a", "");
  write_file("one/first/a", "");
  EXPECT_EQ(locate_files({"one"}, {"first", "second"}, {"a"}).folder, "one/first");
}

TEST_F(Locate, TheFirstPlaceWithAnyFileDecides) {
  write_file("one/a", "");
  write_file("two/a", "");
  write_file("two/b", "");
  const FoundFiles found = locate_files({"none", "one", "two"}, {"set"}, {"a", "b"});
  EXPECT_EQ(found.folder, "one");
  EXPECT_EQ(found.missing, std::vector<std::string>{"b"});
  EXPECT_FALSE(found.is_complete());
}

TEST_F(Locate, NothingFoundHasNoFolder) {
  const FoundFiles found = locate_files({"none"}, {"set"}, {"a", "b"});
  EXPECT_TRUE(found.folder.empty());
  EXPECT_EQ(found.missing.size(), 2);
  EXPECT_FALSE(found.is_complete());
}

}  // namespace
}  // namespace crossloom
