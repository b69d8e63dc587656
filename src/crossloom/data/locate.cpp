#include "crossloom/data/locate.h"

#include <cstdlib>
#include <system_error>

#include "crossloom/core/errors.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

fs::path path_from_environment(const char* variable) {
  const char* const value = std::getenv(variable);
  return value == nullptr ? fs::path() : fs::path(value);
}

bool is_file(const fs::path& path) {
  std::error_code unreadable;  // a folder without permission counts as one without the file
  return fs::is_regular_file(path, unreadable);
}

FoundFiles files_in(const fs::path& folder, const std::vector<std::string>& names) {
  FoundFiles found;
  for (const std::string& name : names) {
    if (is_file(folder / (name + ".gz"))) {
      found.paths.push_back(folder / (name + ".gz"));
    } else if (is_file(folder / name)) {
      found.paths.push_back(folder / name);
    } else {
      found.missing.push_back(name);
    }
  }
  if (!found.paths.empty()) found.folder = folder;
  return found;
}

}  // namespace

fs::path cache_dir() {
  const fs::path cache = path_from_environment("XDG_CACHE_HOME");
  if (cache.is_absolute()) return cache / "crossloom";  // relative ones are to be ignored (XDG)
  const fs::path home = path_from_environment("HOME");
  return home.empty() ? fs::path() : home / ".cache" / "crossloom";
}

std::vector<fs::path> search_places(const fs::path& data_dir) {
  std::error_code unreadable;
  if (!data_dir.empty() && !fs::is_directory(data_dir, unreadable)) {
    throw ConfigError("cannot use the data folder " + data_dir.string() +
                      " (there is no such folder); correct the path or leave it out to look in "
                      "the usual places");
  }
  std::vector<fs::path> places;
  for (const fs::path& place : {data_dir,
                                path_from_environment("CROSSLOOM_DATA"),
                                fs::path("data"),
                                fs::path("..") / "shared" / "data",
                                cache_dir()}) {
    if (!place.empty()) places.push_back(place);
  }
  return places;
}

FoundFiles locate_files(const std::vector<fs::path>& places,
                        const std::vector<std::string>& subfolders,
                        const std::vector<std::string>& names) {
  for (const fs::path& place : places) {
    std::vector<fs::path> folders;
    for (const std::string& subfolder : subfolders) folders.push_back(place / subfolder);
    folders.push_back(place);
    for (const fs::path& folder : folders) {
      FoundFiles found = files_in(folder, names);
      if (!found.paths.empty()) return found;
    }
  }
  return {{}, {}, names};
}

std::string joined(const std::vector<fs::path>& paths) {
  std::string text;
  for (const fs::path& path : paths) text += (text.empty() ? "" : ", ") + path.string();
  return text;
}

fs::path resolved(const fs::path& folder) {
  std::error_code gone;
  const fs::path path = fs::weakly_canonical(folder, gone);
  return gone ? folder : path;
}

}  // namespace crossloom
