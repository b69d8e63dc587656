#include "crossloom/programming/plan_file.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include <zlib.h>

namespace crossloom {
namespace {

constexpr char kMagic[] = "CRSLPLAN";
constexpr std::uint32_t kVersion = 3;
constexpr std::int64_t kBaseBits = 32;
constexpr std::int64_t kCrossbarBits = 16;

/// Appends fields of bits, lowest first.
class BitWriter {
 public:
  void put(std::uint64_t value, std::int64_t bits) {
    held_ |= value << num_held_;
    num_held_ += bits;
    while (num_held_ >= 8) {
      bytes_ += static_cast<char>(held_ & 255U);
      held_ >>= 8;
      num_held_ -= 8;
    }
  }

  std::string take() {
    if (num_held_ > 0) put(0, 8 - num_held_);
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
  std::uint64_t held_ = 0;
  std::int64_t num_held_ = 0;
};

class BitReader {
 public:
  /// Begins at the byte `next`.
  BitReader(const std::string& bytes, std::size_t next) : bytes_(bytes), next_(next) {}

  /// The next `bits` (at most 32); zeros behind the end.
  std::uint32_t get(std::int64_t bits) {
    while (num_held_ < bits) {
      if (next_ < bytes_.size())
        held_ |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes_[next_])) << num_held_;
      ++next_;
      num_held_ += 8;
    }
    const auto value = static_cast<std::uint32_t>(held_ & ((std::uint64_t{1} << bits) - 1));
    held_ >>= bits;
    num_held_ -= bits;
    return value;
  }

  bool is_at_end() const { return next_ == bytes_.size(); }

