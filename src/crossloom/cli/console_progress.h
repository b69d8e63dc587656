#pragma once

#include <chrono>

#include "crossloom/experiment/progress.h"

namespace crossloom {

/// Progress on standard error: one moving bar on a terminal, plain lines otherwise.
class ConsoleProgress final : public Progress {
 public:
  ConsoleProgress();
  ~ConsoleProgress() override;

  void step(const std::string& what, std::int64_t done, std::int64_t total) override;
  void say(const std::string& line) override;

 private:
  void clear_bar();

  bool is_terminal_;
  bool has_bar_ = false;
  std::string part_;
  std::int64_t first_done_ = 0;
  std::chrono::steady_clock::time_point start_, last_;
};

}  // namespace crossloom
