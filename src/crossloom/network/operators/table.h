#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "crossloom/core/errors.h"
#include "crossloom/network/operators.h"

namespace crossloom::operators {

/// Reads the attributes of one node; what is not asked for is unknown.
class Attributes {
 public:
  Attributes(const std::string& kind, const Json& values) : kind_(kind), values_(values) {}

  bool has(const std::string& name) const { return values_.contains(name); }
  std::int64_t integer(const std::string& name, std::int64_t fallback);
  double real(const std::string& name, double fallback);
  std::string text(const std::string& name, const std::string& fallback);
  std::vector<std::int64_t> integers(const std::string& name, std::vector<std::int64_t> fallback);
  std::vector<std::int64_t> integers(const std::string& name);  // must be given

  /// Throws `ConfigError` on attributes that nobody read.
  void require_all_used() const;

 private:
  const Json* find(const std::string& name);
  [[noreturn]] void refuse(const std::string& name, const std::string& expected) const;

  const std::string& kind_;
  const Json& values_;
  std::set<std::string> used_;
};

/// When an output cannot be negative.
enum class Sign {
  kAny,          // it can
  kNonNegative,  // never is
  kAsFirst,      // as the first input
  kAsAll,        // when none of the inputs can
};

using Compute = std::function<Tensor(const OperatorInputs&)>;

struct Kind {
  std::size_t min_inputs;
  std::size_t max_inputs;
  Sign sign;
  std::function<Compute(Attributes&)> make;
};

using Table = std::map<std::string, Kind>;

constexpr std::size_t kAnyNumber = 1U << 20;

void add_elementwise(Table& table);
void add_normalisation(Table& table);
void add_pooling(Table& table);
void add_reductions(Table& table);
void add_shapes(Table& table);

/// Integers of a small tensor, such as the axes or the shape an operator is given as an input.
std::vector<std::int64_t> to_integers(const Tensor& tensor);

}  // namespace crossloom::operators
