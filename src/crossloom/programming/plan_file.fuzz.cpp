// Any bytes are a plan or refused by a ConfigError. The checksums of the blocks are mended first:
// otherwise nearly everything would be refused for them, and nothing behind them be tried.
#include "crossloom/programming/plan_file.h"

#include <cstring>

#include <unistd.h>
#include <zlib.h>

#include "crossloom/core/files.h"

namespace {

std::uint64_t size_at(const std::string& bytes, std::size_t at) {
  std::uint64_t size;
  std::memcpy(&size, &bytes[at], sizeof size);
  return size;
}

void mend_checksums(std::string& bytes) {
  constexpr std::size_t kHead = 4 + 8 + 8;
  constexpr std::size_t kTail = 4;
  std::size_t begin = 8 + 4;
  while (begin + kHead + kTail <= bytes.size()) {
    const std::size_t room = bytes.size() - begin - kHead - kTail;
    const std::uint64_t json = size_at(bytes, begin + 4);
    const std::uint64_t data = size_at(bytes, begin + 12);
    if (json > room || data > room - json) return;
    const auto* content = reinterpret_cast<const Bytef*>(&bytes[begin + kHead]);
    const auto crc = static_cast<std::uint32_t>(crc32_z(0, content, json + data));
    std::memcpy(&bytes[begin + kHead + json + data], &crc, sizeof crc);
    begin += kHead + json + data + kTail;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("fuzz-" + std::to_string(::getpid()));
  std::string bytes(reinterpret_cast<const char*>(data), size);
  mend_checksums(bytes);
  crossloom::write_file(path, bytes);
  for (const auto ending :
       {crossloom::PlanEnding::kRequired, crossloom::PlanEnding::kMayBeMissing}) {
    try {
      crossloom::PlanReader reader(path, ending);
      while (const auto plan = reader.next()) {
        crossloom::planned_values(*plan, reader.header().options);
      }
    } catch (const crossloom::ConfigError&) {
    }
  }
  return 0;
}
