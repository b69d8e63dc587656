#pragma once

#include <cstdio>
#include <filesystem>
#include <string_view>

namespace crossloom {

/// A file that appears whole or not at all, written piece by piece: under a temporary name in the
/// same folder until `finish`. Throws `IoError` when the disk is full or the folder cannot be
/// written.
class FileStream {
 public:
  explicit FileStream(std::filesystem::path path);
  FileStream(const FileStream&) = delete;
  FileStream& operator=(const FileStream&) = delete;
  ~FileStream();

  void write(std::string_view bytes);

  /// Flushes to the disk and gives the file its name.
  void finish();

 private:
  [[noreturn]] void fail() const;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  std::FILE* file_ = nullptr;
};

}  // namespace crossloom
