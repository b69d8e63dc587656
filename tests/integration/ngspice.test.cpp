// Arrays with line resistance against the circuit simulator ngspice (Debian package of that name).

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "crossloom/circuit/line_resistance.h"
#include "crossloom/circuit/nonlinear_cells.h"
#include "crossloom/core/files.h"
#include "crossloom/core/random.h"

namespace crossloom {
namespace {

struct Circuit {
  Tensor g;  // [R, C]
  double a;  // [1/V], 0: linear
  Tensor v;  // [R]
  LineResistance lines;
};

/// A netlist in which nodes without a resistance between them are one node.
class Netlist {
 public:
  explicit Netlist(const Circuit& circuit) {
    text_.precision(17);
    text_ << "crossbar\n";
    const std::int64_t num_rows = circuit.g.size(0);
    const std::int64_t num_cols = circuit.g.size(1);
    for (std::int64_t r = 0; r < num_rows; ++r) {
      const std::string source = "s" + std::to_string(r);
      text_ << "V" << source << " " << source << " 0 " << circuit.v[r].item<double>() << "\n";
      std::string from = resistor(source, "d" + std::to_string(r), circuit.lines.r_driver);
      for (std::int64_t c = 0; c < num_cols; ++c) {
        from = row_node_[{r, c}] = resistor(from, name("a", r, c), circuit.lines.r_row);
      }
    }
    for (std::int64_t c = 0; c < num_cols; ++c) {
      const std::string sense = "o" + std::to_string(c);
      text_ << "V" << sense << " " << sense << " 0 0\n";
      std::string from = resistor(sense, "m" + std::to_string(c), circuit.lines.r_sense);
      for (std::int64_t r = num_rows - 1; r >= 0; --r) {
        from = resistor(from, name("b", r, c), circuit.lines.r_col);
        cell(row_node_[{r, c}], from, circuit.g[r][c].item<double>(), circuit.a);
      }
    }
    // Nothing but Kirchhoff: no leak to ground that counts, steps that end far below 1e-9.
    text_ << ".options reltol=1e-10 abstol=1e-16 vntol=1e-13 gmin=1e-20 itl1=1000\n"
          << ".control\nset numdgt=16\nop\n";
    for (std::int64_t c = 0; c < num_cols; ++c) text_ << "print i(vo" << c << ")\n";
    text_ << ".endc\n.end\n";
  }

  std::string text() const { return text_.str(); }

 private:
  static std::string name(const char* line, std::int64_t r, std::int64_t c) {
    return line + std::to_string(r) + "_" + std::to_string(c);
  }

  /// The name of the node behind the resistance.
  std::string resistor(const std::string& from, const std::string& to, double ohms) {
    if (ohms == 0) return from;
    text_ << "R" << ++count_ << " " << from << " " << to << " " << ohms << "\n";
    return to;
  }

  void cell(const std::string& from, const std::string& to, double g, double a) {
    if (g == 0) return;
    if (a == 0) {
      text_ << "R" << ++count_ << " " << from << " " << to << " " << 1 / g << "\n";
    } else {
      text_ << "B" << ++count_ << " " << from << " " << to << " I=" << g / a << "*sinh(" << a
            << "*(V(" << from << ")-V(" << to << ")))\n";
    }
  }

  std::ostringstream text_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::string> row_node_;
  int count_ = 0;
};

/// Currents out of the columns as ngspice finds them, [C].
Tensor simulated(const Circuit& circuit) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("crossloom_ngspice_" + std::to_string(::getpid()));
  write_file(folder / "array.cir", Netlist(circuit).text());
  const std::string in = (folder / "array.cir").string();
  const std::string out = (folder / "array.txt").string();
  const int status = std::system(("ngspice -b '" + in + "' > '" + out + "' 2>&1").c_str());
  const std::string printed = read_file(out);
  std::filesystem::remove_all(folder);
  Tensor i = at::full({circuit.g.size(1)}, std::nan(""), at::kDouble);
  for (std::int64_t c = 0; c < i.size(0); ++c) {
    const std::string key = "i(vo" + std::to_string(c) + ") = ";
    const auto found = printed.find(key);
    if (found == std::string::npos) {
      ADD_FAILURE() << "ngspice ended with " << status << " and printed\n" << printed;
      return i;
    }
    i[c] = std::stod(printed.substr(found + key.size()));
  }
  return i;
}

double largest_relative_error(const Tensor& i, const Tensor& reference) {
  return ((i - reference).abs() / reference.abs()).max().item<double>();
}

/// Unequal lines, some of them ideal; conductances of 1 ... 300 uS and some absent cells.
Circuit random_circuit(std::uint64_t seed, double a) {
  Rng rng(seed);
  const auto draw = [&](double min, double max) {
    return min * std::pow(max / min, rng.uniform({1}).item<double>());
  };
  const auto num_rows = static_cast<std::int64_t>(draw(1, 16.99));
  const auto num_cols = static_cast<std::int64_t>(draw(1, 16.99));
  Circuit circuit;
  circuit.a = a;
  circuit.g = 1e-6 * at::pow(300, rng.uniform({num_rows, num_cols}).to(at::kDouble));
  circuit.g = circuit.g * (rng.uniform({num_rows, num_cols}) > 0.1);
  circuit.g.narrow(0, 0, 1).clamp_min_(1e-6);  // no column without a cell
  circuit.v = 0.05 + 0.45 * rng.uniform({num_rows}).to(at::kDouble);
  circuit.lines = {draw(0.1, 100), draw(0.1, 100), draw(1, 1000), draw(1, 1000)};
  if (seed % 4 == 1) circuit.lines.r_driver = circuit.lines.r_sense = 0;
  if (seed % 8 == 2) circuit.lines.r_row = 0;
  if (seed % 8 == 6) circuit.lines.r_col = 0;
  return circuit;
}

Circuit of_full_size(double a) {
  Circuit circuit = random_circuit(3, a);
  Rng rng(4);
  circuit.g = 300e-6 * rng.uniform({16, 16}).to(at::kDouble) + 1e-9;
  circuit.v = rng.uniform({16}).to(at::kDouble);
  return circuit;
}

class Ngspice : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system("command -v ngspice > /dev/null") == 0) return;
    ASSERT_EQ(std::getenv("CI"), nullptr) << "ngspice is missing; install the package ngspice";
    GTEST_SKIP() << "ngspice is missing";
  }
};

TEST_F(Ngspice, AgreesOnLinearCells) {
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    const Circuit circuit = seed == 24 ? of_full_size(0) : random_circuit(seed, 0);
    const Tensor i = at::matmul(circuit.v, effective_conductance(circuit.g, circuit.lines));
    EXPECT_LT(largest_relative_error(i, simulated(circuit)), 1e-9)
        << seed << " " << circuit.g.sizes();
  }
}

TEST_F(Ngspice, AgreesOnCellsWithSinh) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const double a = 1 + static_cast<double>(seed % 6);
    const Circuit circuit = seed == 12 ? of_full_size(a) : random_circuit(seed, a);
    const Tensor i =
        solve_nonlinear(circuit.g, sinh_law(a), circuit.v.unsqueeze(0), circuit.lines).i[0];
    EXPECT_LT(largest_relative_error(i, simulated(circuit)), 1e-6)
        << seed << " " << circuit.g.sizes();
  }
}

}  // namespace
}  // namespace crossloom
