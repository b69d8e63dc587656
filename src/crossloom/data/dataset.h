#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// Images with their class labels; or windows of text with the positions of answers in them.
struct Split {
  Tensor images;  // [N, C, H, W]  uint8  grey levels;  [N, inputs, L]  int64  tokens
  Tensor labels;  // [N]           int64  class index;  [N, 2]  int64  first and last token
};

/// A named set of labelled images.
struct Dataset {
  std::string name;
  std::string provenance;        // where the files came from, or how they were made
  bool is_synthetic = false;     // generated here: results say nothing about the real data
  std::int64_t num_classes = 0;  // 0: windows of text
  Split train;
  Split test;
};

/// Where data are looked for and what may be done when they are not there.
struct DataOptions {
  std::filesystem::path data_dir;  // looked at first; empty: only the usual places
  bool may_download = true;        // into the user's cache
  bool may_generate = true;        // a stand-in is allowed when the files cannot be had
};

/// The data set `name`. Throws `ConfigError` on an unknown name (the known ones are listed), on
/// damaged or incomplete files, and when nothing is found and nothing else allowed.
Dataset load_dataset(const std::string& name, const DataOptions& options);

/// Names that `load_dataset` knows.
std::vector<std::string> dataset_names();

}  // namespace crossloom
