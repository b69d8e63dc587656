#include "crossloom/data/measurements.h"

#include "crossloom/core/errors.h"

/// Reads every column there may be of a table of any bytes.
extern "C" int LLVMFuzzerTestOneInput(const char* data, std::size_t size) {
  try {
    const crossloom::Measurements table(std::string(data, size), "file");
    for (const auto& [quantity, unit] : {std::pair("g", "S"), std::pair("temp", "K")}) {
      if (table.has(quantity, unit)) table.column(quantity, unit);
      table.columns_by_label(quantity, unit);
    }
    if (table.has("cell", "1")) table.column("cell", "1");
  } catch (const crossloom::ConfigError&) {
  }
  return 0;
}
