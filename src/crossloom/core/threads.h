#pragma once

namespace crossloom {

/// Compute with `count` threads; 0: as many as the machine has processors. (LibTorch by itself
/// takes one per core, and does not count the second processor of a core.)
void use_threads(int count);

}  // namespace crossloom
