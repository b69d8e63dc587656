#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace crossloom {

/// A table of measurements: a CSV file whose first line names the columns, each with its unit.
///
/// A column is called `quantity_unit`, such as `g_uS`, `t_s`, `temp_C`, `v_mV`, and read in SI; a
/// plain number (the number of a cell) is called by its quantity alone. Only columns that are asked
/// for are read. All refusals are `ConfigError`, naming file, line and column.
class Measurements {
 public:
  /// Takes `contents` apart. `path` is for the messages. Throws when there is no line of values, a
  /// line has more or fewer values than the first names columns, or a value is quoted.
  Measurements(std::string contents, std::filesystem::path path);
  Measurements(const Measurements&) = delete;  // rows_ points into contents_

  std::int64_t num_rows() const { return static_cast<std::int64_t>(rows_.size()); }
  const std::vector<std::string>& names() const { return names_; }
  const std::filesystem::path& path() const { return path_; }

  /// Lets `quantity` be read from the column `name`, in `unit` (as of its name when empty).
  /// Throws when there is no such column.
  void use(const std::string& quantity, const std::string& name, const std::string& unit);

  /// Lets `quantity` be `value`, such as "30 min", in all rows.
  void set(const std::string& quantity, const std::string& value) { values_[quantity] = value; }

  /// Whether `column` can be asked for; throws when a column of that quantity lacks its unit.
  bool has(const std::string& quantity, const std::string& unit) const;

  /// Values of `quantity` in the SI unit `unit` ("1" for plain numbers), a row each. Throws when
  /// there is no such column, it has no or another unit, or a value is not a finite number.
  std::vector<double> column(const std::string& quantity, const std::string& unit) const;

  /// Columns of one quantity of several cells, called `quantity_unit_label`: label -> values.
  std::map<std::string, std::vector<double>> columns_by_label(const std::string& quantity,
                                                              const std::string& unit) const;

  /// Throws that the table cannot be used, because of `why`; `remedy` says what to do.
  [[noreturn]] void refuse(const std::string& why, const std::string& remedy) const;

 private:
  /// Where a quantity is, and value = offset + factor * number.
  struct Column {
    std::size_t index;
    double factor;
    double offset;
  };
  struct Given {
    std::size_t index;
    std::string unit;
  };

  const Column* find(const std::string& quantity, const std::string& unit, Column& found) const;
  std::vector<double> read(const Column& column) const;

  std::string contents_;
  std::filesystem::path path_;
  std::vector<std::string> names_;
  std::vector<std::string_view> rows_;      // lines of values
  std::vector<std::int64_t> line_numbers_;  // of the rows
  std::map<std::string, Given> given_;
  std::map<std::string, std::string> values_;  // of all rows
};

/// The table in the file at `path`, which may be compressed by gzip.
Measurements read_measurements(const std::filesystem::path& path);

}  // namespace crossloom
