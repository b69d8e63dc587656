#pragma once

#include <ATen/ATen.h>

namespace crossloom {

using at::Tensor;

/// Whether all cells have one value in common, kept once.
bool is_shared(const Tensor& tensor);

/// That value, [1], or `tensor` as it is.
Tensor once(const Tensor& tensor);

/// Whether the value that all cells have in common is `value`.
bool shares(const Tensor& tensor, double value);

/// How many are true.
///
///   mask  [n]  bool
std::int64_t count_true(const Tensor& mask);

/// `yes` where the mask is true, `no` elsewhere.
///
///   mask     [n]         bool
///   yes, no  [n] or [1]  of one type
///   returns  [n]
Tensor choose(const Tensor& mask, const Tensor& yes, const Tensor& no);

/// Whether |a - b| > tolerance.
///
///   a, b     [...]  float32
///   returns  [...]  bool
Tensor differ(const Tensor& a, const Tensor& b, double tolerance);

}  // namespace crossloom
