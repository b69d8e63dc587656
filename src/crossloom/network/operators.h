#pragma once

#include <memory>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "crossloom/mapping/geometry.h"

namespace crossloom {

using torch::Tensor;

/// What a node of a network does to its inputs, weights apart. Without state.
class Operator {
 public:
  virtual ~Operator() = default;

  /// Name of the kind, such as "relu".
  virtual std::string kind() const = 0;

  virtual Tensor apply(const std::vector<Tensor>& inputs) const = 0;

  /// Whether the output cannot be negative, given that of the inputs.
  virtual bool is_non_negative(const std::vector<bool>& inputs) const = 0;
};

std::shared_ptr<const Operator> relu();
std::shared_ptr<const Operator> max_pool(std::int64_t size);
std::shared_ptr<const Operator> global_average();  // [B, C, H, W] -> [B, C]
std::shared_ptr<const Operator> flatten();
std::shared_ptr<const Operator> add();

/// A product with a stored weight, the part of a network that can run on crossbars:
///
///   y = exp(log_scale) (x * weight) + bias
///
/// `log_scale` is the digital factor behind the converters; a scalar, zero unless trained.
struct StoredProduct {
  ProductGeometry geometry;
  Tensor weight;     // [C, C_in, k, k] or [C, C_in]
  Tensor bias;       // [C]
  Tensor log_scale;  // []
};

/// exp(log_scale) product + bias, over the channels of `product`.
Tensor scale_and_shift(const Tensor& product, const StoredProduct& stored);

}  // namespace crossloom
