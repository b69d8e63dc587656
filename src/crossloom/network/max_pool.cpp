#include "crossloom/network/max_pool.h"

#include <ATen/Parallel.h>

#include "crossloom/core/vector_code.h"

namespace crossloom {
namespace {

/// The windows of one image of one channel.
struct Plane {
  PoolWindow window;
  std::int64_t height, width;
  std::int64_t rows, cols;  // of the output

  Plane(const Tensor& x, const PoolWindow& of) : window(of), height(x.size(2)), width(x.size(3)) {
    const auto count = [&](std::size_t axis, std::int64_t extent) {
      const std::int64_t reach = window.dilation[axis] * (window.kernel[axis] - 1);
      TORCH_CHECK(extent > reach, "a window larger than the image");
      return (extent - reach - 1) / window.stride[axis] + 1;
    };
    rows = count(0, height);
    cols = count(1, width);
  }

  /// Places of a window, and the row and the column of one of them, from its first.
  std::int64_t num_places() const { return window.kernel[0] * window.kernel[1]; }
  std::int64_t row_of(std::int64_t place) const {
    return place / window.kernel[1] * window.dilation[0];
  }
  std::int64_t col_of(std::int64_t place) const {
    return place % window.kernel[1] * window.dilation[1];
  }

  std::int64_t size() const { return height * width; }
  std::int64_t out_size() const { return rows * cols; }
};

/// The larger of two values; NaN when one of them is.
inline float larger(float a, float b) {
  const float m = a > b ? a : b;
  return a != a ? a : m;
}

/// y[j] = max(x[j stride], x[j stride + dilation], …), n values.
template <std::int64_t constant_stride>
inline void pool_line(const float* x, const PoolWindow& window, std::int64_t n, float* y) {
  const std::int64_t stride = constant_stride > 0 ? constant_stride : window.stride[1];
  const float* const second = x + (window.kernel[1] > 1 ? window.dilation[1] : 0);
  for (std::int64_t j = 0; j < n; ++j) y[j] = larger(x[j * stride], second[j * stride]);
  for (std::int64_t k = 2; k < window.kernel[1]; ++k) {
    const float* const other = x + k * window.dilation[1];
    for (std::int64_t j = 0; j < n; ++j) y[j] = larger(y[j], other[j * stride]);
  }
}

/// Rows first, into `lines` [rows, width], then columns.
CROSSLOOM_VECTOR
void pool_plane(const Plane& plane, const float* x, float* lines, float* y) {
  const PoolWindow& window = plane.window;
  const std::int64_t width = plane.width;
  for (std::int64_t i = 0; i < plane.rows; ++i) {
    const float* const first = x + i * window.stride[0] * width;
    const float* const second = first + (window.kernel[0] > 1 ? window.dilation[0] * width : 0);
    float* const line = lines + i * width;
    for (std::int64_t j = 0; j < width; ++j) line[j] = larger(first[j], second[j]);
    for (std::int64_t k = 2; k < window.kernel[0]; ++k) {
      const float* const other = first + k * window.dilation[0] * width;
      for (std::int64_t j = 0; j < width; ++j) line[j] = larger(line[j], other[j]);
    }
  }
  // Windows that tile the lines go on from one line to the next.
  const bool is_tiled = window.stride[1] * plane.cols == width &&
                        window.dilation[1] * (window.kernel[1] - 1) < window.stride[1];
  const std::int64_t count = is_tiled ? 1 : plane.rows;
  const std::int64_t n = is_tiled ? plane.out_size() : plane.cols;
  for (std::int64_t i = 0; i < count; ++i) {
    const float* const line = lines + i * width;
    switch (window.stride[1]) {
      case 1:
        pool_line<1>(line, window, n, y + i * n);
        break;
      case 2:
        pool_line<2>(line, window, n, y + i * n);
        break;
      default:
        pool_line<0>(line, window, n, y + i * n);
    }
  }
}

/// One image of which each pixel holds its `channels` side by side.
CROSSLOOM_VECTOR
void pool_pixels(const Plane& plane, const float* x, std::int64_t channels, float* y) {
  const PoolWindow& window = plane.window;
  for (std::int64_t i = 0; i < plane.rows; ++i) {
    for (std::int64_t j = 0; j < plane.cols; ++j, y += channels) {
      const float* const first =
          x + (i * window.stride[0] * plane.width + j * window.stride[1]) * channels;
      for (std::int64_t c = 0; c < channels; ++c) y[c] = first[c];
      for (std::int64_t k = 1; k < plane.num_places(); ++k) {
        const float* const other =
            first + (plane.row_of(k) * plane.width + plane.col_of(k)) * channels;
        for (std::int64_t c = 0; c < channels; ++c) y[c] = larger(y[c], other[c]);
      }
    }
  }
}

/// What the windows of one image hold, place by place of the window and within it as `max_pool`
/// puts its results, the channels of a pixel side by side.
struct WindowPlaces {
  const Plane& plane;
  std::int64_t channels;
  std::array<std::int64_t, 3> strides;  // of a channel, a row and a column of the image

  std::int64_t place_size() const { return plane.out_size() * channels; }

