#include "crossloom/programming/file_stream.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include <unistd.h>

#include "crossloom/core/errors.h"

namespace crossloom {

FileStream::FileStream(std::filesystem::path path, Unfinished unfinished, std::uint64_t kept_bytes)
    : path_(std::move(path)),
      temporary_(unfinished == Unfinished::kKept
                     ? unfinished_path(path_)
                     : std::filesystem::path(path_.string() + ".tmp" + std::to_string(::getpid()))),
      unfinished_(unfinished) {
  std::error_code ignored;  // opening the file tells what is wrong
  if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), ignored);
  if (kept_bytes > 0) std::filesystem::resize_file(temporary_, kept_bytes, ignored);
  file_ = std::fopen(temporary_.c_str(), kept_bytes > 0 ? "ab" : "wb");
  if (file_ == nullptr) fail();
}

FileStream::~FileStream() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::error_code ignored;
  if (unfinished_ == Unfinished::kRemoved) std::filesystem::remove(temporary_, ignored);
}

void FileStream::write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) fail();
}

void FileStream::flush() {
  if (std::fflush(file_) != 0) fail();
}

void FileStream::finish() {
  if (std::fflush(file_) != 0 || ::fsync(::fileno(file_)) != 0 ||
      std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    fail();
  }
  std::fclose(file_);
  file_ = nullptr;
}

void FileStream::fail() const {
  const int reason = errno;
  throw IoError("cannot write " + path_.string() + " (" + std::strerror(reason) + "); " +
                (reason == ENOSPC ? "free some space or choose another --out"
                                  : "check the folder and its permissions"));
}

std::filesystem::path unfinished_path(const std::filesystem::path& path) {
  return path.string() + ".part";
}

}  // namespace crossloom
