#include "crossloom/experiment/run_folder.h"

#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "crossloom/core/files.h"
#include "crossloom/core/json_text.h"

namespace crossloom {

namespace fs = std::filesystem;

RunFolder::RunFolder(fs::path path, Experiment& experiment, bool may_resume)
    : path_(std::move(path)) {
  const std::string config = to_toml(experiment);
  const bool is_there = fs::exists(path_ / "config.toml");
  if (is_there && !may_resume) {
    throw ConfigError("the run folder " + path_.string() +
                      " exists (its results would be lost); give --resume, or another --out");
  }
  if (is_there && read_file(path_ / "config.toml") != config) {
    throw ConfigError("the run in " + path_.string() +
                      " has other parameters (a run goes on with those it began with); compare "
                      "its config.toml, or give another --out");
  }
  if (!is_there) {
    write_json("parameters.json", parameter_table(experiment));
    write_file(path_ / "config.toml", config);  // last: it marks a run
  }
  lock_ = ::open((path_ / ".lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (lock_ < 0 || ::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    if (lock_ >= 0) ::close(lock_);
    throw FolderInUse(
        "the run folder " + path_.string() +
        " is in use (another process writes there); wait for it, or give another --out");
  }
}

RunFolder::~RunFolder() {
  ::close(lock_);
}

fs::path RunFolder::checkpoint(const std::string& method) const {
  return path_ / "checkpoints" / (method + ".safetensors");
}

fs::path RunFolder::weights(const std::string& method) const {
  return path_ / "weights" / (method + ".safetensors");
}

fs::path RunFolder::onnx(const std::string& method) const {
  return path_ / "weights" / (method + ".onnx");
}

fs::path RunFolder::chip(const std::string& method) const {
  return path_ / "chips" / (method + ".toml");
}

bool RunFolder::has(const std::string& file) const {
  return fs::exists(path_ / file);
}

void RunFolder::write_json(const std::string& file, const Json& json) const {
  write_file(path_ / file, to_text(json, 1) + "\n");
}

Json RunFolder::read_json(const std::string& file) const {
  const Json json = Json::parse(read_file(path_ / file), nullptr, false);
  if (json.is_discarded()) {
    throw ConfigError("cannot read " + (path_ / file).string() +
                      " (damaged JSON); run the experiment again into another --out");
  }
  return json;
}

std::vector<Json> read_json_lines(const fs::path& path) {
  std::vector<Json> lines;
  if (!fs::exists(path)) return lines;
  const std::string text = read_file(path);
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    Json line = Json::parse(text.substr(begin, end - begin), nullptr, false);
    if (!line.is_discarded()) lines.push_back(std::move(line));
    begin = end + 1;
  }
  return lines;
}

}  // namespace crossloom
