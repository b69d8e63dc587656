#pragma once

#include <filesystem>
#include <vector>

#include "crossloom/core/params.h"

namespace crossloom {

/// The results of one request, line by line in a folder as they come, so that a stopped work can go
/// on.
///
///   request.json   what decides the results     results.jsonl   a line for each result
class ResultFile {
 public:
  /// Opens `folder`, which is made when it is missing; without a folder nothing is kept. Results
  /// that are there are refused unless `may_resume`; then their request must be the same.
  ResultFile(std::filesystem::path folder, const Json& request, bool may_resume);

  void add(const Json& line);

  const std::vector<Json>& lines() const { return lines_; }

 private:
  std::filesystem::path folder_;
  std::vector<Json> lines_;
};

}  // namespace crossloom
