#pragma once

namespace crossloom {

/// From now on Ctrl-C (SIGINT) and SIGTERM ask for a stop instead of ending the process; a second
/// signal ends it at once.
void catch_interrupts();

/// Whether a stop was asked for.
bool is_interrupted();

/// Ask for a stop, as a signal would; and take that back.
void request_interrupt();
void clear_interrupt();

/// Throws `Interrupted` when a stop was asked for.
void throw_if_interrupted();

}  // namespace crossloom
