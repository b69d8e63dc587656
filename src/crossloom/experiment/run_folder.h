#pragma once

#include <filesystem>
#include <string>

#include "crossloom/core/tensor_files.h"
#include "crossloom/experiment/experiment.h"

namespace crossloom {

/// Another process writes into the folder.
class FolderInUse : public ConfigError {
  using ConfigError::ConfigError;
};

/// The folder that a run leaves behind.
///
///   config.toml      every parameter as resolved         parameters.json  the same for the report
///   metrics.jsonl    one line per method and epoch        transfer.jsonl   one line per fresh chip
///   summary.json     the result; the same for the same seed and number of threads
///   chip.json        what the report draws of the chip    timing.json      seconds, which do vary
///   deployment.json  the same of the networks on fresh chips
///   checkpoints/     METHOD.safetensors                   weights/         METHOD.safetensors
///                                                         METHOD.onnx where a method has added layers
///   chips/           METHOD.toml, for `crossloom evaluate`: the fresh chips of this run
///   variation/       METHOD.safetensors: accuracies and sums over chips with errors of the weights
///   report.html
///
/// Every file is written whole or not at all; only transfer.jsonl grows by lines.
class RunFolder {
 public:
  /// Opens `path` for `experiment`. A new folder is made. An existing run is refused unless
  /// `may_resume`; then its experiment must be the same. Locks the folder against a second process:
  /// throws `FolderInUse` then.
  RunFolder(std::filesystem::path path, Experiment& experiment, bool may_resume);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path checkpoint(const std::string& method) const;
  std::filesystem::path weights(const std::string& method) const;
  std::filesystem::path onnx(const std::string& method) const;
  std::filesystem::path chip(const std::string& method) const;

  bool has(const std::string& file) const;
  void write_json(const std::string& file, const Json& json) const;
  Json read_json(const std::string& file) const;

 private:
  std::filesystem::path path_;
  int lock_ = -1;
};

/// Lines of a .jsonl file; an unfinished last line, left by a killed process, is left out. Empty
/// when there is no file.
std::vector<Json> read_json_lines(const std::filesystem::path& path);

}  // namespace crossloom
