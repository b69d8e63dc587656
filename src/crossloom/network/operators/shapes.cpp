#include <algorithm>
#include <stdexcept>

#include "crossloom/network/operators/table.h"

namespace crossloom::operators {
namespace {

std::int64_t count_from(std::int64_t axis, std::int64_t dim) {
  return axis < 0 ? axis + dim : axis;
}

/// 0 takes the size of the input at the same place, -1 what is left over.
Tensor reshape(const Tensor& x, const Tensor& shape, bool zero_is_zero) {
  std::vector<std::int64_t> sizes = to_integers(shape);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0 && !zero_is_zero) sizes[i] = x.size(static_cast<std::int64_t>(i));
  }
  try {
    return x.reshape(sizes);
  } catch (const std::runtime_error& error) {  // LibTorch's own here, unlike everywhere else
    TORCH_CHECK(false, error.what());
  }
}

/// Inputs: x, starts, ends, optional axes, optional steps.
Tensor slice(const OperatorInputs& in) {
  const std::vector<std::int64_t> starts = to_integers(in[1]);
  const std::vector<std::int64_t> ends = to_integers(in[2]);
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  if (in.size() > 3 && in[3].defined()) axes = to_integers(in[3]);
  std::vector<std::int64_t> steps(starts.size(), 1);
  if (in.size() > 4 && in[4].defined()) steps = to_integers(in[4]);
  TORCH_CHECK(
      ends.size() == starts.size() && axes.size() == starts.size() && steps.size() == starts.size(),
      "Slice needs as many ends, axes and steps as starts");
  Tensor x = in[0];
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::int64_t size = x.size(axes[i]);
    if (steps[i] > 0) {
      x = x.slice(axes[i], starts[i], ends[i], steps[i]);
      continue;
    }
    // LibTorch has no negative steps: take the indices one by one.
    std::int64_t from = starts[i] < 0 ? starts[i] + size : starts[i];
    std::int64_t to = ends[i] < 0 ? std::max<std::int64_t>(ends[i] + size, -1) : ends[i];
    from = std::min(from, size - 1);
    std::vector<std::int64_t> indices;
    for (std::int64_t k = from; steps[i] != 0 && k > to && k >= 0; k += steps[i]) {
      indices.push_back(k);
    }
    x = x.index_select(axes[i], at::tensor(indices, at::kLong));
  }
  return x;
}

Tensor gather(const Tensor& x, const Tensor& indices, std::int64_t axis) {
  const std::int64_t dim = count_from(axis, x.dim());
  const std::int64_t size = x.size(dim);
  if (indices.dim() == 0) {
    return x.select(dim, indices.item<std::int64_t>());
  }
  const Tensor index = at::where(indices < 0, indices + size, indices).to(at::kLong);
  std::vector<std::int64_t> sizes = x.sizes().slice(0, static_cast<std::size_t>(dim)).vec();
  sizes.insert(sizes.end(), index.sizes().begin(), index.sizes().end());
  const auto rest = x.sizes().slice(static_cast<std::size_t>(dim) + 1);
  sizes.insert(sizes.end(), rest.begin(), rest.end());
  return x.index_select(dim, index.reshape(-1)).reshape(sizes);
}

/// Inputs: x, pads (begins, then ends), optional value, optional axes.
Tensor pad(const OperatorInputs& in, const std::string& mode) {
  const std::vector<std::int64_t> pads = to_integers(in[1]);
  const std::int64_t dims = in[0].dim();
  std::vector<std::int64_t> axes;
  for (std::int64_t i = 0; i < dims; ++i) axes.push_back(i);
  if (in.size() > 3 && in[3].defined()) axes = to_integers(in[3]);
  TORCH_CHECK(pads.size() == 2 * axes.size(), "Pad needs two numbers for each axis");
  std::vector<std::int64_t> amounts(static_cast<std::size_t>(2 * dims), 0);  // last axis first
  for (std::size_t i = 0; i < axes.size(); ++i) {
    TORCH_CHECK(axes[i] >= -dims && axes[i] < dims, "Pad has no axis ", axes[i]);
    const auto from_back = static_cast<std::size_t>(dims - 1 - count_from(axes[i], dims));
    amounts[2 * from_back] = pads[i];
    amounts[2 * from_back + 1] = pads[axes.size() + i];
  }
  if (mode == "constant") {
    const double value = in.size() > 2 && in[2].defined() ? in[2].item<double>() : 0;
    return at::constant_pad_nd(in[0], amounts, value);
  }
  while (amounts.size() > 2 && amounts.back() == 0 && amounts[amounts.size() - 2] == 0) {
    amounts.resize(amounts.size() - 2);
  }
  return at::pad(in[0], amounts, mode == "reflect" ? "reflect" : "replicate");
}