 private:
  const std::string& bytes_;
  std::size_t next_;
  std::uint64_t held_ = 0;
  std::int64_t num_held_ = 0;
};

template <class Number>
std::string bytes_of(Number number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

std::string bytes_of(const std::vector<double>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(double)};
}

template <class Number>
Number number_of(const std::string& bytes) {
  Number number;
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

std::uint32_t crc(const std::string& json, const std::string& data) {
  const auto add = [](uLong sum, const std::string& bytes) {
    return crc32_z(sum, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  };
  return static_cast<std::uint32_t>(add(add(0, json), data));
}

template <class Described>
Json values_of(Described described) {
  ParamList params;
  described.describe(params);
  return params.values();
}

template <class Described>
void assign_to(Described& described, const Json& values) {
  ParamList params;
  described.describe(params);
  params.assign(values);
}

}  // namespace

PlanWriter::PlanWriter(const std::filesystem::path& path, const PlanHeader& header)
    : file_(path, Unfinished::kKept), options_(header.options) {
  file_.write({kMagic, 8});
  file_.write(bytes_of(kVersion));
  block("HEAD",
        {{"pool", values_of(header.pool)},
         {"pool_checksum", header.pool.checksum()},
         {"options", values_of(header.options)},
         {"network_checksum", header.network_checksum}},
        "");
}

PlanWriter::PlanWriter(const std::filesystem::path& path, const PlanReader& part)
    : file_(path, Unfinished::kKept, part.whole_bytes()),
      options_(part.header().options),
      num_layers_(part.num_layers()) {}

void PlanWriter::block(const char* tag, const Json& json, const std::string& data) {
  const std::string text = json.dump();
  file_.write({tag, 4});
  file_.write(bytes_of<std::uint64_t>(text.size()));
  file_.write(bytes_of<std::uint64_t>(data.size()));
  file_.write(text);
  file_.write(data);
  file_.write(bytes_of(crc(text, data)));
  file_.flush();
}

void PlanWriter::add(const LayerPlan& plan) {
  const std::int64_t cell_bits = word_bits(options_.sign, options_.bits);
  BitWriter bits;
  for (std::int64_t section = 0; section < plan.num_sections(); ++section) {
    bits.put(plan.base[section], kBaseBits);
    bits.put(plan.crossbar[section], kCrossbarBits);
    for (std::int64_t slot = section * plan.num_rows; slot < (section + 1) * plan.num_rows;
         ++slot) {
      const bool is_used = plan.weight_of_row[slot] >= 0;
      bits.put(is_used ? 1 : 0, 1);
      if (!is_used) continue;
      if (options_.sign == SignCoding::kPhase) bits.put(plan.input_sign[slot] < 0 ? 1 : 0, 1);
      bits.put(plan.weight_of_row[slot] - plan.base[section], plan.index_bits);
      bits.put(plan.words[slot], cell_bits);
    }
  }
  block("LAYR",
        {{"name", plan.name},
         {"num_outputs", plan.num_outputs},
         {"num_inputs", plan.num_inputs},
         {"num_sections", plan.num_sections()},
         {"budget", plan.budget},
         {"index_bits", plan.index_bits},
         {"section_bits", plan.section_bits}},
        bytes_of(plan.lsb) + bits.take());
  ++num_layers_;
}

void PlanWriter::finish(const PlanCost& cost) {
  block("DONE",
        {{"num_layers", num_layers_},
         {"num_weights", cost.num_weights},
         {"first_load", cost.first_load.total()},
         {"writes_per_pass", cost.writes()},
         {"max_wear_per_pass", cost.wear.max()},
         {"mean_wear_per_pass", cost.wear.mean()}},
        "");
  file_.finish();
}

PlanReader::PlanReader(const std::filesystem::path& path, PlanEnding ending)
    : path_(path), file_(std::fopen(path.c_str(), "rb"), &std::fclose), ending_(ending) {
  std::error_code error;
  left_ = std::filesystem::file_size(path, error);
  if (!file_ || error) {
    throw ConfigError("cannot open the plan " + path.string() + " (" +
                      (error ? error.message() : std::strerror(errno)) + "); check the path");
  }
  if (left_ < 12 || read(8) != kMagic) refuse("it is no plan file");
  const auto version = number_of<std::uint32_t>(read(4));
  if (version != kVersion) {
    refuse("its version is " + std::to_string(version) + ", this program reads " +
           std::to_string(kVersion));
  }
  const Block head = read_block();
  try {
    if (head.tag != "HEAD") refuse("its header is missing");
    assign_to(header_.pool, head.json.at("pool"));
    assign_to(header_.options, head.json.at("options"));
    header_.network_checksum = head.json.at("network_checksum").get<std::string>();
    require_consistent(header_.pool, header_.options);
  } catch (const Json::exception&) {
    refuse("its header lacks a member");
  }
  whole_bytes_ = static_cast<std::uint64_t>(std::ftell(file_.get()));
}

void PlanReader::refuse(const std::string& why) const {
  throw ConfigError("cannot use the plan " + path_.string() + " (" + why +
                    "); plan the network again");
}

std::string PlanReader::read(std::uint64_t size) {
  if (size > left_) refuse("the file is cut short");
  left_ -= size;
  std::string bytes(size, '\0');
  if (std::fread(bytes.data(), 1, size, file_.get()) != size) refuse("the file is cut short");
  return bytes;
}

PlanReader::Block PlanReader::read_block() {
  Block block;
  block.tag = read(4);
  const auto json_size = number_of<std::uint64_t>(read(8));
  const auto data_size = number_of<std::uint64_t>(read(8));
  const std::string text = read(json_size);
  block.data = read(data_size);
  if (number_of<std::uint32_t>(read(4)) != crc(text, block.data))
    refuse("a checksum does not hold");
  block.json = Json::parse(text, nullptr, false);
  if (!block.json.is_object()) refuse("a block has no description");
  return block;
}

/// Whether the file goes on long enough for the block that begins here. The place stays the same.
bool PlanReader::has_whole_block() {
  constexpr std::uint64_t kHead = 4 + 8 + 8;
  constexpr std::uint64_t kTail = 4;
  if (left_ < kHead + kTail) return false;
  const std::uint64_t left = left_;
  const long place = std::ftell(file_.get());
  read(4);
  const auto json_size = number_of<std::uint64_t>(read(8));
  const auto data_size = number_of<std::uint64_t>(read(8));
  left_ = left;
  std::fseek(file_.get(), place, SEEK_SET);
  const std::uint64_t room = left - kHead - kTail;
  return json_size <= room && data_size <= room - json_size;
}

void PlanReader::require_match(const PlanHeader& wanted) const {
  if (wanted.pool.checksum() != header_.pool.checksum()) {
    refuse("it was made for another pool: " + values_of(header_.pool).dump());
  }
  if (values_of(wanted.options) != values_of(header_.options)) {
    refuse("it was made with other options: " + values_of(header_.options).dump());
  }
  require_network(wanted.network_checksum);
}

void PlanReader::require_network(const std::string& network_checksum) const {
  if (network_checksum != header_.network_checksum) {
    refuse("it was made for another network: checksum " + header_.network_checksum.substr(0, 12) +
           ", not " + network_checksum.substr(0, 12));
  }
}

std::optional<LayerPlan> PlanReader::next() {
  if (is_done_) return std::nullopt;
  if (ending_ == PlanEnding::kMayBeMissing && !has_whole_block()) {
    is_done_ = true;
    return std::nullopt;
  }
  const Block block = read_block();
  try {
    if (block.tag == "LAYR") {
      LayerPlan plan = unpack(block);
      ++num_layers_;
      whole_bytes_ = static_cast<std::uint64_t>(std::ftell(file_.get()));
      return plan;
    }
    if (block.tag != "DONE" || block.json.at("num_layers").get<std::int64_t>() != num_layers_ ||
        left_ != 0) {
      refuse("its blocks are out of order");
    }
  } catch (const Json::exception&) {
    refuse("a block lacks a member");
  }
  is_done_ = true;
  return std::nullopt;
}

/// The sizes of a layer, with room for its sections.
LayerPlan PlanReader::unpack_sizes(const Block& block) const {
  LayerPlan plan;
  plan.name = block.json.at("name").get<std::string>();
  plan.num_outputs = block.json.at("num_outputs").get<std::int64_t>();
  plan.num_inputs = block.json.at("num_inputs").get<std::int64_t>();
  plan.budget = block.json.at("budget").get<std::int64_t>();
  plan.index_bits = block.json.at("index_bits").get<std::int64_t>();
  plan.section_bits = block.json.at("section_bits").get<std::int64_t>();
  plan.num_rows = header_.pool.num_rows;
  const auto num_sections = block.json.at("num_sections").get<std::int64_t>();
  const auto num_bytes = static_cast<std::int64_t>(block.data.size());
  const std::int64_t limit = std::int64_t{1} << 31;
  const auto is_size = [&](std::int64_t size) { return size >= 1 && size < limit; };
  if (!is_size(plan.num_outputs) || !is_size(plan.num_inputs) ||
      !is_size(plan.num_outputs * plan.num_inputs) || plan.num_outputs > num_bytes / 8 ||
      num_sections < 1 ||
      num_sections > 8 * num_bytes / (kBaseBits + kCrossbarBits + plan.num_rows) ||
      plan.num_outputs * plan.num_inputs > num_sections * plan.num_rows || plan.index_bits < 0 ||
      plan.index_bits > 31 || plan.section_bits < 0 || plan.section_bits > 31) {
    refuse("the sizes of layer '" + plan.name + "' contradict each other");
  }
  plan.lsb.resize(plan.num_outputs);
  std::memcpy(plan.lsb.data(), block.data.data(), plan.lsb.size() * sizeof(double));
  plan.base.resize(num_sections);
  plan.crossbar.resize(num_sections);
  plan.weight_of_row.assign(num_sections * plan.num_rows, -1);
  plan.words.assign(num_sections * plan.num_rows, 0);
  plan.input_sign.assign(num_sections * plan.num_rows, 1);
  return plan;
}

LayerPlan PlanReader::unpack(const Block& block) const {
  LayerPlan plan = unpack_sizes(block);
  const std::int64_t num_weights = plan.num_outputs * plan.num_inputs;
  const std::int64_t cell_bits = word_bits(header_.options.sign, header_.options.bits);
  const bool has_signs = header_.options.sign == SignCoding::kPhase;
  BitReader bits(block.data, plan.lsb.size() * sizeof(double));
  bool is_valid = std::all_of(
      plan.lsb.begin(), plan.lsb.end(), [](double lsb) { return std::isfinite(lsb) && lsb > 0; });
  std::vector<bool> is_placed(num_weights);
  std::int64_t num_placed = 0;
  for (std::int64_t slot = 0; slot < static_cast<std::int64_t>(plan.words.size()); ++slot) {
    const std::int64_t section = slot / plan.num_rows;
    if (slot % plan.num_rows == 0) {
      plan.base[section] = static_cast<std::int32_t>(bits.get(kBaseBits));
      plan.crossbar[section] = static_cast<std::int32_t>(bits.get(kCrossbarBits));
      is_valid = is_valid && plan.base[section] >= 0 &&
                 plan.crossbar[section] < header_.pool.num_crossbars;
    }
    if (bits.get(1) == 0) continue;
    if (has_signs && bits.get(1) != 0) plan.input_sign[slot] = -1;
    const std::int64_t weight = plan.base[section] + std::int64_t{bits.get(plan.index_bits)};
    is_valid = is_valid && weight < num_weights && !is_placed[weight];
    if (!is_valid) break;
    is_placed[weight] = true;
    ++num_placed;
    plan.weight_of_row[slot] = static_cast<std::int32_t>(weight);
    plan.words[slot] = bits.get(cell_bits);
  }
  if (!is_valid || num_placed != num_weights || !bits.is_at_end()) {
    refuse("layer '" + plan.name +
           "' does not give each weight one row, or names steps or crossbars that cannot be");
  }
  return plan;
}

}  // namespace crossloom
