#include "crossloom/network/digital_correction.h"

namespace crossloom {

Tensor by_output(const Tensor& y, const ProductGeometry& geometry) {
  const bool is_image = geometry.kind == ProductGeometry::Kind::kConv;
  return is_image ? y.transpose(0, 1).flatten(1) : y.flatten(0, -2).t();
}

Tensor DigitalCorrection::apply(const Tensor& y, const ProductGeometry& geometry) const {
  if (!gain.defined()) return y;
  if (geometry.kind == ProductGeometry::Kind::kLinear) return y * gain + offset;
  return y * gain.view({1, -1, 1, 1}) + offset.view({1, -1, 1, 1});
}

void CorrectionFit::add(const Tensor& given,
                        const Tensor& wanted,
                        const ProductGeometry& geometry) {
  const Tensor x = by_output(given, geometry).to(at::kDouble);
  const Tensor y = by_output(wanted, geometry).to(at::kDouble);
  if (!count_.defined()) {
    count_ = x_ = y_ = xx_ = xy_ = at::zeros({x.size(0)}, at::kDouble);
  }
  count_ = count_ + x.size(1);
  x_ = x_ + x.sum(1);
  y_ = y_ + y.sum(1);
  xx_ = xx_ + x.square().sum(1);
  xy_ = xy_ + (x * y).sum(1);
}

DigitalCorrection CorrectionFit::solve(bool has_offset) const {
  const Tensor square = xx_ / count_;
  const Tensor var = has_offset ? square - (x_ / count_).square() : square;
  const Tensor cov = has_offset ? xy_ / count_ - x_ * y_ / count_.square() : xy_ / count_;
  const Tensor varies = var > 1e-12 * square.clamp_min(1e-300);
  const Tensor gain = at::where(varies, cov / var, at::ones_like(var));
  const Tensor offset = has_offset ? (y_ - gain * x_) / count_ : at::zeros_like(var);
  return {gain.to(at::kFloat), offset.to(at::kFloat)};
}

}  // namespace crossloom
