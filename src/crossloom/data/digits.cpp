#include <charconv>

#include "crossloom/core/errors.h"
#include "crossloom/core/files.h"
#include "crossloom/core/random.h"
#include "crossloom/data/dataset_source.h"
#include "crossloom/data/locate.h"

namespace crossloom {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = "digits.csv";
constexpr std::int64_t kPixels = 64;
constexpr std::int64_t kTopLevel = 16;  // grey levels are 0 … 16
constexpr std::int64_t kTest = 450;     // a quarter
constexpr std::size_t kMaxBytes = 1 << 24;

/// Where Debian's python3-sklearn has the file.
const fs::path kInstalled = "/usr/lib/python3/dist-packages/sklearn/datasets/data";

[[noreturn]] void refuse(const fs::path& path, std::int64_t line) {
  throw ConfigError(path.string() + " is damaged (line " + std::to_string(line) +
                    " is not 64 numbers from 0 to 16 and a digit); install python3-sklearn again");
}

/// Rows of 64 pixels and a label, [N, 65] int64.
Tensor parse_rows(const std::string& contents, const fs::path& path) {
  std::vector<std::int64_t> values;
  std::int64_t line = 1;
  std::int64_t in_line = 0;
  const char* at = contents.data();
  const char* const end = at + contents.size();
  while (at < end) {
    double value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    const double most = in_line < kPixels ? kTopLevel : 9;
    const bool is_whole = value == static_cast<double>(static_cast<std::int64_t>(value));
    if (error != std::errc() || !(value >= 0 && value <= most) || !is_whole) refuse(path, line);
    values.push_back(static_cast<std::int64_t>(value));
    const bool is_last = ++in_line > kPixels;
    if (next == end || *next != (is_last ? '\n' : ',')) refuse(path, line);
    at = next + 1;
    if (!is_last) continue;
    in_line = 0;
    ++line;
  }
  if (values.empty() || in_line != 0) refuse(path, line);
  return at::tensor(values, at::kLong).view({-1, kPixels + 1});
}

/// Handwritten digits of 8 x 8 pixels: 1 347 images for training, 450 for the test, in an order
/// drawn once. They are the test set of the UCI "optdigits", as scikit-learn ships them.
/// Source: E. Alpaydin, C. Kaynak, "Optical recognition of handwritten digits", UCI 1998,
/// doi:10.24432/C50P49.
class Digits final : public DatasetSource {
 public:
  Dataset load(const DataOptions& options) const override {
    std::vector<fs::path> places = search_places(options.data_dir);
    places.push_back(kInstalled);
    const FoundFiles found = locate_files(places, {"digits"}, {kFile});
    if (!found.is_complete()) {
      throw ConfigError("cannot load digits (no " + std::string(kFile) + " in " + joined(places) +
                        "); install Debian's python3-sklearn, which has it");
    }
    const Tensor rows = parse_rows(read_maybe_gzip(found.paths[0], kMaxBytes), found.paths[0]);
    if (rows.size(0) <= kTest) refuse(found.paths[0], rows.size(0) + 1);
    const Tensor shuffled = rows.index_select(0, Rng(0).permutation(rows.size(0)));
    const std::int64_t first_test = rows.size(0) - kTest;
    return {"digits",
            "8 x 8 digits of scikit-learn, from " + resolved(found.folder).string(),
            false,
            10,
            split_of(shuffled.slice(0, 0, first_test)),
            split_of(shuffled.slice(0, first_test))};
  }

 private:
  static Split split_of(const Tensor& rows) {
    const Tensor levels = rows.slice(1, 0, kPixels).view({-1, 1, 8, 8});
    return {levels.mul(255).div(kTopLevel, "trunc").to(at::kByte), rows.select(1, kPixels).clone()};
  }
};

const RegisteredDataset<Digits> registered{"digits"};

}  // namespace
}  // namespace crossloom
