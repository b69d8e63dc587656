#include "crossloom/cli/console_progress.h"

#include <cstdio>

#include <unistd.h>

namespace crossloom {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

ConsoleProgress::ConsoleProgress() : is_terminal_(::isatty(STDERR_FILENO) == 1) {}

ConsoleProgress::~ConsoleProgress() {
  clear_bar();
}

void ConsoleProgress::step(const std::string& what, std::int64_t done, std::int64_t total) {
  const auto now = Clock::now();
  if (part_ != what) {
    part_ = what;
    start_ = now;
    last_ = now;
    first_done_ = done;
  }
  // A terminal is drawn ten times a second, a log gets a line every ten seconds.
  if (done < total && seconds_between(last_, now) < (is_terminal_ ? 0.1 : 10)) return;
  if (!is_terminal_ && done == total) return;  // the end of a part is said by the part
  last_ = now;
  const double elapsed = seconds_between(start_, now);
  const auto fresh = static_cast<double>(done - first_done_);
  const double left = fresh > 0 ? elapsed / fresh * static_cast<double>(total - done) : 0;
  const double share = static_cast<double>(done) / static_cast<double>(total);
  if (!is_terminal_) {
    std::fprintf(stderr,
                 "%s: %lld of %lld, about %.0f s left\n",
                 what.c_str(),
                 static_cast<long long>(done),
                 static_cast<long long>(total),
                 left);
    return;
  }
  constexpr int kWidth = 30;
  const int filled = static_cast<int>(kWidth * share);
  std::string bar(static_cast<std::size_t>(filled), '#');
  bar.resize(kWidth, '.');
  std::fprintf(stderr,
               "\r\033[K%s [%s] %3.0f %%, %.0f s left",
               what.c_str(),
               bar.c_str(),
               100 * share,
               left);
  std::fflush(stderr);
  has_bar_ = true;
}

void ConsoleProgress::say(const std::string& line) {
  clear_bar();
  std::fprintf(stderr, "%s\n", line.c_str());
}

void ConsoleProgress::clear_bar() {
  if (has_bar_) std::fprintf(stderr, "\r\033[K");
  has_bar_ = false;
}

}  // namespace crossloom
