#pragma once

#include <cstdint>
#include <string>

namespace crossloom {

/// Told how far a long work is.
class Progress {
 public:
  virtual ~Progress() = default;

  /// `done` of `total` steps of the part named `what`.
  virtual void step(const std::string& what, std::int64_t done, std::int64_t total) = 0;

  /// Something worth a line.
  virtual void say(const std::string& line) = 0;
};

}  // namespace crossloom
