#include "crossloom/data/synthetic_digits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <ATen/Parallel.h>

#include "crossloom/data/dataset_source.h"
#include "crossloom/data/digit_skeletons.h"

namespace crossloom {
namespace {

constexpr int kSide = 28;         // pixels of an image
constexpr float kBox = 20;        // pixels of the box around the digit
constexpr int kSpanSegments = 6;  // straight pieces between two control points
constexpr std::uint64_t kSeed = 20;

// How hands differ, as standard deviations unless said otherwise. Tuned on mean, spread and looks
// of MNIST's training images.
constexpr float kPointJitter = 0.047F;   // of a control point, in heights of the digit; median
constexpr float kCare = 0.35F;           // of the logarithm of the jitter, from digit to digit
constexpr float kBalance = 0.16F;        // of the logarithm of the size of the upper part
constexpr float kMeanSlant = 0.20F;      // mean shift to the right per height
constexpr float kSlant = 0.24F;          // of that shift
constexpr float kTurn = 0.13F;           // [rad]
constexpr float kStretch = 0.20F;        // of the logarithm of width / height
constexpr float kMeanPenRadius = 1.18F;  // median [pixels]
constexpr float kPenRadius = 0.28F;      // of the logarithm of the radius
constexpr float kTaper = 0.20F;          // relative change of the radius along a stroke
constexpr float kEdge = 0.75F;           // half the width of the soft edge of a stroke [pixels]
constexpr float kBlur = 0.05F;           // share of a pixel's ink that goes to each neighbour
constexpr float kContrast = 1.45F;       // of the scan: ink is amplified about its middle

using Canvas = std::array<std::array<float, kSide>, kSide>;  // [y][x], ink from 0 to 1

/// The random numbers of one digit, made in one go.
class Draws {
 public:
  explicit Draws(Rng rng) : uniform_(rng.uniform({8})), normal_(rng.normal({128})) {}

  float uniform() { return uniform_.data_ptr<float>()[at_most(next_uniform_++, 8)]; }
  float normal() { return normal_.data_ptr<float>()[at_most(next_normal_++, 128)]; }

 private:
  static int at_most(int index, int size) {
    TORCH_INTERNAL_ASSERT(index < size, "a skeleton has too many control points");
    return index;
  }

