#include "crossloom/core/interrupt.h"

#include <atomic>
#include <csignal>

#include "crossloom/core/errors.h"

namespace crossloom {
namespace {

// The one global of the project: a signal handler has nowhere else to write.
std::atomic<bool> stop_requested{false};

void handle_signal(int signal) {
  stop_requested = true;
  std::signal(signal, SIG_DFL);
}

}  // namespace

void catch_interrupts() {
  std::signal(SIGINT, &handle_signal);
  std::signal(SIGTERM, &handle_signal);
}

bool is_interrupted() {
  return stop_requested;
}

void request_interrupt() {
  stop_requested = true;
}

void clear_interrupt() {
  stop_requested = false;
}

void throw_if_interrupted() {
  if (is_interrupted()) throw Interrupted("stopped on request");
}

}  // namespace crossloom
