#include "crossloom/experiment/result_file.h"

#include "crossloom/core/files.h"
#include "crossloom/core/json_text.h"
#include "crossloom/experiment/run_folder.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRequest = "request.json";
constexpr const char* kResults = "results.jsonl";

}  // namespace

ResultFile::ResultFile(fs::path folder, const Json& request, bool may_resume)
    : folder_(std::move(folder)) {
  if (folder_.empty()) return;
  const fs::path given = folder_ / kRequest;
  if (fs::exists(given)) {
    if (!may_resume) {
      throw ConfigError(folder_.string() +
                        " holds results already (they would be mixed with others); give --resume "
                        "to go on with them, or another --out");
    }
    if (Json::parse(read_file(given), nullptr, false) != request) {
      throw ConfigError(folder_.string() +
                        " holds the results of another request (model, data or options differ); "
                        "give another --out");
    }
  }
  std::error_code problem;
  fs::create_directories(folder_, problem);
  if (problem) {
    throw IoError("cannot make the folder " + folder_.string() + " (" + problem.message() +
                  "); give another --out");
  }
  write_file(given, to_text(request, 2) + "\n");
  std::string finished;  // without the piece of a line that a killed process may have left
  for (const Json& line : read_json_lines(folder_ / kResults)) {
    lines_.push_back(line);
    finished += to_text(line) + "\n";
  }
  write_file(folder_ / kResults, finished);
}

void ResultFile::add(const Json& line) {
  lines_.push_back(line);
  if (!folder_.empty()) append_line(folder_ / kResults, to_text(line));
}

}  // namespace crossloom
