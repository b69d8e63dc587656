#include "crossloom/programming/file_stream.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include <unistd.h>

#include "crossloom/core/errors.h"

namespace crossloom {

FileStream::FileStream(std::filesystem::path path)
    : path_(std::move(path)), temporary_(path_.string() + ".tmp" + std::to_string(::getpid())) {
  std::error_code ignored;  // opening the file tells what is wrong
  if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), ignored);
  file_ = std::fopen(temporary_.c_str(), "wb");
  if (file_ == nullptr) fail();
}

FileStream::~FileStream() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::error_code ignored;
  std::filesystem::remove(temporary_, ignored);
}

void FileStream::write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) fail();
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

}  // namespace crossloom
