#include "crossloom/data/fetch.h"

#include <memory>
#include <stdexcept>
#include <system_error>

#include <curl/curl.h>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/data/dataset_source.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

/// One attempt failed; the text says why.
class AttemptFailed : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Body {
  std::string bytes;
  std::size_t max_bytes = 0;
};

/// Called by libcurl with each piece received; a returned number other than the size of the piece
/// ends the transfer.
std::size_t append_piece(const char* data, std::size_t size, std::size_t count, void* user) {
  auto& body = *static_cast<Body*>(user);
  const std::size_t num_bytes = size * count;
  if (num_bytes > body.max_bytes - body.bytes.size()) return 0;
  body.bytes.append(data, num_bytes);  // within the reserved space, so that nothing is thrown
  return num_bytes;
}

std::string download(const std::string& url, std::int64_t num_bytes, const Patience& patience) {
  // Thread-safe, since C++ makes the static once.
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, void (*)(CURL*)> transfer(
      started == CURLE_OK ? curl_easy_init() : nullptr, &curl_easy_cleanup);
  if (!transfer) throw AttemptFailed("libcurl does not start");
  CURL* const curl = transfer.get();
  Body body;
  body.max_bytes = static_cast<std::size_t>(num_bytes);
  body.bytes.reserve(body.max_bytes);
  char reason[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &append_piece);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "crossloom/" CROSSLOOM_VERSION);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, patience.connect_seconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1000L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, patience.stall_seconds);
  curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(num_bytes));
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
  const CURLcode result = curl_easy_perform(curl);
  if (result == CURLE_WRITE_ERROR || result == CURLE_FILESIZE_EXCEEDED) {
    throw AttemptFailed("longer than the " + std::to_string(num_bytes) + " bytes expected");
  }
  if (result != CURLE_OK) throw AttemptFailed(*reason ? reason : curl_easy_strerror(result));
  return std::move(body.bytes);
}

bool is_intact(const fs::path& path, const RemoteFile& file) {
  std::error_code missing;
  const auto num_bytes = fs::file_size(path, missing);
  return !missing && num_bytes == static_cast<std::uintmax_t>(file.num_bytes) &&
         sha256(read_file(path)) == file.sha256;
}

std::string download_from_any(const RemoteFiles& remote,
                              const RemoteFile& file,
                              const fs::path& folder,
                              const Patience& patience) {
  std::string reasons;
  for (const std::string& home : remote.homes) {
    reasons += (reasons.empty() ? "" : "; ") + home + ": ";
    try {
      std::string bytes = download(home + file.name, file.num_bytes, patience);
      if (sha256(bytes) == file.sha256) return bytes;
      reasons += "the checksum of what it sent is wrong";
    } catch (const AttemptFailed& failure) {
      reasons += failure.what();
    }
  }
  throw IoError("cannot fetch " + file.name + " (" + reasons +
                "); check the network and try again, or copy the file into " + folder.string() +
                " by hand");
}

}  // namespace

fs::path fetch_dataset(const std::string& name, const fs::path& target_dir) {
  const RemoteFiles remote = Registry<DatasetSource>::instance().create(name)->remote();
  if (remote.files.empty()) {
    throw ConfigError(
        "cannot fetch '" + name +
        "' (crossloom knows no servers with its single files); run `crossloom data` to "
        "see where it is looked for");
  }
  fetch_files(remote, target_dir / name);
  return target_dir / name;
}

void fetch_files(const RemoteFiles& remote, const fs::path& folder, const Patience& patience) {
  for (const RemoteFile& file : remote.files) {
    if (is_intact(folder / file.name, file)) continue;
    write_file(folder / file.name, download_from_any(remote, file, folder, patience));
  }
}

}  // namespace crossloom
