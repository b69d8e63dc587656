#include "crossloom/cli/help.h"

#include "crossloom/core/units.h"

namespace crossloom {

std::string describe_params(const ParamList& params) {
  std::string text;
  for (const Param& param : params.all()) {
    const Json value = param.get();
    const std::string shown = value.is_number() && !param.unit.empty()
                                  ? format_quantity(value.get<double>(), param.unit, 6)
                                  : value.dump();
    text +=
        "  " + param.name + " = " + shown + "\n      " + param.doc + " (" + param.accepted + ")\n";
  }
  return text;
}

}  // namespace crossloom