Tensor squeeze(const OperatorInputs& in) {
  if (in.size() < 2 || !in[1].defined()) return in[0].squeeze();
  std::vector<std::int64_t> axes = to_integers(in[1]);
  for (std::int64_t& axis : axes) axis = count_from(axis, in[0].dim());
  std::sort(axes.rbegin(), axes.rend());
  Tensor x = in[0];
  for (const std::int64_t axis : axes) x = x.squeeze(axis);
  return x;
}

Tensor unsqueeze(const OperatorInputs& in) {
  std::vector<std::int64_t> axes = to_integers(in[1]);
  const std::int64_t dims = in[0].dim() + static_cast<std::int64_t>(axes.size());
  for (std::int64_t& axis : axes) axis = count_from(axis, dims);
  std::sort(axes.begin(), axes.end());
  Tensor x = in[0];
  for (const std::int64_t axis : axes) x = x.unsqueeze(axis);
  return x;
}

/// Broadcasts in both directions.
Tensor expand(const Tensor& x, const Tensor& shape) {
  const std::vector<std::int64_t> sizes = to_integers(shape);
  return x.expand(at::infer_size(x.sizes(), sizes));
}

void add_views(Table& table) {
  table["Reshape"] = {2, 2, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
                        const bool zero = attributes.integer("allowzero", 0) != 0;
                        return
                            [=](const OperatorInputs& in) { return reshape(in[0], in[1], zero); };
                      }};
  table["Flatten"] = {1, 1, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
                        const std::int64_t axis = attributes.integer("axis", 1);
                        return [=](const OperatorInputs& in) {
                          const std::int64_t first = count_from(axis, in[0].dim());
                          if (first == 1) return in[0].flatten(1);
                          std::int64_t rows = 1;
                          for (std::int64_t i = 0; i < first; ++i) rows *= in[0].size(i);
                          return in[0].reshape({rows, -1});
                        };
                      }};
  table["Transpose"] = {1, 1, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
                          const std::vector<std::int64_t> order = attributes.integers("perm", {});
                          return [=](const OperatorInputs& in) {
                            if (!order.empty()) return in[0].permute(order);
                            std::vector<std::int64_t> reversed;
                            for (std::int64_t i = in[0].dim(); i > 0; --i)
                              reversed.push_back(i - 1);
                            return in[0].permute(reversed);
                          };
                        }};
  table["Squeeze"] = {1, 2, Sign::kAsFirst, [](Attributes&) -> Compute { return squeeze; }};
  table["Unsqueeze"] = {2, 2, Sign::kAsFirst, [](Attributes&) -> Compute { return unsqueeze; }};
  table["Expand"] = {2, 2, Sign::kAsFirst, [](Attributes&) -> Compute {
                       return [](const OperatorInputs& in) { return expand(in[0], in[1]); };
                     }};
  table["Tile"] = {2, 2, Sign::kAsFirst, [](Attributes&) -> Compute {
                     return
                         [](const OperatorInputs& in) { return in[0].repeat(to_integers(in[1])); };
                   }};
  table["DepthToSpace"] = {
      1, 1, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
        const std::int64_t size = attributes.integer("blocksize", 1);
        if (attributes.text("mode", "DCR") != "CRD") {
          throw ConfigError("DepthToSpace in mode DCR (not supported); use CRD");
        }
        return [=](const OperatorInputs& in) { return at::pixel_shuffle(in[0], size); };
      }};
}