  Tensor uniform_;
  Tensor normal_;
  int next_uniform_ = 0;
  int next_normal_ = 0;
};

struct Point {
  float x;
  float y;
};

/// A straight piece of a stroke, and the radius of the pen there [pixels].
struct Segment {
  Point from;
  Point to;
  float radius;
};

const Skeleton& choose(const std::vector<Skeleton>& skeletons, float uniform) {
  float total = 0;
  for (const Skeleton& skeleton : skeletons) total += skeleton.weight;
  float left = uniform * total;
  for (const Skeleton& skeleton : skeletons) {
    left -= skeleton.weight;
    if (left < 0) return skeleton;
  }
  return skeletons.back();
}

/// The stroke as a chain of points: between control points a cubic Hermite curve with the tangents
/// of Catmull and Rom, one-sided at corners and ends.
std::vector<Point> trace(const Stroke& stroke) {
  const auto last = stroke.size() - 1;
  const auto tangent = [&](std::size_t i, std::size_t other) -> Point {
    const bool is_one_sided = i == 0 || i == last || stroke[i].is_corner;
    const ControlPoint& a = stroke[is_one_sided ? std::min(i, other) : i - 1];
    const ControlPoint& b = stroke[is_one_sided ? std::max(i, other) : i + 1];
    const float weight = is_one_sided ? 1.0F : 0.5F;
    return {weight * (b.x - a.x), weight * (b.y - a.y)};
  };
  std::vector<Point> points = {{stroke[0].x, stroke[0].y}};
  for (std::size_t i = 0; i < last; ++i) {
    const Point out = tangent(i, i + 1);
    const Point in = tangent(i + 1, i);
    for (int step = 1; step <= kSpanSegments; ++step) {
      const float t = static_cast<float>(step) / kSpanSegments;
      const float s = 1 - t;
      const float from = s * s * (1 + 2 * t);
      const float to = t * t * (3 - 2 * t);
      points.push_back(
          {from * stroke[i].x + to * stroke[i + 1].x + t * s * (s * out.x - t * in.x),
           from * stroke[i].y + to * stroke[i + 1].y + t * s * (s * out.y - t * in.y)});
    }
  }
  return points;
}

/// Strokes as one hand writes them: shaken, slanted, stretched, turned.
std::vector<std::vector<Point>> write(const Skeleton& skeleton, Draws& draws) {
  const float stretch = std::exp(kStretch * draws.normal());
  const float slant = kMeanSlant + kSlant * draws.normal();
  const float turn = kTurn * draws.normal();
  const float jitter = kPointJitter * std::exp(kCare * draws.normal());
  const float balance = std::exp(kBalance * draws.normal());
  const float cosine = std::cos(turn);
  const float sine = std::sin(turn);
  std::vector<std::vector<Point>> strokes;
  for (Stroke stroke : skeleton.strokes) {
    for (ControlPoint& point : stroke) {
      point.x += jitter * draws.normal();
      point.y = std::pow(point.y, balance) + jitter * draws.normal();
    }
    strokes.push_back(trace(stroke));
    for (Point& point : strokes.back()) {
      const float x = stretch * point.x - slant * point.y;
      point = {cosine * x - sine * point.y, sine * x + cosine * point.y};
    }
  }
  return strokes;
}

/// Scales the strokes so that they just fill the box with the pen's width, in the middle of the
/// canvas.
void fit_into_box(std::vector<std::vector<Point>>& strokes, float pen_radius) {
  Point low = strokes[0][0];
  Point high = low;
  for (const auto& stroke : strokes) {
    for (const Point& point : stroke) {
      low = {std::min(low.x, point.x), std::min(low.y, point.y)};
      high = {std::max(high.x, point.x), std::max(high.y, point.y)};
    }
  }
  const float extent = std::max({high.x - low.x, high.y - low.y, 0.1F});
  const float scale = (kBox - 2 * pen_radius) / extent;
  const float middle = 0.5F * (kSide - 1);
  for (auto& stroke : strokes) {
    for (Point& point : stroke) {
      point.x = middle + scale * (point.x - 0.5F * (low.x + high.x));
      point.y = middle + scale * (point.y - 0.5F * (low.y + high.y));
    }
  }
}

float distance(Point point, const Segment& segment) {
  const float dx = segment.to.x - segment.from.x;
  const float dy = segment.to.y - segment.from.y;
  const float x = point.x - segment.from.x;
  const float y = point.y - segment.from.y;
  const float length_squared = std::max(dx * dx + dy * dy, 1e-6F);
  const float t = std::clamp((x * dx + y * dy) / length_squared, 0.0F, 1.0F);
  return std::sqrt((x - t * dx) * (x - t * dx) + (y - t * dy) * (y - t * dy));
}

/// Inks the pixels within reach of the pen.
void draw(const Segment& segment, Canvas& canvas) {
  const float reach = segment.radius + kEdge;
  const auto first = [reach](float a, float b) {
    return std::max(0, static_cast<int>(std::ceil(std::min(a, b) - reach)));
  };
  const auto last = [reach](float a, float b) {
    return std::min(kSide - 1, static_cast<int>(std::floor(std::max(a, b) + reach)));
  };
  for (int y = first(segment.from.y, segment.to.y); y <= last(segment.from.y, segment.to.y); ++y) {
    for (int x = first(segment.from.x, segment.to.x); x <= last(segment.from.x, segment.to.x);
         ++x) {
      const float gap =
          distance({static_cast<float>(x), static_cast<float>(y)}, segment) - segment.radius;
      const float ink = std::clamp(0.5F - 0.5F * gap / kEdge, 0.0F, 1.0F);
      canvas[y][x] = std::max(canvas[y][x], ink);
    }
  }
}

/// What a scanner makes of the ink: a little blur, then more contrast.
Canvas scanned(const Canvas& canvas) {
  const auto ink = [&canvas](int y, int x) {
    return y < 0 || x < 0 || y >= kSide || x >= kSide ? 0.0F : canvas[y][x];
  };
  Canvas result;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const float neighbours = ink(y - 1, x) + ink(y + 1, x) + ink(y, x - 1) + ink(y, x + 1);
      const float soft = (1 - 4 * kBlur) * ink(y, x) + kBlur * neighbours;
      result[y][x] = std::clamp(0.5F + kContrast * (soft - 0.5F), 0.0F, 1.0F);
    }
  }
  return result;
}

