#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "crossloom/programming/file_stream.h"
#include "crossloom/programming/plan.h"

namespace crossloom {

/// What a plan file belongs to.
struct PlanHeader {
  CrossbarPool pool;
  PlanOptions options;
  std::string network_checksum;  // `checksum` of the network's codes
};

class PlanReader;

/// A plan file, version 3. Written and read layer by layer, so that neither needs the whole plan.
///
///   file    = "CRSLPLAN"  u32 version  block("HEAD")  block("LAYR") ...  block("DONE")
///   block   = tag[4]  u64 json_size  u64 data_size  json  data  u32 CRC-32 of json and data
///   HEAD    json: pool, pool_checksum, options, network_checksum; no data
///   LAYR    json: name, num_outputs, num_inputs, num_sections, budget, index_bits, section_bits;
///           data: a weight's step of each output as f64, then the sections
///   DONE    json: num_layers, writes and wear of a pass; no data
///   section = 32 bits base, 16 bits crossbar, then for each row one bit: used; if so:
///             1 bit input inverted (sign = phase only), `index_bits` bits weight - base, the cells
///
/// Numbers are little-endian; the fields of a section follow each other bit by bit, lowest bit
/// first; the last byte of a layer is filled with zeros. The weight is output * num_inputs + input.
/// The cells of a row are as many bits as a weight takes, those of column 0 first.
class PlanWriter {
 public:
  /// A new plan.
  PlanWriter(const std::filesystem::path& path, const PlanHeader& header);

  /// Goes on with an unfinished plan behind what `part` has read of it.
  PlanWriter(const std::filesystem::path& path, const PlanReader& part);

  void add(const LayerPlan& plan);

  /// The file appears now; until then what there is of it lies at `unfinished_path`, whole layers
  /// but for the last.
  void finish(const PlanCost& cost);

 private:
  void block(const char* tag, const Json& json, const std::string& data);

  FileStream file_;
  PlanOptions options_;
  std::int64_t num_layers_ = 0;
};

/// Whether a plan may end before its last block.
enum class PlanEnding { kRequired, kMayBeMissing };

/// Reads a plan file. Throws `ConfigError` when it is cut short, damaged or no plan.
class PlanReader {
 public:
  /// With `kMayBeMissing` the layers before the first one that is cut short are all there is.
  explicit PlanReader(const std::filesystem::path& path, PlanEnding ending = PlanEnding::kRequired);

  const PlanHeader& header() const { return header_; }

  /// Throws `ConfigError` when the plan was made for another pool or network, or with other
  /// options.
  void require_match(const PlanHeader& wanted) const;

  /// Throws `ConfigError` when the plan was made for another network.
  void require_network(const std::string& network_checksum) const;

  /// The next layer; nothing behind the last.
  std::optional<LayerPlan> next();

  /// Layers read so far, and the bytes of the file up to the end of the last of them.
  std::int64_t num_layers() const { return num_layers_; }
  std::uint64_t whole_bytes() const { return whole_bytes_; }

 private:
  struct Block {
    std::string tag;
    Json json;
    std::string data;
  };

  [[noreturn]] void refuse(const std::string& why) const;
  std::string read(std::uint64_t size);
  Block read_block();
  LayerPlan unpack_sizes(const Block& block) const;
  LayerPlan unpack(const Block& block) const;
  bool has_whole_block();

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  PlanEnding ending_;
  std::uint64_t left_ = 0;  // bytes of the file that were not read
  std::uint64_t whole_bytes_ = 0;
  PlanHeader header_;
  std::int64_t num_layers_ = 0;
  bool is_done_ = false;
};

}  // namespace crossloom
