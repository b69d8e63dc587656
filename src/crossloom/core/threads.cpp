#include "crossloom/core/threads.h"

#include <thread>

#include <ATen/Parallel.h>

namespace crossloom {

void use_threads(int count) {
  const auto processors = static_cast<int>(std::thread::hardware_concurrency());
  at::set_num_threads(count > 0 ? count : std::max(processors, 1));
}

}  // namespace crossloom
