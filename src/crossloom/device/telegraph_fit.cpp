#include "crossloom/device/telegraph_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>

#include "crossloom/core/units.h"

namespace crossloom {
namespace {

using Vector = std::vector<double>;
using Pair = std::array<double, 2>;

constexpr std::size_t kWindow = 2000;
constexpr double kLeastSeparation = 4;    // sigma
constexpr double kLeastJumps = 10;        // each way
constexpr double kLeastShare = 0.1;       // of the time at each level
constexpr std::size_t kLeastWindows = 2;  // of each half
constexpr double kSameTrap = 0.25;        // of the median amplitude
constexpr int kMostRounds = 100;

double median(Vector values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Two levels by clustering, jumping once in twenty reads.
TwoLevels clustered(const Vector& g) {
  Vector sorted = g;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t n = sorted.size();
  Pair level = {sorted[n / 20], sorted[n - 1 - n / 20]};
  for (int round = 0; round < 30; ++round) {
    const double border = (level[0] + level[1]) / 2;
    Pair sum = {0, 0}, count = {0, 0};
    for (const double x : g) {
      const std::size_t s = x > border ? 1 : 0;
      sum[s] += x;
      count[s] += 1;
    }
    for (std::size_t s = 0; s < 2; ++s) level[s] = count[s] > 0 ? sum[s] / count[s] : level[s];
  }
  double square = 0;
  for (const double x : g) {
    const double nearest = std::min(std::abs(x - level[0]), std::abs(x - level[1]));
    square += nearest * nearest;
  }
  const double range = std::max(sorted.back() - sorted.front(), 1e-300);
  const double sigma = std::max(std::sqrt(square / static_cast<double>(n)), 1e-6 * range);
  return {level[0], level[1], sigma, 0.05, 0.05, 0.5, 0, 0, -1e300};
}

/// One round of expectation–maximisation.
class Round {
 public:
  Round(const Vector& g, const TwoLevels& from) : g_(g), from_(from) {
    step_ = {Pair{1 - from.up, from.up}, Pair{from.down, 1 - from.down}};
    forward();
    backward();
  }

  TwoLevels next() const {
    const auto n = static_cast<double>(g_.size());
    const Pair level = {sum_[0] / weight_[0], sum_[1] / weight_[1]};
    // sum w (x - m)^2 = sum w (x - c)^2 - W (m - c)^2, about the old levels c.
    double square = 0;
    for (std::size_t s = 0; s < 2; ++s) {
      const double moved = level[s] - old(s);
      square += square_[s] - weight_[s] * moved * moved;
    }
    const auto probability = [](double jumps, double stays) {
      return std::clamp(jumps / stays, 1e-9, 1 - 1e-9);
    };
    return {level[0],
            level[1],
            std::max(std::sqrt(std::max(square, 0.0) / n), 1e-9 * std::abs(level[1] - level[0])),
            probability(jumps_[0], stays_[0]),
            probability(jumps_[1], stays_[1]),
            weight_[1] / n,
            jumps_[0],
            jumps_[1],
            log_likelihood_};
  }

 private:
  double old(std::size_t s) const { return s == 0 ? from_.low : from_.high; }

  /// Densities of a read at each level; never 0, so that a read far off both stays possible.
  Pair densities(double x) const {
    Pair p{};
    for (std::size_t s = 0; s < 2; ++s) {
      const double z = (x - old(s)) / from_.sigma;
      p[s] = (std::exp(-z * z / 2) + 1e-30) / from_.sigma;
    }
    return p;
  }

  void forward() {
    const double high = from_.up / (from_.up + from_.down);
    Pair before = {1 - high, high};
    for (const double x : g_) {
      const Pair p = densities(x);
      Pair now = {before[0] * p[0], before[1] * p[1]};
      const double scale = now[0] + now[1];
      log_likelihood_ += std::log(scale);
      now = {now[0] / scale, now[1] / scale};
      alpha_.push_back(now);
      scale_.push_back(scale);
      before = {now[0] * step_[0][0] + now[1] * step_[1][0],
                now[0] * step_[0][1] + now[1] * step_[1][1]};
    }
  }

  void backward() {
    Pair beta = {1, 1};
    for (std::size_t k = g_.size(); k-- > 0;) {
      if (k + 1 < g_.size()) {
        const Pair p = densities(g_[k + 1]);
        const Pair ahead = {p[0] * beta[0] / scale_[k + 1], p[1] * beta[1] / scale_[k + 1]};
        for (std::size_t s = 0; s < 2; ++s) {
          beta[s] = step_[s][0] * ahead[0] + step_[s][1] * ahead[1];
          jumps_[s] += alpha_[k][s] * step_[s][1 - s] * ahead[1 - s];
          stays_[s] += alpha_[k][s] * beta[s];
        }
      }
      for (std::size_t s = 0; s < 2; ++s) {
        const double w = alpha_[k][s] * beta[s];
        const double off = g_[k] - old(s);
        weight_[s] += w;
        sum_[s] += w * g_[k];
        square_[s] += w * off * off;
      }
    }
  }

  const Vector& g_;
  const TwoLevels& from_;
  std::array<Pair, 2> step_{};
  std::vector<Pair> alpha_;
  Vector scale_;
  double log_likelihood_ = 0;
  Pair weight_ = {1e-300, 1e-300}, sum_ = {0, 0}, square_ = {0, 0};
  Pair jumps_ = {0, 0}, stays_ = {1e-300, 1e-300};
};

bool shows_trap(const TwoLevels& fit) {
  return fit.high - fit.low >= kLeastSeparation * fit.sigma &&
         std::min(fit.num_up, fit.num_down) >= kLeastJumps && fit.share_high >= kLeastShare &&
         fit.share_high <= 1 - kLeastShare;
}

/// Mean of `values` and its standard error.
std::pair<double, double> mean_with_error(const Vector& values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0, square = 0;
  for (const double value : values) mean += value / n;
  for (const double value : values) square += (value - mean) * (value - mean);
  return {mean, n > 1 ? std::sqrt(square / (n - 1) / n) : 0};
}

TelegraphFigures figures_of(const std::vector<TwoLevels>& windows, double interval) {
  TelegraphFigures figures;
  figures.num_windows = static_cast<std::int64_t>(windows.size());
  if (windows.empty()) return figures;
  Vector amplitude, low, high;
  for (const TwoLevels& window : windows) {
    amplitude.push_back(window.high - window.low);
    // Between two reads there may be several jumps: what is left of the memory is exp(-rate
    // interval).
    const double both = window.up + window.down;
    const double rate = -std::log(std::max(1 - both, 1e-9)) / interval;
    low.push_back(both / (window.up * rate));
    high.push_back(both / (window.down * rate));
  }
  std::tie(figures.amplitude, figures.amplitude_error) = mean_with_error(amplitude);
  std::tie(figures.time_low, figures.time_low_error) = mean_with_error(low);
  std::tie(figures.time_high, figures.time_high_error) = mean_with_error(high);
  return figures;
}

/// Those of `windows` with an amplitude near `amplitude`.
std::vector<TwoLevels> of_trap(const std::vector<TwoLevels>& windows, double amplitude) {
  std::vector<TwoLevels> same;
  for (const TwoLevels& window : windows) {
    if (std::abs(window.high - window.low - amplitude) <= kSameTrap * amplitude) {
      same.push_back(window);
    }
  }
  return same;
}

CellNoise noise_of(const std::string& name, const Vector& g, double interval) {
  CellNoise cell;
  cell.name = name;
  cell.g = median(g);
  Vector differences;
  for (std::size_t i = 1; i < g.size(); ++i) differences.push_back(std::abs(g[i] - g[i - 1]));
  constexpr double kSigmaPerMedian = 1.4826;  // of a normal distribution
  cell.read_noise = kSigmaPerMedian * median(differences) / std::sqrt(2.0);
  std::array<std::vector<TwoLevels>, 2> halves;
  for (std::size_t w = 0; (w + 1) * kWindow <= g.size(); ++w) {
    const auto begin = g.begin() + static_cast<std::ptrdiff_t>(w * kWindow);
    const TwoLevels fit = fit_two_levels({begin, begin + kWindow});
    if (shows_trap(fit)) halves[w % 2].push_back(fit);
  }
  if (halves[0].empty()) return cell;
  Vector amplitudes;
  for (const TwoLevels& fit : halves[0]) amplitudes.push_back(fit.high - fit.low);
  const double amplitude = median(amplitudes);
  const auto fitted = of_trap(halves[0], amplitude);
  const auto unseen = of_trap(halves[1], amplitude);
  if (std::min(fitted.size(), unseen.size()) < kLeastWindows) return cell;
  cell.has_trap = true;
  cell.fitted = figures_of(fitted, interval);
  cell.unseen = figures_of(unseen, interval);
  Vector sigmas;
  for (const TwoLevels& fit : fitted) sigmas.push_back(fit.sigma);
  cell.read_noise = std::min(cell.read_noise, median(sigmas));
  return cell;
}

}  // namespace

bool has_noise(const Measurements& table) {
  return table.has("t", "s") && !table.has("cell", "1") &&
         !table.columns_by_label("g", "S").empty();
}

NoiseReadings noise_readings(const Measurements& table) {
  const Vector time = table.column("t", "s");
  if (time.size() < kWindow) {
    table.refuse("there are " + std::to_string(time.size()) + " reads of each cell",
                 "give at least " + std::to_string(kWindow));
  }
  NoiseReadings readings;
  readings.interval = (time.back() - time.front()) / static_cast<double>(time.size() - 1);
  for (std::size_t i = 1; i < time.size(); ++i) {
    if (std::abs(time[i] - time[i - 1] - readings.interval) <= 0.1 * readings.interval) continue;
    table.refuse("the reads at " + format_quantity(time[i - 1], "s", 8) + " and " +
                     format_quantity(time[i], "s", 8) + " are not " +
                     format_quantity(readings.interval, "s") + " apart, as most are",
                 "give reads at equal distances, in their order");
  }
  for (const auto& [name, g] : table.columns_by_label("g", "S")) {
    readings.names.push_back(name);
    readings.g.push_back(g);
  }
  return readings;
}

TwoLevels fit_two_levels(const Vector& g) {
  TwoLevels fit = clustered(g);
  for (int round = 0; round < kMostRounds; ++round) {
    const double before = fit.log_likelihood;
    fit = Round(g, fit).next();
    if (std::abs(fit.log_likelihood - before) < 1e-4) break;
  }
  return fit;
}

std::vector<CellNoise> fit_noise(const NoiseReadings& readings) {
  std::vector<CellNoise> cells;
  for (std::size_t i = 0; i < readings.g.size(); ++i) {
    cells.push_back(noise_of(readings.names[i], readings.g[i], readings.interval));
  }
  return cells;
}

double allan_deviation(const Vector& g, std::int64_t count) {
  const auto m = static_cast<std::size_t>(count);
  Vector means;
  for (std::size_t begin = 0; begin + m <= g.size(); begin += m) {
    double sum = 0;
    for (std::size_t i = begin; i < begin + m; ++i) sum += g[i];
    means.push_back(sum / static_cast<double>(count));
  }
  double square = 0;
  for (std::size_t i = 1; i < means.size(); ++i) {
    square += (means[i] - means[i - 1]) * (means[i] - means[i - 1]);
  }
  return std::sqrt(square / (2 * static_cast<double>(means.size() - 1)));
}

double allan_deviation(double sigma,
                       const TelegraphFigures& figures,
                       double interval,
                       std::int64_t count) {
  const auto m = static_cast<double>(count);
  double variance = sigma * sigma / m;
  if (figures.num_windows > 0) {
    // Reads k apart correlate by q^k: variance of the mean of m, covariance with the next mean.
    const double q = std::exp(-interval / figures.time_low - interval / figures.time_high);
    const double p = figures.time_high / (figures.time_low + figures.time_high);
    const double of_trap = figures.amplitude * figures.amplitude * p * (1 - p);
    const double within =
        (m + 2 * (q * (m - 1) / (1 - q) - q * q * (1 - std::pow(q, m - 1)) / ((1 - q) * (1 - q)))) /
        (m * m);
    const double across = q * std::pow((1 - std::pow(q, m)) / (1 - q), 2) / (m * m);
    variance += of_trap * (within - across);
  }
  return std::sqrt(variance);
}

}  // namespace crossloom
