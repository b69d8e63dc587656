#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string_view>

namespace crossloom {

/// What becomes of a file that was not finished.
enum class Unfinished {
  kRemoved,
  kKept  // under its name with .part behind it, so that the work can go on
};

/// A file that appears whole or not at all, written piece by piece: under another name in the same
/// folder until `finish`. Throws `IoError` when the disk is full or the folder cannot be written.
class FileStream {
 public:
  /// With `kKept` the first `kept_bytes` of an unfinished file stay, and writing goes on behind
  /// them.
  explicit FileStream(std::filesystem::path path,
                      Unfinished unfinished = Unfinished::kRemoved,
                      std::uint64_t kept_bytes = 0);
  FileStream(const FileStream&) = delete;
  FileStream& operator=(const FileStream&) = delete;
  ~FileStream();

  void write(std::string_view bytes);

  /// Hands what was written to the system, where the end of this process does not harm it.
  void flush();

  /// Flushes to the disk and gives the file its name.
  void finish();

 private:
  [[noreturn]] void fail() const;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  Unfinished unfinished_;
  std::FILE* file_ = nullptr;
};

/// Where a file that is kept unfinished lies until then.
std::filesystem::path unfinished_path(const std::filesystem::path& path);

}  // namespace crossloom