/// Writes the canvas as grey levels, moved by whole pixels so that the centre of mass is in the
/// middle.
void store_centred(const Canvas& canvas, std::uint8_t* image) {
  float total = 0;
  Point centre = {0, 0};
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      total += canvas[y][x];
      centre.x += canvas[y][x] * static_cast<float>(x);
      centre.y += canvas[y][x] * static_cast<float>(y);
    }
  }
  const float middle = 0.5F * kSide;
  const int shift_x = static_cast<int>(std::lround(centre.x / total - middle));
  const int shift_y = static_cast<int>(std::lround(centre.y / total - middle));
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const int from_y = y + shift_y;
      const int from_x = x + shift_x;
      const bool is_inside = from_y >= 0 && from_x >= 0 && from_y < kSide && from_x < kSide;
      image[y * kSide + x] =
          is_inside ? static_cast<std::uint8_t>(std::lround(255 * canvas[from_y][from_x])) : 0;
    }
  }
}

/// Draws one digit and returns its class.
int draw_digit(const Rng& rng, std::uint8_t* image) {
  Draws draws(rng);
  const int digit = std::min(9, static_cast<int>(10 * draws.uniform()));
  const Skeleton& skeleton = choose(digit_skeletons(digit), draws.uniform());
  const float pen_radius =
      std::clamp(kMeanPenRadius * std::exp(kPenRadius * draws.normal()), 0.6F, 2.4F);
  const float taper = kTaper * draws.normal();
  std::vector<std::vector<Point>> strokes = write(skeleton, draws);
  fit_into_box(strokes, pen_radius);
  Canvas canvas{};
  for (const auto& stroke : strokes) {
    for (std::size_t i = 1; i < stroke.size(); ++i) {
      const float along = static_cast<float>(i) / static_cast<float>(stroke.size()) - 0.5F;
      draw({stroke[i - 1], stroke[i], pen_radius * (1 + taper * along)}, canvas);
    }
  }
  store_centred(scanned(canvas), image);
  return digit;
}

/// The drawn digits as a data set of its own.
class SyntheticDigits final : public DatasetSource {
 public:
  Dataset load(const DataOptions& /*options*/) const override {
    return synthetic_digits_dataset("synthetic_digits", "drawn by crossloom");
  }
};

const RegisteredDataset<SyntheticDigits> registered{"synthetic_digits"};

}  // namespace

Split synthetic_digits(std::int64_t count, const Rng& rng) {
  Split split{at::empty({count, 1, kSide, kSide}, at::kByte), at::empty({count}, at::kLong)};
  auto* const images = split.images.data_ptr<std::uint8_t>();
  auto* const labels = split.labels.data_ptr<std::int64_t>();
  at::parallel_for(0, count, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      labels[i] = draw_digit(rng.fork(static_cast<std::uint64_t>(i)), images + i * kSide * kSide);
    }
  });
  return split;
}

Dataset synthetic_digits_dataset(const std::string& name, const std::string& remark) {
  const Rng rng(kSeed);
  return {name,
          "SYNTHETIC DIGITS, " + remark,
          true,
          10,
          synthetic_digits(60'000, rng.fork(1)),
          synthetic_digits(10'000, rng.fork(2))};
}

}  // namespace crossloom
