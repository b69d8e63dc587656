#pragma once

#include <ATen/ATen.h>

#include "crossloom/core/params.h"

namespace crossloom {

using at::Tensor;

/// Number format in which LibTorch multiplies matrices and convolves.
enum class Precision { kFloat32, kBfloat16 };

/// Declares `precision` for the passes that `passes` names. "fastest" becomes one of the two as it
/// is assigned, so that a run records what it computed in.
void describe_precision(ParamList& params, Precision& precision, const std::string& passes);

/// While it lives, matrices are multiplied and images convolved in `precision` on this thread, and
/// what is computed from the results keeps their format until it meets a float (PyTorch's
/// torch.autocast). Gradients of weights come out in the format of the weights. Three
/// significant digits are left; what that costs or brings is said at `multiplies_bfloat16`.
class Autocast {
 public:
  explicit Autocast(Precision precision);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool was_enabled_;
};

/// Numbers in bfloat16 as float32; others as they are.
Tensor as_float(const Tensor& x);

/// Images with the channels of a pixel side by side, as LibTorch convolves and pools them fastest
/// where gradients are needed or in bfloat16; other tensors as they are.
///
///   x        [B, C, H, W]  or of any other shape
///   returns  the same values in the same shape
Tensor channels_last(const Tensor& x);

}  // namespace crossloom
