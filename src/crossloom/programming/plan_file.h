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

/// A plan file, version 1. Written and read layer by layer, so that neither needs the whole plan.
///
///   file    = "CRSLPLAN"  u32 version  block("HEAD")  block("LAYR") ...  block("DONE")
///   block   = tag[4]  u64 json_size  u64 data_size  json  data  u32 CRC-32 of json and data
///   HEAD    json: pool, pool_checksum, options, network_checksum; no data
///   LAYR    json: name, num_outputs, num_inputs, num_sections, index_bits, lsb; data: sections
///   DONE    json: num_layers, writes and wear of a pass; no data
///   section = 32 bits base, 16 bits crossbar, then for each row one bit: used; if so:
///             1 bit input inverted (sign = phase only), `index_bits` bits weight - base, the cells
///
/// Numbers are little-endian; the fields of a section follow each other bit by bit, lowest bit
/// first; the last byte of a layer is filled with zeros. The weight is output * num_inputs + input.
/// The cells of a row are as many bits as a weight takes, those of column 0 first.
class PlanWriter {
 public:
  PlanWriter(const std::filesystem::path& path, const PlanHeader& header);

  void add(const LayerPlan& plan);

  /// The file appears now; until then there is none.
  void finish(const PlanCost& cost);

 private:
  void block(const char* tag, const Json& json, const std::string& data);

  FileStream file_;
  PlanOptions options_;
  std::int64_t num_layers_ = 0;
};

/// Reads a plan file. Throws `ConfigError` when it is cut short, damaged or no plan.
class PlanReader {
 public:
  explicit PlanReader(const std::filesystem::path& path);

  const PlanHeader& header() const { return header_; }

  /// Throws `ConfigError` when the plan was made for another pool or network.
  void require_match(const CrossbarPool& pool, const std::string& network_checksum) const;

  /// The next layer; nothing behind the last.
  std::optional<LayerPlan> next();

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

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::uint64_t left_ = 0;  // bytes of the file that were not read
  PlanHeader header_;
  std::int64_t num_layers_ = 0;
  bool is_done_ = false;
};

}  // namespace crossloom
