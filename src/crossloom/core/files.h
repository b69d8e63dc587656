#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace crossloom {

/// All bytes of the file at `path`. Throws `ConfigError` when it is missing or cannot be read.
std::string read_file(const std::filesystem::path& path);

/// Contents of a file that may be gzip-compressed (told by its first two bytes). Throws
/// `ConfigError` when the stream is cut short or its checksum does not hold. The contents may not
/// exceed `max_bytes`, so that a hostile file cannot fill the memory.
std::string read_maybe_gzip(const std::filesystem::path& path, std::size_t max_bytes);

/// Puts `bytes` at `path` so that a reader sees the old file or the new one, never a part: written
/// to a temporary name in the same folder, flushed to the disk, renamed. Missing folders are made.
/// Throws `IoError` when the disk is full or the folder cannot be written; nothing is left behind.
void write_file(const std::filesystem::path& path, std::string_view bytes);

/// Adds a line to the file at `path`. Throws `IoError` when it cannot be written whole.
void append_line(const std::filesystem::path& path, std::string_view line);

/// SHA-256 of `bytes`, 64 hexadecimal digits.
std::string sha256(std::string_view bytes);

}  // namespace crossloom
