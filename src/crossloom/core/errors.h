#pragma once

#include <stdexcept>

namespace crossloom {

/// Something the user gave cannot be used: a value, a name, a file. The message reads
/// "<problem> (<why>); <what to do>". The command line exits with 2.
class ConfigError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The machine could not do what was asked, such as a write on a full disk. Same form of
/// message; the command line exits with 1.
class IoError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The user stopped the work (Ctrl-C); what was done so far is kept. The command line exits with
/// 130.
class Interrupted : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace crossloom