void add_selections(Table& table) {
  table["Concat"] = {1, kAnyNumber, Sign::kAsAll, [](Attributes& attributes) -> Compute {
                       if (!attributes.has("axis")) attributes.integers("axis");
                       const std::int64_t axis = attributes.integer("axis", 0);
                       return [=](const OperatorInputs& in) { return at::cat(in, axis); };
                     }};
  table["Slice"] = {3, 5, Sign::kAsFirst, [](Attributes&) -> Compute { return slice; }};
  table["Gather"] = {2, 2, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
                       const std::int64_t axis = attributes.integer("axis", 0);
                       return [=](const OperatorInputs& in) { return gather(in[0], in[1], axis); };
                     }};
  table["GatherElements"] = {2, 2, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
                               const std::int64_t axis = attributes.integer("axis", 0);
                               return [=](const OperatorInputs& in) {
                                 return at::gather(in[0], axis, in[1]);
                               };
                             }};
  table["Pad"] = {2, 4, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
                    const std::string mode = attributes.text("mode", "constant");
                    if (mode != "constant" && mode != "reflect" && mode != "edge") {
                      throw ConfigError("Pad in mode '" + mode +
                                        "' (not supported); use constant, reflect or edge");
                    }
                    return [=](const OperatorInputs& in) { return pad(in, mode); };
                  }};
  table["Trilu"] = {1, 2, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
                      const bool is_upper = attributes.integer("upper", 1) != 0;
                      return [=](const OperatorInputs& in) {
                        const std::int64_t k = in.size() > 1 ? in[1].item<std::int64_t>() : 0;
                        return is_upper ? in[0].triu(k) : in[0].tril(k);
                      };
                    }};
}

void add_shape_arithmetic(Table& table) {
  table["Shape"] = {1, 1, Sign::kNonNegative, [](Attributes& attributes) -> Compute {
                      const std::int64_t start = attributes.integer("start", 0);
                      const bool has_end = attributes.has("end");
                      const std::int64_t end = attributes.integer("end", 0);
                      return [=](const OperatorInputs& in) {
                        const Tensor sizes = at::tensor(in[0].sizes(), at::kLong);
                        return sizes.slice(0, start, has_end ? end : in[0].dim());
                      };
                    }};
  table["Size"] = {1, 1, Sign::kNonNegative, [](Attributes&) -> Compute {
                     return [](const OperatorInputs& in) {
                       return at::scalar_tensor(in[0].numel(), at::kLong);
                     };
                   }};
  // The value is a number; ONNX gives it as a tensor of one element.
  table["ConstantOfShape"] = {
      1, 1, Sign::kAny, [](Attributes& attributes) -> Compute {
        const double value = attributes.real("value", 0);
        const bool is_integer = attributes.text("type", "float") == "int64";
        return [=](const OperatorInputs& in) {
          return at::full(to_integers(in[0]), value, is_integer ? at::kLong : at::kFloat);
        };
      }};
  table["Range"] = {
      3, 3, Sign::kAny, [](Attributes&) -> Compute {
        return [](const OperatorInputs& in) {
          return at::arange(in[0].item(), in[1].item(), in[2].item()).to(in[0].dtype());
        };
      }};
  table["CumSum"] = {
      2, 2, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
        if (attributes.integer("exclusive", 0) != 0 || attributes.integer("reverse", 0) != 0) {
          throw ConfigError(
              "CumSum exclusive or in reverse (not supported); use the "
              "plain one");
        }
        return [](const OperatorInputs& in) { return in[0].cumsum(in[1].item<std::int64_t>()); };
      }};
}

}  // namespace

void add_shapes(Table& table) {
  add_views(table);
  add_selections(table);
  add_shape_arithmetic(table);
}

}  // namespace crossloom::operators