  void gather(const float* image, float* y) const {
    const PoolWindow& window = plane.window;
    for (std::int64_t k = 0; k < plane.num_places(); ++k) {
      const float* const first =
          image + plane.row_of(k) * strides[1] + plane.col_of(k) * strides[2];
      for (std::int64_t i = 0; i < plane.rows; ++i) {
        const float* x = first + i * window.stride[0] * strides[1];
        for (std::int64_t j = 0; j < plane.cols; ++j, x += window.stride[1] * strides[2]) {
          for (std::int64_t c = 0; c < channels; ++c) *y++ = x[c * strides[0]];
        }
      }
    }
  }
};

/// y = max(0, a[k] + factor b[k]) over the places k of the windows, `size` values each.
CROSSLOOM_VECTOR
void pool_sums(const float* a,
               const float* b,
               float factor,
               std::int64_t num_places,
               std::int64_t size,
               float* y) {
  for (std::int64_t i = 0; i < size; ++i) y[i] = larger(a[i] + factor * b[i], 0);
  for (std::int64_t k = 1; k < num_places; ++k) {
    const float* const a_k = a + k * size;
    const float* const b_k = b + k * size;
    for (std::int64_t i = 0; i < size; ++i) y[i] = larger(y[i], a_k[i] + factor * b_k[i]);
  }
}

Tensor output_of(const Plane& plane, const Tensor& x, at::MemoryFormat format) {
  return at::empty({x.size(0), x.size(1), plane.rows, plane.cols},
                   x.options().memory_format(format));
}

/// Calls `work(i, scratch)` for each i of `count` with `scratch_size` values of its thread.
template <typename Work>
void for_each(std::int64_t count, std::int64_t scratch_size, const Work& work) {
  constexpr std::int64_t kGrain = 16;
  at::parallel_for(0, count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> scratch(static_cast<std::size_t>(scratch_size));
    for (std::int64_t i = begin; i < end; ++i) work(i, scratch.data());
  });
}

}  // namespace

Tensor max_pool(const Tensor& x, const PoolWindow& window) {
  if (!x.is_cpu()) {
    return at::max_pool2d(x, window.kernel, window.stride, /*padding=*/{0, 0}, window.dilation);
  }
  const Plane plane(x, window);
  const std::int64_t channels = x.size(1);
  const auto format = x.suggest_memory_format();
  const Tensor values = x.contiguous(format);
  Tensor y = output_of(plane, values, format);
  const float* const from = values.data_ptr<float>();
  float* const to = y.data_ptr<float>();
  if (format == at::MemoryFormat::ChannelsLast) {
    for_each(x.size(0), 0, [&](std::int64_t i, float* /*scratch*/) {
      const std::int64_t image = i * channels;
      pool_pixels(plane, from + image * plane.size(), channels, to + image * plane.out_size());
    });
  } else {
    for_each(x.size(0) * channels, plane.rows * plane.width, [&](std::int64_t i, float* lines) {
      pool_plane(plane, from + i * plane.size(), lines, to + i * plane.out_size());
    });
  }
  return y;
}

Tensor window_places(const Tensor& x, const PoolWindow& window) {
  const Plane plane(x, window);
  return at::im2col(x, window.kernel, window.dilation, /*padding=*/{0, 0}, window.stride)
      .view({x.size(0), x.size(1), plane.num_places(), plane.rows, plane.cols})
      .permute({0, 2, 3, 4, 1})
      .contiguous();
}

std::vector<Tensor> max_pool_of_sums(const Tensor& places_of_a,
                                     const Tensor& b,
                                     const std::vector<double>& factors,
                                     const PoolWindow& window) {
  std::vector<Tensor> pooled;
  if (!b.is_cpu()) {
    const Tensor places_of_b = window_places(b, window);
    for (const double factor : factors) {
      const Tensor sums = places_of_a + factor * places_of_b;
      pooled.push_back(sums.amax(1).relu().permute({0, 3, 1, 2}));
    }
    return pooled;
  }
  const Plane plane(b, window);
  const std::int64_t channels = b.size(1);
  const Tensor of_b = b.contiguous(b.suggest_memory_format());
  const WindowPlaces places = {plane, channels, {of_b.stride(1), of_b.stride(2), of_b.stride(3)}};
  const std::int64_t gathered_size = plane.num_places() * places.place_size();
  TORCH_CHECK(places_of_a.is_contiguous() && places_of_a.numel() == b.size(0) * gathered_size,
              "sums of images of one shape");
  const float* const from_a = places_of_a.data_ptr<float>();
  const float* const from_b = of_b.data_ptr<float>();
  std::vector<float*> to;
  for (std::size_t f = 0; f < factors.size(); ++f) {
    pooled.push_back(output_of(plane, of_b, at::MemoryFormat::ChannelsLast));
    to.push_back(pooled.back().data_ptr<float>());
  }
  for_each(b.size(0), gathered_size, [&](std::int64_t image, float* gathered_b) {
    places.gather(from_b + image * channels * plane.size(), gathered_b);
    for (std::size_t f = 0; f < factors.size(); ++f) {
      pool_sums(from_a + image * gathered_size,
                gathered_b,
                static_cast<float>(factors[f]),
                plane.num_places(),
                places.place_size(),
                to[f] + image * places.place_size());
    }
  });
  return pooled;
}

}  // namespace crossloom
