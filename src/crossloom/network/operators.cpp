#include "crossloom/network/operators.h"

#include <algorithm>

#include "crossloom/network/operators/table.h"

namespace crossloom {
namespace operators {

const Json* Attributes::find(const std::string& name) {
  used_.insert(name);
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &*found;
}

void Attributes::refuse(const std::string& name, const std::string& expected) const {
  const std::string given =
      values_.contains(name) ? " = " + values_.at(name).dump() : " is missing";
  throw ConfigError("the attribute '" + name + "' of " + kind_ + given + " (needed: " + expected +
                    "); correct the network");
}

std::int64_t Attributes::integer(const std::string& name, std::int64_t fallback) {
  const Json* value = find(name);
  if (value == nullptr) return fallback;
  if (!value->is_number_integer()) refuse(name, "an integer");
  return value->get<std::int64_t>();
}

double Attributes::real(const std::string& name, double fallback) {
  const Json* value = find(name);
  if (value == nullptr) return fallback;
  if (!value->is_number()) refuse(name, "a number");
  return value->get<double>();
}

std::string Attributes::text(const std::string& name, const std::string& fallback) {
  const Json* value = find(name);
  if (value == nullptr) return fallback;
  if (!value->is_string()) refuse(name, "a text");
  return value->get<std::string>();
}

std::vector<std::int64_t> Attributes::integers(const std::string& name) {
  const Json* value = find(name);
  const auto is_integer = [](const Json& entry) { return entry.is_number_integer(); };
  if (value == nullptr || !value->is_array() ||
      !std::all_of(value->begin(), value->end(), is_integer)) {
    refuse(name, "a list of integers");
  }
  return value->get<std::vector<std::int64_t>>();
}

std::vector<std::int64_t> Attributes::integers(const std::string& name,
                                               std::vector<std::int64_t> fallback) {
  return find(name) == nullptr ? fallback : integers(name);
}

void Attributes::require_all_used() const {
  for (const auto& entry : values_.items()) {
    if (used_.count(entry.key()) == 0) {
      throw ConfigError("unknown attribute '" + entry.key() + "' of " + kind_ +
                        " (it would be ignored); remove it or write the network in ONNX opset 17");
    }
  }
}

std::vector<std::int64_t> to_integers(const Tensor& tensor) {
  const Tensor flat = tensor.to(at::kLong).contiguous().view(-1);
  return {flat.data_ptr<std::int64_t>(), flat.data_ptr<std::int64_t>() + flat.numel()};
}

namespace {

const Table& table() {
  static const Table all = [] {
    Table built;
    add_elementwise(built);
    add_normalisation(built);
    add_pooling(built);
    add_reductions(built);
    add_shapes(built);
    return built;
  }();
  return all;
}

const Kind& find_kind(const std::string& kind) {
  const auto found = table().find(kind);
  if (found == table().end()) {
    throw ConfigError("unknown operator '" + kind +
                      "' (crossloom cannot compute it); replace it in the network, or open an "
                      "issue that names it");
  }
  return found->second;
}

}  // namespace
}  // namespace operators

Operator::Operator(const std::string& kind, const Json& attributes)
    : kind_(kind), attributes_(attributes) {
  operators::Attributes reader(kind_, attributes_);
  compute_ = operators::find_kind(kind_).make(reader);
  reader.require_all_used();
}

Tensor Operator::apply(const OperatorInputs& inputs) const {
  return compute_(inputs);
}

bool Operator::is_non_negative(const std::vector<bool>& inputs) const {
  const operators::Kind& kind = operators::find_kind(kind_);
  if (inputs.size() < kind.min_inputs || inputs.size() > kind.max_inputs) {
    throw ConfigError(kind_ + " has " + std::to_string(inputs.size()) + " inputs (it takes " +
                      std::to_string(kind.min_inputs) + " to " + std::to_string(kind.max_inputs) +
                      "); correct the network");
  }
  switch (kind.sign) {
    case operators::Sign::kAny:
      return false;
    case operators::Sign::kNonNegative:
      return true;
    case operators::Sign::kAsFirst:
      return inputs[0];
    case operators::Sign::kAsAll:
      return std::all_of(inputs.begin(), inputs.end(), [](bool value) { return value; });
  }
  return false;
}

bool Operator::is_known(const std::string& kind) {
  return operators::table().count(kind) > 0;
}

std::vector<std::string> Operator::kinds() {
  std::vector<std::string> names;
  for (const auto& entry : operators::table()) names.push_back(entry.first);
  return names;
}

}  // namespace crossloom
