#include "crossloom/network/operators/table.h"

namespace crossloom::operators {

void add_normalisation(Table& table) {
  // x, scale, bias, mean, variance
  table["BatchNormalization"] = {
      5, 5, Sign::kAny, [](Attributes& attributes) -> Compute {
        const double epsilon = attributes.real("epsilon", 1e-5);
        const double momentum = attributes.real("momentum", 0.9);
        // In training mode the mean and variance of the batch are used, and those given, which
        // keep `momentum` of themselves, are changed in place.
        const bool is_training = attributes.integer("training_mode", 0) != 0;
        return [=](const OperatorInputs& in) {
          return at::batch_norm(
              in[0], in[1], in[2], in[3], in[4], is_training, 1 - momentum, epsilon, false);
        };
      }};
  table["InstanceNormalization"] = {3, 3, Sign::kAny, [](Attributes& attributes) -> Compute {
                                      const double epsilon = attributes.real("epsilon", 1e-5);
                                      return [=](const OperatorInputs& in) {
                                        return at::instance_norm(
                                            in[0], in[1], in[2], {}, {}, true, 0.1, epsilon, false);
                                      };
                                    }};
  // x, scale, optional bias; over the dimensions from `axis` on
  table["LayerNormalization"] = {
      2, 3, Sign::kAny, [](Attributes& attributes) -> Compute {
        const std::int64_t axis = attributes.integer("axis", -1);
        const double epsilon = attributes.real("epsilon", 1e-5);
        attributes.integer("stash_type", 1);
        return [=](const OperatorInputs& in) {
          const std::int64_t first = axis < 0 ? axis + in[0].dim() : axis;
          TORCH_CHECK(first >= 0 && first < in[0].dim(), "LayerNormalization has no axis ", axis);
          const auto sizes = in[0].sizes().slice(static_cast<std::size_t>(first));
          const Tensor bias = in.size() > 2 ? in[2] : Tensor();
          return at::layer_norm(in[0], sizes, in[1], bias, epsilon);
        };
      }};
  table["LRN"] = {1, 1, Sign::kAsFirst, [](Attributes& attributes) -> Compute {
                    const std::int64_t size = attributes.integer("size", 0);
                    const double alpha = attributes.real("alpha", 1e-4);
                    const double beta = attributes.real("beta", 0.75);
                    const double k = attributes.real("bias", 1);
                    if (size < 1) throw ConfigError("LRN over no channels; give its size");
                    return [=](const OperatorInputs& in) {
                      // Mean of the squares over `size` neighbouring channels, zeros beyond the
                      // edge.
                      const Tensor squares = in[0].square().unsqueeze(1);
                      const Tensor padded =
                          at::constant_pad_nd(squares, {0, 0, 0, 0, (size - 1) / 2, size / 2});
                      const Tensor mean = at::avg_pool3d(padded, {size, 1, 1}, 1).squeeze(1);
                      return in[0] / (k + alpha * mean).pow(beta);
                    };
                  }};
  table["Softmax"] = {1, 1, Sign::kNonNegative, [](Attributes& attributes) -> Compute {
                        const std::int64_t axis = attributes.integer("axis", -1);
                        return [=](const OperatorInputs& in) { return at::softmax(in[0], axis); };
                      }};
  table["LogSoftmax"] = {1, 1, Sign::kAny, [](Attributes& attributes) -> Compute {
                           const std::int64_t axis = attributes.integer("axis", -1);
                           return [=](const OperatorInputs& in) {
                             return at::log_softmax(in[0], axis);
                           };
                         }};
}

}  // namespace crossloom::operators
