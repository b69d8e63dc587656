#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace crossloom {

/// A file on public servers, and how its bytes are recognised.
struct RemoteFile {
  std::string name;
  std::int64_t num_bytes = 0;
  std::string sha256;
};

/// Files that are to be had from any of several homes.
struct RemoteFiles {
  std::vector<std::string> homes;  // URLs ending in '/', in the order in which they are tried
  std::vector<RemoteFile> files;
};

/// When a server counts as out of reach.
struct Patience {
  long connect_seconds = 5;  // to connect
  long stall_seconds = 15;   // below 1 kB/s
};

/// Puts the files of the data set `name` into <target_dir>/<name> and returns that folder. Files
/// already there and intact are kept, others are written only after their checksum was found
/// right. Throws `ConfigError` on a name without such files, `IoError` when a file cannot be had
/// from any home.
std::filesystem::path fetch_dataset(const std::string& name,
                                    const std::filesystem::path& target_dir);

/// The same for `remote`, into `folder` itself.
void fetch_files(const RemoteFiles& remote,
                 const std::filesystem::path& folder,
                 const Patience& patience = {});

}  // namespace crossloom
