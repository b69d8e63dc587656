#include "crossloom/network/operators.h"

#include <algorithm>

namespace crossloom {
namespace {

bool all_of(const std::vector<bool>& values) {
  return std::all_of(values.begin(), values.end(), [](bool value) { return value; });
}

class Relu final : public Operator {
 public:
  std::string kind() const override { return "relu"; }
  Tensor apply(const std::vector<Tensor>& inputs) const override { return torch::relu(inputs[0]); }
  bool is_non_negative(const std::vector<bool>& /*inputs*/) const override { return true; }
};

class MaxPool final : public Operator {
 public:
  explicit MaxPool(std::int64_t size) : size_(size) {}
  std::string kind() const override { return "max_pool"; }
  Tensor apply(const std::vector<Tensor>& inputs) const override {
    return torch::max_pool2d(inputs[0], size_);
  }
  bool is_non_negative(const std::vector<bool>& inputs) const override { return all_of(inputs); }

 private:
  std::int64_t size_;
};

class GlobalAverage final : public Operator {
 public:
  std::string kind() const override { return "global_average"; }
  Tensor apply(const std::vector<Tensor>& inputs) const override { return inputs[0].mean({2, 3}); }
  bool is_non_negative(const std::vector<bool>& inputs) const override { return all_of(inputs); }
};

class Flatten final : public Operator {
 public:
  std::string kind() const override { return "flatten"; }
  Tensor apply(const std::vector<Tensor>& inputs) const override { return inputs[0].flatten(1); }
  bool is_non_negative(const std::vector<bool>& inputs) const override { return all_of(inputs); }
};

class Add final : public Operator {
 public:
  std::string kind() const override { return "add"; }
  Tensor apply(const std::vector<Tensor>& inputs) const override { return inputs[0] + inputs[1]; }
  bool is_non_negative(const std::vector<bool>& inputs) const override { return all_of(inputs); }
};

}  // namespace

std::shared_ptr<const Operator> relu() {
  return std::make_shared<Relu>();
}
std::shared_ptr<const Operator> max_pool(std::int64_t size) {
  return std::make_shared<MaxPool>(size);
}
std::shared_ptr<const Operator> global_average() {
  return std::make_shared<GlobalAverage>();
}
std::shared_ptr<const Operator> flatten() {
  return std::make_shared<Flatten>();
}
std::shared_ptr<const Operator> add() {
  return std::make_shared<Add>();
}

Tensor scale_and_shift(const Tensor& product, const StoredProduct& stored) {
  const Tensor scaled = product * stored.log_scale.exp();
  return product.dim() == 4 ? scaled + stored.bias.view({1, -1, 1, 1}) : scaled + stored.bias;
}

}  // namespace crossloom
