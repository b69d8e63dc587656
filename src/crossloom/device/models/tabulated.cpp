#include "crossloom/device/ageing_table.h"
#include "crossloom/device/table_lookup.h"

namespace crossloom {
namespace {

/// A list of values over conductance, ascending; empty: none.
struct Curve {
  const char* nodes_name;
  std::vector<double> nodes;  // S
  const char* values_name;
  std::vector<double> values;

  void validate() const {
    if (values.size() != nodes.size()) {
      throw ConfigError(std::string(values_name) + " has " + std::to_string(values.size()) +
                        " values and " + nodes_name + " has " + std::to_string(nodes.size()) +
                        " (one belongs to the other); give lists of the same length");
    }
    for (std::size_t i = 1; i < nodes.size(); ++i) {
      if (nodes[i] > nodes[i - 1]) continue;
      throw ConfigError(std::string(nodes_name) +
                        " is not in ascending order (the table is looked up by it); sort it");
    }
  }
};

/// A cell whose laws are tables from measurements, as `crossloom devices fit` writes them.
///
///   written  g = g_t + program_bias(g_t) + program_sigma(g_t) N(0,1)
///   age      `AgeingTable`
///   read     g = g + read_noise(g) N(0,1)
///
/// Linear between the entries, constant beyond; never negative. Each law is off, that is exact,
/// without its table. Known up to the last of age_times and between age_temperatures.
class Tabulated final : public DeviceModel {
 public:
  void describe(ParamList& params) override {
    params.add("g_min", g_min_, {0, 1}, "S", "smallest programmable conductance (assumption)");
    params.add("g_max", g_max_, {1e-12, 1}, "S", "largest programmable conductance (assumption)");
    params.add("program_targets",
               bias_.nodes,
               {0, 1},
               "S",
               "measured writes: targets, ascending; none = exact writes");
    params.add("program_bias",
               bias_.values,
               {-1, 1},
               "S",
               "mean of the written conductance minus the target");
    params.add("program_sigma",
               program_sigma_,
               {0, 1},
               "S",
               "standard deviation of the written conductance from cell to cell");
    params.add("read_conductances",
               read_.nodes,
               {0, 1},
               "S",
               "measured reads: conductances, ascending; none = reads without noise");
    params.add("read_noise", read_.values, {0, 1}, "S", "standard deviation of a read");
    ageing_.describe(params);
  }

  void validate() const override {
    bias_.validate();
    read_.validate();
    Curve{"program_targets", bias_.nodes, "program_sigma", program_sigma_}.validate();
    ageing_.validate();
    if (!ageing_.is_empty()) ageing_.max_elapsed(temperature());  // refuses other temperatures
  }

  ConductanceRange range() const override { return {g_min_, g_max_}; }

  Latents drawn_at_write(at::IntArrayRef sizes, Rng& rng) const override {
    return ageing_.draw_path(sizes, rng);
  }

  Tensor program(const Tensor& g_target, Latents& /*latent*/, Rng& rng) const override {
    if (bias_.nodes.empty()) return g_target.clone();
    const Tensor position = position_in(bias_.nodes, g_target);
    const Tensor error = linear(program_sigma_, position) * rng.normal(g_target.sizes());
    return (g_target + linear(bias_.values, position) + error).clamp_min(0);
  }

  Tensor age(const Tensor& /*g_target*/,
             const Tensor& g_written,
             const Tensor& elapsed,
             const Latents& latent) const override {
    return ageing_.age(g_written, elapsed, latent, temperature());
  }

  double max_elapsed() const override {
    return ageing_.is_empty() ? DeviceModel::max_elapsed() : ageing_.max_elapsed(temperature());
  }

  Tensor read_sigma(const Tensor& g, const Tensor& elapsed) const override {
    if (read_.nodes.empty()) return DeviceModel::read_sigma(g, elapsed);
    return linear(read_.values, position_in(read_.nodes, g));
  }

 private:
  double g_min_ = 1e-6;
  double g_max_ = 100e-6;
  Curve bias_ = {"program_targets", {}, "program_bias", {}};
  std::vector<double> program_sigma_;
  Curve read_ = {"read_conductances", {}, "read_noise", {}};
  AgeingTable ageing_;
};

const RegisteredDevice<Tabulated> registered{"tabulated"};

}  // namespace
}  // namespace crossloom
