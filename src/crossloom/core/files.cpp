#include "crossloom/core/files.h"

#include <cerrno>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "crossloom/core/errors.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

/// Closes the descriptor and removes the unfinished file unless it was kept.
class TemporaryFile {
 public:
  explicit TemporaryFile(fs::path path)
      : path_(std::move(path)),
        descriptor_(::open(path_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644)) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!kept_) ::unlink(path_.c_str());
  }

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

  bool close() {
    const int result = ::close(descriptor_);
    descriptor_ = -1;
    return result == 0;
  }

  void keep() { kept_ = true; }

 private:
  fs::path path_;
  int descriptor_;
  bool kept_ = false;
};

[[noreturn]] void fail_to_write(const fs::path& path) {
  const int reason = errno;
  throw IoError("cannot write " + path.string() + " (" + std::strerror(reason) + "); " +
                (reason == ENOSPC ? "free some space or choose another --out"
                                  : "check the folder and its permissions"));
}

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

void make_parent(const fs::path& path) {
  if (!path.has_parent_path()) return;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) {
    throw IoError("cannot make the folder " + path.parent_path().string() + " (" + error.message() +
                  "); choose another --out or check its permissions");
  }
}

}  // namespace

std::string read_file(const fs::path& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  if (!file) {
    throw ConfigError("cannot open " + path.string() + " (" + std::strerror(errno) +
                      "); check the path");
  }
  std::string bytes;
  char block[1 << 16];
  std::size_t count = 0;
  while ((count = std::fread(block, 1, sizeof block, file.get())) > 0) bytes.append(block, count);
  if (std::ferror(file.get()) != 0) {
    throw ConfigError("cannot read " + path.string() + " (" + std::strerror(errno) +
                      "); check that it is a file and its permissions");
  }
  return bytes;
}

std::string read_maybe_gzip(const fs::path& path, std::size_t max_bytes) {
  const std::string packed = read_file(path);
  if (packed.size() < 2 || packed[0] != '\x1f' || packed[1] != '\x8b') return packed;
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) throw IoError("cannot start zlib (out of memory)");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, &inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string bytes;
  char block[1 << 16];
  int status = Z_OK;
  while (status == Z_OK && bytes.size() <= max_bytes) {
    stream.next_out = reinterpret_cast<Bytef*>(block);
    stream.avail_out = sizeof block;
    status = inflate(&stream, Z_NO_FLUSH);
    bytes.append(block, sizeof block - stream.avail_out);
  }
  if (bytes.size() > max_bytes) {
    throw ConfigError(path.string() + " unpacks to more than " + std::to_string(max_bytes) +
                      " bytes (not the file expected here); fetch it again");
  }
  if (status != Z_STREAM_END) {
    throw ConfigError(path.string() + " cannot be unpacked (" +
                      (status == Z_BUF_ERROR || status == Z_OK
                           ? "the file is cut short"
                           : "its checksum or data are damaged") +
                      "); fetch it again");
  }
  return bytes;
}

void write_file(const fs::path& path, std::string_view bytes) {
  make_parent(path);
  const fs::path temporary = path.string() + ".tmp" + std::to_string(::getpid());
  TemporaryFile file(temporary);
  if (!file.is_open() || !write_all(file.descriptor(), bytes) || ::fsync(file.descriptor()) != 0 ||
      !file.close() || std::rename(temporary.c_str(), path.c_str()) != 0) {
    fail_to_write(path);
  }
  file.keep();
}

void append_line(const fs::path& path, std::string_view line) {
  make_parent(path);
  const int descriptor = ::open(path.c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0644);
  if (descriptor < 0) fail_to_write(path);
  const std::string with_end = std::string(line) + "\n";
  const bool written = write_all(descriptor, with_end);
  const int reason = errno;
  ::close(descriptor);
  errno = reason;
  if (!written) fail_to_write(path);
}

std::string sha256(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr) != 1) {
    throw IoError("cannot compute a SHA-256 (OpenSSL refused); check the installation of libssl");
  }
  static const char* const kDigits = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

}  // namespace crossloom
