#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace crossloom {

/// The files of a data set in the first folder that holds any of them.
struct FoundFiles {
  std::filesystem::path folder;              // empty: none found anywhere
  std::vector<std::filesystem::path> paths;  // in the order of the names asked for
  std::vector<std::string> missing;          // names asked for that `folder` does not hold

  bool is_complete() const { return !paths.empty() && missing.empty(); }
};

/// Folder below the user's cache in which fetched data are kept: $XDG_CACHE_HOME/crossloom or
/// ~/.cache/crossloom. Empty when neither variable is set.
std::filesystem::path cache_dir();

/// Where data are looked for, in order: `data_dir` unless empty, $CROSSLOOM_DATA, ./data,
/// ../shared/data, the user's cache. Throws `ConfigError` when a `data_dir` is given that is not a
/// folder.
std::vector<std::filesystem::path> search_places(const std::filesystem::path& data_dir);

/// Looks for `names`, each packed ("<name>.gz") or not, in each <place>/<subfolder>, then in
/// <place>, place by place. The first folder with any of them decides, so that files of two sources
/// are never mixed.
FoundFiles locate_files(const std::vector<std::filesystem::path>& places,
                        const std::vector<std::string>& subfolders,
                        const std::vector<std::string>& names);

/// `paths` separated by commas, for messages.
std::string joined(const std::vector<std::filesystem::path>& paths);

/// `folder` as an absolute path without links; unchanged when that cannot be had.
std::filesystem::path resolved(const std::filesystem::path& folder);

}  // namespace crossloom
