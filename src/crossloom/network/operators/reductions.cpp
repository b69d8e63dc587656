#include "crossloom/network/operators/table.h"

namespace crossloom::operators {
namespace {

using Reduce = Tensor (*)(const Tensor& x, at::IntArrayRef axes, bool keep);

/// Axes are an attribute, or the second input; none means all of them.
void add(Table& table, const std::string& name, Sign sign, Reduce reduce) {
  table[name] = {1, 2, sign, [reduce](Attributes& attributes) -> Compute {
                   const std::vector<std::int64_t> given = attributes.integers("axes", {});
                   const bool keep = attributes.integer("keepdims", 1) != 0;
                   const bool may_do_nothing = attributes.integer("noop_with_empty_axes", 0) != 0;
                   return [=](const OperatorInputs& in) {
                     std::vector<std::int64_t> axes = given;
                     if (in.size() > 1 && in[1].defined()) axes = to_integers(in[1]);
                     if (axes.empty() && may_do_nothing) return in[0];
                     if (axes.empty()) {
                       for (std::int64_t i = 0; i < in[0].dim(); ++i) axes.push_back(i);
                     }
                     return reduce(in[0], axes, keep);
                   };
                 }};
}

void add_index(Table& table, const std::string& name, bool is_max) {
  table[name] = {1, 1, Sign::kNonNegative, [is_max](Attributes& attributes) -> Compute {
                   const std::int64_t axis = attributes.integer("axis", 0);
                   const bool keep = attributes.integer("keepdims", 1) != 0;
                   if (attributes.integer("select_last_index", 0) != 0) {
                     throw ConfigError(
                         "ArgMax or ArgMin of the last index (not supported); "
                         "take the first");
                   }
                   return [=](const OperatorInputs& in) {
                     return is_max ? in[0].argmax(axis, keep) : in[0].argmin(axis, keep);
                   };
                 }};
}

}  // namespace

void add_reductions(Table& table) {
  using T = const Tensor&;
  using Axes = at::IntArrayRef;
  add(table, "ReduceMean", Sign::kAsFirst, [](T x, Axes axes, bool keep) {
    return x.mean(axes, keep);
  });
  add(table, "ReduceSum", Sign::kAsFirst, [](T x, Axes axes, bool keep) {
    return x.sum(axes, keep);
  });
  add(table, "ReduceMax", Sign::kAsFirst, [](T x, Axes axes, bool keep) {
    return x.amax(axes, keep);
  });
  add(table, "ReduceMin", Sign::kAsFirst, [](T x, Axes axes, bool keep) {
    return x.amin(axes, keep);
  });
  add(table, "ReduceL1", Sign::kNonNegative, [](T x, Axes axes, bool keep) {
    return x.abs().sum(axes, keep);
  });
  add(table, "ReduceL2", Sign::kNonNegative, [](T x, Axes axes, bool keep) {
    return x.square().sum(axes, keep).sqrt();
  });
  add(table, "ReduceSumSquare", Sign::kNonNegative, [](T x, Axes axes, bool keep) {
    return x.square().sum(axes, keep);
  });
  add(table, "ReduceProd", Sign::kAsFirst, [](T x, Axes axes, bool keep) {
    Tensor y = x;
    for (const std::int64_t axis : axes) y = y.prod(axis, /*keepdim=*/true);
    if (keep) return y;
    std::vector<std::int64_t> sizes;
    std::vector<bool> is_gone(static_cast<std::size_t>(x.dim()), false);
    for (const std::int64_t axis : axes) {
      is_gone[static_cast<std::size_t>(axis < 0 ? axis + x.dim() : axis)] = true;
    }
    for (std::int64_t i = 0; i < x.dim(); ++i) {
      if (!is_gone[static_cast<std::size_t>(i)]) sizes.push_back(x.size(i));
    }
    return y.reshape(sizes);
  });
  add_index(table, "ArgMax", true);
  add_index(table, "ArgMin", false);
}

}  // namespace crossloom::operators
